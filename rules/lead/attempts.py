"""Attempts of a cycle: how often sales tried, per channel, until it reached the lead.

Contract, section 2, 'Attempt limits': they count the attempts of the present
cycle while not connected, by own time; the connecting attempt counts.
"""

from collections import Counter
from datetime import datetime
from typing import Final

from rules.lead.state import Attempt, Attempts

KEPT: Final = 64
"""Attempts kept one by one; older ones are only counted, by channel."""


def record(attempts: Attempts, attempt: Attempt) -> Attempts:
    """`attempts` with one more; of one own time, the earlier received comes first."""
    kept = sorted((*attempts.newest, attempt), key=lambda each: each.time_at)
    older = attempts.older
    if len(kept) > KEPT:
        oldest = kept.pop(0)
        older = {**older, oldest.channel: older.get(oldest.channel, 0) + 1}
    connected_at = attempts.connected_at
    if attempt.connected and (connected_at is None or attempt.time_at < connected_at):
        connected_at = attempt.time_at
    return Attempts(tuple(kept), older, connected_at)


def total(attempts: Attempts) -> int:
    """All attempts of the cycle."""
    return len(attempts.newest) + sum(attempts.older.values())


def tally(attempts: Attempts, channel: str) -> int:
    """All attempts of the cycle by one channel."""
    newest = sum(1 for each in attempts.newest if each.channel == channel)
    return newest + attempts.older.get(channel, 0)


def counted(attempts: Attempts, channel: str | None = None) -> int:
    """The attempts that count against a limit: those up to and with the connecting one."""
    until, newest = attempts.connected_at, 0
    for each in attempts.newest:
        if until is not None and each.time_at > until:
            break
        newest += channel in (None, each.channel)
        if until is not None and each.connected:
            break
    older = sum(attempts.older.values()) if channel is None else attempts.older.get(channel, 0)
    return newest + older


def nth_at(attempts: Attempts, n: int) -> datetime:
    """The own time of the n-th attempt of the cycle (from 1), as far as it is remembered."""
    behind = n - 1 - sum(attempts.older.values())
    return attempts.newest[max(0, min(behind, len(attempts.newest) - 1))].time_at


def split(attempts: Attempts, at: datetime) -> tuple[Attempts, Attempts]:
    """The attempts up to `at`, and those after it, as two cycles remember them."""
    older = tuple(each for each in attempts.newest if each.time_at <= at)
    newer = tuple(each for each in attempts.newest if each.time_at > at)
    connected = attempts.connected_at
    early = connected is not None and connected <= at
    again = min((each.time_at for each in newer if each.connected), default=None)
    return (
        Attempts(older, attempts.older, connected if early else None),
        Attempts(newer, {}, again if early else connected),
    )


def merged(older: Attempts, newer: Attempts) -> Attempts:
    """Two cycles' attempts as one, for a lead whose recycling was a mistake."""
    kept = sorted((*older.newest, *newer.newest), key=lambda each: each.time_at)
    extra, kept = kept[:-KEPT], kept[-KEPT:]
    counts = Counter(older.older) + Counter(newer.older) + Counter(e.channel for e in extra)
    connected = [at for at in (older.connected_at, newer.connected_at) if at is not None]
    return Attempts(tuple(kept), dict(counts), min(connected, default=None))
