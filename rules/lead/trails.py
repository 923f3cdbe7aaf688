"""Touches, remembered in little space: what levels count and what points sum up.

Invariants: `newest` and `earned` are newest first; `newest` never holds one
asset twice. Look-back windows end at exactly their length, and under a cap the
newest touches count (contract, section 2, 'Temperature').
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

from rules.agreement import TouchPoints
from rules.lead.rulebook import TouchPlan
from rules.lead.state import Pool, Touched, Trail

LONGEST_ASSET: Final = 120


def asset_key(asset: object) -> str | None:
    """The asset as it is remembered: short ones as they are, long ones by a digest."""
    if not isinstance(asset, str) or not asset:
        return None
    if len(asset) <= LONGEST_ASSET:
        return asset
    return f"{asset[:LONGEST_ASSET]}…{blake2b(asset.encode(), digest_size=8).hexdigest()}"


def _newest(kept: tuple[Touched, ...], touch: Touched, keep: int) -> tuple[Touched, ...]:
    """`kept` with `touch`, each asset once at its newest time, no more than `keep`."""
    if touch.asset is not None:
        for at, other in enumerate(kept):
            if other.asset == touch.asset:
                if other.time_at >= touch.time_at:
                    return kept
                kept = kept[:at] + kept[at + 1 :]
                break
    if not kept or touch.time_at >= kept[0].time_at:
        return (touch, *kept)[:keep]
    merged = [*kept, touch]
    merged.sort(key=lambda each: each.time_at, reverse=True)
    return tuple(merged[:keep])


def decay(since: datetime, at: datetime, half_life: timedelta | None) -> float:
    """What is left at `at` of one point earned at `since`."""
    if half_life is None or at <= since:
        return 1.0
    return float(0.5 ** ((at - since) / half_life))


def _pooled(
    pool: Pool | None, points: float, time_at: datetime, half_life: timedelta | None
) -> Pool:
    """`pool` with one more touch of `points`."""
    if pool is None:
        return Pool(points, time_at, 1)
    at = max(pool.at, time_at)
    total = pool.points * decay(pool.at, at, half_life) + points * decay(time_at, at, half_life)
    return Pool(total, at, pool.count + 1)


def _joined(older: Pool | None, newer: Pool, half_life: timedelta | None) -> Pool:
    """Two pools as one."""
    if older is None:
        return newer
    at = max(older.at, newer.at)
    points = older.points * decay(older.at, at, half_life) + newer.points * decay(
        newer.at, at, half_life
    )
    return Pool(points, at, older.count + newer.count)


def record(
    trail: Trail | None,
    plan: TouchPlan,
    touch: Touched,
    *,
    earns: bool,
    half_life: timedelta | None,
) -> Trail:
    """The trail with one more touch; `earns` says whether it earns points."""
    if trail is None:
        trail = Trail(touch.time_at)
    newest = _newest(trail.newest, touch, plan.keep) if plan.keep else ()
    earned, pool = trail.earned, trail.pool
    if earns and plan.points is not None:
        times = [touch.time_at, *earned]
        if earned and touch.time_at < earned[0]:
            times.sort(reverse=True)
        if len(times) > plan.keep_earned:
            oldest = times.pop()
            if plan.pooled:
                pool = _pooled(pool, plan.points.points, oldest, half_life)
        earned = tuple(times)
    last_at = max(trail.last_at, touch.time_at)
    known = Trail(last_at, newest, earned, pool, trail.worth)
    return _with_worth(known, plan, half_life) if earns else known


def points_at(trail: Trail, at: datetime, half_life: timedelta | None) -> float:
    """What the touches of one type are worth at `at`."""
    worth = trail.worth
    if worth is None:
        return 0.0
    if half_life is None or at <= worth.at:
        return worth.points
    return worth.points * float(0.5 ** ((at - worth.at) / half_life))


def _worth(trail: Trail, plan: TouchPlan, half_life: timedelta | None) -> Pool | None:
    """What the touches of one type are worth at the newest of them."""
    if plan.points is None or not trail.earned:
        return None
    at = trail.earned[0]
    count = len(trail.earned) + (trail.pool.count if trail.pool else 0)
    return Pool(_sum(trail, plan.points, at, half_life), at, count)


def _sum(trail: Trail, rule: TouchPoints, at: datetime, half_life: timedelta | None) -> float:
    """Under a cap the newest touches count, the last of them perhaps in part, before decay."""
    earned, total = trail.earned, 0.0
    if rule.at_most is not None:
        whole, rest = divmod(rule.at_most, rule.points)
        last = int(whole)
        if rest and len(earned) > last:
            total = rest / rule.points * decay(earned[last], at, half_life)
        earned = earned[:last]
    if half_life is None:
        total += len(earned)
    else:
        for time_at in earned:
            total += 0.5 ** ((at - time_at) / half_life)
    total *= rule.points
    if trail.pool is not None:
        total += trail.pool.points * decay(trail.pool.at, at, half_life)
    return total


def _with_worth(trail: Trail, plan: TouchPlan | None, half_life: timedelta | None) -> Trail:
    worth = _worth(trail, plan, half_life) if plan is not None else None
    return Trail(trail.last_at, trail.newest, trail.earned, trail.pool, worth)


def split(
    trails: dict[str, Trail],
    at: datetime,
    plans: Mapping[str, TouchPlan],
    half_life: timedelta | None,
) -> tuple[dict[str, Trail], dict[str, Trail]]:
    """The trails before `at`, and those from `at` on, as two cycles remember them."""
    older: dict[str, Trail] = {}
    newer: dict[str, Trail] = {}
    for kind, trail in trails.items():
        if trail.last_at < at:
            older[kind] = trail
            continue
        after = Trail(
            trail.last_at,
            tuple(touch for touch in trail.newest if touch.time_at >= at),
            tuple(time_at for time_at in trail.earned if time_at >= at),
        )
        before = Trail(
            trail.last_at,
            tuple(touch for touch in trail.newest if touch.time_at < at),
            tuple(time_at for time_at in trail.earned if time_at < at),
            trail.pool,
        )
        newer[kind] = _with_worth(after, plans.get(kind), half_life)
        older[kind] = _with_worth(before, plans.get(kind), half_life)
    return older, newer


def merged(
    older: dict[str, Trail],
    newer: dict[str, Trail],
    plans: Mapping[str, TouchPlan],
    half_life: timedelta | None,
) -> dict[str, Trail]:
    """Two cycles' trails as one, for a lead whose recycling was a mistake."""
    result = dict(older)
    for kind, trail in newer.items():
        plan, base = plans.get(kind), result.get(kind)
        if plan is None or base is None:
            result[kind] = trail
            continue
        newest = base.newest
        for touch in trail.newest:
            newest = _newest(newest, touch, plan.keep)
        times = sorted([*base.earned, *trail.earned], reverse=True)
        pool = base.pool if trail.pool is None else _joined(base.pool, trail.pool, half_life)
        for time_at in times[plan.keep_earned :]:
            if plan.pooled and plan.points is not None:
                pool = _pooled(pool, plan.points.points, time_at, half_life)
        joined = Trail(
            max(base.last_at, trail.last_at), newest, tuple(times[: plan.keep_earned]), pool
        )
        result[kind] = _with_worth(joined, plan, half_life)
    return result
