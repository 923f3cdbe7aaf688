"""What an import has to remember of a whole file, kept on disk and not in memory.

A private temporary SQLite database, which exists only while it is open and
leaves memory as it grows: which events there were, and, where they are to be
put in order, the events themselves. Memory is bounded by `_CACHE_KIB` and by
the sorter's own buffer of the same size.
"""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Final, NamedTuple

_CACHE_KIB: Final = 32 * 1024
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Place(NamedTuple):
    """A row of one of the files of an import."""

    file: str
    line: int


class Scratch:
    """The ids seen, and the events waiting to be put in order. Close it when done."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute("PRAGMA temp_store = FILE")
        self._db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._db.execute(
            "CREATE TABLE seen (name BLOB PRIMARY KEY, file TEXT, line INTEGER) WITHOUT ROWID"
        )
        self._db.execute("CREATE TABLE events (at INTEGER, event BLOB)")
        self._db.execute("BEGIN")

    def close(self) -> None:
        """Forget everything."""
        self._db.close()

    def first_seen(self, subject: str, source: str, event_id: str) -> Place | None:
        """Where an event of that name (contract, section 1) was remembered, if it was."""
        row = self._db.execute(
            "SELECT file, line FROM seen WHERE name = ?", (_digest(subject, source, event_id),)
        ).fetchone()
        return Place(*row) if row else None

    def remember(self, subject: str, source: str, event_id: str, place: Place) -> None:
        """Note an event whose name was not seen before."""
        self._db.execute(
            "INSERT INTO seen VALUES (?, ?, ?)", (_digest(subject, source, event_id), *place)
        )

    def add(self, at: datetime, event: bytes) -> None:
        """Keep an event until `in_order`."""
        self._db.execute("INSERT INTO events VALUES (?, ?)", ((at - _EPOCH) // _MICROSECOND, event))

    def in_order(self) -> Iterator[bytes]:
        """The events by time; those of one instant in the order in which they were added."""
        for (event,) in self._db.execute("SELECT event FROM events ORDER BY at, rowid"):
            yield event


def _digest(subject: str, source: str, event_id: str) -> bytes:
    return blake2b(f"{subject}\0{source}\0{event_id}".encode(), digest_size=16).digest()
