"""Cold, warm or hot: what each source says, which one decides, and until when.

Contract, section 2, 'Temperature'. A temperature that changes with time alone
changes at that very moment, so every source also says when its opinion may
next change though nothing happens.
"""

from bisect import bisect_right
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from rules.agreement import HorizonLevel, PointRules, TouchRules
from rules.decisions import TemperatureChanged
from rules.lead import points as points_source
from rules.lead.rulebook import Rulebook
from rules.lead.state import Horizon, Lead, Touched
from rules.lead.timers import earlier
from rules.lead.turn import Turn
from rules.vocabulary import TEMPERATURES, Temperature, TemperatureSource
from rules.wording import moment, number, printable

_HEAT: Final[dict[Temperature | None, int]] = {
    None: -1,
    **{temperature: heat for heat, temperature in enumerate(TEMPERATURES)},
}


_CENTURY: Final = 1200
"""Months beyond which a horizon's countdown is not looked at."""


class Opinion(msgspec.Struct, frozen=True, gc=False):
    """What a source says, and when it may say something else with time alone."""

    temperature: Temperature | None
    changes_at: datetime | None


_NONE: Final = Opinion(None, None)


def months_later(stated_at: datetime, months: int, zone: ZoneInfo) -> datetime:
    """The instant `months` calendar months later in `zone`, clipped at the month's end."""
    local = stated_at.astimezone(zone)
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    day = min(local.day, monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day, fold=0).astimezone(UTC)


def full_months(stated_at: datetime, at: datetime, zone: ZoneInfo) -> int:
    """Full calendar months gone by from `stated_at` to `at`, never negative."""
    start, end = stated_at.astimezone(zone), at.astimezone(zone)
    months = (end.year - start.year) * 12 + end.month - start.month
    while months > 0 and months_later(stated_at, months, zone) > at:
        months -= 1
    return max(months, 0)


def _by_months(levels: tuple[HorizonLevel, ...], months: float) -> HorizonLevel | None:
    if months < 0:
        return None
    return next((level for level in levels if level.matches(months)), None)


@lru_cache(maxsize=4096)
def _countdown(
    levels: tuple[HorizonLevel, ...], stated: Horizon, zone: ZoneInfo
) -> tuple[tuple[datetime, ...], tuple[Temperature | None, ...]]:
    """When a statement's temperature changes as its months go by, and to what.

    The first temperature holds from the statement to the first instant, the last
    one, past zero months, for ever.
    """
    moments: list[datetime] = []
    level = _by_months(levels, stated.months)
    spells = [level]
    # Beyond a century nobody waits for the change.
    for gone in range(1, min(int(stated.months), _CENTURY) + 2):
        now = _by_months(levels, stated.months - gone)
        if now is not spells[-1]:
            moments.append(months_later(stated.stated_at, gone, zone))
            spells.append(now)
    return tuple(moments), tuple(each.temperature if each else None for each in spells)


def _horizon(
    levels: tuple[HorizonLevel, ...], stated: Horizon, at: datetime, zone: ZoneInfo
) -> Opinion:
    """The stated months less the full months gone by; past zero, no opinion."""
    moments, spells = _countdown(levels, stated, zone)
    place = bisect_right(moments, at)
    return Opinion(spells[place], moments[place] if place < len(moments) else None)


def _touches(rules: TouchRules, lead: Lead, at: datetime) -> Opinion:
    """The hottest level whose counts are all reached within the window."""
    trails = lead.cycle.trails
    within = rules.within
    since = None if within is None else at - within
    for level in rules.levels:
        oldest: datetime | None = None
        for kind, needed in level.counts.items():
            trail = trails.get(kind)
            if trail is None or len(trail.newest) < needed:
                break
            time_at = trail.newest[needed - 1].time_at
            if since is not None and time_at <= since:
                break
            if oldest is None or time_at < oldest:
                oldest = time_at
        else:
            expires = None if within is None or oldest is None else oldest + within
            return Opinion(level.temperature, expires)
    return _NONE


def _points(turn: Turn, rules: PointRules) -> tuple[Opinion, int]:
    """The hottest level whose points are reached, and the whole points."""
    touches = points_source.from_touches(turn.lead.cycle.trails, turn.book.half_life_s, turn.now)
    profile = points_source.from_profile(rules, turn.facts()) if rules.profile else 0.0
    turn.lead.profile_points = profile
    total = points_source.whole(touches + profile)
    level: Temperature | None = None
    for name, least in rules.levels:
        if total >= least:
            level = name
            break
    changes_at = points_source.next_change(turn.book, touches, profile, turn.now)
    return Opinion(level, changes_at), total


def _opinion(turn: Turn, source: TemperatureSource) -> Opinion:
    rules = turn.book.agreement.temperature
    assert rules is not None
    if source == "horizon":
        stated = turn.lead.cycle.horizon
        if stated is None:
            return _NONE
        return _horizon(rules.horizon, stated, turn.now, turn.book.agreement.timezone)
    assert rules.touches is not None
    return _touches(rules.touches, turn.lead, turn.now)


def update(turn: Turn) -> None:
    """Take every source's opinion anew, and decide the change if there is one."""
    rules, lead = turn.book.agreement.temperature, turn.lead
    if rules is None:
        # An earlier agreement may have had the chapter: nothing is to come of it any more.
        lead.opinions_at = lead.temperature_at = None
        return
    by: TemperatureSource | None = None
    temperature: Temperature | None = None
    changes_at: datetime | None = None
    points: Opinion | None = None
    if rules.points is not None:
        points, total = _points(turn, rules.points)
        if total != lead.points:
            marks = turn.book.boundaries
            if bisect_right(marks, total) != bisect_right(marks, lead.points):
                turn.facts_changed = True
            lead.points = total
    for source in rules.decided_by:
        if source == "points":
            assert points is not None
            opinion = points
        else:
            opinion = _opinion(turn, source)
            changes_at = earlier(changes_at, opinion.changes_at)
        if _HEAT[opinion.temperature] > _HEAT[temperature]:
            temperature, by = opinion.temperature, source
            if not rules.highest:
                break
    lead.opinions_at = changes_at
    lead.temperature_at = earlier(changes_at, points.changes_at) if points else changes_at
    if temperature != lead.temperature:
        was, was_by = lead.temperature, lead.temperature_by
        lead.temperature, lead.temperature_by = temperature, by
        turn.facts_changed = True
        because = reasons(turn, by) if by else _nothing_left(turn, was_by)
        turn.decide(TemperatureChanged(temperature=temperature, was=was, by=by, because=because))
    else:
        lead.temperature_by = by


def reasons(turn: Turn, source: TemperatureSource) -> tuple[str, ...]:
    """Why the source says what it says, in sentences with the arithmetic."""
    rules, lead = turn.book.agreement.temperature, turn.lead
    assert rules is not None
    if source == "points":
        total = lead.points
        name, least = next((n, m) for n, m in rules.points.levels if total >= m)  # type: ignore[union-attr]
        lines = points_source.arithmetic(turn.book, lead, turn.facts(), turn.now)
        return (*lines, f"{name} takes {least} points")
    if source == "horizon":
        return _horizon_reasons(turn.book, lead, turn.now)
    return _touch_reasons(turn.book, lead, turn.now)


def _horizon_reasons(book: Rulebook, lead: Lead, at: datetime) -> tuple[str, ...]:
    rules, stated = book.agreement.temperature, lead.cycle.horizon
    assert rules is not None
    assert stated is not None
    zone = book.agreement.timezone
    gone = full_months(stated.stated_at, at, zone)
    left = stated.months - gone
    level = _by_months(rules.horizon, left)
    assert level is not None
    on = moment(stated.stated_at, zone)
    said = f"a purchase in {number(stated.months)} months was stated on {on}"
    passed = f", {gone} full month{'' if gone == 1 else 's'} ago" if gone else ""
    return (f"{said}{passed}", f"{number(left)} months left; {level.temperature} is {level.text}")


def _touch_reasons(book: Rulebook, lead: Lead, at: datetime) -> tuple[str, ...]:
    rules = book.agreement.temperature
    assert rules is not None
    assert rules.touches is not None
    window: timedelta | None = rules.touches.within
    zone = book.agreement.timezone
    lines: list[str] = []
    for level in rules.touches.levels:
        if level.temperature != _touches(rules.touches, lead, at).temperature:
            continue
        for kind, needed in level.counts.items():
            counted = lead.cycle.trails[kind].newest[:needed]
            shown = "; ".join(_touch_text(touch, zone) for touch in counted)
            lines.append(f"{kind}: {needed} of {needed} needed ({shown})")
        within = f" within {number(window / timedelta(days=1))} days" if window else ""
        return (*lines, f"that is what {level.temperature} takes{within}")
    return ()


def _nothing_left(turn: Turn, was_by: TemperatureSource | None) -> tuple[str, ...]:
    """Why nobody has an opinion any more: what ended of the source that had one."""
    rules, lead = turn.book.agreement.temperature, turn.lead
    assert rules is not None
    if turn.ended is not None:
        return ("a new cycle starts: what was known before no longer counts",)
    if was_by == "horizon":
        stated = lead.cycle.horizon
        if stated is None:
            return ("no time of purchase is known any more",)
        on = moment(stated.stated_at, turn.book.agreement.timezone)
        return (f"the purchase stated on {on} for {number(stated.months)} months later is past",)
    if was_by == "points":
        lines = points_source.arithmetic(turn.book, lead, turn.facts(), turn.now)
        return (*lines, "that is less than any temperature takes")
    within = rules.touches.within if rules.touches is not None else None
    window = f" in the last {number(within / timedelta(days=1))} days" if within else ""
    return (f"the touches{window} are fewer than any temperature takes",)


def _touch_text(touch: Touched, zone: ZoneInfo) -> str:
    of = f"{printable(touch.asset)} " if touch.asset else ""
    return f"{of}on {moment(touch.time_at, zone)}"


def account(turn: Turn) -> tuple[str, ...]:
    """What each source says at the turn's moment, in the order in which they are asked."""
    rules, lead = turn.book.agreement.temperature, turn.lead
    if rules is None:
        return ()
    by = f" by {lead.temperature_by}" if lead.temperature_by else ""
    lines = [f"{lead.temperature or 'none'}{by}"]
    for source in rules.decided_by:
        if source == "points":
            assert rules.points is not None
            said = _points(turn, rules.points)[0].temperature
            why = points_source.arithmetic(turn.book, lead, turn.facts(), turn.now)
        else:
            said = _opinion(turn, source).temperature
            why = reasons(turn, source) if said is not None else ()
        lines.append(f"{source} says {said or 'nothing'}" + (f": {'; '.join(why)}" if why else ""))
    return tuple(lines)
