"""The chapter `calendars`: hours, holidays and special dates into `rules.calendars`."""

from collections.abc import Container
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import holidays as public_holidays

from rules.calendars import Calendar, Ranges
from rules.loading.diagnostics import Code, Mark
from rules.loading.hours import WEEKDAYS, read_days
from rules.loading.reading import Reading
from rules.loading.shapes import CalendarShape, HolidaysShape
from rules.loading.yaml_tree import MapNode
from rules.wording import did_you_mean, listed, printable

UTC_ZONE = ZoneInfo("UTC")


def read_zone(name: str, at: Mark, reading: Reading) -> ZoneInfo:
    """The time zone called `name`; UTC after an error."""
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # a directory of the database is an OSError
        hint = did_you_mean(name, available_timezones()) or " Write it as in `Europe/Rome`."
        sentence = f"There is no time zone `{printable(name)}`.{hint}"
        reading.add(Code.UNKNOWN_TIMEZONE, at, sentence)
        return UTC_ZONE


def read_calendar(
    name: str, shape: CalendarShape, default: ZoneInfo, reading: Reading
) -> Calendar | None:
    """One calendar; None after an error that leaves nothing of it."""
    zone = default
    if shape.timezone is not None:
        zone = read_zone(shape.timezone, shape.place("timezone"), reading)
    weekly = _weekly(shape, reading)
    listed_days, added, dropped = _holidays(shape.holidays, reading)
    calendar = Calendar(
        name,
        zone,
        weekly,
        special=shape.special,
        holidays=listed_days,
        extra_holidays=added,
        dropped_holidays=dropped,
    )
    if shape.is_whole("hours") and not calendar.has_open_minute:
        sentence = (
            f"The calendar `{printable(name)}` is never open, so no deadline in it would ever "
            "come. Give at least one weekday hours."
        )
        reading.add(Code.NEVER_OPEN, shape.key_place("hours"), sentence)
        return None
    return calendar


def _weekly(shape: CalendarShape, reading: Reading) -> tuple[Ranges, ...]:
    written = shape.node("hours")
    hours = {read_days(key): key for key in written} if isinstance(written, MapNode) else {}
    weekly: dict[int, Ranges] = {}
    for days, ranges in shape.hours.items():
        for day in days:
            if day in weekly:
                sentence = f"`{WEEKDAYS[day]}` has hours twice. Give each day hours once."
                reading.add(Code.BAD_DAY, shape.key_place("hours", hours[days]), sentence)
                break
            weekly[day] = ranges
    return tuple(weekly.get(day, ()) for day in range(7))


def _holidays(
    shape: HolidaysShape | None, reading: Reading
) -> tuple[Container[date], frozenset[date], frozenset[date]]:
    """The country's holidays, the dates added to them and those taken out."""
    nothing: frozenset[date] = frozenset()
    if shape is None:
        return nothing, nothing, nothing
    added, dropped = frozenset(shape.add), frozenset(shape.drop)
    for index, day in enumerate(shape.drop):
        if day in added:
            sentence = f"{day} is both added and dropped. Remove one of the two."
            reading.add(Code.CONTRADICTION, shape.place("drop", index), sentence)
    if shape.country is None:
        for key in ("subdivision", "drop"):
            if shape.has(key) and shape.is_whole():
                sentence = f"`{key}` needs a `country` whose holidays it is about."
                reading.add(Code.CONTRADICTION, shape.key_place(key), sentence)
        return nothing, added, dropped
    country = _country(shape, shape.country, reading)
    if country is None:
        return nothing, added, dropped
    for index, day in enumerate(shape.drop):
        if day not in country and day not in added:
            sentence = f"{day} is no holiday there, so dropping it changes nothing."
            reading.add(Code.NO_EFFECT, shape.place("drop", index), sentence)
    return country, added, dropped


def _country(shape: HolidaysShape, country: str, reading: Reading) -> Container[date] | None:
    try:
        found: Any = public_holidays.country_holidays(country)
    except NotImplementedError:
        known = public_holidays.list_supported_countries()
        hint = did_you_mean(country, known, cutoff=0.9)
        sentence = f"No holidays are known for the country `{printable(country)}`."
        hint = hint or " Write its two-letter code, such as `IT`, or list the dates under `add`."
        reading.add(Code.UNKNOWN_HOLIDAYS, shape.place("country"), sentence + hint)
        return None
    if shape.subdivision is None:
        return _dates(found)
    try:
        return _dates(public_holidays.country_holidays(country, subdiv=shape.subdivision))
    except NotImplementedError:
        known = found.subdivisions
        hint = did_you_mean(shape.subdivision, known)
        near = hint or (f" Known are {listed(known)}." if known else " It has none: remove it.")
        sentence = f"`{printable(country)}` has no subdivision `{printable(shape.subdivision)}`."
        reading.add(Code.UNKNOWN_HOLIDAYS, shape.place("subdivision"), sentence + near)
        return _dates(found)


def _dates(found: Any) -> Container[date]:
    days: Container[date] = found
    return days
