"""Whether the time that is promised exists: no deadline may lie beyond ten years.

A calendar with one open minute a week is sound, and so is `5000h`; together they
fall due after thousands of years. Every duration of a clause is tried in each
calendar in which it may run (contract, section 2, 'Durations').
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from rules.agreement import Person
from rules.calendars import Calendar
from rules.durations import Duration
from rules.loading.diagnostics import Code, Mark
from rules.loading.reading import Reading
from rules.loading.shapes import AgreementShape, ClauseShape, StepShape
from rules.wording import printable

TRIED_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""A fixed instant, so that the same file is always judged alike."""
LATEST_AT: Final = datetime(2036, 1, 1, tzinfo=UTC)

Promised = tuple[Duration, Mark]


class _Used(NamedTuple):
    """A calendar, and in words whose it is."""

    calendar: Calendar
    words: str


def check_reach(
    whole: AgreementShape,
    people: Mapping[str, Person],
    calendars: Mapping[str, Calendar],
    reading: Reading,
) -> None:
    """Report the durations of clauses that last over ten years in one of their calendars."""
    tried = _Tried()
    sound = {
        name: _Used(calendar, f"the calendar `{printable(name)}`")
        for name, calendar in calendars.items()
        if whole.calendars[name].is_whole("hours")
    }
    owners = _owners(people, sound)
    climbed: set[tuple[str, str]] = set()
    for clause in whole.clauses:
        name = clause.calendar or "always"
        used = owners if name == "owner" else [sound[name]] if name in sound else []
        for each in _own_durations(clause):
            _try(each, used, tried, reading)
        if isinstance(clause.escalate, str) and (clause.escalate, name) not in climbed:
            climbed.add((clause.escalate, name))
            for each in _steps_durations(whole.escalations.get(clause.escalate, [])):
                _try(each, used, tried, reading)


def _owners(people: Mapping[str, Person], sound: Mapping[str, _Used]) -> list[_Used]:
    """The calendars by which `owner` may be counted, each with the first who works by it."""
    found: dict[str, _Used] = {}
    for key, person in people.items():
        used = sound.get(person.calendar.name) if person.calendar is not None else None
        if used is not None and used.calendar.name not in found:
            words = f"{used.words}, by which `{printable(key)}` works"
            found[used.calendar.name] = _Used(used.calendar, words)
    return list(found.values())


def _own_durations(clause: ClauseShape) -> Iterator[Promised]:
    if clause.within is not None:
        yield clause.within, clause.place("within")
    if clause.then is not None:
        yield clause.then.recycle_after, clause.then.place("recycle_after")
    if isinstance(clause.escalate, list):
        yield from _steps_durations(clause.escalate)


def _steps_durations(steps: list[StepShape]) -> Iterator[Promised]:
    for step in steps:
        yield step.after, step.place("after")
        if step.repeat is not None:
            yield step.repeat, step.place("repeat")


def _try(each: Promised, used: list[_Used], tried: "_Tried", reading: Reading) -> None:
    duration, at = each
    too_small = next((one for one in used if not tried.holds(one.calendar, duration)), None)
    if too_small is not None:
        sentence = (
            f"`{duration}` lasts more than ten years in {too_small.words}. Write a shorter time, "
            "or give the calendar more hours."
        )
        reading.add(Code.OUT_OF_RANGE, at, sentence)


@dataclass(slots=True)
class _Tried:
    """What was found out so far: a shorter time than one that fits, fits too."""

    _fits: dict[tuple[Calendar, bool], timedelta] = field(default_factory=dict)
    _too_long: dict[tuple[Calendar, bool], timedelta] = field(default_factory=dict)

    def holds(self, calendar: Calendar, within: Duration) -> bool:
        """Whether `within` from `TRIED_AT` is over by `LATEST_AT` in `calendar`."""
        kind = (calendar, within.unit == "d")
        if within.wall <= self._fits.get(kind, timedelta(0)):
            return True
        if within.wall >= self._too_long.get(kind, timedelta.max):
            return False
        try:
            holds = calendar.add(TRIED_AT, within) <= LATEST_AT
        except ValueError:
            holds = False
        (self._fits if holds else self._too_long)[kind] = within.wall
        return holds
