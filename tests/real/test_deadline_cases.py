"""Working-time cases from the test suites of seven other projects, restated as facts.

Every row must come out, but for those that follow another policy than ours.
"""

import csv
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from rules.calendars import Calendar, Ranges
from rules.durations import Duration

CASES = Path(__file__).parents[2] / ".." / "shared" / "data" / "deadlines" / "cases.csv"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

OTHER_POLICY = {
    "143": "counts 24 hours of the wall clock on a 25-hour day; ours is elapsed time, 25 hours",
    "211": "moves time used up exactly at closing to the next opening; ours is due at closing",
    "219": "drops the seconds; ours is exact to the second",
}
"""Rows of another policy, by id, and what ours is."""

END_OF_DAY = {"253": "23:59"}
"""How a row's source writes the end of the day, by its own note, where that isn't 24:00.

Its hours are read as it means them. Our own agreements get no such reading: 23:59 is 23:59.
"""


def _rows() -> Sequence[dict[str, str]]:
    if not CASES.is_file():
        return ()
    with CASES.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


ROWS = _rows()


def _ranges(text: str) -> Ranges:
    """`09:00-12:00,13:00-17:00` as minutes."""
    ranges = []
    for written in text.split(","):
        hours = [int(number) for number in re.findall(r"\d\d", written)]
        ranges.append((hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]))
    return tuple(ranges)


def _by_key(text: str) -> dict[str, Ranges]:
    """`mon 09:00-17:00; tue 10:00-16:00`, or the same with dates."""
    entries = [entry.split() for entry in text.split(";") if entry.strip()]
    return {key: _ranges(hours) for key, hours in entries}


def _without(hours: Ranges, breaks: Ranges) -> Ranges:
    for break_from, break_until in breaks:
        hours = tuple(
            part
            for since, until in hours
            for part in ((since, min(until, break_from)), (max(since, break_until), until))
            if part[0] < part[1]
        )
    return hours


def calendar_of(row: dict[str, str]) -> Calendar:
    """The row's calendar; breaks are cut out of the hours of their date."""
    end_of_day = END_OF_DAY.get(row["id"], "24:00")
    by_weekday = _by_key(row["hours"].replace(end_of_day, "24:00"))
    weekly = tuple(by_weekday.get(day, ()) for day in WEEKDAYS)
    holidays = {date.fromisoformat(text) for text in row["holidays"].split()}
    special = {
        date.fromisoformat(key): hours for key, hours in _by_key(row["special_hours"]).items()
    }
    for key, breaks in _by_key(row["breaks_or_pauses"]).items():
        day = date.fromisoformat(key)
        usual = () if day in holidays else weekly[day.weekday()]
        special[day] = _without(special.get(day, usual), breaks)
    return Calendar(row["id"], _zone(row), weekly, special, holidays)


def _zone(row: dict[str, str]) -> ZoneInfo:
    return ZoneInfo("UTC" if row["time_zone"] == "site-local" else row["time_zone"])


def _at(text: str, zone: ZoneInfo) -> datetime:
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def _previous_working_moment(calendar: Calendar, at: datetime) -> datetime:
    return calendar.intervals(at - timedelta(days=30), at)[-1][1]


def answer(row: dict[str, str]) -> datetime | float | bool:
    calendar, zone = calendar_of(row), _zone(row)
    start_at = _at(row["start"], zone)
    match row["operation"]:
        case "add":
            return calendar.advance(start_at, timedelta(seconds=int(row["amount"])))
        case "days":
            return calendar.add(start_at, Duration(int(row["amount"]), "d"))
        case "within":
            return calendar.elapsed(start_at, _at(row["amount"], zone)).total_seconds()
        case "next":
            return calendar.next_opening(start_at)
        case "prev":
            return _previous_working_moment(calendar, start_at)
        case "in_hours":
            return calendar.is_open(start_at)
        case unknown:
            raise AssertionError(f"row {row['id']} asks for {unknown!r}, which no test answers")


@pytest.mark.skipif(not ROWS, reason="../shared/data/deadlines/cases.csv is absent")
def test_there_are_cases_and_each_deviation_is_one_of_them():
    assert len(ROWS) >= 100
    assert OTHER_POLICY.keys() <= {row["id"] for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_case(row):
    if row["id"] in OTHER_POLICY:
        pytest.skip(OTHER_POLICY[row["id"]])
    got = answer(row)
    if isinstance(got, datetime):
        assert got == _at(row["expected"], _zone(row)), row["note"]
    else:
        assert got == float(row["expected"]), row["note"]
