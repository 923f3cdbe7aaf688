"""What intake and tools read in the database; opened when it is first asked.

So the intake starts before the database does, or before a worker has made its
tables, and says what it waits for.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from threading import Lock

from rules.lead.state import Lead
from streams.http.service import LeadFilter
from streams.kafka.lag import Position
from streams.postgres.reading import PostgresReader
from streams.settings import Settings
from streams.storage import StorageError


class Database:
    """The store for any number of threads. Every method raises `StorageError`."""

    def __init__(self, url: str, schema: str) -> None:
        self._url, self._schema = url, schema
        self._lock = Lock()
        self._open: PostgresReader | None = None

    def lead(self, lead_id: str) -> Lead | None:
        """The lead as last committed."""
        return self._reader().lead(lead_id)

    def leads(self, wanted: LeadFilter, after: str | None, limit: int) -> Sequence[Lead]:
        """Leads in the order of their ids, those behind the lead `after`, no more than `limit`."""
        return self._reader().leads(wanted, after, limit)

    def decisions(self, after: int, limit: int, lead: str | None) -> Sequence[tuple[int, bytes]]:
        """Number and CloudEvent of decisions above `after`, in order, no more than `limit`."""
        return self._reader().decisions(after, limit, lead)

    def newest(self) -> int:
        """The number of the newest decision that is shown; 0 if there is none."""
        return self._reader().newest()

    def in_force(self) -> str | None:
        """The digest of the agreement that was put in force last."""
        return self._reader().in_force()

    def agreement(self, digest: str) -> bytes | None:
        """The text of a stored agreement."""
        return self._reader().agreement(digest)

    def present(self) -> datetime:
        """The present by the database's clock."""
        return self._reader().present()

    def positions(self) -> Mapping[int, Position]:
        """How far every partition has been taken, by its number."""
        standings = self._reader().standings()
        return {each.partition: Position(each.topic_id, each.next_offset) for each in standings}

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            if self._open is not None:
                self._open.close()
                self._open = None

    def _reader(self) -> PostgresReader:
        with self._lock:
            if self._open is None:
                self._open = PostgresReader(self._url, self._schema)
            return self._open


def open_database(settings: Settings) -> Database:
    """The database that the settings name; `StorageError` if they name none."""
    if settings.database is None:
        raise StorageError(
            "BATON_DATABASE does not say where the state is. Set it, such as BATON_DATABASE="
            "postgresql://baton@localhost:5432/baton.",
            "not_openable",
        )
    return Database(settings.database.get_secret_value(), settings.database_schema)
