"""Running an import: files through their mappings into one stream of events.

The order of steps for a row: take it apart, make its events, hold each against
the border (so that nothing is written that a replay would refuse), look whether
their names were there before; only then are they all written. A row that fails
anywhere goes whole to the refused.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import chain
from typing import Final

import msgspec

from rules.wording import did_you_mean, listed, printable
from streams.codec import decode
from streams.mapping.applying import BoundMapping, ImportedEvent
from streams.mapping.faults import Fault
from streams.mapping.model import FileMapping, ImportMapping, columns
from streams.mapping.reading import Row, Rows, TextSource
from streams.mapping.scratch import Place, Scratch
from streams.refusals import Refusal

_encode: Final = msgspec.json.Encoder().encode
_LIKELY_DELIMITERS: Final = (",", ";", "\t", "|")
_NOT_TEXT: Final = Fault(
    "not_unicode",
    "the row holds bytes that are not text in the file's encoding; say the right one in the "
    "mapping, such as `encoding: windows-1252`",
)


@dataclass(slots=True)
class FileCount:
    """What became of a file's rows."""

    rows: int = 0
    events: int = 0
    refused: int = 0
    without_event: int = 0


@dataclass(slots=True)
class OpenFile:
    """A file whose header has been read and suits its mapping."""

    name: str
    section: FileMapping
    header: Row
    rows: Iterator[Row]
    count: FileCount = field(default_factory=FileCount)


def section_for(mapping: ImportMapping, name: str) -> FileMapping | None:
    """The first kind of file whose pattern the file's name matches; standard input is `-`.

    A mapping of a single kind takes standard input, whatever its pattern.
    """
    plain = name.removesuffix(".gz")
    for section in mapping.files:
        if fnmatchcase(plain, section.pattern) or fnmatchcase(name, section.pattern):
            return section
    return mapping.files[0] if name == "-" and len(mapping.files) == 1 else None


def open_file(name: str, section: FileMapping, source: TextSource) -> OpenFile | str:
    """Read the header; a sentence says why the file does not suit the mapping."""
    rows = iter(Rows(source, section.delimiter))
    header = next(rows, None)
    if header is None:
        return "the file is empty; its first line must name the columns"
    if "\0" in header.raw:
        return (
            "the header holds zero bytes, as text in UTF-16 does, and is read as "
            f"{section.encoding.removesuffix('-sig')}. It looks as if the mapping needs "
            "`encoding: utf-16`."
        )
    if header.fault:
        return f"the header can't be read: {header.fault.sentence}"
    names = [cell.strip() for cell in header.cells]
    missing = [name for name in dict.fromkeys(columns(section)) if name not in names]
    if missing:
        return _missing(missing, names, section.delimiter)
    doubled = sorted({name for name in columns(section) if names.count(name) > 1})
    if doubled:
        return f"the header names {listed(doubled)} twice; rename one of them"
    header = Row(header.line, header.raw, names)
    return OpenFile(name, section, header, rows)


def run(
    files: list[OpenFile],
    sort: bool,
    write: Callable[[bytes], object],
    refuse: Callable[[OpenFile, Row, Fault], None],
) -> None:
    """Import `files`; `write` gets each event as a line, `refuse` each bad row.

    With `sort` nothing is written before all files are read.
    """
    scratch = Scratch()
    try:
        for file in files:
            bound = BoundMapping(file.section, file.header.cells)
            for row in file.rows:
                file.count.rows += 1
                made = _taken(file, bound, row, scratch)
                if isinstance(made, Fault):
                    file.count.refused += 1
                    refuse(file, row, made)
                    continue
                file.count.events += len(made)
                file.count.without_event += not made
                for event, line in made:
                    if sort:
                        scratch.add(event.known_at, line)
                    else:
                        write(line)
        for line in scratch.in_order():
            write(line)
    finally:
        scratch.close()


def _taken(
    file: OpenFile, bound: BoundMapping, row: Row, scratch: Scratch
) -> list[tuple[ImportedEvent, bytes]] | Fault:
    """The row's events with their lines, remembered; or why the row is refused."""
    if row.fault:
        return row.fault
    try:
        row.raw.encode()
    except UnicodeEncodeError:
        return _NOT_TEXT
    events = bound.events(row.cells)
    if isinstance(events, Fault):
        return events
    made: list[tuple[ImportedEvent, bytes]] = []
    names: set[tuple[str, str, str]] = set()
    for event in events:
        line = _encode(event)
        checked = decode(line)
        if isinstance(checked, Refusal):
            return Fault(checked.reason, checked.sentence)
        name = (event.subject, event.source, event.id)
        if name in names:
            return _same_row(event)
        if (place := scratch.first_seen(*name)) is not None:
            return _seen_before(event, place, file)
        names.add(name)
        made.append((event, line + b"\n"))
    for name in names:
        scratch.remember(*name, Place(file.name, row.line))
    return made


def _same_row(event: ImportedEvent) -> Fault:
    return Fault(
        "duplicate_id",
        f"the row gives two events with the id '{printable(event.id)}' about "
        f"'{printable(event.subject)}'; tell them apart in the mapping's `id:`",
    )


def _seen_before(event: ImportedEvent, place: Place, file: OpenFile) -> Fault:
    where = f"line {place.line}" + (f" of {place.file}" if place.file != file.name else "")
    return Fault(
        "duplicate_id",
        f"an event with the id '{printable(event.id)}' about '{printable(event.subject)}' came "
        f"from {where} already; drop the row if it says the same again, otherwise tell them apart "
        "in the mapping's `id:`",
    )


def _missing(missing: list[str], names: list[str], delimiter: str) -> str:
    near = "".join(chain.from_iterable(did_you_mean(name, names) for name in missing[:1]))
    sentence = (
        f"the mapping reads {listed(missing)}, which the header does not name.{near} "
        f"It names {listed(names)}."
    )
    for other in _LIKELY_DELIMITERS:
        if len(names) == 1 and other != delimiter and other in names[0]:
            shown = "\\t" if other == "\t" else other
            return f'{sentence} It looks as if the mapping needs `delimiter: "{shown}"`.'
    return sentence
