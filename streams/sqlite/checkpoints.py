"""Moving what the -wal holds into the file, beside the writer.

To move ten thousand pages takes a tenth of a second, in which nobody could be
answered if the writer did it. So a second connection does it while the writer
goes on, and again for what came meanwhile; the little that is left at the end
the writer moves itself, and its next transaction begins the -wal anew. It is done
often: pages that change all the time are then written again and again, but the
disk is never held for longer than an answer may take.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Final

from streams.clock import steady_s

EVERY_S: Final = 0.3
"""How often pages are moved while something is being written."""
_ANEW_PAGES: Final = 4_000
"""From how many pages on the -wal is begun anew."""
_FEW_PAGES: Final = 500
"""So many the writer moves itself: a few milliseconds."""
_PASSES: Final = 10
"""Each pass leaves less than the one before, unless the disk is slower than the writer."""
_MOVE: Final = "PRAGMA wal_checkpoint(PASSIVE)"


class Checkpoints:
    """The checkpoints of the store at `path`; `look` after every commit, on the writer's thread.

    One that fails is tried again later. Nothing depends on it but the size of
    the -wal, and what is wrong with the disk the writer meets itself.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._next_s = steady_s() + EVERY_S
        self._few_left = False
        self._mover: Thread | None = None

    def look(self) -> None:
        """Begin a checkpoint if it is time, or end the one that was begun."""
        if self._mover is None:
            if steady_s() >= self._next_s:
                self._mover = Thread(target=self._move, name="checkpoint", daemon=True)
                self._mover.start()
        elif not self._mover.is_alive():
            self._mover = None
            self._next_s = steady_s() + EVERY_S
            if self._few_left:
                try:
                    self._connection.execute(_MOVE).fetchall()
                except sqlite3.Error:
                    return

    def close(self) -> None:
        """Wait for what is being moved. To be called before the writer's connection is closed."""
        if self._mover is not None:
            self._mover.join()
            self._mover = None

    def _move(self) -> None:
        try:
            with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
                before = 0
                for _ in range(_PASSES):
                    _, pages, moved = connection.execute(_MOVE).fetchone()
                    self._few_left = pages >= _ANEW_PAGES and moved - before < _FEW_PAGES
                    if moved - before < _FEW_PAGES:
                        return
                    before = moved
        except sqlite3.Error:
            return
