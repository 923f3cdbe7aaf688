"""Temperature and points, summed over the whole history each time they are asked for."""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from rules.agreement import Agreement, PointRules
from rules.conditions import Facts
from rules.vocabulary import TEMPERATURES, Temperature, TemperatureSource
from tests.model.history import Heard, Lead, is_icp

MICROSECOND = timedelta(microseconds=1)
FAR = timedelta(days=3650)

Opinion = tuple[Temperature | None, TemperatureSource | None]


def months_later(stated_at: datetime, months: int, zone: ZoneInfo) -> datetime:
    """The same local time that many calendar months later, clipped at the month's end."""
    local = stated_at.astimezone(zone)
    index = local.year * 12 + local.month - 1 + months
    year, month = divmod(index, 12)
    for day in range(local.day, 0, -1):
        try:
            moved = local.replace(year=year, month=month + 1, day=day, fold=0)
        except ValueError:
            continue
        return moved.astimezone(stated_at.tzinfo)
    raise AssertionError("every month has a first day")


def full_months(stated_at: datetime, at: datetime, zone: ZoneInfo) -> int:
    months = 0
    while months_later(stated_at, months + 1, zone) <= at:
        months += 1
    return months


def horizon_opinion(agreement: Agreement, lead: Lead, at: datetime) -> Temperature | None:
    stated = lead.stated_horizon()
    if agreement.temperature is None or stated is None:
        return None
    remaining = stated[0] - full_months(stated[1], at, agreement.timezone)
    if remaining < 0:
        return None
    for level in agreement.temperature.horizon:
        if level.matches(remaining):
            return level.temperature
    return None


def touches_opinion(agreement: Agreement, lead: Lead, at: datetime) -> Temperature | None:
    rules = agreement.temperature.touches if agreement.temperature else None
    if rules is None:
        return None
    counts: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()
    for heard in lead.touches():
        if rules.within is not None and not at < heard.event.time_at + rules.within:
            continue
        asset = heard.event.data.get("asset")
        if asset is not None:
            if (heard.event.type, asset) in seen:
                continue
            seen.add((heard.event.type, asset))
        counts[heard.event.type] = counts.get(heard.event.type, 0) + 1
    for level in rules.levels:
        if all(counts.get(kind, 0) >= count for kind, count in level.counts.items()):
            return level.temperature
    return None


def earned(rules: PointRules, lead: Lead) -> list[tuple[float, datetime]]:
    """The points of each touch that counts, before decay, and the touch's own time."""
    points = []
    for kind, rule in rules.touches.items():
        room = math.inf if rule.at_most is None else rule.at_most
        touches = [heard for heard in lead.touches() if heard.event.type == kind]
        for heard in sorted(touches, key=newest_first):
            if rule.when is not None and not rule.when.holds(Facts(heard.event.data)):
                continue
            counted = min(rule.points, room)
            room -= counted
            points.append((counted, heard.event.time_at))
    return points


def newest_first(heard: Heard) -> tuple[float, int]:
    return (-heard.event.time_at.timestamp(), -heard.no)


def exact_points(agreement: Agreement, lead: Lead, at: datetime) -> float:
    rules = agreement.temperature.points if agreement.temperature else None
    if rules is None:
        return 0.0
    terms = []
    for points, touched_at in earned(rules, lead):
        age = max(at - touched_at, timedelta(0))
        terms.append(points if rules.half_life is None else points * 0.5 ** (age / rules.half_life))
    profile = lead.profile()
    facts = Facts(profile, icp=is_icp(agreement, profile))
    terms += [each.points for each in rules.profile if each.when.holds(facts)]
    return math.fsum(terms)


def whole_points(agreement: Agreement, lead: Lead, at: datetime) -> int:
    return math.floor(exact_points(agreement, lead, at) + 0.5)


def points_opinion(agreement: Agreement, lead: Lead, at: datetime) -> Temperature | None:
    rules = agreement.temperature.points if agreement.temperature else None
    if rules is None:
        return None
    points = whole_points(agreement, lead, at)
    for temperature, least in rules.levels:
        if points >= least:
            return temperature
    return None


SOURCES = {
    "horizon": horizon_opinion,
    "touches": touches_opinion,
    "points": points_opinion,
}


def opinion(agreement: Agreement, lead: Lead, at: datetime) -> Opinion:
    """The temperature at `at`, and the source that decided it."""
    if agreement.temperature is None:
        return (None, None)
    given: list[tuple[Temperature, TemperatureSource]] = []
    for source in agreement.temperature.decided_by:
        heat = SOURCES[source](agreement, lead, at)
        if heat is not None:
            given.append((heat, source))
    if not given:
        return (None, None)
    if agreement.temperature.highest:
        return max(given, key=lambda each: TEMPERATURES.index(each[0]))
    return given[0]


def facts_at(agreement: Agreement, lead: Lead, at: datetime) -> Facts:
    profile = lead.profile()
    return Facts(
        profile=profile,
        temperature=lead.temperature,
        stage=lead.stage,
        points=whole_points(agreement, lead, at),
        icp=is_icp(agreement, profile),
        touched=frozenset(heard.event.type for heard in lead.touches()),
    )


def changes_after(agreement: Agreement, lead: Lead, after: datetime) -> Iterator[datetime]:
    """Instants after `after` at which time alone may change what is known of the lead."""
    if agreement.temperature is None:
        return
    stated = lead.stated_horizon()
    if stated is not None and agreement.temperature.horizon:
        for month in range(math.ceil(stated[0]) + 2):
            step_at = months_later(stated[1], month, agreement.timezone)
            if step_at > after:
                yield step_at
                break
    touches = agreement.temperature.touches
    if touches is not None and touches.within is not None:
        for heard in lead.touches():
            if heard.event.time_at + touches.within > after:
                yield heard.event.time_at + touches.within
    points = agreement.temperature.points
    if points is not None and points.half_life is not None:
        for heard in lead.touches():
            if heard.event.time_at > after:
                yield heard.event.time_at
        decayed_at = next_whole_change(agreement, lead, after)
        if decayed_at is not None:
            yield decayed_at


def next_whole_change(agreement: Agreement, lead: Lead, after: datetime) -> datetime | None:
    """The first microsecond after `after` with other whole points, in the next ten years.

    What touches earned decays along one exponential, so the points move one way
    only, and halving the search keeps the change inside.
    """
    now = whole_points(agreement, lead, after)
    if whole_points(agreement, lead, after + FAR) == now:
        return None
    same, other = 0, FAR // MICROSECOND
    while other - same > 1:
        middle = (same + other) // 2
        if whole_points(agreement, lead, after + middle * MICROSECOND) == now:
            same = middle
        else:
            other = middle
    return after + other * MICROSECOND
