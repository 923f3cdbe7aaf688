"""What a calendar says, example by example (contract, section 2, 'Durations')."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import holidays
import pytest

from rules.calendars import ALWAYS, Calendar, Ranges
from rules.durations import Duration

ROME = ZoneInfo("Europe/Rome")
SPLIT = ((540, 780), (840, 1080))
MORNING = ((540, 780),)
ALL_DAY = ((0, 1440),)
CLOSED: Ranges = ()
OFFICE = Calendar(
    "office",
    ROME,
    (SPLIT, SPLIT, SPLIT, SPLIT, MORNING, CLOSED, CLOSED),
    {date(2026, 12, 24): ((540, 720),)},
    holidays.country_holidays("IT", subdiv="MI"),
    frozenset({date(2026, 12, 7)}),
    frozenset({date(2026, 6, 2)}),
)


def rome(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ROME)


def weekly(*ranges: tuple[int, int], zone: str = "Europe/Rome") -> Calendar:
    """The same hours on all seven days."""
    return Calendar("test", ZoneInfo(zone), (ranges,) * 7)


@pytest.mark.parametrize(
    ("start", "within", "due"),
    [
        ("2026-03-02T09:10", Duration(15, "m"), "2026-03-02T09:25"),
        ("2026-03-02T12:55", Duration(15, "m"), "2026-03-02T14:10"),
        ("2026-03-02T12:45", Duration(15, "m"), "2026-03-02T13:00"),
        ("2026-03-02T17:00", Duration(1, "h"), "2026-03-02T18:00"),
        ("2026-03-02T17:00:01", Duration(1, "h"), "2026-03-03T09:00:01"),
        ("2026-03-06T12:00", Duration(4, "h"), "2026-03-09T12:00"),
        ("2026-03-07T20:00", Duration(2, "h"), "2026-03-09T11:00"),
        ("2026-03-07T20:00", Duration(0, "m"), "2026-03-07T20:00"),
        ("2026-12-04T12:00", Duration(2, "h"), "2026-12-09T10:00"),  # 7 added, 8 is a holiday
        ("2026-06-01T17:00", Duration(2, "h"), "2026-06-02T10:00"),  # 2 June is dropped
        ("2026-12-24T11:00", Duration(2, "h"), "2026-12-28T10:00"),  # special hours, Christmas
    ],
)
def test_minutes_and_hours_are_working_time(start, within, due):
    assert OFFICE.add(rome(start), within) == rome(due)


@pytest.mark.parametrize(
    ("start", "days", "due"),
    [
        ("2026-03-02T13:00", 1, "2026-03-03T13:00"),  # at closing: due at closing
        ("2026-03-02T13:30", 1, "2026-03-03T14:00"),  # closed then: the next opening
        ("2026-03-05T15:00", 1, "2026-03-09T09:00"),  # Friday afternoon is closed
        ("2026-03-06T10:00", 1, "2026-03-09T10:00"),
        ("2026-03-06T10:00", 5, "2026-03-13T10:00"),
        ("2026-03-07T10:00", 1, "2026-03-09T10:00"),  # Saturday: Monday is the first day later
        ("2026-12-23T17:00", 1, "2026-12-28T09:00"),  # 24th open until 12:00 only
        ("2026-03-07T10:00", 0, "2026-03-09T09:00"),
    ],
)
def test_days_are_the_same_local_time_that_many_working_days_later(start, days, due):
    assert OFFICE.add(rome(start), Duration(days, "d")) == rome(due)


def test_a_day_across_a_clock_change_keeps_the_local_time():
    calendar = weekly(*ALL_DAY)
    assert calendar.add(rome("2026-03-28T12:00"), Duration(1, "d")) == rome("2026-03-29T12:00")
    assert calendar.add(rome("2026-03-28T12:00"), Duration(24, "h")) == rome("2026-03-29T13:00")


def test_a_day_whose_local_time_the_clock_skips_is_counted_on_from_before_the_gap():
    due = weekly(*ALL_DAY).add(rome("2026-03-28T02:30"), Duration(1, "d"))
    assert due == rome("2026-03-29T03:30")


def test_special_hours_win_over_a_holiday():
    hours = {date(2026, 12, 25): ((600, 660),)}
    calendar = Calendar("shop", ROME, (ALL_DAY,) * 7, hours, {date(2026, 12, 25)})
    assert calendar.intervals(rome("2026-12-25T00:00"), rome("2026-12-26T00:00")) == (
        (rome("2026-12-25T10:00"), rome("2026-12-25T11:00")),
    )


def test_empty_special_hours_close_the_date():
    calendar = Calendar("shop", ROME, (ALL_DAY,) * 7, {date(2026, 3, 3): CLOSED})
    assert calendar.next_opening(rome("2026-03-03T10:00")) == rome("2026-03-04T00:00")


def test_opening_is_inclusive_and_closing_exclusive():
    assert not OFFICE.is_open(rome("2026-03-02T08:59:59.999999"))
    assert OFFICE.is_open(rome("2026-03-02T09:00"))
    assert OFFICE.is_open(rome("2026-03-02T12:59:59.999999"))
    assert not OFFICE.is_open(rome("2026-03-02T13:00"))


def test_intervals_are_clipped_to_the_question_and_given_in_utc():
    found = OFFICE.intervals(rome("2026-03-02T12:00"), rome("2026-03-02T15:00"))
    assert found == (
        (datetime(2026, 3, 2, 11, tzinfo=UTC), datetime(2026, 3, 2, 12, tzinfo=UTC)),
        (datetime(2026, 3, 2, 13, tzinfo=UTC), datetime(2026, 3, 2, 14, tzinfo=UTC)),
    )
    assert all(at.tzinfo is UTC for pair in found for at in pair)


def test_hours_that_adjoin_over_midnight_or_within_a_day_are_one_interval():
    found = weekly((0, 720), (720, 1440)).intervals(
        rome("2026-03-02T10:00"), rome("2026-03-05T10:00")
    )
    assert found == ((rome("2026-03-02T10:00"), rome("2026-03-05T10:00")),)


def test_nothing_is_elapsed_when_the_end_is_not_later():
    at = rome("2026-03-02T10:00")
    assert OFFICE.elapsed(at, at) == timedelta(0)
    assert OFFICE.elapsed(at, at - timedelta(hours=1)) == timedelta(0)
    assert OFFICE.intervals(at, at - timedelta(hours=1)) == ()


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Rome", "2026-03-29", 23),
        ("Europe/Rome", "2026-10-25", 25),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("America/Sao_Paulo", "2018-11-04", 23),  # the clock skips midnight itself
        ("America/Sao_Paulo", "2018-02-17", 25),
        ("America/St_Johns", "2010-11-06", 24),  # its second 23:01-24:00 is the next date's,
        ("America/St_Johns", "2010-11-07", 25),  # which the clock had begun and put back at 00:01
        ("Pacific/Apia", "2011-12-30", 0),  # a date that never was
    ],
)
def test_a_whole_day_is_its_real_length(zone, day, hours):
    calendar = weekly(*ALL_DAY, zone=zone)
    start = date.fromisoformat(day).toordinal()
    midnights = [
        datetime.combine(date.fromordinal(n), datetime.min.time(), ZoneInfo(zone))
        for n in (start, start + 1)
    ]
    assert calendar.elapsed(*midnights) == timedelta(hours=hours)


def test_a_date_that_the_zone_skipped_is_no_working_day():
    calendar = weekly((540, 1020), zone="Pacific/Apia")
    start = datetime(2011, 12, 29, 10, tzinfo=calendar.zone)
    assert calendar.add(start, Duration(1, "d")) == datetime(2011, 12, 31, 10, tzinfo=calendar.zone)


def test_hours_of_a_date_that_the_zone_skipped_do_not_open_the_date_after_it():
    weekdays = (((540, 1020),),) * 5 + (CLOSED, CLOSED)
    calendar = Calendar("apia", ZoneInfo("Pacific/Apia"), weekdays)  # the 30th was a Friday
    thursday_evening = datetime(2011, 12, 29, 18, tzinfo=calendar.zone)
    assert calendar.next_opening(thursday_evening) == datetime(2012, 1, 2, 9, tzinfo=calendar.zone)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
@pytest.mark.parametrize("hour", [0, 3, 12, 21, 23])
def test_a_zone_far_from_utc_reads_its_own_date(zone, hour):
    calendar = weekly((hour * 60, hour * 60 + 30), zone=zone)
    opens_at = datetime(2026, 3, 4, hour, tzinfo=calendar.zone)
    assert calendar.is_open(opens_at + timedelta(minutes=29))
    assert calendar.next_opening(opens_at - timedelta(hours=2)) == opens_at


@pytest.mark.parametrize(
    ("ranges", "worked"),
    [
        (((120, 180),), ()),  # 02:00-03:00 is skipped as a whole
        (((60, 150),), ((60, 210),)),  # 01:00-02:30 goes on to 03:30
        (((150, 300),), ((210, 300),)),  # 02:30-05:00 begins at 03:30
        (((150, 165), (195, 240)), ((195, 240),)),  # 03:30-03:45 lies within the hours after it
        (((170, 175), (180, 300)), ((180, 300),)),  # no minute is counted twice
    ],
)
def test_hours_at_the_edges_of_a_gap(ranges, worked):
    found = weekly(*ranges).intervals(rome("2026-03-29T00:00"), rome("2026-03-30T00:00"))
    midnight = rome("2026-03-29T00:00")
    assert [
        tuple(
            (at.astimezone(ROME).replace(tzinfo=None) - midnight.replace(tzinfo=None)) for at in i
        )
        for i in found
    ] == [tuple(timedelta(minutes=minute) for minute in i) for i in worked]


def test_hours_that_an_overlap_shows_twice_begin_and_end_at_the_first():
    ninety_minutes = weekly((60, 150))  # 01:00-02:30, and 02:30 comes twice
    assert ninety_minutes.elapsed(rome("2026-10-25T00:00"), rome("2026-10-26T00:00")) == timedelta(
        minutes=90
    )
    through = weekly((150, 240))  # 02:30-04:00, the second 02:00-03:00 included
    assert through.elapsed(rome("2026-10-25T00:00"), rome("2026-10-26T00:00")) == timedelta(
        minutes=150
    )


def test_always_is_wall_time_and_its_days_are_24_hours():
    start = rome("2026-03-28T12:00")
    assert ALWAYS.name == "always"
    assert ALWAYS.add(start, Duration(1, "d")) == start.astimezone(UTC) + timedelta(hours=24)
    assert ALWAYS.add(start, Duration(90, "m")) == start + timedelta(minutes=90)
    assert ALWAYS.elapsed(start, start.astimezone(UTC) + timedelta(days=40)) == timedelta(days=40)
    assert ALWAYS.elapsed(start, start - timedelta(days=1)) == timedelta(0)
    assert ALWAYS.intervals(start, start) == ()
    assert ALWAYS.is_open(start)
    assert ALWAYS.next_opening(start) == start


def test_always_agrees_with_a_calendar_that_is_open_all_the_time_in_utc():
    plain = weekly(*ALL_DAY, zone="UTC")
    start = rome("2026-03-28T12:34:56")
    end = start + timedelta(days=400, seconds=1)
    assert plain.elapsed(start, end) == ALWAYS.elapsed(start, end)
    assert plain.intervals(start, end) == ALWAYS.intervals(start, end)
    for within in (Duration(1, "m"), Duration(50, "h"), Duration(31, "d")):
        assert plain.add(start, within) == ALWAYS.add(start, within)


def test_every_answer_is_in_utc():
    start = rome("2026-03-02T10:00")
    answers = [
        calendar_answer
        for calendar in (OFFICE, ALWAYS)
        for calendar_answer in (
            calendar.add(start, Duration(0, "m")),
            calendar.add(start, Duration(2, "h")),
            calendar.add(start, Duration(2, "d")),
            calendar.next_opening(start),
        )
    ]
    assert {at.tzinfo for at in answers} == {UTC}


def test_a_sparse_calendar_is_counted_through():
    saturdays = (CLOSED,) * 5 + (((540, 541),), CLOSED)
    calendar = Calendar("saturdays", ROME, saturdays, holidays={date(2026, 3, 7)})
    assert calendar.add(rome("2026-03-02T10:00"), Duration(60, "m")) == rome("2027-05-01T09:01")


@pytest.mark.parametrize("calendar", [OFFICE, ALWAYS, weekly((0, 1))])
def test_has_an_open_minute(calendar):
    assert calendar.has_open_minute


def test_has_no_open_minute_if_only_special_dates_or_holidays_are_left():
    special = {date(2026, 12, 24): MORNING}
    assert not Calendar("never", ROME, (CLOSED,) * 7, special).has_open_minute

    class EverySunday:
        def __contains__(self, day: object) -> bool:
            return isinstance(day, date) and day.weekday() == 6

    sundays = Calendar("sundays", ROME, (CLOSED,) * 6 + (MORNING,), {}, EverySunday())
    assert not sundays.has_open_minute


def test_a_calendar_that_never_opens_is_the_callers_error():
    never = Calendar("never", ROME, (CLOSED,) * 7)
    start = rome("2026-03-02T10:00")
    for within in (Duration(1, "m"), Duration(1, "d"), Duration(0, "d")):
        with pytest.raises(ValueError, match="too little working time"):
            never.add(start, within)
    with pytest.raises(ValueError, match="too little working time"):
        never.next_opening(start)
    assert never.elapsed(start, start + timedelta(days=9)) == timedelta(0)


@pytest.mark.parametrize("calendar", [OFFICE, ALWAYS])
@pytest.mark.parametrize("within", [Duration(9_999_999, "d"), Duration(9_999_999, "h")])
def test_more_than_a_hundred_years_is_the_callers_error(calendar, within):
    with pytest.raises(ValueError, match="too little working time"):
        calendar.add(rome("2026-03-02T10:00"), within)


@pytest.mark.parametrize("calendar", [OFFICE, ALWAYS])
def test_a_time_without_an_offset_is_the_callers_error(calendar):
    naive = datetime(2026, 3, 2, 10)  # noqa: DTZ001
    for question in (calendar.is_open, calendar.next_opening):
        with pytest.raises(ValueError, match="has no offset"):
            question(naive)


@pytest.mark.parametrize(
    "ranges", [((600, 600),), ((700, 600),), ((0, 1441),), ((-1, 60),), ((60, 120), (90, 180))]
)
def test_malformed_hours_are_the_callers_error(ranges):
    with pytest.raises(ValueError, match="malformed hours"):
        Calendar("bad", ROME, (ranges,) * 7)
    with pytest.raises(ValueError, match="malformed hours"):
        Calendar("bad", ROME, (CLOSED,) * 7, {date(2026, 3, 2): ranges})


def test_a_week_has_seven_days():
    with pytest.raises(ValueError, match="6 weekdays"):
        Calendar("bad", ROME, (CLOSED,) * 6)
