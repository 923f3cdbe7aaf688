"""Forgetting: what is older than the retention, and no open lead's, is deleted in small steps.

A lead is open while it has not ended and somebody has it, or it waits for
something (`wake_at`). What an open lead's explanation needs, its events and its
decisions, stays however old it is. States stay. The newest record stays, since
the log's numbers and stamps go on from it; so does whatever is not processed
yet, and every record that activates an agreement.
"""

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from rules.vocabulary import ENDED
from streams.engine import REMEMBERED
from streams.sqlite.failures import transaction
from streams.sqlite.stamps import to_us

DEFAULT: Final = timedelta(days=400)
LEAST: Final = REMEMBERED
"""Younger events are needed to recognise repeats."""
_ENDED: Final = ", ".join(f"'{stage}'" for stage in sorted(ENDED))
_OPEN: Final = f"""
    SELECT 1 FROM leads WHERE leads.id = {{subject}} AND stage NOT IN ({_ENDED})
    AND (owner IS NOT NULL OR wake_at IS NOT NULL)"""


class Deleted(NamedTuple):
    """What one step deleted, and whether there is more to look at."""

    events: int
    decisions: int
    dead_letters: int
    more: bool


class Sweep:
    """One walk through everything that is older than `keep` at `now`.

    Each `step` looks at `limit` rows and is one short transaction of the
    writer's thread. Begin a new sweep once a day or so.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path, now: datetime, keep: timedelta = DEFAULT
    ) -> None:
        if keep < LEAST:
            raise ValueError(f"events must be kept for {LEAST.days} days at least")
        self._connection = connection
        self._path = path
        self._before_us = to_us(now - keep)
        self._event = self._decision = 0

    def step(self, limit: int = 500) -> Deleted:
        """Delete what may go among the next rows. Raises `StorageError`."""
        connection = self._connection
        with transaction(connection, "write to", self._path):
            event = _reached(
                connection,
                "SELECT seq FROM events WHERE seq > ? AND stamped_at < ?"
                " AND seq <= (SELECT offset FROM position)"
                " AND seq < (SELECT max(seq) FROM events) ORDER BY seq LIMIT ?",
                (self._event, self._before_us, limit),
            )
            decision = _reached(
                connection,
                "SELECT seq FROM decisions WHERE seq > ? AND time_at < ? ORDER BY seq LIMIT ?",
                (self._decision, self._before_us, limit),
            )
            events = self._delete_events(event or 0)
            decisions = connection.execute(
                "DELETE FROM decisions WHERE seq > ? AND seq <= ?"
                f" AND time_at < ? AND NOT EXISTS ({_OPEN.format(subject='decisions.lead')})",
                (self._decision, decision or 0, self._before_us),
            ).rowcount
            letters = connection.execute(
                "DELETE FROM dead_letters WHERE id IN"
                " (SELECT id FROM dead_letters WHERE taken_at < ? ORDER BY id LIMIT ?)",
                (self._before_us, limit),
            ).rowcount
        self._event = event or self._event
        self._decision = decision or self._decision
        more = event is not None or decision is not None or letters == limit
        return Deleted(events, decisions, letters, more)

    def _delete_events(self, to: int) -> int:
        rows = self._connection.execute(
            "SELECT key, seq FROM events WHERE seq > ? AND seq <= ? AND agreement IS NULL"
            f" AND stamped_at < ? AND NOT EXISTS ({_OPEN.format(subject='events.subject')})",
            (self._event, to, self._before_us),
        ).fetchall()
        self._connection.executemany("DELETE FROM keys WHERE key = ? AND seq = ?", rows)
        self._connection.executemany("DELETE FROM events WHERE seq = ?", [row[1:] for row in rows])
        return len(rows)


def _reached(
    connection: sqlite3.Connection, statement: str, arguments: tuple[int, int, int]
) -> int | None:
    """The last row of this step's stretch; None when there are no more old rows."""
    row = connection.execute(f"SELECT max(seq) FROM ({statement})", arguments).fetchone()
    reached: int | None = row[0]
    return reached
