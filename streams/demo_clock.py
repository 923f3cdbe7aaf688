"""The service in the demonstration's time: a month in a minute, and then the present.

`DemoClock` stands still until it is moved on, so that however fast or slow the
machine is, the same happens at the same moments. `ServedEngine` carries events to
the service that is running, and waits for what it decides.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec

from rules.decisions import Decision
from rules.events import Event
from streams.clock import now, steady_s
from streams.codec import encode_event
from streams.storage import Accepted
from streams.writer import Writer

_T = TypeVar("_T")
_LONGEST_S: Final = 60.0
"""Seconds in which the service must have settled; it takes milliseconds."""


class DemoClock:
    """A wall clock and a steady one for `streams.clock.LogClock`, moved by hand until `go_live`."""

    def __init__(self, start_at: datetime) -> None:
        self._start_at = self._at = start_at
        self._live_since_s: float | None = None

    def now(self) -> datetime:
        """What the demonstration's clocks on the wall show."""
        if self._live_since_s is None:
            return self._at
        return self._at + timedelta(seconds=steady_s() - self._live_since_s)

    def steady_s(self) -> float:
        """Seconds of the demonstration's time."""
        return (self.now() - self._start_at).total_seconds()

    def move(self, at: datetime) -> None:
        """Let it be `at`, unless it is later already."""
        self._at = max(self._at, at)

    def go_live(self) -> None:
        """From here on the time is the real one."""
        self.move(now())
        self._live_since_s = steady_s()


class ServedEngine:
    """The running service, asked as `streams.engine.Engine` would be. Called from one thread."""

    def __init__(self, writer: Writer, clock: DemoClock, loop: asyncio.AbstractEventLoop) -> None:
        self._writer, self._clock, self._loop = writer, clock, loop
        self._told: deque[Decision] = deque()

    def tell(self, decisions: Sequence[Decision]) -> None:
        """Hear of decisions that have been committed. From the writer's thread."""
        self._told.extend(decisions)

    def take(self, event: Event, now: datetime) -> list[Decision]:
        """Send the event at `now`; what was decided up to and by it."""
        self._clock.move(now)
        body = encode_event(msgspec.structs.replace(event, received_at=None))
        self._wait(lambda: self._writer.submit([Accepted(event, body)]))
        return self._settled(now)

    def run_until(self, at: datetime) -> list[Decision]:
        """Let the clock move to `at`; what was decided on the way."""
        self._clock.move(at)
        return self._settled(at)

    def heard(self) -> list[Decision]:
        """What has been decided since anybody asked."""
        decisions = []
        while self._told:
            decisions.append(self._told.popleft())
        return decisions

    def _settled(self, at: datetime) -> list[Decision]:
        """Wait until the service has lived through `at`.

        What it is sent, even if it is nothing, wakes it; and the answer to the
        last sending shows that the slice before it has been committed and told.
        """
        until_s = steady_s() + _LONGEST_S
        settled = False
        while not settled:
            health = self._writer.health()
            settled = health.behind == 0 and health.now is not None and health.now >= at
            assert steady_s() < until_s, f"the service has not settled: {health}"
            self._wait(lambda: self._writer.submit([]))
        return self.heard()

    def _wait(self, ask: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        return asyncio.run_coroutine_threadsafe(ask(), self._loop).result(_LONGEST_S)
