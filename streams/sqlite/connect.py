"""Opening the file: one writer under a lock, readers that only read.

Write-ahead logging lets readers and the writer work at once; `synchronous=FULL`
makes a commit durable before it returns. Memory is bounded by the page caches.
"""

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import Final, Self

from streams.sqlite import schema
from streams.sqlite.failures import failures, storage_error
from streams.storage import StorageError

OLDEST_SQLITE: Final = (3, 38, 0)
"""STRICT tables, JSON and `quick_check` of one table are in it."""
_WRITER_CACHE_KIB: Final = 48 * 1024
_READER_CACHE_KIB: Final = 2 * 1024
_BUSY_MS: Final = 2_000
"""How long a statement waits for another program's short lock."""
_WAL_LIMIT_BYTES: Final = 64 * 1024 * 1024
"""To what size the -wal file is cut back when it has grown beyond."""
_CHECKPOINT_PAGES: Final = 50_000
"""From how many pages on the writer itself moves the -wal into the file, if nobody does it beside
it (`streams.sqlite.checkpoints`): 200 MB."""


class FileLock:
    """A lock beside the file, against two services on one store. The system frees it at death."""

    def __init__(self, path: Path) -> None:
        """Take the lock of the store at `path`; `StorageError` if another process has it."""
        self.path = path.with_name(path.name + ".lock")
        with failures("lock", path):
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
            os.close(descriptor)
            process = f", process {holder}," if holder.isdigit() else ""
            raise StorageError(
                f"Could not open {path}: another baton{process} is at work on it. Stop that one"
                " first, or name another file with BATON_STORE.",
                "locked",
            ) from error
        self._descriptor: int | None = descriptor
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let others open the store; releasing it again changes nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def open_writer(path: Path) -> sqlite3.Connection:
    """The connection that writes; makes the file, or brings it to this release's tables.

    The caller holds the `FileLock`. Transactions are begun by hand. Raises
    `StorageError` for a file that is another program's, a newer release's,
    damaged or not writable.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise RuntimeError(
            f"This Python brings SQLite {sqlite3.sqlite_version}; baton needs 3.38 or newer."
        )
    is_new = not path.exists()
    with failures("open", path):
        if is_new:
            # It will hold what is known about people, so it is for its owner's eyes only.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        with failures("open", path):
            connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
            _admit(connection, path)
            _tune(connection, _WRITER_CACHE_KIB)
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            schema.migrate(connection)
            if is_new:
                sync_directory(path)
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that only reads, beside a running service or without one.

    It may be used by any one thread at a time. Raises `StorageError` also where
    there is no store, or one that was written by another release.
    """
    # Without a -wal nothing is missing from the file, and none can be made in a
    # directory that may only be read.
    alone = not path.with_name(path.name + "-wal").exists()
    frozen = alone and not os.access(path.parent, os.W_OK)
    flags = "mode=ro&immutable=1" if frozen else "mode=ro"
    with failures("read", path):
        # `stat` says more plainly than SQLite what is wrong with a path.
        path.stat()
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?{flags}", uri=True, isolation_level=None,
            check_same_thread=False,
        )  # fmt: skip
    try:
        with failures("read", path):
            connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
            _admit(connection, path)
            _tune(connection, _READER_CACHE_KIB)
            connection.execute("PRAGMA query_only = ON")
            if schema.version(connection) != len(schema.MIGRATIONS):
                raise StorageError(
                    f"Could not read {path}: it is of another release of baton. Start `baton up`"
                    " on it once, which brings it up to date.",
                    "not_openable",
                )
    except BaseException:
        connection.close()
        raise
    return connection


def sync_directory(path: Path) -> None:
    """Make the name of the file at `path` durable."""
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _admit(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what is not ours, or not to be understood."""
    whose = schema.application(connection)
    if whose != schema.APPLICATION_ID and (whose != 0 or not schema.is_empty(connection)):
        raise storage_error("not_ours", "open", path)
    if schema.version(connection) > len(schema.MIGRATIONS):
        raise storage_error("too_new", "open", path)


def _tune(connection: sqlite3.Connection, cache_kib: int) -> None:
    """Bound the memory, and let SQLite look twice at what it reads."""
    connection.execute(f"PRAGMA cache_size = -{cache_kib}")
    connection.execute("PRAGMA mmap_size = 0")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
