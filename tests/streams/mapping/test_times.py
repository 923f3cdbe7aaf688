"""Cells read as instants: forms, zones, clocks that change, and what is refused."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from streams.mapping.faults import Fault
from streams.mapping.times import format_fault, read_moment

ROME = ZoneInfo("Europe/Rome")


@pytest.mark.parametrize(
    ("cell", "formats", "expected"),
    [
        ("2026-03-02 09:15:00", (), "2026-03-02T08:15:00+00:00"),
        ("2026-03-02T09:15", (), "2026-03-02T08:15:00+00:00"),
        ("2026-03-02t09:15:00z", (), "2026-03-02T09:15:00+00:00"),
        ("2026-03-02T09:15:00.123456789+05:30", (), "2026-03-02T03:45:00.123456+00:00"),
        ("2026-03-02", (), "2026-03-02T07:00:00+00:00"),
        ("02/03/2026 9:15 PM", ("%d/%m/%Y %I:%M %p",), "2026-03-02T20:15:00+00:00"),
        ("2.3.2026", ("%Y-%m-%d", "%d.%m.%Y"), "2026-03-02T07:00:00+00:00"),
        ("2026-03-02 09:15 +0200", ("%Y-%m-%d %H:%M %z",), "2026-03-02T07:15:00+00:00"),
        ("1772442900", ("unix_s",), "2026-03-02T09:15:00+00:00"),
        ("1772442900250", ("unix_ms",), "2026-03-02T09:15:00.250000+00:00"),
    ],
)
def test_a_cell_is_read(cell, formats, expected):
    assert read_moment(cell, formats, ROME, time(8)) == datetime.fromisoformat(expected)


def test_of_a_local_time_that_happens_twice_the_first_is_meant():
    read = read_moment("2026-10-25 02:30", (), ROME, None)
    assert read == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_local_time_that_never_happens_lands_after_the_gap():
    read = read_moment("2026-03-29 02:30", (), ROME, None)
    assert read == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert isinstance(read, datetime)
    assert read.astimezone(ROME).time() == time(3, 30)


def test_a_midnight_that_never_happens_is_the_first_instant_of_its_day():
    zone = ZoneInfo("America/Sao_Paulo")
    read = read_moment("2017-10-15", (), zone, time(0))
    assert read == datetime(2017, 10, 15, 3, tzinfo=UTC)
    assert isinstance(read, datetime)
    assert read.astimezone(zone).date().isoformat() == "2017-10-15"


@pytest.mark.parametrize(
    ("cell", "code", "says"),
    [
        ("2026-02-30", "invalid_time", "2026-02-30"),
        ("2026-13-01 10:00", "invalid_time", "2026-13-01"),
        ("yesterday", "invalid_time", "such as 2026-03-02 09:15:00"),
        ("20260302", "invalid_time", "20260302"),
        ("２０２６-03-02", "invalid_time", "２０２６"),
        ("2026-03-02", "date_without_time", 'at: "09:00"'),
        ("2026-03-02 10:00", "invalid_time", "timezone: Europe/Rome"),
        ("0001-01-01T00:00:00+14:00", "invalid_time", "out of range"),
    ],
)
def test_what_is_no_instant_is_refused_with_a_way_out(cell, code, says):
    fault = read_moment(cell, (), None, None)
    assert isinstance(fault, Fault)
    assert fault.code == code
    assert says in fault.sentence


@pytest.mark.parametrize("cell", ["9" * 16, "1e9", "", "12:30"])
def test_unix_times_out_of_range_or_form_are_refused(cell):
    assert isinstance(read_moment(cell, ("unix_s",), None, None), Fault)


@pytest.mark.parametrize("written", ["%H:%M", "%d/%m", "%Y-%m-%d %Q", "%Y %Y", "day"])
def test_a_format_that_cannot_give_a_day_is_a_fault(written):
    assert format_fault(written)


@pytest.mark.parametrize(
    "written", ["%d/%m/%Y", "%m/%d/%y %H:%M", "%Y-%m-%dT%H:%M:%S%z", "unix_ms"]
)
def test_usual_formats_can_be_used(written):
    assert format_fault(written) is None
