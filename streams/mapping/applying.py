"""From the cells of a row to its events.

A mapping is bound to a header once; the result is a list of closures over cell
positions. A row gives all of its events or a `Fault`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

import msgspec

from rules.wording import printable
from streams.mapping.faults import Fault
from streams.mapping.model import (
    CellTest,
    Constant,
    EventMapping,
    FileMapping,
    Moment,
    Option,
    Scalar,
    Template,
    Value,
)
from streams.mapping.numbers import read_boolean, read_number
from streams.mapping.times import read_moment

REFUSED_COLUMN: Final = "baton_refused"
"""The first column of a file of refused rows. Imports pass over it."""

Cells = Sequence[str]
Read = Callable[[Cells], "Scalar | Fault | None"]
ReadTime = Callable[[Cells], "datetime | Fault | None"]


class ImportedEvent(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A CloudEvent as it is written, to the name and order of its attributes."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    receivedat: datetime | None = None
    data: dict[str, Any]

    @property
    def known_at(self) -> datetime:
        """The instant by which a replay orders it."""
        return self.receivedat or self.time


@dataclass(frozen=True, slots=True)
class _BoundEvent:
    tests: tuple[tuple[int, CellTest], ...]
    type: Read
    subject: Read
    time: ReadTime
    id: Read | None
    received_at: ReadTime | None
    data: tuple[tuple[str, Read], ...]


class BoundMapping:
    """A file's mapping, its columns found in the file's header."""

    def __init__(self, section: FileMapping, header: Sequence[str]) -> None:
        """`header` must have every one of `model.columns(section)`."""
        self._section = section
        self._binder = _Binder(section, header)
        self._events = tuple(self._binder.event(each) for each in section.events)
        self._by_name = sorted(
            (name, index) for index, name in enumerate(header) if name != REFUSED_COLUMN
        )

    def events(self, row: Sequence[str]) -> list[ImportedEvent] | Fault:
        """The events of a row with as many cells as the header has columns."""
        empty = self._section.empty
        cells = ["" if (cell := each.strip()) in empty else cell for each in row]
        made: list[ImportedEvent] = []
        content: str | None = None
        for place, bound in enumerate(self._events, start=1):
            if not all(test.holds(cells[index]) for index, test in bound.tests):
                continue
            event_type = _text(bound.type(cells))
            if event_type == "":
                continue
            if bound.id is None:
                content = content or self._content(cells)
            derived = f"{content}-{place}" if bound.id is None else None
            event = self._event(bound, event_type, derived, cells)
            if isinstance(event, Fault):
                return event
            made.append(event)
        return made

    def _event(
        self, bound: _BoundEvent, event_type: str | Fault, derived: str | None, cells: Cells
    ) -> ImportedEvent | Fault:
        subject = _text(bound.subject(cells))
        happened = bound.time(cells)
        received = bound.received_at(cells) if bound.received_at else None
        identity = derived or (_text(bound.id(cells)) if bound.id else "")
        for part in (event_type, subject, happened, received, identity):
            if isinstance(part, Fault):
                return part
        assert not isinstance(happened, Fault)
        assert not isinstance(received, Fault)
        if not subject or not identity or happened is None:
            missing = "subject" if not subject else "id" if not identity else "time"
            return Fault(
                "missing_value", f"the columns that `{missing}:` is taken from are empty here"
            )
        data: dict[str, Any] = {}
        for name, read in bound.data:
            value = read(cells)
            if isinstance(value, Fault):
                return value
            if value is not None:
                data[name] = value
        return ImportedEvent(
            specversion="1.0",
            id=str(identity),
            source=self._section.source,
            type=str(event_type),
            subject=str(subject),
            time=happened,
            receivedat=received,
            data=data,
        )

    def _content(self, cells: Cells) -> str:
        """A digest of what the row says, whatever the file and the order of its columns."""
        said = [(name, cells[index]) for name, index in self._by_name if cells[index]]
        return blake2b(msgspec.json.encode(said), digest_size=12).hexdigest()


class _Binder:
    """Turns the parts of a mapping into closures over positions of a header."""

    def __init__(self, section: FileMapping, header: Sequence[str]) -> None:
        self._decimal = section.decimal
        self._position = {name: index for index, name in reversed(list(enumerate(header)))}

    def event(self, event: EventMapping) -> _BoundEvent:
        return _BoundEvent(
            tests=tuple((self._position[name], test) for name, test in event.when.items()),
            type=self.value(event.type),
            subject=self.value(event.subject),
            time=self.moment(event.time),
            id=self.value(event.id) if event.id else None,
            received_at=self.moment(event.received_at) if event.received_at else None,
            data=tuple((name, self.value(each)) for name, each in event.data.items()),
        )

    def value(self, value: Value) -> Read:
        first = self._first(value.options)
        default = self._option(value.default) if value.default else None
        found: Read = first
        if value.table is not None:
            found = self._looked_up(first, value.table, default, _names(value.options))
        elif default is not None:
            found = _or_else(first, default)
        convert = self._converter(value)

        def read(cells: Cells) -> Scalar | Fault | None:
            result = found(cells)
            if result == "":
                return None
            return convert(result) if convert and isinstance(result, str) else result

        return read

    def moment(self, moment: Moment) -> ReadTime:
        found = self._first(moment.options)
        formats, zone, at, where = moment.formats, moment.zone, moment.at, _names(moment.options)

        def read(cells: Cells) -> datetime | Fault | None:
            cell = found(cells)
            if cell is None or cell == "":
                return None
            result = read_moment(str(cell), formats, zone, at)
            if isinstance(result, Fault):
                return Fault(result.code, f"{where}: {result.sentence}")
            return result

        return read

    def _option(self, option: Option) -> Callable[[Cells], Scalar | None]:
        if isinstance(option, Constant):
            constant = option.value
            return lambda _: constant
        if len(option.parts) == 1 and not isinstance(option.parts[0], str):
            index = self._position[option.parts[0].name]
            return lambda cells: cells[index]
        return self._template(option)

    def _template(self, template: Template) -> Callable[[Cells], Scalar | None]:
        parts = [
            part if isinstance(part, str) else self._position[part.name] for part in template.parts
        ]
        indices = [part for part in parts if isinstance(part, int)]

        def fill(cells: Cells) -> str:
            if not any(cells[index] for index in indices):
                return ""
            return "".join(part if isinstance(part, str) else cells[part] for part in parts)

        return fill

    def _first(self, options: tuple[Option, ...]) -> Callable[[Cells], Scalar | None]:
        reads = [self._option(option) for option in options]
        if len(reads) == 1:
            return reads[0]

        def first(cells: Cells) -> Scalar | None:
            for read in reads:
                value = read(cells)
                if value is not None and value != "":
                    return value
            return None

        return first

    def _looked_up(
        self,
        found: Callable[[Cells], Scalar | None],
        table: Mapping[str, Option],
        default: Callable[[Cells], Scalar | None] | None,
        where: str,
    ) -> Read:
        reads = {cell: self._option(option) for cell, option in table.items()}

        def look_up(cells: Cells) -> Scalar | Fault | None:
            cell = found(cells)
            key = "" if cell is None else str(cell)
            if (read := reads.get(key)) is not None:
                return read(cells)
            if default is not None:
                return default(cells)
            if not key:
                return None
            return Fault(
                "not_in_table",
                f"{where}: '{printable(key)}' is not in the mapping's table; add it there, or a "
                "`default:`",
            )

        return look_up

    def _converter(self, value: Value) -> Callable[[str], Scalar | Fault] | None:
        decimal, where = self._decimal, _names(value.options)
        if value.as_ == "boolean":
            return lambda cell: _located(read_boolean(cell), where)
        if value.as_ == "number":
            return lambda cell: _located(read_number(cell, decimal), where)
        return None


def _located(read: Scalar | Fault, where: str) -> Scalar | Fault:
    return Fault(read.code, f"{where}: {read.sentence}") if isinstance(read, Fault) else read


def _or_else(
    first: Callable[[Cells], Scalar | None], default: Callable[[Cells], Scalar | None]
) -> Read:
    def read(cells: Cells) -> Scalar | Fault | None:
        found = first(cells)
        return default(cells) if found is None or found == "" else found

    return read


def _text(value: Scalar | Fault | None) -> str | Fault:
    """An attribute's value; all of them are text."""
    return value if isinstance(value, Fault) else "" if value is None else str(value)


def _names(options: tuple[Option, ...]) -> str:
    """The columns behind a value, as a sentence names them."""
    names = [
        part.name
        for option in options
        if isinstance(option, Template)
        for part in option.parts
        if not isinstance(part, str)
    ]
    return "column " + " or ".join(printable(name) for name in names) if names else "the mapping"
