"""The lines that scenarios are written in: a moment, whom it is about, what happened.

    Mon 2 Mar 2026
    09:00                   anna  lead.captured   email: anna@rossi.it
    09:40 (happened 09:10)  anna  lead.attempted  channel: call

A date stands on a line of its own or before a time and holds for what follows;
its weekday must be right. Times are local to the agreement's zone; an offset
(`02:30+01:00`) may follow where the clock shows a time twice. Notes stand in
brackets after the time. What follows the type is its data, as YAML.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import yaml

_DATE: Final = (
    r"(?P<weekday>[A-Z][a-z]{2}) (?P<day>\d{1,2}) (?P<month>[A-Z][a-z]{2})(?: (?P<year>\d{4}))?"
)
_TIME: Final = r"(?P<time>\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)(?P<offset>[+-]\d{2}:\d{2})?"
_MOMENT: Final = re.compile(rf"(?:{_DATE} )?{_TIME}")
_HEADING: Final = re.compile(_DATE)
_LINE: Final = re.compile(
    rf"(?P<moment>(?:{_DATE} +)?{_TIME})(?: +\((?P<notes>[^)]*)\))? +"
    r"(?P<subject>\S+) +(?P<word>\S+)(?: +(?P<data>.*))?"
)
_BECAUSE: Final = "because "
MOMENT_FIELDS: Final = ("until", "due", "met_at")
"""Fields whose values are moments, written as everywhere else."""


class _Plain(yaml.SafeLoader):
    """YAML without surprises: only true, false, null and decimal numbers are not text."""


_Plain.yaml_implicit_resolvers = {}
_Plain.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("(true|false)$"), list("tf"))
_Plain.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("(null)?$"), ["n", ""])
_Plain.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"-?(0|[1-9]\d*)$"), list("-0123456789")
)
_Plain.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"-?(0|[1-9]\d*)\.\d+$"), list("-0123456789")
)


def read_yaml(text: str) -> Any:
    """The content of YAML text, in which dates and times stay text."""
    return yaml.load(text, _Plain)  # a subclass of SafeLoader


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a timeline. `word` is a type or a code; `because` are the lines under it."""

    at: datetime
    notes: tuple[str, ...]
    subject: str
    word: str
    data: dict[str, Any]
    because: tuple[str, ...] = ()

    def note(self, name: str) -> str | None:
        """What follows `name` in the notes: of `id call-1`, 'call-1'; None without one."""
        for note in self.notes:
            if note == name or note.startswith(f"{name} "):
                return note[len(name) :].strip()
        return None


@dataclass(slots=True)
class Reader:
    """Reads moments of one zone, remembering the date that holds."""

    zone: ZoneInfo
    today: date | None = None

    def lines(self, text: str) -> tuple[Line, ...]:
        """The lines of a timeline; ValueError names one that is not understood."""
        found: list[Line] = []
        for written in _sentences(text):
            if written.startswith(_BECAUSE):
                because = written[len(_BECAUSE) :].strip()
                found[-1] = replace(found[-1], because=(*found[-1].because, because))
            elif heading := _HEADING.fullmatch(written):
                self._turn_to(heading)
            else:
                found.append(self._line(written))
        return tuple(found)

    def moment(self, text: str) -> datetime:
        """The instant, in UTC, of `Mon 2 Mar 2026 09:00` or, on the date that holds, `09:00`."""
        match = _MOMENT.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no moment such as 'Mon 2 Mar 2026 09:00'")
        return self._instant(match)

    def _line(self, written: str) -> Line:
        match = _LINE.fullmatch(written)
        if match is None:
            raise ValueError(f"not a line such as '09:00  anna  lead.captured': {written!r}")
        at = self._instant(match)
        notes = tuple(note.strip() for note in (match["notes"] or "").split(",") if note)
        data = read_yaml(f"{{{match['data'] or ''}}}")
        for name in MOMENT_FIELDS:
            if isinstance(data.get(name), str):
                data[name] = Reader(self.zone, self.today).moment(data[name])
        return Line(at, notes, match["subject"], match["word"], data)

    def _turn_to(self, match: re.Match[str]) -> None:
        year = match["year"] or (self.today.year if self.today else None)
        if year is None:
            raise ValueError(f"the first date needs a year: {match[0]!r}")
        written = f"{match['day']} {match['month']} {year}"
        self.today = datetime.strptime(written, "%d %b %Y").replace(tzinfo=UTC).date()
        if f"{self.today:%a}" != match["weekday"]:
            raise ValueError(f"{written} is a {self.today:%A}, not {match['weekday']}")

    def _instant(self, match: re.Match[str]) -> datetime:
        if match["weekday"]:
            self._turn_to(match)
        if self.today is None:
            raise ValueError(f"no date yet at {match[0]!r}")
        if match["offset"]:
            return datetime.fromisoformat(
                f"{self.today}T{match['time']}{match['offset']}"
            ).astimezone(UTC)
        local = datetime.fromisoformat(f"{self.today}T{match['time']}")
        return local.replace(tzinfo=self.zone).astimezone(UTC)


def _sentences(text: str) -> Iterator[str]:
    for line in text.splitlines():
        written = line.strip()
        if written and not written.startswith("#"):
            yield written
