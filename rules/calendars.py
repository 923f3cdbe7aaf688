"""Calendars: when somebody works, and when a working-time deadline falls.

Interval arithmetic over UTC instants (contract, section 2, 'Durations'). A
calendar turns each local date into the instants between which it is open, once,
and keeps them; all else is sums over those intervals. What holds throughout:

- The intervals of a calendar are disjoint and in order, within a date and
  across dates, whatever the zone's clock does.
- Working time is real elapsed time: 00:00-24:00 on a 25-hour day is 25 hours.
- Hours are read off the local clock as the zone database reads them: a time
  that the clock skips is counted on from before the gap (02:30 becomes 03:30),
  one that it shows twice is the first of the two. Hours that come out empty, or
  a whole date that the zone skipped, are closed.
- Opening is inclusive, closing exclusive; time used up exactly at closing is
  nevertheless due at closing.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from rules.durations import Duration

Ranges = tuple[tuple[int, int], ...]
"""Opening hours of one date: (from, until) in minutes after local midnight, until 1440 at most."""

Interval = tuple[datetime, datetime]
"""Open from the first instant on, until just before the second; both UTC."""

DAY_MINUTES: Final = 1440
REACH_DAYS: Final = 36_525
"""How far a search looks ahead: a hundred years. Agreements don't promise further."""
REPEAT_DAYS: Final = 28 * 366
"""Weekdays and dates meet again every 28 years: what is not open in them never is."""
ZERO: Final = timedelta(0)
NO_HOLIDAYS: Final[frozenset[date]] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """Weekly opening hours in a zone, less its holidays, with other hours on special dates.

    `weekly` has one entry per weekday, Monday first, each ascending and
    disjoint. `holidays` is anything that says whether a date is in it, such as
    a calendar of the `holidays` library; `extra_holidays` are added to it and
    `dropped_holidays` taken out. `special` replaces the hours of a date (empty
    closes it) and wins over a holiday, being the more specific.

    Compared by identity. Raises ValueError on malformed hours: the loader has
    refused those before.
    """

    name: str
    zone: ZoneInfo
    weekly: Sequence[Ranges]
    special: Mapping[date, Ranges] = field(default_factory=dict)
    holidays: Container[date] = NO_HOLIDAYS
    extra_holidays: frozenset[date] = NO_HOLIDAYS
    dropped_holidays: frozenset[date] = NO_HOLIDAYS
    _open_by_ordinal: dict[int, tuple[Interval, ...]] = field(
        init=False, repr=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        if len(self.weekly) != 7:
            raise ValueError(f"calendar {self.name!r} has hours for {len(self.weekly)} weekdays")
        for ranges in (*self.weekly, *self.special.values()):
            bounds = [minute for each in ranges for minute in each]
            ascending = all(a <= b for a, b in pairwise(bounds)) and all(a < b for a, b in ranges)
            if not ascending or (bounds and not 0 <= bounds[0] < bounds[-1] <= DAY_MINUTES):
                raise ValueError(f"calendar {self.name!r} has malformed hours: {ranges}")

    @property
    def has_open_minute(self) -> bool:
        """Whether it goes on opening. Hours on special dates alone end some day, and don't count.

        The loader refuses calendars that don't (contract, section 2).
        """
        first = date(2000, 1, 1).toordinal()
        days = map(date.fromordinal, range(first, first + REPEAT_DAYS))
        return any(self._usual_hours(day) for day in days)

    def add(self, start_at: datetime, within: Duration) -> datetime:
        """The instant, in UTC, at which a deadline of `within` from `start_at` falls.

        Minutes and hours are working time (see `advance`). Days are working
        days: the same local time on the n-th date after the start's own that
        has an opening, moved to the next opening if closed then; closing itself
        still counts as open. Raises ValueError for a naive instant, and where
        the answer lies beyond `REACH_DAYS`.
        """
        if within.unit == "d":
            return self._add_days(_utc(start_at), within.amount)
        return self.advance(start_at, within.wall)

    def advance(self, start_at: datetime, working: timedelta) -> datetime:
        """The earliest instant, in UTC, by which `working` time has passed since `start_at`.

        `start_at` itself where `working` is not positive. Raises ValueError as
        `add` does.
        """
        at = _utc(start_at)
        if working <= ZERO:
            return at
        left = working
        for opens_at, closes_at in self._from(at):
            if closes_at <= at:
                continue
            counts_at = max(opens_at, at)
            room = closes_at - counts_at
            if left <= room:
                return counts_at + left
            left -= room
        raise self._out_of_reach(at)

    def elapsed(self, start_at: datetime, end_at: datetime) -> timedelta:
        """The working time between two instants; zero if the second is not later."""
        return sum((until - since for since, until in self._within(start_at, end_at)), ZERO)

    def intervals(self, start_at: datetime, end_at: datetime) -> tuple[Interval, ...]:
        """The open intervals between two instants, in UTC, adjoining ones merged.

        What `elapsed` counts: their lengths add up to it.
        """
        return _merged(self._within(start_at, end_at))

    def is_open(self, at: datetime) -> bool:
        """Whether it is open at an instant: opening inclusive, closing exclusive."""
        return bool(self._within(at, _utc(at) + timedelta.resolution))

    def next_opening(self, at: datetime) -> datetime:
        """The first open instant, in UTC, not before `at`: `at` itself if it is open."""
        at = _utc(at)
        for opens_at, closes_at in self._from(at):
            if closes_at > at:
                return max(opens_at, at)
        raise self._out_of_reach(at)

    def _add_days(self, at: datetime, days: int) -> datetime:
        if days <= 0:
            return self._at_or_opening(at)
        local = at.astimezone(self.zone)
        first = local.toordinal() + 1
        left = days
        for ordinal in range(first, first + REACH_DAYS):
            if not self._open_on(ordinal):
                continue
            left -= 1
            if left == 0:
                return self._at_or_opening(self._instant(ordinal, local.time()))
        raise self._out_of_reach(at)

    def _at_or_opening(self, at: datetime) -> datetime:
        for opens_at, closes_at in self._from(at):
            if closes_at >= at:
                return max(opens_at, at)
        raise self._out_of_reach(at)

    def _within(self, start_at: datetime, end_at: datetime) -> list[Interval]:
        start, end = _utc(start_at), _utc(end_at)
        found: list[Interval] = []
        for ordinal in _ordinals(start, end):
            for opens_at, closes_at in self._open_on(ordinal):
                since, until = max(opens_at, start), min(closes_at, end)
                if since < until:
                    found.append((since, until))
        return found

    def _from(self, at: datetime) -> Iterator[Interval]:
        """Open intervals in order, beginning with some that are over at `at`."""
        for ordinal in _ordinals(at, at + timedelta(days=REACH_DAYS)):
            yield from self._open_on(ordinal)

    def _open_on(self, ordinal: int) -> tuple[Interval, ...]:
        known = self._open_by_ordinal.get(ordinal)
        if known is None:
            known = self._open_by_ordinal[ordinal] = self._worked_out(ordinal)
        return known

    def _worked_out(self, ordinal: int) -> tuple[Interval, ...]:
        # Hours end by midnight: those of a date that the zone skipped (Apia 2011-12-30)
        # would otherwise land on the date after it.
        ends_at = self._minute(ordinal, DAY_MINUTES)
        found: list[Interval] = []
        for since, until in self._hours(date.fromordinal(ordinal)):
            opens_at = self._minute(ordinal, since)
            closes_at = min(self._minute(ordinal, until), ends_at)
            if opens_at < closes_at:
                found.append((opens_at, closes_at))
        # Hours inside a gap land behind it, possibly among the hours that follow.
        return _merged(sorted(found))

    def _hours(self, day: date) -> Ranges:
        special = self.special.get(day)
        return self._usual_hours(day) if special is None else special

    def _usual_hours(self, day: date) -> Ranges:
        hours = self.weekly[day.weekday()]
        return () if hours and self._is_holiday(day) else hours

    def _is_holiday(self, day: date) -> bool:
        if day in self.extra_holidays:
            return True
        return day in self.holidays and day not in self.dropped_holidays

    def _minute(self, ordinal: int, minute: int) -> datetime:
        days, rest = divmod(minute, DAY_MINUTES)
        return self._instant(ordinal + days, time(rest // 60, rest % 60))

    def _instant(self, ordinal: int, local: time) -> datetime:
        day = date.fromordinal(ordinal)
        return datetime.combine(day, local.replace(fold=0), self.zone).astimezone(UTC)

    def _out_of_reach(self, at: datetime) -> ValueError:
        return ValueError(
            f"calendar {self.name!r} has too little working time in the {REACH_DAYS} days "
            f"after {at.isoformat()}"
        )


class _WallClock(Calendar):
    """Open around the clock: every duration is elapsed time, a day being 24 hours."""

    __slots__ = ()

    def add(self, start_at: datetime, within: Duration) -> datetime:
        return self.advance(start_at, within.wall)

    def advance(self, start_at: datetime, working: timedelta) -> datetime:
        at = _utc(start_at)
        if working > timedelta(days=REACH_DAYS):
            raise self._out_of_reach(at)
        return at + working if working > ZERO else at

    def elapsed(self, start_at: datetime, end_at: datetime) -> timedelta:
        return max(_utc(end_at) - _utc(start_at), ZERO)

    def intervals(self, start_at: datetime, end_at: datetime) -> tuple[Interval, ...]:
        start, end = _utc(start_at), _utc(end_at)
        return ((start, end),) if start < end else ()

    def is_open(self, at: datetime) -> bool:
        _utc(at)
        return True

    def next_opening(self, at: datetime) -> datetime:
        return _utc(at)


ALWAYS: Final[Calendar] = _WallClock("always", ZoneInfo("UTC"), (((0, DAY_MINUTES),),) * 7)
"""Open day and night; exists without being declared (contract, section 2)."""


def _utc(at: datetime) -> datetime:
    if at.tzinfo is UTC:
        return at
    if at.utcoffset() is None:
        raise ValueError(f"a calendar counts from instants, and {at.isoformat()} has no offset")
    return at.astimezone(UTC)


def _ordinals(start_at: datetime, end_at: datetime) -> range:
    """Every local date, in any zone, whose hours may lie between two UTC instants.

    A local date is at most one off UTC's. One more on either side covers clocks
    that are put back or forward across midnight.
    """
    return range(start_at.toordinal() - 2, end_at.toordinal() + 3)


def _merged(ordered: Iterable[Interval]) -> tuple[Interval, ...]:
    merged: list[Interval] = []
    for opens_at, closes_at in ordered:
        if merged and opens_at <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], closes_at))
        else:
            merged.append((opens_at, closes_at))
    return tuple(merged)
