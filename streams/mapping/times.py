"""Reading a cell as an instant.

A time without an offset is local to a zone. Where clocks are set back and it
happens twice, the first of the two is meant (the offset before the change);
where they are set forward and it never happens, it is read with the offset
before the change too, which lands it after the gap. Both are what the zone
database's own reading (`fold=0`) gives.
"""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from rules.wording import printable
from streams.mapping.faults import Fault

UNIX_FORMATS: Final[dict[str, int]] = {"unix_s": 1_000_000, "unix_ms": 1_000}
"""Named formats: seconds and milliseconds since 1970, as microseconds per unit."""
_ISO: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?P<clock>[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?"
    r"(?:Z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII | re.IGNORECASE,
)
_WHOLE: Final = re.compile(r"-?\d{1,16}", re.ASCII)
_CLOCK_DIRECTIVES: Final = re.compile(r"%[HIMSfpXcTR]")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SAMPLE: Final = datetime(2023, 11, 27, 22, 48, 59, tzinfo=UTC)


def is_date_format(written: str) -> bool:
    """Whether a format yields a date without a time of day."""
    return written not in UNIX_FORMATS and not _CLOCK_DIRECTIVES.search(written)


def format_fault(written: str) -> str | None:
    """What is wrong with a format in a mapping, as a sentence; None if it can be used."""
    if written in UNIX_FORMATS:
        return None
    try:
        read = datetime.strptime(_SAMPLE.strftime(written), written)  # noqa: DTZ007
    except (ValueError, re.error) as error:
        return f"'{printable(written)}' can't be used as a format: {error}"
    if read.date() != _SAMPLE.date():
        return (
            f"the format '{printable(written)}' does not say year, month and day; "
            'write one such as "%d/%m/%Y %H:%M"'
        )
    return None


def read_moment(
    cell: str, formats: tuple[str, ...], zone: ZoneInfo | None, at: time | None
) -> datetime | Fault:
    """The instant that `cell` means, in UTC, or why it means none."""
    found = _by_format(cell, formats) if formats else _by_iso(cell)
    if found is None:
        return Fault("invalid_time", f"'{printable(cell)}' is not {_expected(formats)}")
    read, is_date = found
    if is_date:
        if at is None:
            return Fault(
                "date_without_time",
                f"'{printable(cell)}' is a date without a time of day; say in the mapping "
                'which to take, such as `at: "09:00"`',
            )
        read = datetime.combine(read.date(), at)
    if read.tzinfo is None:
        if zone is None:
            return Fault(
                "invalid_time",
                f"'{printable(cell)}' has no offset from UTC; say in the mapping whose time it "
                "is, such as `timezone: Europe/Rome`",
            )
        read = read.replace(tzinfo=zone, fold=0)
    try:
        return read.astimezone(UTC)
    except OverflowError:
        return Fault("invalid_time", f"'{printable(cell)}' is out of range")


def _by_iso(cell: str) -> tuple[datetime, bool] | None:
    match = _ISO.fullmatch(cell)
    if match is None:
        return None
    try:
        return datetime.fromisoformat(cell.upper()), match["clock"] is None
    except ValueError:
        return None


def _by_format(cell: str, formats: tuple[str, ...]) -> tuple[datetime, bool] | None:
    for written in formats:
        if written in UNIX_FORMATS:
            if _WHOLE.fullmatch(cell):
                microseconds = int(cell) * UNIX_FORMATS[written]
                try:
                    return _EPOCH + timedelta(microseconds=microseconds), False
                except OverflowError:
                    return None
            continue
        try:
            return datetime.strptime(cell, written), is_date_format(written)  # noqa: DTZ007
        except ValueError:
            continue
    return None


def _expected(formats: tuple[str, ...]) -> str:
    if not formats:
        return "a time such as 2026-03-02 09:15:00 or 2026-03-02T09:15:00+01:00"
    return "a time of the form " + " or ".join(f"'{printable(each)}'" for each in formats)
