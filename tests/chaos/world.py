"""Time in a simulation: it passes when somebody works or waits, never by itself.

There is the true time, which clients live by, and the machine's wall clock,
which somebody may set wrong. Steady seconds go with the true time.
"""

import threading
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class World:
    """The clocks of one simulated machine. `tick` is what a step of work takes."""

    def __init__(self, start_at: datetime, tick: timedelta) -> None:
        self.true_at = start_at
        self.wrong = timedelta(0)
        """By how much the wall clock is ahead."""
        self.ever_wrong = False
        self._tick = tick

    def wall(self) -> datetime:
        """The time by the machine's wall clock."""
        return self.true_at + self.wrong

    def steady_s(self) -> float:
        """Seconds that never jump; to the microsecond, as instants are."""
        return (self.true_at - _EPOCH) // _MICROSECOND / 1e6

    def work_s(self) -> float:
        """`steady_s`, looked at by somebody who has worked for a tick meanwhile."""
        self.pass_by(self._tick)
        return self.steady_s()

    def pass_by(self, span: timedelta) -> None:
        """Let time pass."""
        assert span >= timedelta(0)
        self.true_at += span

    def set_wrong(self, wrong: timedelta) -> None:
        """Somebody sets the wall clock."""
        self.wrong = wrong
        self.ever_wrong = True


class Patience(threading.Condition):
    """A condition on which nobody really waits: the world's time passes instead."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def wait(self, timeout: float | None = None) -> bool:
        """As if nobody had notified: the whole `timeout`, in seconds, goes by."""
        assert timeout is not None, "a simulated wait has an end"
        self._world.pass_by(timedelta(seconds=timeout))
        return False
