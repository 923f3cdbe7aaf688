"""Is the file whole? How closely it is looked at when it is opened, and the look itself.

A process that is killed leaves a whole file: what it wrote is with the system,
and the -wal has checksums. A machine that lost its power, or a disk, may not. So
a small file is always checked; a large one before the start only if it was open
when the machine went down, and beside the running service if only the process
did. The mark that a file is open is the system's boot id, in `meta`.
"""

import sqlite3
from pathlib import Path
from typing import Final, Literal

from streams.sqlite.failures import failures, storage_error

Thoroughness = Literal["before", "beside", "none"]
"""Check before the service starts, beside the running service, or not at all."""
ALWAYS_BELOW_BYTES: Final = 64 * 1024 * 1024
"""Checked in a fraction of a second."""
_OPEN: Final = "open_since_boot"
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_UNKNOWN: Final = "unknown"


def boot_id() -> str:
    """What tells this run of the machine from others; 'unknown' where the system does not say."""
    try:
        return _BOOT_ID.read_text("ascii").strip() or _UNKNOWN
    except OSError:
        return _UNKNOWN


def thoroughness(connection: sqlite3.Connection, size_bytes: int, boot: str) -> Thoroughness:
    """How closely to look at a file of that size that is being opened in this run `boot`."""
    if size_bytes <= ALWAYS_BELOW_BYTES:
        return "before"
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (_OPEN,)).fetchone()
    if row is None:
        return "none"
    return "beside" if row[0] == boot != _UNKNOWN else "before"


def mark_open(connection: sqlite3.Connection, boot: str) -> None:
    """Note that the file is open, until `mark_closed`."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_OPEN, boot))


def mark_closed(connection: sqlite3.Connection) -> None:
    """Note that the file was closed in order."""
    connection.execute("DELETE FROM meta WHERE key = ?", (_OPEN,))


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Look through the whole file; `StorageError` (reason `damaged`) if anything is wrong.

    Reads every page: a second or so per gigabyte.
    """
    with failures("read", path):
        found = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
    if found != ["ok"]:
        raise storage_error("damaged", "open", path, "; ".join(found).replace("\n", " "))
