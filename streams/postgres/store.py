"""The store of one partition: states, decisions and wake-ups, written by one thread.

Order of a commit, in one transaction: the partition's row is hit by its epoch and
by where it stood, or nothing is written (`FencedError`); then the router's rows, if
it is here; leads, each only over the version that was read (`ConflictError`);
decisions with the numbers that follow; names of the events taken, requests to the
router, dead letters. What is held in memory is brought up to date only after it is
durable.

A lead may come in through two partitions (a producer that picks them by another
rule, a number of partitions that was raised): who writes it last wakes it, and who
worked on an older version does its slice again.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec
import psycopg

from rules.events import Event
from rules.lead.state import Lead
from rules.requests import Answer
from rules.router.state import RouterState
from streams.changed_rows import written
from streams.codec import encode
from streams.postgres import agreements, lead_rows, names, router_rows
from streams.postgres.claims import Claim, fenced
from streams.postgres.connect import Connection, Session, utc
from streams.postgres.failures import failures, storage_error
from streams.postgres.lead_rows import LeadRows, Row
from streams.postgres.names import Names
from streams.postgres.schema import IN_TRANSACTION
from streams.postgres.stretches import Stretches, month, week
from streams.storage import Commit, ConflictError, Reply, StorageError

CACHED_LEADS: Final = 10_000
_DUE: Final = "SELECT wake_at, id FROM leads WHERE home = %b AND wake_at IS NOT NULL"
_BEYOND: Final = "AND (wake_at, id) > (%b, %b)"
_ORDER: Final = "ORDER BY wake_at, id LIMIT %b"
_FENCE: Final = """
    UPDATE partitions SET next_offset = %s, clock_at = %s, agreement = %s, decision = %s,
        request = %s, answered = %s
    WHERE partition = %s AND epoch = %s AND next_offset = %s AND decision = %s
    RETURNING pg_current_xact_id()::text::bigint"""
# Arrays, because they measure as fast as COPY and fit in a pipeline. 1,000 decisions take 11 ms
# either way, 35 ms row by row; 1,000 leads 20 ms, 47 ms row by row, 128 ms by a staging table.
_DECIDED: Final = """
    INSERT INTO decisions (partition, seq, position, time_at, lead, previous, previous_at, body)
    SELECT %b, %b + number, %b + number, time_at, lead, previous, previous_at, body
    FROM unnest(%b::timestamptz[], %b::text[], %b::bigint[], %b::timestamptz[], %b::bytea[])
    WITH ORDINALITY AS t(time_at, lead, previous, previous_at, body, number)"""
_ASKED: Final = """
    INSERT INTO requests (partition, number, at, body) SELECT %b, %b + number, %b, body
    FROM unnest(%b::bytea[]) WITH ORDINALITY AS t(body, number)"""
_UNFIT: Final = """
    INSERT INTO dead_letters (partition, record, at, body)
    SELECT %b, record, %b, body
    FROM unnest(%b::bigint[], %b::bytea[]) WITH ORDINALITY AS t(record, body, number)
    ORDER BY number"""
_ADOPTED: Final = "INSERT INTO adoptions VALUES (%s, %s, %s, %s)"
_encode: Final = msgspec.msgpack.Encoder().encode
_decode_answer: Final = msgspec.msgpack.Decoder(Answer).decode


class PartitionStore:
    """`streams.storage.Store` and `Replies` for one partition that was claimed.

    The log that goes with it numbers Kafka's first record 1: an offset here is that
    of the last record taken, and of the next one by Kafka's count. `cached` is how
    many decoded leads are held in memory, besides those of the slice.
    """

    def __init__(self, session: Session, claim: Claim, *, cached: int = CACHED_LEADS) -> None:
        self.claim = claim
        self._session = session
        self._offset, self._clock = claim.next_offset, claim.clock_at
        self._agreement, self._answered = claim.agreement, claim.answered
        self._decision, self._request = claim.decision, claim.request
        self._leads = LeadRows(session, cached)
        self._names = Names()
        self._router: tuple[int, RouterState] | None = None
        self._stretches = Stretches(session)
        self._failed = False

    def position(self) -> tuple[int, datetime | None, str | None]:
        """Of the last commit: offset, clock, digest of the agreement in force."""
        return self._offset, self._clock, self._agreement

    def lead(self, lead_id: str) -> Lead | None:
        """The lead as last committed."""
        return self._leads.lead(lead_id)

    def prefetch(self, lead_ids: Iterable[str]) -> None:
        """Read these leads in one go, because the loop is about to wake them."""
        self._leads.prefetch(lead_ids)

    def expect(self, events: Sequence[Event]) -> None:
        """Read the leads of these events, and which events are known, in one round trip."""
        subjects = self._leads.missing(dict.fromkeys(each.subject for each in events))
        keys, since = self._names.asked(events)
        connection = self._session.connection
        with failures("read", self._session.where):
            leads, known = connection.cursor(binary=True), connection.cursor(binary=True)
            with connection.pipeline():
                if subjects:
                    leads.execute(lead_rows.READ, (subjects,))
                known.execute(names.KNOWN, (keys, since))
            if subjects:
                self._leads.hold(subjects, leads.fetchall())
            self._names.expect(known.fetchall())

    def repeats(self, event: Event, now: datetime) -> bool:
        """Whether the event was taken within the last 35 days; if not, it is from now on."""
        if not self._names.is_expected(event):
            self.expect([event])
        return self._names.repeats(event, now)

    def due(self, after: tuple[datetime, str] | None, limit: int) -> list[tuple[datetime, str]]:
        """Wake-ups of the partition's committed leads in the order of (instant, lead id)."""
        home = self.claim.partition
        if after is None:
            rows = self._session.rows(f"{_DUE} {_ORDER}", (home, limit))
        else:
            rows = self._session.rows(f"{_DUE} {_BEYOND} {_ORDER}", (home, *after, limit))
        return [(utc(wake_at), lead_id) for wake_at, lead_id in rows]

    def router(self) -> RouterState:
        """The router's state, read once, where the router is here: asking makes it so."""
        if self._router is None:
            epoch = router_rows.seize(self._session, f"partition {self.claim.partition}")
            self._router = epoch, router_rows.load(self._session)
        return self._router[1]

    def replied(self) -> int:
        """Of the last commit: the number of the last reply that was processed."""
        return self._answered

    def replies(self, after: int, limit: int) -> list[Reply]:
        """Replies with numbers above `after`, in order, no more than `limit`."""
        rows = self._session.rows(
            "SELECT number, at, body FROM answers WHERE partition = %b AND number > %b"
            " ORDER BY number LIMIT %b",
            (self.claim.partition, after, limit),
        )
        try:
            return [Reply(number, utc(at), _decode_answer(body)) for number, at, body in rows]
        except msgspec.DecodeError as error:
            where = self._session.where
            raise storage_error("damaged", "read an answer of", where, str(error)) from error

    def commit(self, work: Commit) -> None:
        """Write everything of `work` in one transaction.

        Raises `StorageError`, after which it may be in all the same (the answer may
        have been lost): reopen, and `position()` tells. Raises `FencedError` and
        `ConflictError`, after which it is not.
        """
        if self._failed:
            raise StorageError(
                f"Could not write to {self._session.where}: the write before failed, and the"
                " store has not been reopened since."
            )
        # Whatever goes wrong from here on, what is in memory may not be what is stored.
        self._failed = True
        leads = list(work.leads)
        rows = self._leads.standing(leads)
        bodies = [encode(each, work.source) for each in work.decisions]
        self._make_room(work)
        try:
            self._write(work, leads, rows, bodies)
        except psycopg.errors.CheckViolation as error:
            # Of a month or week that retention has dropped since this store made sure of it.
            raise ConflictError(
                "A table that is older than the retention has been dropped while it was written to."
            ) from error
        self._leads.committed(leads, rows)
        self._names.committed()
        if self._router is not None:
            written(self._router[1])
        self._offset, self._clock, self._agreement = work.offset, work.now, work.agreement
        self._decision += len(work.decisions)
        self._request += len(work.asked)
        self._answered = max(self._answered, work.replied)
        self._failed = False

    def agreement(self, digest: str) -> bytes | None:
        """The text of a stored agreement."""
        return agreements.text_of(self._session, digest)

    def keep_agreement(self, digest: str, text: bytes) -> None:
        """Store an agreement's text by its SHA-256 digest; storing it again changes nothing."""
        agreements.keep(self._session, digest, text)

    def _write(
        self, work: Commit, leads: list[Lead], rows: dict[str, Row], bodies: list[bytes]
    ) -> None:
        with self._session.transaction("write to") as connection:
            first = self._fence(connection, work)
            if self._router is not None:
                epoch, state = self._router
                router_rows.write(connection, epoch, state, work.now, work.agreement)
            self._write_decisions(connection, work, bodies, rows, first)
            self._leads.write(connection, self.claim.partition, leads, rows)
            self._write_rest(connection, work)

    def _make_room(self, work: Commit) -> None:
        """See to the tables of the months and weeks in which this commit has rows."""
        decided = [each.time_at for each in work.decisions]
        if decided:
            self._stretches.make(month, min(decided), max(decided))
        taken = self._names.span()
        if taken is not None:
            self._stretches.make(week, *taken)

    def _fence(self, connection: Connection, work: Commit) -> int:
        """Move the partition's row on; the position before the commit's first decision."""
        mine = self.claim
        row = connection.execute(
            _FENCE,
            (
                work.offset,
                work.now,
                work.agreement,
                self._decision + len(work.decisions),
                self._request + len(work.asked),
                max(self._answered, work.replied),
                mine.partition,
                mine.epoch,
                self._offset,
                self._decision,
            ),
        ).fetchone()
        if row is None:
            raise fenced(mine)
        transaction: int = row[0]
        return (mine.base + transaction) << IN_TRANSACTION

    def _write_decisions(
        self,
        connection: Connection,
        work: Commit,
        bodies: list[bytes],
        rows: dict[str, Row],
        first: int,
    ) -> None:
        """Write the decisions, and note in `rows` which is the newest of each lead."""
        if not bodies:
            return
        assert work.source, "decisions are of an agreement, which names their source"
        assert len(bodies) < 1 << IN_TRANSACTION, "a slice is shorter than that"
        before: list[Row] = []
        for position, each in enumerate(work.decisions, first + 1):
            row = rows[each.subject]
            before.append(row)
            rows[each.subject] = Row(row.lead, row.version, position, each.time_at)
        connection.execute(
            _DECIDED,
            (
                self.claim.partition,
                self._decision,
                first,
                [each.time_at for each in work.decisions],
                [each.subject for each in work.decisions],
                [row.decision for row in before],
                [row.decided_at for row in before],
                bodies,
            ),
        )

    def _write_rest(self, connection: Connection, work: Commit) -> None:
        partition = self.claim.partition
        with connection.pipeline():
            self._names.write(connection)
            if work.asked:
                asked = [_encode(each) for each in work.asked]
                connection.execute(_ASKED, (partition, self._request, work.now, asked))
            if work.unfit:
                records = [each.offset for each in work.unfit]
                letters = [each.letter.as_json() for each in work.unfit]
                connection.execute(_UNFIT, (partition, work.now, records, letters))
            if work.agreement is not None and work.agreement != self._agreement:
                values = (partition, work.offset, work.now, work.agreement)
                connection.execute(_ADOPTED, values)
