"""An agreement prepared for deciding: what matters to which event type, found once.

A touch that no rule mentions must cost next to nothing, so the question 'does
anything depend on this type?' is one look-up here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Final

from rules.agreement import Agreement, AttemptClause, Clause, DeadlineClause, TouchPoints
from rules.calendars import ALWAYS, Calendar
from rules.conditions import Condition
from rules.vocabulary import FUNNEL, SALES

_RANKS: Final[dict[str, int]] = {stage: place for place, stage in enumerate(FUNNEL)}
RECENT: Final = 4
"""Touches without a cap that are kept one by one for their points; older ones are pooled."""


@dataclass(frozen=True, slots=True)
class TouchPlan:
    """What is remembered of touches of one type."""

    keep: int
    points: TouchPoints | None
    keep_earned: int
    pooled: bool
    """Whether points of touches beyond `keep_earned` still count, in one sum."""


@dataclass(frozen=True, slots=True)
class Rulebook:
    """An agreement and its indexes. Built once per agreement by `rulebook`."""

    agreement: Agreement
    key: str
    """Short for the agreement's digest: which rulebook a lead's state was made by."""
    plans: Mapping[str, TouchPlan]
    half_life_s: float | None
    """Seconds in which what touches earned halves."""
    triggers: Mapping[str, frozenset[int]]
    """Per type of event or decision, the places of the clauses that it starts or ends."""
    counting: Mapping[int, str]
    """Places and names of the clauses that count touches of whatever type."""
    conditional: tuple[tuple[int, str], ...]
    """Places and names of the deadline clauses that have a `when`."""
    limiting: frozenset[int]
    """Places of the clauses that limit attempts."""
    reads_points: bool
    """Whether a condition asks for the points, which then must be those of the moment."""
    boundaries: tuple[int, ...]
    """Whole points at which something may change, ascending."""
    route_rank: int
    """The funnel's rank of `routing.at`; beyond the funnel where there is no routing."""

    @property
    def clauses(self) -> tuple[Clause, ...]:
        return self.agreement.clauses

    def calendar(self, name: str) -> Calendar:
        """The calendar of that name, 24/7 if the agreement has it no longer."""
        return self.agreement.calendars.get(name, ALWAYS)

    def calendar_of(self, clause: Clause, owner: str | None) -> Calendar:
        """The calendar that a clause's clock follows when it starts with `owner`."""
        if clause.calendar != "owner":
            return clause.calendar
        person = self.agreement.people.get(owner) if owner is not None else None
        return person.calendar if person is not None and person.calendar is not None else ALWAYS

    def team_of(self, rep: str, preferred: str | None) -> str | None:
        """The team through which `rep` has a lead: `preferred` if in it, else the first."""
        routing = self.agreement.routing
        if routing is None:
            return None
        return routing.team_of(rep, preferred)

    def local(self, at: datetime) -> datetime:
        """The instant in the agreement's time zone."""
        return at.astimezone(self.agreement.timezone)


def rank(stage: str) -> int:
    """The stage's place in the funnel; what is not on it counts as its beginning."""
    return _RANKS.get(stage, 0)


def stops(clause: Clause) -> bool:
    """Whether a paused lead stops this clause's clocks: only sales's are stopped."""
    return clause.party == SALES


def _conditions(agreement: Agreement) -> Iterable[Condition]:
    """Every condition whose answer may have to be asked anew at any moment."""
    for _, condition in agreement.stages:
        yield condition
    for clause in agreement.clauses:
        if clause.when is not None:
            yield clause.when


def _all_conditions(agreement: Agreement) -> Iterable[Condition]:
    yield from _conditions(agreement)
    for rule in agreement.routing.rules if agreement.routing else ():
        if rule.when is not None:
            yield rule.when


def _plans(agreement: Agreement) -> dict[str, TouchPlan]:
    keep: dict[str, int] = {}
    earns: dict[str, TouchPoints] = {}
    rules = agreement.temperature
    if rules is not None and rules.touches is not None:
        for level in rules.touches.levels:
            for kind, count in level.counts.items():
                keep[kind] = max(keep.get(kind, 0), count)
    if rules is not None and rules.points is not None:
        earns.update(rules.points.touches)
    asked = {kind for each in _all_conditions(agreement) for kind in each.touched}
    return {kind: _plan(keep.get(kind, 0), earns.get(kind)) for kind in keep.keys() | earns | asked}


def _plan(keep: int, points: TouchPoints | None) -> TouchPlan:
    if points is None or points.at_most is None or points.points <= 0:
        return TouchPlan(keep, points, 0 if points is None else RECENT, points is not None)
    return TouchPlan(keep, points, ceil(points.at_most / points.points), False)


def _half_life_s(agreement: Agreement) -> float | None:
    points = agreement.temperature.points if agreement.temperature else None
    return points.half_life.total_seconds() if points and points.half_life else None


def rulebook(agreement: Agreement) -> Rulebook:
    """Prepare `agreement` for deciding."""
    places = list(enumerate(agreement.clauses))
    deadlines = [(at, each) for at, each in places if isinstance(each, DeadlineClause)]
    triggers: dict[str, set[int]] = {}
    for at, each in deadlines:
        triggers.setdefault(each.starts, set()).add(at)
        if each.ends.event is not None:
            triggers.setdefault(each.ends.event, set()).add(at)
    boundaries = {b for each in _conditions(agreement) for b in each.point_boundaries}
    rules = agreement.temperature
    if rules is not None and rules.points is not None and "points" in rules.decided_by:
        boundaries.update(least for _, least in rules.points.levels)
    return Rulebook(
        agreement=agreement,
        key=agreement.digest[:12],
        plans=_plans(agreement),
        half_life_s=_half_life_s(agreement),
        triggers={kind: frozenset(which) for kind, which in triggers.items()},
        counting={at: each.name for at, each in deadlines if each.ends.event is None},
        conditional=tuple((at, each.name) for at, each in deadlines if each.when is not None),
        limiting=frozenset(at for at, each in places if isinstance(each, AttemptClause)),
        reads_points=any("points" in each.fields for each in _all_conditions(agreement)),
        boundaries=tuple(sorted(boundaries)),
        route_rank=rank(agreement.routing.at) if agreement.routing else len(FUNNEL),
    )
