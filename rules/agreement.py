"""A loaded agreement: frozen, checked, compiled into callables.

`rules.loading` makes these from the YAML file and vouches for them: every name
resolves, every threshold is possible. The engine reads them and nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from rules.calendars import Calendar
from rules.conditions import Condition
from rules.durations import Duration
from rules.vocabulary import Stage, Temperature, TemperatureSource


@dataclass(frozen=True, slots=True)
class Person:
    """Someone whom the rules may name. `capacity` None is unlimited; `calendar` None is 24/7."""

    key: str
    name: str
    slack: str | None
    calendar: Calendar | None
    capacity: int | None
    weight: int


@dataclass(frozen=True, slots=True)
class Party:
    """A side of the agreement: who promises and who is told."""

    key: str
    owner: str | None
    slack: str | None


@dataclass(frozen=True, slots=True)
class Team:
    """People who share leads; `by` is how one of them is chosen."""

    name: str
    manager: str | None
    members: tuple[str, ...]
    by: Literal["round_robin", "least_loaded"]


@dataclass(frozen=True, slots=True)
class RoutingRule:
    """Leads for which `when` holds (None: all) go to `team`."""

    name: str
    when: Condition | None
    team: str


@dataclass(frozen=True, slots=True)
class Routing:
    """The handoff: at which stage, to which team, kept with whom, at what hours."""

    at: Stage
    teams: Mapping[str, Team]
    rules: tuple[RoutingRule, ...]
    keep_account: bool
    wait_for_hours: bool

    def team_of(self, rep: str, preferred: str | None) -> str | None:
        """The team through which `rep` has a lead: `preferred` if in it, else the first."""
        team = self.teams.get(preferred) if preferred is not None else None
        if team is not None and rep in team.members:
            return team.name
        return next((name for name, team in self.teams.items() if rep in team.members), None)


@dataclass(frozen=True, slots=True)
class HorizonLevel:
    """Months to purchase for which the horizon source says `temperature`."""

    temperature: Temperature
    matches: Callable[[float], bool]
    text: str
    """The test in words, such as 'below 6'."""


@dataclass(frozen=True, slots=True)
class TouchLevel:
    """How many touches of each type it takes to be `temperature`."""

    temperature: Temperature
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TouchRules:
    """Levels hottest first; touches older than `within` (None: never) no longer count."""

    levels: tuple[TouchLevel, ...]
    within: timedelta | None


@dataclass(frozen=True, slots=True)
class TouchPoints:
    """What a touch earns. `at_most` caps the points counted from its type, before decay."""

    points: float
    at_most: float | None
    when: Condition | None
    """Over the touch's own data; None: always."""


@dataclass(frozen=True, slots=True)
class ProfilePoints:
    """Points for who the lead is; they do not decay."""

    when: Condition
    points: float


@dataclass(frozen=True, slots=True)
class PointRules:
    """The points source; `levels` hottest first, each with the whole points it takes."""

    touches: Mapping[str, TouchPoints]
    profile: tuple[ProfilePoints, ...]
    half_life: timedelta | None
    levels: tuple[tuple[Temperature, int], ...]


@dataclass(frozen=True, slots=True)
class TemperatureRules:
    """Sources in the order in which they are asked; with `highest` the hottest opinion wins."""

    decided_by: tuple[TemperatureSource, ...]
    highest: bool
    horizon: tuple[HorizonLevel, ...]
    """Hottest first; empty where the chapter is absent."""
    touches: TouchRules | None
    points: PointRules | None


@dataclass(frozen=True, slots=True)
class Ends:
    """What keeps a promise: `count` events of type `event` (None: any touch).

    With `distinct`, as many different values of that field of the event's data
    (`type` being the event's type). `where` is over the event's data.
    """

    event: str | None
    count: int
    distinct: str | None
    where: Condition | None


CalendarRef = Calendar | Literal["owner"]
"""A calendar, or 'owner': that of the lead's rep when the clock starts."""


@dataclass(frozen=True, slots=True)
class Step:
    """One rung of an escalation ladder, `after` the breach."""

    after: Duration
    tell: tuple[str, ...]
    do: Literal["reassign"] | None
    repeat: Duration | None
    at_most: int | None
    """How often it is told in all, the first time included; None: until it ends."""


@dataclass(frozen=True, slots=True)
class DeadlineClause:
    """A promise with a clock."""

    name: str
    party: str
    when: Condition | None
    starts: str
    ends: Ends
    within: Duration
    calendar: CalendarRef
    warn: tuple[float, ...]
    """Fractions of the time, ascending, each above 0 and below 1."""
    ladder: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class AttemptClause:
    """A promise about how often a lead that is not yet connected is tried."""

    name: str
    party: str
    when: Condition | None
    at_least: int | None
    at_most: int | None
    per_channel: Mapping[str, int]
    """Upper limits by channel."""
    recycle_after: Duration | None
    calendar: CalendarRef
    ladder: tuple[Step, ...]


Clause = DeadlineClause | AttemptClause


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why sales may give a lead back; reasons in `disqualify` end it, the others recycle it."""

    reasons: tuple[str, ...]
    disqualify: frozenset[str]


@dataclass(frozen=True, slots=True)
class Agreement:
    """The whole of one agreement file. Chapters that it lacks are None or empty."""

    name: str
    version: int
    digest: str
    """SHA-256 of the file, in hexadecimal."""
    source: str
    """The `source` of its decisions: `/baton/acme-2026@4`."""
    summary: str
    valid_from: date | None
    valid_until: date | None
    timezone: ZoneInfo
    parties: Mapping[str, Party]
    people: Mapping[str, Person]
    calendars: Mapping[str, Calendar]
    icp: Condition | None
    temperature: TemperatureRules | None
    stages: tuple[tuple[Stage, Condition], ...]
    """Stages that have a condition, in the order of the funnel."""
    routing: Routing | None
    clauses: tuple[Clause, ...]
    rejection: Rejection | None
