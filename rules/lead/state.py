"""The state of one lead: small however long it lives, and serialised as it stands.

Everything here is a value. `Lead` itself is not frozen, because one call of
`decide` works on its own shallow copy; once returned, a lead is never changed.
Names of clauses, people and calendars are kept as the agreement spells them, so
that a state outlives the agreement object that made it.
"""

from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from rules.vocabulary import Stage, Temperature, TemperatureSource


class Touched(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One touch that is kept by itself: when, and of which asset."""

    time_at: datetime
    asset: str | None = None


class Pool(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Points of touches too many to keep one by one: their sum as it stood at `at`."""

    points: float
    at: datetime
    count: int


class Trail(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is remembered of the touches of one type in a cycle.

    `newest` holds, newest first, only as many distinct touches as a level can
    ask for; `earned` the times of the newest touches that earn points, newest
    first, and `pool` what those before them come to.
    """

    last_at: datetime
    newest: tuple[Touched, ...] = ()
    earned: tuple[datetime, ...] = ()
    pool: Pool | None = None
    worth: Pool | None = None
    """All points of the type as they stood at its newest touch, counted and capped."""


class Horizon(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Months to purchase as somebody stated them, at the statement's own time."""

    months: float
    stated_at: datetime


class Attempt(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One try by sales to reach the lead, by its own time."""

    time_at: datetime
    channel: str
    connected: bool = False


class Attempts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The attempts of a cycle: the newest one by one, older ones only counted."""

    newest: tuple[Attempt, ...] = ()
    older: dict[str, int] = {}
    connected_at: datetime | None = None


class Recycling(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """That a lead whose attempts are used up by `clause` is recycled at `at`.

    Its time is counted from `since_at`; `left` is the working time left until
    then while its clock is stopped. `unused`: it began while the lead was paused,
    and all of its time is left, days as days.
    """

    clause: str
    calendar: str
    since_at: datetime
    at: datetime
    left: timedelta | None = None
    unused: bool = False


class Limits(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What attempt limits have already caused in a cycle, so that it is caused once.

    `breached` holds clause names, followed by a channel where it is a channel's
    limit; `used_up` the clauses whose last allowed attempt was made.
    """

    breached: frozenset[tuple[str, str | None]] = frozenset()
    used_up: frozenset[str] = frozenset()
    recyclings: tuple[Recycling, ...] = ()


class Cycle(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What counts since the lead was first seen or last recycled (`started_at`)."""

    started_at: datetime | None = None
    trails: dict[str, Trail] = {}
    horizon: Horizon | None = None
    attempts: Attempts = Attempts()
    limits: Limits = Limits()
    owners: tuple[str, ...] = ()
    """Everyone who has had the lead in this cycle."""


class Evidence(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Something that counts towards keeping a promise, at its own time."""

    time_at: datetime
    value: str | None
    """The value that makes it distinct, where the clause asks for distinct ones."""
    id: str


class Rung(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A step of a ladder (`step` from 1) still to be told at `at`; `told` times so far.

    Its time is counted from `since_at`: the breach, or the last telling.
    """

    step: int
    at: datetime
    since_at: datetime
    told: int = 0


class Reminder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A warning still to come, at a fraction of the time."""

    fraction: float
    at: datetime


class Stopped(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Working time that was left of each of a clock's moments when it was stopped."""

    due: timedelta | None
    warnings: tuple[timedelta, ...]
    rungs: tuple[timedelta, ...]
    unused: bool = False
    """Started while the lead was paused: all of the clause's time is left, days as days."""
    due_at: datetime | None = None
    """When a clock that was running would have been due without the pause."""


ClockState = Literal["armed", "running", "overdue", "over"]


class Clock(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One promise about one lead, from its start event on.

    `armed`: the start event came, `when` does not hold (yet). `running`;
    `overdue`: breached, not yet kept. `over`: breached and ended, remembered
    because evidence may still retract the breach. `since_at` is the start
    event's own time, before which nothing is evidence.
    """

    clause: str
    state: ClockState
    since_at: datetime
    started_at: datetime | None = None
    calendar: str = ""
    owner: str | None = None
    due_at: datetime | None = None
    warnings: tuple[Reminder, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    rungs: tuple[Rung, ...] = ()
    stopped: Stopped | None = None


class Alarm(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The ladder of a breached attempt limit."""

    clause: str
    calendar: str
    rungs: tuple[Rung, ...]
    left: tuple[timedelta, ...] | None = None
    """Working time left until each rung while the lead is paused."""
    unused: bool = False
    """Begun while the lead was paused: all of each rung's time is left, days as days."""


class Pause(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A stretch in which the clocks of sales's clauses stand still."""

    from_at: datetime
    until_at: datetime | None


class Before(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What `lead.reopened` goes back to; `cycle` only if the lead was recycled."""

    stage: Stage
    owner: str | None
    team: str | None
    rule: str | None
    cycle: Cycle | None
    earlier: "Before | None" = None
    """Where the lead had ended or been recycled already: what that went back to."""


class Trigger(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event or a decision as clauses see it: what, when by its own time, with what."""

    type: str
    time_at: datetime
    id: str
    data: dict[str, Any]


class Pending(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the router was asked and has not yet answered.

    With `clause`, it is the reassignment that a ladder's `step` asks for, which
    has been told `told` times before and is told once the answer is known.
    """

    ticket: int
    clause: str | None = None
    step: int = 0
    told: int = 0


class Lead(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One lead. `wake_at` is when it next wants to be woken though nothing happens."""

    id: str
    agreement: str = ""
    """The key of the rulebook that last had a say; another one first has to adopt the lead."""
    sequence: int = 0
    profile: dict[str, Any] = {}
    """Fields as rules see them; `account` is filled in from the e-mail."""
    stated_at: dict[str, datetime] = {}
    """The own time of each stated field's newest value, of cleared ones too."""
    account_cleared: bool = False
    """The newest word on the account was null: it follows the e-mail again."""
    icp: bool = False
    temperature: Temperature | None = None
    temperature_by: TemperatureSource | None = None
    temperature_at: datetime | None = None
    """When temperature or points next change though nothing happens."""
    opinions_at: datetime | None = None
    """The same of the sources other than points alone."""
    points: int = 0
    profile_points: float = 0.0
    """The part of the points that the profile is worth."""
    stage: Stage = "contact"
    resting: bool = False
    """Recycled, and no event of the new cycle has come yet: stages are not tried."""
    owner: str | None = None
    team: str | None = None
    rule: str | None = None
    queued: bool = False
    sought: str | None = None
    """The account by which the router was asked for a rep."""
    ticket: int = 0
    pending: tuple[Pending, ...] = ()
    deferred: tuple[Trigger, ...] = ()
    """What clauses are yet to judge, once the router has answered."""
    attempted: tuple[str, ...] = ()
    """Channels of attempts that limits are yet to judge, once the router has answered."""
    reopening: bool = False
    """Reopened, and clauses are yet to judge it, once the router has answered."""
    cycle: Cycle = Cycle()
    before: Before | None = None
    clocks: dict[str, Clock] = {}
    """The clock of each clause that has one, by the clause's name."""
    past: tuple[Clock, ...] = ()
    """Clocks that are over, newest last."""
    seen: dict[str, tuple[Evidence, ...]] = {}
    """The newest evidence of each clause that an event starts: its start may be reported late."""
    alarms: tuple[Alarm, ...] = ()
    pauses: tuple[Pause, ...] = ()
    """Pauses that clocks still running have seen, the present one last."""
    paused: bool = False
    paused_stated_at: datetime | None = None
    """The own time of the newest `lead.paused` or `lead.resumed`."""
    promises_at: datetime | None = None
    """When a clock, a ladder, a pause or a recycling next wants to be looked at."""
    wake_at: datetime | None = None
