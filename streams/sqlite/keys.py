"""The keys of all events in the log: those of the newest in memory, the rest in a table.

A key is like a random number, so one that is written by itself costs a page of
the table. The newest are therefore held back, and moved into the table many at
a time in the order of the table, so that a page takes in several at once. The
rows of the log themselves say what has not been moved yet: a crash loses nothing.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

HELD: Final = 20_000
"""Keys that are held back before they are moved."""
_EVERY: Final = 250
"""Events that are appended between one step of moving and the next."""
_SHARE: Final = 2
"""How many are moved for one that has come; more than one, so that moving ends."""
_MOVE: Final = "INSERT OR IGNORE INTO keys (key, seq) VALUES (?, ?)"
_FIND: Final = "SELECT seq FROM keys WHERE key IN (SELECT value FROM json_each(?))"


class Keys:
    """The keys on the writer's connection. Rows of the log tell which finds still count."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._held: dict[int, tuple[int, ...]] = {}
        self._appended = 0
        self._moving: list[tuple[int, int]] = []
        """What is being moved, greatest first; `_moving_to` is the newest of it."""
        self._moving_to = 0
        rows = connection.execute(
            "SELECT key, seq FROM events WHERE seq > (SELECT keyed FROM position)"
            " AND key IS NOT NULL"
        )
        self._hold(rows)

    def find(self, keys: Sequence[int]) -> list[int]:
        """The numbers of the events that have one of the keys."""
        held = self._held
        found = [seq for key in keys if key in held for seq in held[key]]
        rows = self._connection.execute(_FIND, (msgspec.json.encode(keys).decode(),))
        return found + [seq for (seq,) in rows]

    def step(self) -> int:
        """Move some if it is time; inside the transaction of an append. Tell `stepped` after it."""
        if self._appended < _EVERY:
            return 0
        if not self._moving and len(self._held) >= HELD:
            pairs = [(key, seq) for key, seqs in self._held.items() for seq in seqs]
            self._moving = sorted(pairs, reverse=True)
            self._moving_to = max(seq for _, seq in pairs)
        if not self._moving:
            return 0
        some = self._moving[-_SHARE * self._appended :]
        self._connection.executemany(_MOVE, reversed(some))
        if len(some) == len(self._moving):
            self._connection.execute("UPDATE position SET keyed = ?", (self._moving_to,))
        return len(some)

    def appended(self, events: Sequence[tuple[int, int]], stepped: int) -> None:
        """Hold the keys and numbers of committed events; `stepped` is what `step` said."""
        self._hold(events)
        self._appended = len(events) + (self._appended if self._appended < _EVERY else 0)
        if stepped:
            del self._moving[-stepped:]
            if not self._moving:
                held = [(k, seq) for k, seqs in self._held.items() for seq in seqs]
                self._held = {}
                self._hold(pair for pair in held if pair[1] > self._moving_to)

    def _hold(self, events: Iterable[tuple[int, int]]) -> None:
        held = self._held
        for key, seq in events:
            held[key] = (*held.get(key, ()), seq)
