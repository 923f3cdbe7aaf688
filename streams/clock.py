"""The clock: the only module that reads it.

Everything else is given `now`, which is the log's time, so that a replay
decides what the live service decided. `make check` holds the rest to it.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

_BELIEVED: Final = 1 / 20
"""How much faster or slower than real time the log's time may run to meet the wall clock."""


def now() -> datetime:
    """The present instant by the wall clock, aware, in UTC."""
    return datetime.now(UTC)


def steady_s() -> float:
    """Seconds that never jump; with the time that a suspended machine slept, where known."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


class LogClock:
    """The time that stamps records and fires deadlines; it never moves back and never jumps.

    It starts at the wall clock, or at `newest` if that is later (the log's newest
    stamp), and then advances by steady seconds. Where the wall clock says
    otherwise, it is approached by at most a twentieth of the time gone by: a wall
    clock that is set an hour wrong makes no deadline fire early by more than that
    and none stand still.
    """

    def __init__(
        self,
        newest: datetime | None,
        wall: Callable[[], datetime] = now,
        steady: Callable[[], float] = steady_s,
    ) -> None:
        self._wall, self._steady = wall, steady
        self._seen_s = steady()
        start = wall()
        self._at = start if newest is None else max(start, newest)

    def now(self) -> datetime:
        """The log's present."""
        seen_s = self._steady()
        gone_s = max(0.0, seen_s - self._seen_s)
        self._seen_s = seen_s
        self._at += timedelta(seconds=gone_s)
        most_s = gone_s * _BELIEVED
        off_s = self.off_s()
        self._at += timedelta(seconds=max(-most_s, min(most_s, off_s)))
        return self._at

    def not_before(self, at: datetime) -> None:
        """Go on from `at` if that is later: so far the log's time has been lived through."""
        self._at = max(self._at, at)

    def off_s(self) -> float:
        """By how many seconds the wall clock is ahead of the log's time."""
        return (self._wall() - self._at).total_seconds()
