"""What SQLite's and the system's errors mean to whoever runs the service.

Only failures of the outside world become a `StorageError`; a wrong statement or
a broken constraint is a programmer's error and crashes.
"""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from streams.storage import StorageError, StorageReason

_PRIMARY: Final = 0xFF
"""SQLite's extended codes carry the primary one in their lowest byte."""
_REASONS: Final[dict[int, StorageReason]] = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_READONLY: "read_only",
    sqlite3.SQLITE_PERM: "read_only",
    sqlite3.SQLITE_CANTOPEN: "not_openable",
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_PROTOCOL: "locked",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "not_ours",
    sqlite3.SQLITE_IOERR: "io",
    sqlite3.SQLITE_NOMEM: "io",
}
_OF_ERRNO: Final[dict[int, StorageReason]] = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EROFS: "read_only",
    errno.EACCES: "read_only",
    errno.EPERM: "read_only",
    errno.ENOENT: "not_openable",
    errno.ENOTDIR: "not_openable",
    errno.EISDIR: "not_openable",
}
_SENTENCES: Final[dict[StorageReason, str]] = {
    "full": "the disk is full, or the space that may be used. Free some or give it more; the"
    " service goes on by itself, and nothing that it confirmed is lost",
    "read_only": "it may only be read. Give the user that the service runs as the right to write"
    " the file and its directory, or mount the file system writable",
    "not_openable": "it cannot be opened. Look whether the directory exists and may be entered, or"
    " name another file with BATON_STORE",
    "locked": "another program holds a lock on it. Close whatever has the file open (a database"
    " browser, a copy that is being made), and try again",
    "damaged": "it is damaged. Stop the service, keep a copy of the file, look after the disk, and"
    " go back to the latest backup with `baton restore`",
    "not_ours": "it is no store of baton. Name another file with BATON_STORE",
    "too_new": "a newer version of baton wrote it. Install that version, or name another file with"
    " BATON_STORE",
    "io": "the disk or the memory failed. Look at the system's log and after the disk; what was"
    " confirmed is in the file and its -wal",
}


def storage_error(
    reason: StorageReason, doing: str, path: Path | str, detail: str = ""
) -> StorageError:
    """The error that says what could not be done, why, and what to do."""
    known = f" ({detail})" if detail else ""
    return StorageError(f"Could not {doing} {path}: {_SENTENCES[reason]}{known}.", reason)


def translated(error: Exception, doing: str, path: Path | str) -> StorageError | None:
    """`error` as a `StorageError`; None if it is a programmer's, not the outside world's."""
    if isinstance(error, sqlite3.DatabaseError):
        code = getattr(error, "sqlite_errorcode", None)
        reason = _REASONS.get(code & _PRIMARY) if code is not None else None
        detail = f"{getattr(error, 'sqlite_errorname', '')}: {error}"
    elif isinstance(error, OSError):
        reason = _OF_ERRNO.get(error.errno or 0, "io")
        detail = error.strerror or str(error)
    else:
        return None
    return None if reason is None else storage_error(reason, doing, path, detail)


@contextmanager
def failures(doing: str, path: Path | str) -> Iterator[None]:
    """Turn what the outside world does wrong inside into a `StorageError`.

    `doing` completes 'Could not …' and is followed by the path: 'write to'.
    """
    try:
        yield
    except (sqlite3.DatabaseError, OSError) as error:
        failure = translated(error, doing, path)
        if failure is None:
            raise
        raise failure from error


@contextmanager
def transaction(connection: sqlite3.Connection, doing: str, path: Path | str) -> Iterator[None]:
    """One transaction: durable when the block is left, undone on any error whatever."""
    with failures(doing, path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            # Some errors have made SQLite roll back by itself.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
