"""Instants as events write them: RFC 3339 text with an offset (contract, section 1)."""

import re
from datetime import UTC, datetime
from typing import Final

EARLIEST_AT: Final = datetime(1970, 1, 1, tzinfo=UTC)
END_AT: Final = datetime(2101, 1, 1, tzinfo=UTC)
"""The first instant that is too late: the years 1970 to 2100 are believed."""

EXAMPLE: Final = "2026-03-02T09:15:00+01:00"
_CLOCK: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,30})?"
_LOCAL: Final = re.compile(_CLOCK)
_RFC3339: Final = re.compile(_CLOCK + r"(?:[Zz]|[+-][0-9]{2}:[0-9]{2})")
_LENGTHS: Final = {"--T::Z": 20, "--T::+:": 25, "--T::-:": 25}
"""Of the two usual spellings: every third character from the fifth, and the length. They decide
in a third of the pattern's time, since `fromisoformat` sees to the digits between."""
_matches = _RFC3339.fullmatch
_read = datetime.fromisoformat


def parse_instant(text: str) -> datetime | None:
    """Read an RFC 3339 instant from 1970 to 2100 as aware UTC; None if `text` is none.

    What is finer than a microsecond is cut off. `instant_fault` says what was wrong.
    """
    if _LENGTHS.get(text[4::3]) != len(text) and _matches(text) is None:
        return None
    try:
        at = _read(text if text[-1] != "z" else text[:-1] + "Z")
        if at.tzinfo is not UTC:
            at = at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if EARLIEST_AT <= at < END_AT else None


def instant_fault(text: str) -> str:
    """Why `parse_instant` made nothing of `text`, to follow 'it': `has no offset from UTC`."""
    if _LOCAL.fullmatch(text):
        return "has no offset from UTC"
    if _matches(text) is None:
        return "is not an RFC 3339 instant"
    if text[17:19] == "60":
        return "is a leap second, which clocks here do not have"
    try:
        _read(text.upper())
    except ValueError:
        return "is no date and time that exist"
    return "lies outside the years 1970 to 2100"
