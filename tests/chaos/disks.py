"""Where a simulation keeps log and store: in memory, or in a real SQLite file.

What is on a disk outlives the simulated process; everything else dies with it.
"""

from pathlib import Path
from typing import Protocol

import msgspec

from rules.lead.state import Lead
from streams.sqlite.database import Database
from streams.sqlite.store import decoded
from streams.storage import Log, Store
from tests.conformance.memory import Disk as Kept
from tests.conformance.memory import MemoryLog, MemoryStore


class Disk(Protocol):
    """One durable log and store, for one process at a time."""

    def open(self) -> tuple[Log, Store]:
        """Log and store as last written; whatever was opened before is closed."""

    def crash(self) -> None:
        """The process is gone."""

    def fill(self) -> None:
        """Nothing more fits from here on, until log and store are opened anew."""

    def close(self) -> None:
        """Close in order."""

    def decisions(self) -> list[bytes]:
        """Every decision, in the order of its number."""

    def letters(self) -> list[bytes]:
        """The bodies of the dead letters, in order."""

    def all_leads(self) -> list[Lead]:
        """Every lead as last written."""


class MemoryDisk:
    """The plain model of the conformance suite."""

    def __init__(self) -> None:
        self._kept = Kept()

    def open(self) -> tuple[Log, Store]:
        """See `Disk`."""
        self._kept.broken = False
        return MemoryLog(self._kept), MemoryStore(self._kept)

    def crash(self) -> None:
        """See `Disk`: nothing that was not written is kept anyway."""

    def fill(self) -> None:
        """See `Disk`."""
        self._kept.broken = True

    def close(self) -> None:
        """See `Disk`: nothing is held."""

    def decisions(self) -> list[bytes]:
        """See `Disk`."""
        return [body for _, body in self._kept.decisions]

    def letters(self) -> list[bytes]:
        """See `Disk`."""
        return self._kept.letters

    def all_leads(self) -> list[Lead]:
        """See `Disk`."""
        return [msgspec.msgpack.decode(raw, type=Lead) for raw in self._kept.leads.values()]


class SqliteDisk:
    """The real store, at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: Database | None = None

    def open(self) -> tuple[Log, Store]:
        """See `Disk`."""
        if self._database is not None:
            return self._database.reopen()
        # So few leads in memory that most are read from the file.
        self._database = Database(self._path, cached=2)
        return self._database.log, self._database.store

    def crash(self) -> None:
        """See `Disk`: an open transaction is gone, and the mark of an open file stays."""
        if self._database is not None:
            self._database.close(in_order=False)
            self._database = None

    def fill(self) -> None:
        """See `Disk`: SQLite itself fails then, in the middle of a transaction."""
        if self._database is not None:
            connection = self._database.connection
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")

    def close(self) -> None:
        """See `Disk`."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def decisions(self) -> list[bytes]:
        """See `Disk`."""
        return [row[0] for row in self._rows("SELECT body FROM decisions ORDER BY seq")]

    def letters(self) -> list[bytes]:
        """See `Disk`."""
        return [row[0] for row in self._rows("SELECT body FROM dead_letters ORDER BY id")]

    def all_leads(self) -> list[Lead]:
        """See `Disk`."""
        return [decoded(row[0], self._path) for row in self._rows("SELECT state FROM leads")]

    def _rows(self, query: str) -> list[tuple[bytes]]:
        assert self._database is not None
        return self._database.connection.execute(query).fetchall()
