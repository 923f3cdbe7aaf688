"""The log in SQLite: one row per record, numbered without gaps, stamped once."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from rules.events import Event
from streams.codec import decode
from streams.engine import REMEMBERED
from streams.refusals import Refusal
from streams.sqlite.checkpoints import Checkpoints
from streams.sqlite.failures import failures, transaction
from streams.sqlite.keys import Keys
from streams.sqlite.names import key
from streams.sqlite.stamps import from_us, to_us
from streams.storage import Accepted, Record, StorageError

_REMEMBERED_US: Final = int(REMEMBERED.total_seconds()) * 1_000_000
_KNOWN: Final = """
    SELECT seq, stamped_at, agreement, body FROM events
    WHERE seq IN (SELECT value FROM json_each(?)) AND key IS NOT NULL AND stamped_at > ?"""
_APPEND: Final = "INSERT INTO events (seq, stamped_at, key, subject, body) VALUES (?, ?, ?, ?, ?)"
_FORGET: Final = "UPDATE events SET key = NULL WHERE seq = ?"
_READ: Final = """
    SELECT seq, stamped_at, agreement, body FROM events WHERE seq > ? ORDER BY seq LIMIT ?"""


class SqliteLog:
    """`streams.storage.Log` on the writer's connection.

    The newest row is never deleted, so that numbers and stamps go on from it.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path, checkpoints: Checkpoints
    ) -> None:
        self._connection = connection
        self._checkpoints = checkpoints
        self._path = path
        with failures("read", path):
            row = connection.execute(
                "SELECT seq, stamped_at FROM events ORDER BY seq DESC LIMIT 1"
            ).fetchone()
            self._keys = Keys(connection)
        self._newest: int = row[0] if row else 0
        self._newest_us: int | None = row[1] if row else None

    def append(self, events: Sequence[Accepted], now: datetime) -> list[Record]:
        """Make events durable; see `streams.storage.Log`."""
        if not events:
            return []
        stamp_us = self._stamp(now)
        with transaction(self._connection, "write to", self._path):
            fresh, keys = self._insert(events, stamp_us)
            stepped = self._keys.step()
        self._keys.appended(keys, stepped)
        self._checkpoints.look()
        if not fresh:
            return []
        first, at = self._newest + 1, from_us(stamp_us)
        self._newest += len(fresh)
        self._newest_us = stamp_us
        return [
            Record(offset, at, _received(each.event, at), None, each.body)
            for offset, each in enumerate(fresh, first)
        ]

    def activate(self, digest: str, now: datetime) -> Record:
        """Append the record that puts a stored agreement in force."""
        stamp_us, offset = self._stamp(now), self._newest + 1
        with transaction(self._connection, "write to", self._path):
            self._connection.execute(
                "INSERT INTO events (seq, stamped_at, agreement) VALUES (?, ?, ?)",
                (offset, stamp_us, digest),
            )
        self._newest, self._newest_us = offset, stamp_us
        return Record(offset, from_us(stamp_us), None, digest)

    def read(self, after: int, limit: int) -> list[Record]:
        """Records with offsets above `after`, in order, no more than `limit`."""
        with failures("read", self._path):
            rows = self._connection.execute(_READ, (after, limit)).fetchall()
        return [record(self._path, *row) for row in rows]

    def newest_stamp(self) -> datetime | None:
        """The stamp of the newest record ever appended; None if there has been none."""
        return None if self._newest_us is None else from_us(self._newest_us)

    def newest_offset(self) -> int:
        """The offset of the newest record ever appended; 0 if there has been none."""
        return self._newest

    def _stamp(self, now: datetime) -> int:
        now_us = to_us(now)
        return now_us if self._newest_us is None else max(now_us, self._newest_us)

    def _insert(
        self, events: Sequence[Accepted], stamp_us: int
    ) -> tuple[Sequence[Accepted], list[tuple[int, int]]]:
        """Insert those that are not known yet, inside the transaction; with their keys' places."""
        keys = [key(*_name(each.event)) for each in events]
        seen = self._seen(keys, stamp_us)
        if seen or len(set(keys)) < len(keys):
            events = list(_unknown(events, seen))
            keys = [key(*_name(each.event)) for each in events]
        self._connection.executemany(
            _APPEND,
            [
                (offset, stamp_us, number, each.event.subject, each.body)
                for offset, (number, each) in enumerate(
                    zip(keys, events, strict=True), self._newest + 1
                )
            ],
        )
        return events, [(each, offset) for offset, each in enumerate(keys, self._newest + 1)]

    def _seen(self, keys: list[int], stamp_us: int) -> set[tuple[str, str, str]]:
        """The names of remembered events that have one of the keys."""
        found = self._keys.find(keys)
        if not found:
            return set()
        asked = (msgspec.json.encode(found).decode(), stamp_us - _REMEMBERED_US)
        rows = self._connection.execute(_KNOWN, asked).fetchall()
        return {_name(record(self._path, *row).event) for row in rows}


def forget(connection: sqlite3.Connection, offsets: Iterable[int]) -> None:
    """Let these events be appended again; inside a transaction of the caller's."""
    connection.executemany(_FORGET, [(offset,) for offset in offsets])


def _name(event: Event | None) -> tuple[str, str, str]:
    """What an event is known by (the public contract, section 1)."""
    assert event is not None, "only events have keys"
    return event.subject, event.source, event.id


def _unknown(events: Iterable[Accepted], seen: set[tuple[str, str, str]]) -> Iterator[Accepted]:
    """Those whose names are not among `seen`; of the same event twice the first."""
    for each in events:
        name = _name(each.event)
        if name not in seen:
            seen.add(name)
            yield each


def _received(event: Event, at: datetime) -> Event:
    """The event with the log's stamp; spelt out, because it is done for every single one."""
    return Event(event.id, event.source, event.type, event.subject, event.time_at, event.data, at)


def record(path: Path, seq: int, stamp_us: int, agreement: str | None, body: bytes) -> Record:
    """The record in a row of `events`. Raises `StorageError` if its bytes are no event."""
    at = from_us(stamp_us)
    if agreement is not None:
        return Record(seq, at, None, agreement)
    event = decode(body)
    if isinstance(event, Refusal):
        raise StorageError(
            f"Could not read event {seq} of {path}, which was accepted once: {event.sentence}"
            " Either the file is damaged, or this release reads events more strictly: go back to"
            " the release before, or to the latest backup with `baton restore`.",
            "damaged",
        )
    return Record(seq, at, _received(event, at), None, body)
