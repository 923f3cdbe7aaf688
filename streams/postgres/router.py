"""The router's store, where the router is a process for itself: one at a time, others stand by.

Who is the router says so every second or so (`renew`, and with every commit) and
is believed for as long as it asked for. Whoever stands by becomes the router when
that is over, under a new epoch; the old one may come back to life at any moment,
and commits nothing any more. All moments are the database's.

What the router took, in which order, is written down with what came of it
(`router_inputs`): its decisions can be derived again from that.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Self

import msgspec
from psycopg.rows import TupleRow

from rules.requests import Answer, Availability, Request
from rules.router.state import RouterState
from streams.changed_rows import written
from streams.postgres import router_rows
from streams.postgres.connect import Connection, Session, utc
from streams.postgres.failures import storage_error
from streams.postgres.router_rows import fenced
from streams.storage import StorageError

LEASE: Final = timedelta(seconds=4)
"""How long a router that says nothing is believed to be at work."""
_TAKE_OVER: Final = """
    UPDATE router SET epoch = epoch + 1, holder = %s, until_at = clock_timestamp() + %s
    WHERE {condition} RETURNING epoch, clock_at, agreement, input"""
_RENEW: Final = "UPDATE router SET until_at = clock_timestamp() + %s WHERE epoch = %s"
_RELEASE: Final = "UPDATE router SET until_at = '-infinity' WHERE epoch = %s"
# Of each partition the next ones, by its own index, and of those the earliest.
_WAITING: Final = """
    SELECT partitions.partition, next.number, next.at, next.body
    FROM partitions LEFT JOIN router_cursors USING (partition)
    CROSS JOIN LATERAL (
        SELECT number, at, body FROM requests
        WHERE requests.partition = partitions.partition
            AND number > coalesce(router_cursors.taken, 0)
        ORDER BY number LIMIT %(limit)s
    ) AS next
    ORDER BY next.at, partitions.partition, next.number LIMIT %(limit)s"""
_ANSWERED: Final = """
    INSERT INTO answers (partition, number, at, body)
    SELECT * FROM unnest(%b::integer[], %b::bigint[], %b::timestamptz[], %b::bytea[])"""
_INPUTS: Final = """
    INSERT INTO router_inputs (seq, at, partition, number, agreement)
    SELECT %b + place, at, partition, number, agreement
    FROM unnest(%b::timestamptz[], %b::integer[], %b::bigint[], %b::text[])
    WITH ORDINALITY AS t(at, partition, number, agreement, place)"""
_CURSORS: Final = """
    INSERT INTO router_cursors (partition, taken, answered)
    SELECT * FROM unnest(%b::integer[], %b::bigint[], %b::bigint[])
    ON CONFLICT (partition) DO UPDATE SET taken = excluded.taken, answered = excluded.answered"""
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Request | Availability).decode


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """What a partition has asked; `number` is its own, without gaps. `at` is the slice's clock."""

    partition: int
    number: int
    at: datetime
    asked: Request | Availability


class Taken(msgspec.Struct, frozen=True, gc=False):
    """What the router took at `at`: a request, an agreement, or, with neither, the passing time."""

    at: datetime
    request: tuple[int, int] | None = None
    """Partition and number."""
    agreement: str | None = None


class Routed(msgspec.Struct, frozen=True):
    """What some inputs came to; it becomes durable as a whole or not at all."""

    now: datetime
    """How far the router's clock has been moved."""
    agreement: str | None
    """The digest of the agreement in force afterwards."""
    taken: Sequence[Taken]
    """In the order in which it was taken; of each partition without gaps."""
    answers: Sequence[tuple[datetime, Answer]] = ()
    """In order, each with its moment."""


class RouterStore:
    """The router's rows, for the process that is the router. One thread."""

    def __init__(self, session: Session, row: TupleRow, holder: str, lease: timedelta) -> None:
        self.epoch: int = row[0]
        self._session = session
        self._holder, self._lease = holder, lease
        self._clock: datetime | None = utc(row[1]) if row[1] else None
        self._agreement: str | None = row[2]
        self._input: int = row[3]
        self._state = router_rows.load(session)
        self._cursors: dict[int, tuple[int, int]] = {
            partition: (taken, answered)
            for partition, taken, answered in session.rows("SELECT * FROM router_cursors")
        }
        self._failed = False

    @classmethod
    def take_over(cls, session: Session, holder: str, lease: timedelta = LEASE) -> Self | None:
        """Become the router if nobody is at work; None while somebody is.

        `holder` names the process to people. Raises `StorageError`.
        """
        statement = _TAKE_OVER.format(condition="until_at < clock_timestamp()")
        # Asked for without locking: those who stand by do not disturb who is at work.
        if not session.rows("SELECT FROM router WHERE until_at < clock_timestamp()"):
            return None
        rows = session.rows(statement, (holder, lease), "write to")
        return cls(session, rows[0], holder, lease) if rows else None

    def resumed(self, session: Session) -> Self:
        """The router as last committed, on a new connection, after a failure.

        Raises `FencedError` if somebody else has become the router, and `StorageError`.
        """
        statement = _TAKE_OVER.format(condition="epoch = %s")
        rows = session.rows(statement, (self._holder, self._lease, self.epoch), "write to")
        if not rows:
            raise fenced(self.epoch)
        return type(self)(session, rows[0], self._holder, self._lease)

    def renew(self) -> None:
        """Say that this process is at work. Raises `FencedError` if it is not the router."""
        if self._session.run(_RENEW, (self._lease, self.epoch)) != 1:
            raise fenced(self.epoch)

    def release(self) -> None:
        """Let somebody else be the router at once."""
        self._session.run(_RELEASE, (self.epoch,))

    def position(self) -> tuple[datetime | None, str | None]:
        """Of the last commit: the clock, and the digest of the agreement in force."""
        return self._clock, self._agreement

    def state(self) -> RouterState:
        """The router's state, read once; changed in place, written by the next commit."""
        return self._state

    def waiting(self, limit: int) -> list[Waiting]:
        """Requests that have not been taken, of all partitions, by their clocks."""
        rows = self._session.rows(_WAITING, {"limit": limit})
        try:
            return [Waiting(part, number, utc(at), _decode(raw)) for part, number, at, raw in rows]
        except msgspec.DecodeError as error:
            where = self._session.where
            raise storage_error("damaged", "read a request of", where, str(error)) from error

    def commit(self, work: Routed) -> None:
        """Write inputs, answers, cursors and changed rows in one transaction.

        An answer goes to the partition that its lead was written by last. Raises
        `StorageError`, after which it may be in all the same: go on with `resumed`.
        Raises `FencedError`, after which it is not.
        """
        if self._failed:
            raise StorageError(
                f"Could not write to {self._session.where}: the write before failed, and the"
                " router has not been reopened since."
            )
        self._failed = True
        with self._session.transaction("write to") as connection:
            state = self._state
            router_rows.write(connection, self.epoch, state, work.now, work.agreement)
            cursors, answers = self._numbered(connection, work)
            newest = self._input + len(work.taken)
            with connection.pipeline():
                connection.execute(
                    "UPDATE router SET input = %s, until_at = clock_timestamp() + %s",
                    (newest, self._lease),
                )
                _write(connection, work.taken, self._input, answers, cursors)
        written(state)
        self._clock, self._agreement, self._input = work.now, work.agreement, newest
        self._cursors |= cursors
        self._failed = False

    def _numbered(
        self, connection: Connection, work: Routed
    ) -> tuple[dict[int, tuple[int, int]], list[tuple[int, int, datetime, bytes]]]:
        """The cursors that move, and the answers as rows."""
        cursors: dict[int, tuple[int, int]] = {}

        def cursor(partition: int) -> tuple[int, int]:
            return cursors.get(partition) or self._cursors.get(partition, (0, 0))

        for each in work.taken:
            if each.request is not None:
                partition, number = each.request
                taken, answered = cursor(partition)
                assert number == taken + 1, "requests are taken one after the other"
                cursors[partition] = number, answered
        rows = []
        homes = _homes(connection, [answer.lead for _, answer in work.answers])
        for at, answer in work.answers:
            home = homes[answer.lead]
            taken, answered = cursor(home)
            cursors[home] = taken, answered + 1
            rows.append((home, answered + 1, at, _encode(answer)))
        return cursors, rows


def _homes(connection: Connection, lead_ids: list[str]) -> dict[str, int]:
    if not lead_ids:
        return {}
    rows = connection.execute("SELECT id, home FROM leads WHERE id = ANY(%b)", (lead_ids,))
    return dict(rows.fetchall())


def _write(
    connection: Connection,
    taken: Sequence[Taken],
    before: int,
    answers: list[tuple[int, int, datetime, bytes]],
    cursors: dict[int, tuple[int, int]],
) -> None:
    if taken:
        requests = [each.request or (None, None) for each in taken]
        connection.execute(
            _INPUTS,
            (
                before,
                [each.at for each in taken],
                [partition for partition, _ in requests],
                [number for _, number in requests],
                [each.agreement for each in taken],
            ),
        )
    if answers:
        connection.execute(_ANSWERED, [list(column) for column in zip(*answers, strict=True)])
    if cursors:
        moved = list(cursors.values())
        columns = list(cursors), [taken for taken, _ in moved], [given for _, given in moved]
        connection.execute(_CURSORS, columns)
