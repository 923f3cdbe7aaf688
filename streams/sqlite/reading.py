"""What readers ask of the store: leads, decisions, events, dead letters.

A reader sees what was committed when its statement began, and never blocks the
writer. All lists are paged by key. A page costs the same wherever it is, but for one
lead's decisions: there it costs as much as lies behind it, since they are a chain.
"""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any, Final, NamedTuple, Self

from rules.lead.state import Lead
from streams.sqlite import dead_letters
from streams.sqlite.connect import open_reader
from streams.sqlite.dead_letters import KeptLetter
from streams.sqlite.failures import failures
from streams.sqlite.log import record
from streams.sqlite.names import keys_of
from streams.sqlite.stamps import maybe_at
from streams.sqlite.store import decoded
from streams.storage import Record

_OF_KEYS: Final = """
    SELECT seq, stamped_at, agreement, body, subject, key FROM events WHERE seq IN (
        SELECT seq FROM keys WHERE key BETWEEN ?1 AND ?2 AND seq > ?3
        UNION
        SELECT seq FROM events WHERE seq > max(?3, (SELECT keyed FROM position)) AND subject = ?4
        ORDER BY seq LIMIT ?5
    ) ORDER BY seq"""
# Newest first, and no further back than asked for.
_CHAIN: Final = """
    WITH RECURSIVE chain(seq, previous) AS (
        SELECT seq, previous FROM decisions
        WHERE seq = (SELECT decision FROM leads WHERE id = ?) AND seq > ?
        UNION ALL
        SELECT decisions.seq, decisions.previous FROM chain
        JOIN decisions ON decisions.seq = chain.previous WHERE decisions.seq > ?
    )"""
_IDLE: Final = 4
"""Connections that are kept open while nobody asks."""


class Standing(NamedTuple):
    """Where the store stands: the offset and clock of its last commit, the agreement in force."""

    offset: int
    clock_at: datetime | None
    agreement: str | None
    decision: int
    """The number of the newest decision."""


class SqliteReader:
    """The store at `path` for any number of threads. Every method raises `StorageError`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._lock = Lock()
        self._closed = False
        self._give_back(self._borrow())

    def lead(self, lead_id: str) -> Lead | None:
        """The lead as last committed."""
        rows = self._rows("SELECT state FROM leads WHERE id = ?", (lead_id,))
        return decoded(rows[0][0], self._path) if rows else None

    def leads(
        self, wanted: tuple[str | None, str | None, str | None], after: str | None, limit: int
    ) -> list[Lead]:
        """Leads in the order in which they were first seen, those behind `after`, at most `limit`.

        `wanted` is stage, temperature and owner; None asks for any. `after` is a
        lead's id; behind one that is not known there is nothing.
        """
        # A plus keeps SQLite from the index of the less telling column.
        named = ("owner", "temperature" if wanted[2] is None else "+temperature",
                 "stage" if wanted[2] is None else "+stage")  # fmt: skip
        values = (wanted[2], wanted[1], wanted[0])
        terms = [f"{name} = ?" for name, value in zip(named, values, strict=True) if value]
        arguments: list[Any] = [value for value in values if value]
        if after is not None:
            terms.append("number > (SELECT number FROM leads WHERE id = ?)")
            arguments.append(after)
        where = f" WHERE {' AND '.join(terms)}" if terms else ""
        rows = self._rows(
            f"SELECT state FROM leads{where} ORDER BY number LIMIT ?", (*arguments, limit)
        )
        return [decoded(state, self._path) for (state,) in rows]

    def decisions(
        self, after: int, limit: int, lead: str | None = None
    ) -> Sequence[tuple[int, bytes]]:
        """Number and CloudEvent of decisions above `after`, in order, no more than `limit`."""
        if lead is None:
            statement = "SELECT seq, body FROM decisions WHERE seq > ? ORDER BY seq LIMIT ?"
            return self._rows(statement, (after, limit))
        return self._rows(
            f"{_CHAIN} SELECT seq, body FROM decisions WHERE seq IN"
            " (SELECT seq FROM chain ORDER BY seq LIMIT ?) ORDER BY seq",
            (lead, after, after, limit),
        )

    def latest_decisions(self, lead: str, limit: int) -> Sequence[tuple[int, bytes]]:
        """The lead's newest decisions, oldest of them first."""
        rows = self._rows(
            f"{_CHAIN} SELECT seq, body FROM decisions WHERE seq IN"
            " (SELECT seq FROM chain LIMIT ?) ORDER BY seq DESC",
            (lead, 0, 0, limit),
        )
        return rows[::-1]

    def newest_decision(self) -> int:
        """The number of the newest decision; 0 if there is none."""
        return self.standing().decision

    def standing(self) -> Standing:
        """Where the store stands."""
        rows = self._rows("SELECT offset, clock_at, agreement, decision FROM position", ())
        offset, clock_us, agreement, decision = rows[0]
        return Standing(offset, maybe_at(clock_us), agreement, decision)

    def agreement(self, digest: str) -> bytes | None:
        """The text of a stored agreement."""
        rows = self._rows("SELECT text FROM agreements WHERE digest = ?", (digest,))
        return rows[0][0] if rows else None

    def lead_count(self) -> int:
        """How many leads there are; none is ever deleted, so they need not be counted."""
        count: int = self._rows("SELECT coalesce(max(number), 0) FROM leads", ())[0][0]
        return count

    def events_of(self, subject: str, after: int, limit: int) -> list[Record]:
        """Records of events about `subject` with offsets above `after`, in order."""
        found: list[Record] = []
        while len(found) < limit:
            rows = self._rows(_OF_KEYS, (*keys_of(subject), after, subject, limit))
            # Another subject may have the same keys; what was forgotten has none.
            found += [
                record(self._path, *row)
                for *row, of, key in rows
                if of == subject and key is not None
            ]
            if len(rows) < limit:
                break
            after = rows[-1][0]
        return found[:limit]

    def records(self, after: int, limit: int) -> list[Record]:
        """Records of the log with offsets above `after`, in order, no more than `limit`."""
        rows = self._rows(
            "SELECT seq, stamped_at, agreement, body FROM events WHERE seq > ?"
            " ORDER BY seq LIMIT ?",
            (after, limit),
        )
        return [record(self._path, *row) for row in rows]

    def dead_letters(
        self, after: int, limit: int, *, waiting_only: bool = False
    ) -> list[KeptLetter]:
        """Dead letters with ids above `after`; with `waiting_only`, those never sent again."""
        connection = self._borrow()
        try:
            with failures("read", self._path):
                return dead_letters.page(connection, after, limit, waiting_only=waiting_only)
        finally:
            self._give_back(connection)

    def dead_letter(self, number: int) -> KeptLetter | None:
        """The dead letter of that id."""
        connection = self._borrow()
        try:
            with failures("read", self._path):
                return dead_letters.one(connection, number)
        finally:
            self._give_back(connection)

    def close(self) -> None:
        """Close idle connections; one that is in use is closed when it is given back."""
        with self._lock:
            idle, self._idle, self._closed = self._idle, [], True
        for connection in idle:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rows(self, statement: str, arguments: tuple[Any, ...]) -> list[Any]:
        connection = self._borrow()
        try:
            with failures("read", self._path):
                return connection.execute(statement, arguments).fetchall()
        finally:
            self._give_back(connection)

    def _borrow(self) -> sqlite3.Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return open_reader(self._path)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < _IDLE:
                self._idle.append(connection)
                return
        connection.close()
