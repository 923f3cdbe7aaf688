"""The points source: what touches earned, decayed, plus what the profile is worth.

Contract, section 2, 'Temperature' and 'Fine points': points are shown and
compared as whole numbers, halves up; what touches earned halves every half-life.
"""

from bisect import bisect_right
from collections.abc import Mapping
from datetime import datetime, timedelta
from math import floor, log2
from typing import Final

from rules.agreement import PointRules
from rules.conditions import Facts
from rules.lead.rulebook import Rulebook
from rules.lead.state import Lead, Trail
from rules.lead.trails import points_at
from rules.wording import number

_TICK: Final = timedelta(microseconds=1)
_FOREVER_S: Final = 200 * 365 * 86_400.0


def whole(points: float) -> int:
    """Points as they are shown and compared: rounded, halves up."""
    return floor(points + 0.5)


def from_touches(trails: Mapping[str, Trail], half_life_s: float | None, at: datetime) -> float:
    """What all touches of the cycle are worth at `at`."""
    total = 0.0
    for trail in trails.values():
        if trail.worth is not None:
            total += points_at(trail.worth, at, half_life_s)
    return total


def from_profile(rules: PointRules, facts: Facts) -> float:
    """What the profile is worth."""
    total = 0.0
    for each in rules.profile:
        if each.when.holds(facts):
            total += each.points
    return total


def next_change(book: Rulebook, touches: float, profile: float, at: datetime) -> datetime | None:
    """When the whole points next cross one of the book's boundaries by decay alone, after `at`.

    All touches share one half-life, so their sum decays as one exponential:
    positive sums fall towards the profile's points, negative ones rise.
    """
    boundaries, half_life_s = book.boundaries, book.half_life_s
    if half_life_s is None or touches == 0.0 or not boundaries:
        return None
    passed = bisect_right(boundaries, whole(touches + profile))
    falls = touches > 0
    if passed == (0 if falls else len(boundaries)):
        return None
    target = boundaries[passed - falls] - 0.5 - profile
    if target == 0.0 or (target > 0) != (touches > 0):
        return None
    wait_s = half_life_s * log2(touches / target)
    if wait_s > _FOREVER_S:
        return None
    wait = timedelta(seconds=wait_s)
    # Rounding to the microsecond may land just before the crossing; then the
    # next look finds the rest, at least a tick later.
    return at + max(wait + _TICK if falls else wait, _TICK)


def arithmetic(book: Rulebook, lead: Lead, facts: Facts, at: datetime) -> tuple[str, ...]:
    """The sum in words: one line per touch type and profile rule, then the total."""
    rules = book.agreement.temperature.points if book.agreement.temperature else None
    if rules is None:
        return ()
    lines: list[str] = []
    for kind in sorted(lead.cycle.trails):
        plan, trail = book.plans.get(kind), lead.cycle.trails[kind]
        if plan is None or plan.points is None or not (trail.earned or trail.pool):
            continue
        touches = len(trail.earned) + (trail.pool.count if trail.pool else 0)
        worth = points_at(trail.worth, at, book.half_life_s) if trail.worth else 0.0
        cap = plan.points.at_most
        capped = f", at most {number(cap)}" if cap is not None else ""
        faded = ", halving every " + _days(rules.half_life) if rules.half_life else ""
        counted = "newest " if cap is not None and touches * plan.points.points >= cap else ""
        lines.append(
            f"{worth:.1f} points from the {counted}{touches} {kind} "
            f"at {number(plan.points.points)}{capped}{faded}"
        )
    for each in rules.profile:
        if each.when.holds(facts):
            why = ", ".join(each.when.reasons(facts))
            lines.append(f"{number(each.points)} points because {why}")
    total = whole(
        from_touches(lead.cycle.trails, book.half_life_s, at) + from_profile(rules, facts)
    )
    return (*lines, f"{total} points in all")


def _days(span: timedelta) -> str:
    days = span / timedelta(days=1)
    return f"{number(days)} day{'' if days == 1 else 's'}"
