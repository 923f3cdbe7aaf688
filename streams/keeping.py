"""Where a command keeps what could not be taken: with the store's dead letters, or in a file.

The service may be at work on the store meanwhile: a command writes nothing there
but dead letters, in transactions that are over in a moment.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import click

from streams import clock
from streams.refusals import DeadLetter
from streams.sqlite import dead_letters
from streams.sqlite.connect import open_reader, open_writer
from streams.sqlite.failures import transaction

_AT_ONCE: Final = 500


class Kept:
    """Keeps dead letters, and tells each on stderr as one line of JSON."""

    def __init__(self, connection: sqlite3.Connection | None, store: Path, file: Path) -> None:
        self._connection, self._store, self._file = connection, store, file
        self._waiting: list[DeadLetter] = []
        self._fresh = True

    def keep(self, letter: DeadLetter) -> None:
        """Keep one; it is on disk after the next `flush`."""
        click.echo(letter.as_json(), err=True)
        self._waiting.append(letter)
        if len(self._waiting) == _AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write what waits to be written; `StorageError` or `OSError` if it can't be."""
        letters, self._waiting = self._waiting, []
        if not letters:
            return
        if self._connection is not None:
            with transaction(self._connection, "write to", self._store):
                dead_letters.keep(self._connection, letters, clock.now())
            return
        with self._file.open("wb" if self._fresh else "ab") as file:
            file.writelines(letter.as_json() + b"\n" for letter in letters)
        self._fresh = False

    def where(self) -> str:
        """Where they are, to follow 'kept'."""
        if self._connection is not None:
            return "as dead letters (`baton dead-letters list`)"
        return f"in {self._file}"


@contextmanager
def keep_dead_letters(store: Path, beside: str) -> Iterator[Kept]:
    """Keep dead letters in the store, or beside the file that they came from if there is none.

    Raises `StorageError` for a store that can't be written to.
    """
    if not store.exists():
        kept = Kept(None, store, Path(f"{beside}.refused.jsonl"))
        try:
            yield kept
        finally:
            kept.flush()
        return
    with closing(open_beside(store)) as connection:
        kept = Kept(connection, store, Path())
        try:
            yield kept
        finally:
            kept.flush()


def open_beside(store: Path) -> sqlite3.Connection:
    """A connection to a store's dead letters that writes, whether or not a service runs on it.

    Raises `StorageError`, also for the store of another release, which only the
    service itself may bring up to date.
    """
    open_reader(store).close()
    return open_writer(store)
