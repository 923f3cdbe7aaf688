"""A mapping as loaded: frozen, checked, independent of any export's header.

Columns are named here and found when the mapping meets a header (`applying`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time
from typing import Literal
from zoneinfo import ZoneInfo

Scalar = str | int | float | bool
As = Literal["text", "number", "boolean"]


@dataclass(frozen=True, slots=True)
class Column:
    """A cell of the row, by its column's name."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """The same value for every row; None is 'nothing', which is left out of the event."""

    value: Scalar | None


@dataclass(frozen=True, slots=True)
class Template:
    """Text with columns in it, such as `deal-$mql_id`; empty where all its columns are."""

    parts: tuple[str | Column, ...]


Option = Constant | Template


@dataclass(frozen=True, slots=True)
class Value:
    """The first of `options` that is not empty, looked up in `table`, read as `as_`.

    `default` stands in where the options are empty and where `table` lacks the
    cell; without it the former leaves the value out and the latter refuses the
    row. What `table` gives is final, nothing (None) included.
    """

    options: tuple[Option, ...]
    table: Mapping[str, Option] | None = None
    default: Option | None = None
    as_: As = "text"


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant: the first of `options` that is not empty, read by `formats`.

    Without formats it is ISO 8601. `zone` is that of times without an offset;
    `at` is the time of day of dates without a time. Both may be None, and then
    such a time or date refuses its row.
    """

    options: tuple[Option, ...]
    formats: tuple[str, ...]
    zone: ZoneInfo | None
    at: time | None


@dataclass(frozen=True, slots=True)
class CellTest:
    """What a cell must be; every part that is not None must hold."""

    any_of: frozenset[str] | None = None
    like: re.Pattern[str] | None = None
    empty: bool | None = None
    negated: "CellTest | None" = None

    def holds(self, cell: str) -> bool:
        """Whether `cell`, stripped, passes."""
        return (
            (self.any_of is None or cell in self.any_of)
            and (self.like is None or self.like.fullmatch(cell) is not None)
            and (self.empty is None or self.empty == (not cell))
            and (self.negated is None or not self.negated.holds(cell))
        )


@dataclass(frozen=True, slots=True)
class EventMapping:
    """One event that a row for which all of `when` holds gives.

    It gives none where `type` is empty. Without an `id` it is derived from the
    row's content and the event's place in the mapping.
    """

    when: Mapping[str, CellTest]
    type: Value
    subject: Value
    time: Moment
    id: Value | None
    received_at: Moment | None
    data: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class FileMapping:
    """How the rows of one kind of file become events. `pattern` is a glob over its name."""

    pattern: str
    source: str
    delimiter: str
    encoding: str
    decimal: str
    """The decimal sign of its numbers, `.` or `,`."""
    empty: frozenset[str]
    """Cells that are as good as blank, such as `N/A`."""
    events: tuple[EventMapping, ...]


@dataclass(frozen=True, slots=True)
class ImportMapping:
    """A mapping file: its kinds of file, in the order in which ties of time are broken."""

    files: tuple[FileMapping, ...]
    sort: bool
    """Whether the events of all files are put into the order of their time."""


def columns(section: FileMapping) -> Iterator[str]:
    """Every column that `section` reads, in order, some more than once."""
    for event in section.events:
        yield from event.when
        values = [
            event.type,
            event.subject,
            *([event.id] if event.id else []),
            *event.data.values(),
        ]
        moments = [event.time, *([event.received_at] if event.received_at else [])]
        for value in values:
            extras = [*(value.table or {}).values(), *([value.default] if value.default else [])]
            yield from _named((*value.options, *extras))
        for moment in moments:
            yield from _named(moment.options)


def _named(options: tuple[Option, ...]) -> Iterator[str]:
    for option in options:
        if isinstance(option, Template):
            yield from (part.name for part in option.parts if isinstance(part, Column))
