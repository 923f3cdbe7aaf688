"""Backup of a running store, and restoring one.

A backup is one file, whole in itself, checked and on disk before it gets its
name. A restored store says so (`restored_at`), so that whoever tells people of
decisions asks first: part of the backlog may have been told already.
"""

import os
import shutil
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Final

from streams.sqlite import integrity
from streams.sqlite.connect import FileLock, open_reader, sync_directory
from streams.sqlite.failures import failures
from streams.sqlite.stamps import from_us, to_us
from streams.storage import StorageError

_RESTORED: Final = "restored_at"
REPLACED: Final = ".replaced"
"""What the names of the files end in that a restored store took the place of."""
_PARTS: Final = ("", "-wal", "-shm")


def backup(store: Path, target: Path) -> int:
    """Copy the store at `store`, also one at work, to a new file; its size in bytes.

    Raises `StorageError` if the target exists, the store can't be read, or the
    copy is not whole.
    """
    if target.exists():
        raise StorageError(
            f"Could not write {target}: there is a file of that name. Name another one.",
            "not_openable",
        )
    part = target.with_name(target.name + ".part")
    source = open_reader(store)
    try:
        with failures("write", part):
            part.unlink(missing_ok=True)
            copy = sqlite3.connect(part, isolation_level=None)
            try:
                # In one go: a commit between two steps would begin it anew.
                source.backup(copy, pages=-1)
                integrity.mark_closed(copy)
                copy.execute("PRAGMA journal_mode = DELETE").fetchone()
                integrity.check(copy, part)
            finally:
                copy.close()
            _sync(part)
            part.replace(target)
            sync_directory(target)
            return target.stat().st_size
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    finally:
        source.close()


def restore(copy: Path, store: Path, now: datetime, *, force: bool = False) -> None:
    """Put the backup `copy` in the place of the store at `store`, marked as restored at `now`.

    Nothing may be at work on the store. With `force`, a store that is there is
    kept under names that end in '.replaced'; without, it is an error. Raises
    `StorageError`; the store that was there is then still there.
    """
    with FileLock(store):
        if store.exists() and not force:
            raise StorageError(
                f"Could not restore to {store}: there is a store already. Name another file with"
                " BATON_STORE, or say --force: the present one is then kept as"
                f" {store.name}{REPLACED}.",
                "not_openable",
            )
        part = store.with_name(store.name + ".part")
        try:
            _copy(copy, part, now)
            with failures("restore to", store):
                # The -wal goes first: it would be taken for the restored file's.
                for ending in reversed(_PARTS):
                    old = store.with_name(store.name + ending)
                    if old.exists():
                        old.replace(store.with_name(f"{store.name}{REPLACED}{ending}"))
                part.replace(store)
                sync_directory(store)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def restored_at(connection: sqlite3.Connection) -> datetime | None:
    """When the store was restored from a backup; None if never, or if it was confirmed since."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (_RESTORED,)).fetchone()
    return from_us(int(row[0])) if row else None


def confirm_restored(connection: sqlite3.Connection) -> None:
    """Note that somebody has said what is to become of the backlog."""
    connection.execute("DELETE FROM meta WHERE key = ?", (_RESTORED,))


def _copy(copy: Path, part: Path, now: datetime) -> None:
    """A checked, marked copy of the backup, on disk."""
    # Opening it tells whether it is a store of ours; it may lie where nobody can write.
    open_reader(copy).close()
    with failures("copy to", part):
        shutil.copyfile(copy, part)
        connection = sqlite3.connect(part, isolation_level=None)
        try:
            integrity.check(connection, copy)
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()
            connection.execute(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)", (_RESTORED, str(to_us(now)))
            )
        finally:
            connection.close()
        _sync(part)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
