"""The clock: the only module that reads it.

Everything else is given `now`, which is the log's time, so that a replay
decides what the live service decided. `make check` holds the rest to it.
"""

from datetime import UTC, datetime


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)
