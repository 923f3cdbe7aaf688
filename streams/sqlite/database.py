"""One opened store: the lock, the connection, and log and store on it.

Order of opening: lock, file and tables, integrity, mark as open. Order of
closing: mark as closed, what is moving pages, connection (which folds the -wal into
the file), lock.
"""

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Self

from streams.sqlite import integrity
from streams.sqlite.checkpoints import Checkpoints
from streams.sqlite.connect import FileLock, open_writer
from streams.sqlite.failures import failures
from streams.sqlite.log import SqliteLog
from streams.sqlite.store import CACHED_LEADS, SqliteStore


class Database:
    """The store at `path`, opened for the one writer; made if there is none.

    Raises `StorageError` if it is locked, damaged, another program's or can't be
    written. With `check_beside`, the caller is asked to run `integrity.check` on a
    reader beside the running service.
    """

    def __init__(self, path: Path, *, cached: int = CACHED_LEADS) -> None:
        self.path = path
        self._cached = cached
        self._lock = FileLock(path)
        self._connection: sqlite3.Connection | None = None
        self._checkpoints: Checkpoints | None = None
        self.check_beside = False
        try:
            self._open()
        except BaseException:
            self.close(in_order=False)
            raise

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection that writes; only the writer's thread may use it."""
        assert self._connection is not None, "the store is closed"
        return self._connection

    def reopen(self) -> tuple[SqliteLog, SqliteStore]:
        """Log and store as last committed, on a fresh connection; the lock is kept.

        Does for the writer's first opening as well as for one after a failure. If it
        fails in turn (`StorageError`), what was open stays open, and fails as before.
        """
        connection = open_writer(self.path)
        # After a failure for want of room the -wal may be what fills the disk.
        with suppress(sqlite3.Error):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._connect(connection)
        return self.log, self.store

    def close(self, *, in_order: bool = True) -> None:
        """Close everything; with `in_order`, the file is marked as whole. Never raises."""
        if in_order and self._connection is not None:
            try:
                integrity.mark_closed(self._connection)
            except sqlite3.Error:
                # The mark stays, and the next start looks at the file more closely.
                in_order = False
        self._disconnect()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.close(in_order=kind is None)

    def _open(self) -> None:
        connection = open_writer(self.path)
        self._connection = connection
        with failures("open", self.path):
            boot = integrity.boot_id()
            how = integrity.thoroughness(connection, self.path.stat().st_size, boot)
            if how == "before":
                integrity.check(connection, self.path)
            self.check_beside = how == "beside"
            integrity.mark_open(connection, boot)
        self._connect(connection)

    def _connect(self, connection: sqlite3.Connection) -> None:
        """Put log and store on `connection` in place of the one before."""
        checkpoints = Checkpoints(connection, self.path)
        try:
            log = SqliteLog(connection, self.path, checkpoints)
            store = SqliteStore(connection, self.path, checkpoints, cached=self._cached)
        except BaseException:
            connection.close()
            raise
        if self._connection is not connection:
            self._disconnect()
        self._connection, self.log, self.store = connection, log, store
        self._checkpoints = checkpoints

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if self._checkpoints is not None:
            self._checkpoints.close()
        if connection is not None:
            try:
                connection.close()
            except sqlite3.Error:
                # Nothing can be done about it, and everything confirmed is in the file.
                return
