"""Durations as agreements write them: `15m`, `4h`, `2d`.

Minutes and hours are working time of a calendar, days are working days of it
(contract, section 2, 'Durations'). What a duration comes to is the calendar's
business (`rules.calendars`); for `always`, look-back windows and half-lives it
is `wall`.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

Unit = Literal["m", "h", "d"]
_WRITTEN: Final = re.compile(r"(0|[1-9][0-9]{0,6})([mhd])", re.ASCII)
_SECONDS: Final[dict[str, int]] = {"m": 60, "h": 3600, "d": 86400}
_WORDS: Final[dict[str, str]] = {"m": "minute", "h": "hour", "d": "day"}


@dataclass(frozen=True, slots=True)
class Duration:
    """An amount of one unit; `Duration(15, "m")` is written `15m`."""

    amount: int
    unit: Unit

    @property
    def wall(self) -> timedelta:
        """The duration as elapsed time, a day being 24 hours."""
        return timedelta(seconds=self.amount * _SECONDS[self.unit])

    @property
    def words(self) -> str:
        """As a person says it: `15 minutes`, `1 day`."""
        return f"{self.amount} {_WORDS[self.unit]}{'' if self.amount == 1 else 's'}"

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"


def parse_duration(text: str) -> Duration | None:
    """Read `15m`, `4h` or `2d`; None if `text` is not a duration."""
    match = _WRITTEN.fullmatch(text)
    if match is None:
        return None
    unit: Unit = match[2]  # type: ignore[assignment]  # the pattern admits only units
    return Duration(int(match[1]), unit)
