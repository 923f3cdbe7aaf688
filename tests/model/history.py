"""Everything that was ever heard of one lead, and what follows from reading it all again."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rules.agreement import Agreement
from rules.conditions import Facts
from rules.events import Event, is_touch
from rules.vocabulary import Stage, Temperature
from tests.model.clocks import Clock, Interval, Ladder, Recycling, Trigger
from tests.model.told import Told

FREE_MAIL = frozenset({"gmail.com", "outlook.com", "yahoo.com"})
"""The free-mail domains that the strategies write; the product knows many more."""
PROFILE_EVENTS = ("lead.captured", "lead.updated", "lead.qualified")

Moment = tuple[datetime, int]
"""An own time and, among equals, the order of arrival."""
BEFORE_ALL: Moment = (datetime.min.replace(tzinfo=UTC), -1)


@dataclass(slots=True)
class Heard:
    """One event, as it was taken: `no` counts the events that were ever taken."""

    no: int
    event: Event
    known_at: datetime

    @property
    def moment(self) -> Moment:
        return (self.event.time_at, self.no)


@dataclass(slots=True)
class Before:
    """What reopening goes back to."""

    stage: Stage
    owner: str | None
    team: str | None
    rule: str | None
    recycled: bool
    cycle: Moment
    had: set[str]
    limits: set[tuple[str, str]]
    used_up: set[str]


@dataclass(slots=True)
class Pause:
    """The newest word on pausing, by its own time."""

    said: Moment = BEFORE_ALL
    since_at: datetime | None = None
    until_at: datetime | None = None
    all: list[Interval] = field(default_factory=list)
    """Every pause so far, one after the other; of one that goes on, without its end."""


@dataclass(slots=True)
class Lead:
    """One lead: its history, and what was decided about it."""

    id: str
    heard: list[Heard] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    told_after: list[int] = field(default_factory=list)
    """For each decision, the number of the newest event of the lead at the time."""
    stage: Stage = "contact"
    temperature: Temperature | None = None
    owner: str | None = None
    team: str | None = None
    rule: str | None = None
    had: set[str] = field(default_factory=set)
    cycle: Moment = BEFORE_ALL
    before: list[Before] = field(default_factory=list)
    asleep: bool = False
    """Recycled, and no event since: stages aren't tried."""
    armed: dict[str, Trigger] = field(default_factory=dict)
    clocks: list[Clock] = field(default_factory=list)
    ladders: list[Ladder] = field(default_factory=list)
    recyclings: list[Recycling] = field(default_factory=list)
    limits: set[tuple[str, str]] = field(default_factory=set)
    used_up: set[str] = field(default_factory=set)
    pause: Pause = field(default_factory=Pause)
    last_at: datetime = BEFORE_ALL[0]
    """Up to which instant everything that time causes has been looked at."""

    @property
    def newest_no(self) -> int:
        return self.heard[-1].no if self.heard else -1

    def in_cycle(self) -> Iterator[Heard]:
        return (heard for heard in self.heard if heard.moment > self.cycle)

    def touches(self) -> list[Heard]:
        return [heard for heard in self.in_cycle() if is_touch(heard.event.type)]

    def attempts(self) -> list[Heard]:
        """The cycle's attempts by their own time."""
        tries = [heard for heard in self.in_cycle() if heard.event.type == "lead.attempted"]
        return sorted(tries, key=lambda heard: heard.moment)

    def counted_attempts(self) -> list[Heard]:
        """The cycle's attempts up to and including the first that connected."""
        counted = []
        for heard in self.attempts():
            counted.append(heard)
            if is_connecting(heard):
                break
        return counted

    def connected(self) -> bool:
        return any(is_connecting(heard) for heard in self.attempts())

    def stated_horizon(self) -> tuple[float, datetime] | None:
        """The newest statement of the cycle: months and when they were stated."""
        key = "purchase_horizon_months"
        said = [
            heard
            for heard in self.in_cycle()
            if heard.event.type in PROFILE_EVENTS and key in heard.event.data
        ]
        if not said:
            return None
        newest = max(said, key=lambda heard: heard.moment)
        months = newest.event.data[key]
        return None if months is None else (months, newest.event.time_at)

    def profile(self) -> dict[str, Any]:
        """Field by field the newest value, over all cycles."""
        known: dict[str, Any] = {}
        for heard in sorted(self.heard, key=lambda heard: heard.moment):
            if heard.event.type not in PROFILE_EVENTS:
                continue
            known.update(
                (name, value)
                for name, value in heard.event.data.items()
                if not (name == "by" and heard.event.type == "lead.qualified")
            )
        if known.get("account") is None and isinstance(known.get("email"), str):
            domain = known["email"].rpartition("@")[2]
            if domain and domain not in FREE_MAIL:
                known["account"] = domain
        return {name: value for name, value in known.items() if value is not None}


def is_connecting(heard: Heard) -> bool:
    return heard.event.data.get("outcome") == "connected"


def is_icp(agreement: Agreement, profile: dict[str, Any]) -> bool:
    return agreement.icp is not None and agreement.icp.holds(Facts(profile))
