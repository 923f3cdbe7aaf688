"""The real store under a simulation: the same as `memory.Disk`, in an SQLite file."""

from pathlib import Path

from rules.lead.state import Lead
from streams.sqlite.database import Database
from streams.sqlite.store import decoded
from streams.storage import Log, Store


class SqliteDisk:
    """A store at `path`; a crash leaves its connection as a killed process would."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: Database | None = None

    def open(self) -> tuple[Log, Store]:
        """Log and store as last committed, on a fresh connection."""
        if self._database is None:
            # So few leads in memory that most are read from the file.
            self._database = Database(self._path, cached=2)
            return self._database.log, self._database.store
        return self._database.reopen()

    def crash(self) -> None:
        """The process is gone: an open transaction with it, the mark of an open file stays."""
        if self._database is not None:
            self._database.close(in_order=False)
            self._database = None

    def fill(self) -> bool:
        """The file may not grow from here on, until it is opened anew."""
        if self._database is None:
            return False
        connection = self._database.connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return True

    def close(self) -> None:
        """Close in order."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def decisions(self) -> list[bytes]:
        """Every decision, in the order of its number."""
        return [row[0] for row in self._rows("SELECT body FROM decisions ORDER BY seq")]

    def letters(self) -> list[bytes]:
        """The bodies of the dead letters, in order."""
        return [row[0] for row in self._rows("SELECT body FROM dead_letters ORDER BY id")]

    def all_leads(self) -> list[Lead]:
        """Every lead as last written."""
        return [decoded(row[0], self._path) for row in self._rows("SELECT state FROM leads")]

    def _rows(self, query: str) -> list[tuple[bytes]]:
        assert self._database is not None
        return self._database.connection.execute(query).fetchall()
