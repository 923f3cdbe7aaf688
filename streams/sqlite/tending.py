"""Keeping the file in bounds while the service runs: a little of a sweep whenever nothing waits."""

import sqlite3
from datetime import datetime, timedelta
from typing import Final

from streams.sqlite.database import Database
from streams.sqlite.retention import Sweep

_EVERY: Final = timedelta(days=1)


class Tending:
    """One sweep a day through what is older than `keep`. The writer's thread calls it."""

    def __init__(self, database: Database, keep: timedelta) -> None:
        self._database, self._keep = database, keep
        self._next_at: datetime | None = None
        self._connection: sqlite3.Connection | None = None
        self._sweep: Sweep | None = None

    def __call__(self, now: datetime) -> None:
        """Delete what may go among the next few rows. Raises `StorageError`."""
        connection = self._database.connection
        if connection is not self._connection:
            # After a failure the store is on another connection: begin anew.
            self._connection, self._sweep, self._next_at = connection, None, None
        if self._sweep is None:
            if self._next_at is not None and now < self._next_at:
                return
            self._next_at = now + _EVERY
            self._sweep = Sweep(connection, self._database.path, now, self._keep)
        if not self._sweep.step().more:
            self._sweep = None
