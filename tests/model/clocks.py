"""Clocks: one running promise each, with its warnings, its due time and its ladder."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from rules.agreement import AttemptClause, DeadlineClause, Step
from rules.calendars import Calendar
from rules.durations import Duration

ZERO = timedelta(0)
Interval = tuple[datetime, datetime | None]


@dataclass(slots=True)
class Trigger:
    """A start that happened: evidence counts from `evidence_from` on."""

    evidence_from: datetime
    event_no: int
    """The event that is the start or is behind it; it is no evidence itself."""
    by_decision: bool
    sequence: int
    """The decision that is the start, or the last before the event that is it."""


@dataclass(slots=True, eq=False)
class Timer:
    """Something at `at`, unless a pause froze it: then `left` of its time is left."""

    kind: Literal["warn", "due", "step", "recycle"]
    at: datetime | None
    base: datetime
    """From when its present time runs."""
    full: Duration | None = None
    left: timedelta | Duration | None = None
    frozen_at: datetime | None = None
    was_at: datetime | None = None
    """When it would have come without the pause: it never comes sooner for one."""
    fraction: float = 0.0
    index: int = 0
    told: int = 0

    def freeze(self, pause_at: datetime, calendar: Calendar, new: bool) -> None:
        """Stop it; one that is `new` in a pause keeps its time as it is written."""
        if self.at is None:
            return
        self.frozen_at = max(pause_at, self.base)
        if new and self.full is not None and pause_at <= self.base:
            self.left = self.full
        else:
            self.left = calendar.elapsed(self.frozen_at, self.at)
        self.was_at, self.at = self.at, None

    def after(self, resumed_at: datetime, calendar: Calendar) -> datetime:
        """When it comes if its clock goes on at `resumed_at`."""
        assert self.left is not None
        assert self.frozen_at is not None
        assert self.was_at is not None
        from_at = max(resumed_at, self.frozen_at)
        if isinstance(self.left, Duration):
            return max(self.was_at, calendar.add(from_at, self.left))
        return max(self.was_at, calendar.advance(from_at, self.left))

    def thaw(self, resumed_at: datetime, calendar: Calendar) -> None:
        if self.at is None:
            self.at, self.base, self.left = self.after(resumed_at, calendar), resumed_at, None


def step_timers(ladder: tuple[Step, ...], breach_at: datetime, calendar: Calendar) -> list[Timer]:
    return [
        Timer("step", calendar.add(breach_at, step.after), breach_at, step.after, index=index)
        for index, step in enumerate(ladder)
    ]


def repeat_step(ladder: tuple[Step, ...], timer: Timer, calendar: Calendar) -> Timer | None:
    """The next telling of a step that was just told at `timer.at`, if there is one."""
    step = ladder[timer.index]
    told = timer.told + 1
    if step.repeat is None or (step.at_most is not None and told >= step.at_most):
        return None
    assert timer.at is not None
    next_at = calendar.add(timer.at, step.repeat)
    return Timer("step", next_at, timer.at, step.repeat, index=timer.index, told=told)


@dataclass(slots=True, eq=False)
class Clock:
    """A deadline clause at work on one lead."""

    clause: DeadlineClause
    trigger: Trigger
    started_at: datetime
    calendar: Calendar
    owner: str | None
    running_since: datetime
    state: Literal["running", "overdue", "over"] = "running"
    breached: bool = False
    archived: bool = False
    """Ended by reassignment or by the lead's end, as breached: it can be retracted still."""
    ended_with: str | None = None
    """Once met late or archived: who had the lead then."""
    met_late: bool = False
    due_at: datetime | None = None
    """Once breached: when it was due."""
    timers: list[Timer] = field(default_factory=list)
    frozen: bool = False
    fresh: bool = False
    """Paused before any of its time had run."""

    def schedule(self, from_at: datetime) -> None:
        """Give it its full time from `from_at` on."""
        due_at = self.calendar.add(from_at, self.clause.within)
        whole = self.calendar.elapsed(from_at, due_at)
        self.timers = [
            Timer("warn", self.calendar.advance(from_at, whole * part), from_at, fraction=part)
            for part in self.clause.warn
        ]
        self.timers = [timer for timer in self.timers if timer.at and timer.at > from_at]
        self.timers.append(Timer("due", due_at, from_at))

    def due(self, until_at: datetime | None) -> datetime | None:
        """When it is due as far as is known, `until_at` being the end of the pause."""
        if self.due_at is not None:
            return self.due_at
        timer = next((each for each in self.timers if each.kind == "due"), None)
        if not self.frozen:
            return timer.at if timer else None
        if until_at is None:
            return None
        if self.fresh:
            return self.calendar.add(until_at, self.clause.within)
        assert timer is not None
        return timer.after(until_at, self.calendar)

    def freeze(self, pause_at: datetime, new: bool) -> None:
        from_at = max(pause_at, self.running_since)
        self.frozen = True
        self.fresh = new
        self.running_since = from_at
        for timer in self.timers:
            timer.freeze(from_at, self.calendar, new)

    def thaw(self, resumed_at: datetime) -> None:
        resumed_at = max(resumed_at, self.running_since)
        self.frozen = False
        self.running_since = resumed_at
        if self.fresh:
            self.fresh = False
            untold = {timer.fraction for timer in self.timers}
            self.schedule(resumed_at)
            self.timers = [timer for timer in self.timers if timer.fraction in untold]
            return
        for timer in self.timers:
            timer.thaw(resumed_at, self.calendar)

    def breach(self, due_at: datetime) -> None:
        self.state, self.breached, self.due_at = "overdue", True, due_at
        self.timers = step_timers(self.clause.ladder, due_at, self.calendar)

    def end(self) -> None:
        self.state, self.timers = "over", []

    def working(self, met_at: datetime, pauses: list[Interval]) -> timedelta:
        """Working time from the clock's start to `met_at`, pauses left out."""
        worked = self.calendar.elapsed(self.started_at, met_at)
        for from_at, to_at in pauses:
            end_at = met_at if to_at is None else min(to_at, met_at)
            worked -= self.calendar.elapsed(max(from_at, self.started_at), end_at)
        return worked


@dataclass(slots=True, eq=False)
class Recycling:
    """The delayed recycling of a lead whose attempts are used up."""

    clause: AttemptClause
    calendar: Calendar
    running_since: datetime
    timers: list[Timer]
    frozen: bool = False

    def freeze(self, pause_at: datetime, new: bool) -> None:
        self.frozen = True
        for timer in self.timers:
            timer.freeze(max(pause_at, self.running_since), self.calendar, new)

    def thaw(self, resumed_at: datetime) -> None:
        self.frozen, self.running_since = False, resumed_at
        for timer in self.timers:
            timer.thaw(resumed_at, self.calendar)


@dataclass(slots=True, eq=False)
class Ladder(Recycling):
    """The ladder of a breached attempt limit."""


Timed = Clock | Ladder | Recycling
