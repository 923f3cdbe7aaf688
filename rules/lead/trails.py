"""Touches, remembered in little space: what levels count and what points sum up.

Invariants: `newest` and `earned` are newest first; `newest` never holds one
asset twice. Look-back windows end at exactly their length, and under a cap the
newest touches count (contract, section 2, 'Temperature').
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Final

from rules.agreement import TouchPoints
from rules.events import Event
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


def decay(since: datetime, at: datetime, half_life_s: float | None) -> float:
    """What is left at `at` of one point earned at `since`."""
    if half_life_s is None or at <= since:
        return 1.0
    return float(0.5 ** ((at - since).total_seconds() / half_life_s))


def _pooled(pool: Pool | None, points: float, time_at: datetime, half_life_s: float | None) -> Pool:
    """`pool` with one more touch of `points`."""
    if pool is None:
        return Pool(float(points), time_at, 1)
    at = max(pool.at, time_at)
    total = pool.points * decay(pool.at, at, half_life_s) + points * decay(time_at, at, half_life_s)
    return Pool(total, at, pool.count + 1)


def _joined(older: Pool | None, newer: Pool, half_life_s: float | None) -> Pool:
    """Two pools as one."""
    if older is None:
        return newer
    at = max(older.at, newer.at)
    points = older.points * decay(older.at, at, half_life_s) + newer.points * decay(
        newer.at, at, half_life_s
    )
    return Pool(points, at, older.count + newer.count)


def record(
    trail: Trail | None, plan: TouchPlan, event: Event, *, earns: bool, half_life_s: float | None
) -> Trail:
    """The trail with one more touch; `earns` says whether it earns points."""
    time_at = event.time_at
    if trail is None:
        trail = Trail(time_at)
    newest = trail.newest
    if plan.keep:
        touch = Touched(time_at, asset_key(event.data.get("asset")))
        newest = _newest(newest, touch, plan.keep)
    last_at = max(trail.last_at, time_at)
    if not earns or plan.points is None:
        return Trail(last_at, newest, trail.earned, trail.pool, trail.worth)
    earned, pool = trail.earned, trail.pool
    if earned and time_at < earned[0]:
        earned = tuple(sorted((time_at, *earned), reverse=True))
    else:
        earned = (time_at, *earned)
    if len(earned) > plan.keep_earned:
        if plan.pooled:
            pool = _pooled(pool, plan.points.points, earned[-1], half_life_s)
        earned = earned[:-1]
    return Trail(last_at, newest, earned, pool, _worth(earned, pool, plan.points, half_life_s))


def points_at(worth: Pool, at: datetime, half_life_s: float | None) -> float:
    """What the touches of one type are worth at `at`, by what they came to before."""
    if half_life_s is None or at <= worth.at:
        return worth.points
    return worth.points * float(0.5 ** ((at - worth.at).total_seconds() / half_life_s))


def _worth(
    earned: tuple[datetime, ...], pool: Pool | None, rule: TouchPoints, half_life_s: float | None
) -> Pool | None:
    """What touches come to at the newest of them.

    Under a cap the newest touches count, the last of them perhaps in part, before decay.
    """
    if not earned:
        return None
    at, total, count = earned[0], 0.0, len(earned)
    if rule.at_most is not None:
        whole, rest = divmod(rule.at_most, rule.points)
        last = int(whole)
        if rest and count > last:
            total = rest / rule.points * decay(earned[last], at, half_life_s)
        earned = earned[:last]
    if half_life_s is None:
        total += len(earned)
    else:
        for time_at in earned:
            total += 0.5 ** ((at - time_at).total_seconds() / half_life_s)
    total *= rule.points
    if pool is not None:
        total += pool.points * decay(pool.at, at, half_life_s)
        count += pool.count
    return Pool(float(total), at, count)


def _with_worth(trail: Trail, plan: TouchPlan | None, half_life_s: float | None) -> Trail:
    if plan is None or plan.points is None:
        return trail
    worth = _worth(trail.earned, trail.pool, plan.points, half_life_s)
    return Trail(trail.last_at, trail.newest, trail.earned, trail.pool, worth)


def split(
    trails: dict[str, Trail],
    at: datetime,
    plans: Mapping[str, TouchPlan],
    half_life_s: float | None,
) -> tuple[dict[str, Trail], dict[str, Trail]]:
    """The trails up to `at`, and those after it, as two cycles remember them."""
    older: dict[str, Trail] = {}
    newer: dict[str, Trail] = {}
    for kind, trail in trails.items():
        if trail.last_at <= at:
            older[kind] = trail
            continue
        after = Trail(
            trail.last_at,
            tuple(touch for touch in trail.newest if touch.time_at > at),
            tuple(time_at for time_at in trail.earned if time_at > at),
        )
        before = Trail(
            trail.last_at,
            tuple(touch for touch in trail.newest if touch.time_at <= at),
            tuple(time_at for time_at in trail.earned if time_at <= at),
            trail.pool,
        )
        newer[kind] = _with_worth(after, plans.get(kind), half_life_s)
        older[kind] = _with_worth(before, plans.get(kind), half_life_s)
    return older, newer


def merged(
    older: dict[str, Trail],
    newer: dict[str, Trail],
    plans: Mapping[str, TouchPlan],
    half_life_s: float | None,
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
        pool = base.pool if trail.pool is None else _joined(base.pool, trail.pool, half_life_s)
        for time_at in times[plan.keep_earned :]:
            if plan.pooled and plan.points is not None:
                pool = _pooled(pool, plan.points.points, time_at, half_life_s)
        joined = Trail(
            max(base.last_at, trail.last_at), newest, tuple(times[: plan.keep_earned]), pool
        )
        result[kind] = _with_worth(joined, plan, half_life_s)
    return result
