"""The store in SQLite: states, decisions and wake-ups, written by one thread.

A commit writes, in one transaction: leads, decisions with the numbers that
follow, the router's changed rows, dead letters, and the position. What is held
in memory is brought up to date only after it is durable.
"""

import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from rules.events import Event
from rules.lead.state import Lead
from rules.router.state import RouterState
from streams.changed_rows import written
from streams.codec import encode
from streams.sqlite import dead_letters, router_rows
from streams.sqlite.checkpoints import Checkpoints
from streams.sqlite.failures import failures, storage_error, transaction
from streams.sqlite.log import forget
from streams.sqlite.stamps import from_us, maybe_at, maybe_us, to_us
from streams.storage import Commit, StorageError

CACHED_LEADS: Final = 10_000
_DUE: Final = "SELECT wake_at, id FROM leads WHERE wake_at IS NOT NULL"
_ORDER: Final = "ORDER BY wake_at, id LIMIT ?"
_NEW: Final = """
    INSERT INTO leads (state, decision, wake_at, stage, temperature, owner, number, id)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
# Indexes are only touched by columns that are named, so the commonest change names none.
_STATE: Final = "UPDATE leads SET state = ?, decision = ? WHERE number = ?"
_WAKE: Final = "UPDATE leads SET state = ?, decision = ?, wake_at = ? WHERE number = ?"
_ALL: Final = """
    UPDATE leads SET state = ?, decision = ?, wake_at = ?, stage = ?, temperature = ?, owner = ?
    WHERE number = ?"""
_ROW: Final = "SELECT state, number, decision FROM leads WHERE id"
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Lead).decode
_Row = tuple[Lead | None, int, int | None]
"""A lead, the number of its row, the number of its newest decision; no lead where it is new."""


class SqliteStore:
    """`streams.storage.Store` on the writer's connection.

    `cached` is how many decoded leads are held in memory, the latest used ones.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        checkpoints: Checkpoints,
        *,
        cached: int = CACHED_LEADS,
    ) -> None:
        self._connection = connection
        self._checkpoints = checkpoints
        self._path = path
        self._cached = cached
        self._leads: OrderedDict[str, _Row] = OrderedDict()
        self._failed = False
        with failures("read", path):
            self._offset, clock_us, self._agreement, self._decision = connection.execute(
                "SELECT offset, clock_at, agreement, decision FROM position"
            ).fetchone()
            self._router = router_rows.load(connection, path)
            (self._newest,) = connection.execute(
                "SELECT coalesce(max(number), 0) FROM leads"
            ).fetchone()
        self._clock = maybe_at(clock_us)

    def position(self) -> tuple[int, datetime | None, str | None]:
        """Of the last commit: offset, clock, digest of the agreement in force."""
        return self._offset, self._clock, self._agreement

    def lead(self, lead_id: str) -> Lead | None:
        """The lead as last committed."""
        known = self._leads.get(lead_id)
        if known is not None:
            self._leads.move_to_end(lead_id)
            return known[0]
        with failures("read", self._path):
            row = self._connection.execute(f"{_ROW} = ?", (lead_id,)).fetchone()
        if row is None:
            return None
        lead = decoded(row[0], self._path)
        self._hold(lead_id, (lead, *row[1:]))
        return lead

    def expect(self, events: Sequence[Event]) -> None:
        """Read the leads of these events in one go; of one alone, when it is asked for."""
        if len(events) > 1:
            self.prefetch(dict.fromkeys(each.subject for each in events))

    def repeats(self, event: Event, now: datetime) -> bool:
        """Never: the log has recognised repeats before it took them."""
        return False

    def prefetch(self, lead_ids: Iterable[str]) -> None:
        """Read these leads in one go, because the loop is about to wake them."""
        leads = self._leads
        missing = [lead_id for lead_id in lead_ids if lead_id not in leads]
        for lead_id, row in self._read(missing[: self._cached]).items():
            self._hold(lead_id, row)

    def due(self, after: tuple[datetime, str] | None, limit: int) -> list[tuple[datetime, str]]:
        """Wake-ups of committed leads in the order of (instant, lead id), beyond `after`."""
        with failures("read", self._path):
            if after is None:
                rows = self._connection.execute(f"{_DUE} {_ORDER}", (limit,)).fetchall()
            else:
                rows = self._connection.execute(
                    f"{_DUE} AND (wake_at, id) > (?, ?) {_ORDER}",
                    (to_us(after[0]), after[1], limit),
                ).fetchall()
        return [(from_us(wake_us), lead_id) for wake_us, lead_id in rows]

    def router(self) -> RouterState:
        """The router's state, read once."""
        return self._router

    def commit(self, work: Commit) -> None:
        """Write everything of `work` and the router's changed rows in one transaction."""
        if self._failed:
            raise StorageError(
                f"Could not write to {self._path}: the write before failed, and the store has not"
                " been reopened since."
            )
        leads = list(work.leads)
        decision = self._decision + len(work.decisions)
        try:
            with transaction(self._connection, "write to", self._path):
                rows = self._rows(leads)
                self._write_decisions(work, rows)
                self._write_leads(leads, rows)
                router_rows.write(self._connection, self._router)
                letters = [each.letter for each in work.unfit]
                dead_letters.keep(self._connection, letters, work.now)
                forget(self._connection, [each.offset for each in work.unfit])
                self._connection.execute(
                    "UPDATE position SET offset = ?, clock_at = ?, agreement = ?, decision = ?",
                    (work.offset, to_us(work.now), work.agreement, decision),
                )
        except BaseException:
            self._failed = True
            raise
        self._checkpoints.look()
        written(self._router)
        for lead in leads:
            _, number, newest = rows[lead.id]
            self._hold(lead.id, (lead, number, newest))
            self._newest = max(self._newest, number)
        self._offset, self._clock, self._agreement = work.offset, work.now, work.agreement
        self._decision = decision

    def agreement(self, digest: str) -> bytes | None:
        """The text of a stored agreement."""
        with failures("read", self._path):
            row = self._connection.execute(
                "SELECT text FROM agreements WHERE digest = ?", (digest,)
            ).fetchone()
        return row[0] if row else None

    def keep_agreement(self, digest: str, text: bytes) -> None:
        """Store an agreement's text by its SHA-256 digest; storing it again changes nothing."""
        if self.agreement(digest) is not None:
            return
        with transaction(self._connection, "write to", self._path):
            self._connection.execute("INSERT INTO agreements VALUES (?, ?)", (digest, text))

    def _hold(self, lead_id: str, row: _Row) -> None:
        leads = self._leads
        leads[lead_id] = row
        leads.move_to_end(lead_id)
        if len(leads) > self._cached:
            leads.popitem(last=False)

    def _read(self, lead_ids: list[str]) -> dict[str, _Row]:
        """The rows of those leads that are in the file."""
        if not lead_ids:
            return {}
        with failures("read", self._path):
            rows = self._connection.execute(
                f"{_ROW} IN (SELECT value FROM json_each(?))",
                (msgspec.json.encode(lead_ids).decode(),),
            ).fetchall()
        leads = [decoded(row[0], self._path) for row in rows]
        return {lead.id: (lead, *row[1:]) for lead, row in zip(leads, rows, strict=True)}

    def _rows(self, leads: list[Lead]) -> dict[str, _Row]:
        """The leads' rows as last committed, a number for each that has none yet."""
        cached = self._leads
        rows = {lead.id: cached[lead.id] for lead in leads if lead.id in cached}
        rows |= self._read([lead.id for lead in leads if lead.id not in rows])
        new = [lead.id for lead in leads if lead.id not in rows]
        for number, lead_id in enumerate(new, self._newest + 1):
            rows[lead_id] = None, number, None
        return rows

    def _write_decisions(self, work: Commit, rows: dict[str, _Row]) -> None:
        """Write the decisions, and note in `rows` which is the newest of each lead."""
        if not work.decisions:
            return
        assert work.source, "decisions are of an agreement, which names their source"
        values: list[tuple[object, ...]] = []
        for seq, each in enumerate(work.decisions, self._decision + 1):
            lead, number, previous = rows[each.subject]
            rows[each.subject] = lead, number, seq
            at_us = to_us(each.time_at)
            values.append((seq, each.subject, previous, at_us, encode(each, work.source)))
        self._connection.executemany("INSERT INTO decisions VALUES (?, ?, ?, ?, ?)", values)

    def _write_leads(self, leads: list[Lead], rows: dict[str, _Row]) -> None:
        """Write what is not as it was."""
        values: dict[str, list[tuple[object, ...]]] = {_NEW: [], _STATE: [], _WAKE: [], _ALL: []}
        for lead in leads:
            known, number, newest = rows[lead.id]
            if known is lead:
                continue
            state, stands = _encode(lead), (lead.stage, lead.temperature, lead.owner)
            if known is None:
                row = (state, newest, maybe_us(lead.wake_at), *stands, number, lead.id)
                values[_NEW].append(row)
            elif stands != (known.stage, known.temperature, known.owner):
                values[_ALL].append((state, newest, maybe_us(lead.wake_at), *stands, number))
            elif lead.wake_at != known.wake_at:
                values[_WAKE].append((state, newest, maybe_us(lead.wake_at), number))
            else:
                values[_STATE].append((state, newest, number))
        for statement, parameters in values.items():
            if parameters:
                self._connection.executemany(statement, parameters)


def decoded(state: bytes, path: Path) -> Lead:
    """The lead in a row of `leads`. Raises `StorageError` if the bytes are no state."""
    try:
        return _decode(state)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise storage_error("damaged", "read a lead of", path, str(error)) from error
