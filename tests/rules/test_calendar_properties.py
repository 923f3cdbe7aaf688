"""What holds for every calendar, above all where clocks change."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rules.calendars import Calendar, Ranges
from rules.durations import Duration

ZONES = {
    "Europe/Rome": 2024,
    "America/New_York": 2024,
    "Europe/Dublin": 2024,
    "America/St_Johns": 2024,
    "Australia/Lord_Howe": 2024,  # half an hour
    "Africa/Casablanca": 2024,  # put back for Ramadan
    "America/Santiago": 2024,  # midnight
    "Africa/Cairo": 2024,  # midnight
    "America/Havana": 2024,  # midnight
    "America/Nuuk": 2024,  # skips the hour before midnight
    "America/Sao_Paulo": 2010,
    "Asia/Tehran": 2010,
    "Pacific/Apia": 2010,  # skipped the whole of 2011-12-30
}
"""Zones by the year from which their changes are tried; the last have none after 2023."""
UNCHANGING = ("Asia/Kolkata", "UTC")
LAST_YEAR = 2027
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


@cache
def clock_changes(zone_name: str) -> tuple[datetime, ...]:
    """The instants at which the zone's offset changes, found by scanning and bisecting."""
    zone = ZoneInfo(zone_name)
    at = datetime(ZONES.get(zone_name, LAST_YEAR), 1, 1, tzinfo=UTC)
    found = []
    while at.year <= LAST_YEAR:
        before, after = at, at + DAY
        if _offset(before, zone) != _offset(after, zone):
            while after - before > MINUTE:
                middle = before + (after - before) // MINUTE // 2 * MINUTE
                same = _offset(middle, zone) == _offset(at, zone)
                before, after = (middle, after) if same else (before, middle)
            found.append(after)
        at += DAY
    return tuple(found)


def _offset(at: datetime, zone: ZoneInfo) -> timedelta | None:
    return at.astimezone(zone).utcoffset()


def test_every_zone_is_tried_at_its_changes():
    changes = {zone: len(clock_changes(zone)) for zone in ZONES}
    assert min(changes.values()) >= 5
    assert changes["Europe/Rome"] == 2 * 4
    assert sum(at.year >= 2024 for zone in ZONES for at in clock_changes(zone)) >= 10 * 2 * 4


# Strategies

MINUTES = st.integers(0, 288).map(lambda five: five * 5)


@st.composite
def day_hours(draw: st.DrawFn) -> Ranges:
    bounds = sorted(draw(st.sets(MINUTES, max_size=6)))
    return tuple(zip(bounds[::2], bounds[1::2], strict=False))


@st.composite
def zones_and_instants(draw: st.DrawFn) -> tuple[ZoneInfo, datetime]:
    name = draw(st.sampled_from([*ZONES, *UNCHANGING]))
    near = draw(st.sampled_from(clock_changes(name) or (datetime(2026, 3, 29, 1, tzinfo=UTC),)))
    away_s = draw(st.integers(-4 * 86400, 4 * 86400) | st.integers(-7200, 7200))
    return ZoneInfo(name), near + away_s * SECOND


@st.composite
def calendars_and_instants(draw: st.DrawFn) -> tuple[Calendar, datetime]:
    zone, at = draw(zones_and_instants())
    weekly = tuple(draw(day_hours()) for _ in range(7))
    # Enough of it that a deadline is met within the year.
    assume(sum(until - since for day in weekly for since, until in day) >= 120)
    around = st.integers(-6, 6).map(lambda days: (at + days * DAY).date())
    special = draw(st.dictionaries(around, day_hours(), max_size=3))
    holidays = draw(st.frozensets(around, max_size=3))
    return Calendar("drawn", zone, weekly, special, holidays), at


CASES = calendars_and_instants()
WORKING = st.integers(1, 40 * 3600).map(lambda seconds: seconds * SECOND)
SPANS = st.integers(0, 10 * 86400).map(lambda seconds: seconds * SECOND)


@settings(deadline=None)
@given(CASES, WORKING)
def test_elapsed_inverts_advance(case, working):
    calendar, at = case
    assert calendar.elapsed(at, calendar.advance(at, working)) == working


@settings(deadline=None)
@given(CASES, SPANS)
def test_advance_inverts_elapsed_up_to_the_last_closing(case, span):
    calendar, at = case
    found = calendar.intervals(at, at + span)
    assume(found)
    assert calendar.advance(at, calendar.elapsed(at, at + span)) == found[-1][1]


@settings(deadline=None)
@given(CASES, SPANS, WORKING, WORKING)
def test_later_starts_and_longer_durations_are_never_due_earlier(case, span, working, more):
    calendar, at = case
    due_at = calendar.advance(at, working)
    assert due_at <= calendar.advance(at + span, working)
    assert due_at < calendar.advance(at, working + more)
    assert calendar.next_opening(at) <= calendar.next_opening(at + span)


@settings(deadline=None)
@given(CASES, WORKING, WORKING)
def test_a_duration_may_be_counted_in_parts(case, working, more):
    calendar, at = case
    in_parts = calendar.advance(calendar.advance(at, working), more)
    assert in_parts == calendar.advance(at, working + more)


@settings(deadline=None)
@given(CASES, st.floats(0, 1), WORKING)
def test_the_deadline_is_the_same_from_anywhere_inside_a_closed_period(case, fraction, working):
    calendar, at = case
    found = calendar.intervals(at, at + 21 * DAY)
    assume(len(found) > 1)
    closes_at, opens_at = found[0][1], found[1][0]
    within = closes_at + (opens_at - closes_at) * fraction
    assert calendar.advance(within, working) == calendar.advance(opens_at, working)
    assert calendar.next_opening(within) == opens_at


@settings(deadline=None)
@given(CASES, SPANS, SPANS)
def test_elapsed_adds_up_over_a_split(case, first, second):
    calendar, at = case
    middle, end = at + first, at + first + second
    whole = calendar.elapsed(at, end)
    assert calendar.elapsed(at, middle) + calendar.elapsed(middle, end) == whole
    assert whole <= end - at


@settings(deadline=None)
@given(CASES, SPANS)
def test_intervals_are_apart_in_order_and_what_elapsed_counts(case, span):
    calendar, at = case
    found = calendar.intervals(at, at + span)
    bounds = [at, *(instant for interval in found for instant in interval), at + span]
    assert bounds == sorted(bounds)
    inner = bounds[1:-1]
    assert len(set(inner)) == len(inner)
    assert sum((until - since for since, until in found), timedelta(0)) == calendar.elapsed(
        at, at + span
    )


@settings(deadline=None)
@given(CASES, WORKING)
def test_what_is_due_is_due_while_open_or_at_closing(case, working):
    calendar, at = case
    due_at = calendar.advance(at, working)
    assert calendar.is_open(due_at - timedelta.resolution)


@settings(deadline=None)
@given(CASES)
def test_the_next_opening_is_open_and_nothing_is_before_it(case):
    calendar, at = case
    opening = calendar.next_opening(at)
    assert calendar.is_open(opening)
    assert calendar.elapsed(at, opening) == timedelta(0)
    assert calendar.is_open(at) == (opening == at)


@settings(deadline=None)
@given(CASES, st.integers(1, 12))
def test_days_fall_on_that_many_working_dates_later(case, days):
    calendar, at = case
    local = at.astimezone(calendar.zone)
    counted, day = 0, local.date()
    while counted < days:
        day += DAY
        counted += _has_opening(calendar, day)
    wanted = datetime.combine(day, local.time(), calendar.zone).replace(fold=0).astimezone(UTC)
    due_at = calendar.add(at, Duration(days, "d"))
    at_closing = calendar.is_open(wanted - timedelta.resolution)
    assert due_at == (wanted if at_closing else calendar.next_opening(wanted))


def _has_opening(calendar: Calendar, day: date) -> bool:
    midnights = [
        datetime.combine(each, datetime.min.time(), calendar.zone) for each in (day, day + DAY)
    ]
    return calendar.elapsed(*midnights) > timedelta(0)


# A plain, slow oracle: look at the local clock every minute.


def _open_by_the_clock(calendar: Calendar, at: datetime) -> bool:
    local = at.astimezone(calendar.zone)
    minute = local.hour * 60 + local.minute
    if local.date() in calendar.special:
        hours = calendar.special[local.date()]
    elif local.date() in calendar.holidays:
        hours = ()
    else:
        hours = calendar.weekly[local.weekday()]
    return any(since <= minute < until for since, until in hours)


def _shown_once(zone: ZoneInfo, day: date, minute: int) -> bool:
    if minute in {0, 1440}:
        return True
    local = datetime.combine(day, datetime.min.time(), zone) + minute * MINUTE
    return local.utcoffset() == local.replace(fold=1).utcoffset()


def _assert_agrees_with_the_clock(calendar: Calendar, start_at: datetime, days: int) -> None:
    open_minutes = [
        start_at + n * MINUTE
        for n in range(days * 1440)
        if _open_by_the_clock(calendar, start_at + n * MINUTE)
    ]
    end_at = start_at + days * DAY
    assert calendar.elapsed(start_at, end_at) == len(open_minutes) * MINUTE
    for number in range(0, len(open_minutes), 97):
        due_at = calendar.advance(start_at, (number + 1) * MINUTE)
        assert due_at == open_minutes[number] + MINUTE
        assert calendar.is_open(open_minutes[number])


@settings(deadline=None, max_examples=40)
@given(CASES)
def test_a_week_agrees_with_a_look_at_the_clock_every_minute(case):
    calendar, at = case
    start_at = at.replace(second=0)
    # Hours that begin or end at a time which the clock skips or shows twice are
    # a convention (tested by example), not something the clock can say.
    days = [(start_at + n * DAY).date() for n in range(-1, 9)]
    by_day = [calendar.special.get(day, calendar.weekly[day.weekday()]) for day in days]
    assume(
        all(
            _shown_once(calendar.zone, day, minute)
            for day, hours in zip(days, by_day, strict=True)
            for interval in hours
            for minute in interval
        )
    )
    _assert_agrees_with_the_clock(calendar, start_at, 7)


HOURS_OF_THE_DAY: tuple[Ranges, ...] = (
    ((0, 1440),),
    ((540, 780), (840, 1080)),
    ((0, 360), (1200, 1440)),
)


@pytest.mark.parametrize("zone_name", [*ZONES, *UNCHANGING])
def test_every_clock_change_agrees_with_a_look_at_the_clock_every_minute(zone_name):
    changes = clock_changes(zone_name) or (datetime(2026, 3, 29, 1, tzinfo=UTC),)
    for hours in HOURS_OF_THE_DAY:
        calendar = Calendar("test", ZoneInfo(zone_name), (hours,) * 7)
        for change_at in changes:
            _assert_agrees_with_the_clock(calendar, change_at - DAY, 2)


@pytest.mark.parametrize("zone_name", [*ZONES, *UNCHANGING])
def test_open_all_the_time_is_elapsed_time_across_every_clock_change(zone_name):
    calendar = Calendar("test", ZoneInfo(zone_name), (((0, 1440),),) * 7)
    for change_at in clock_changes(zone_name):
        start_at, end_at = change_at - 3 * DAY, change_at + 3 * DAY
        assert calendar.intervals(start_at, end_at) == ((start_at, end_at),)
