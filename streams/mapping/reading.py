"""Taking a CSV export apart into rows, each with its own text and line.

Invariants: every physical line belongs to exactly one row or is blank; a row's
`raw` is its text as it stood; memory is bounded by `LONGEST_ROW` whatever the
file holds. A quote that is never closed spoils its own line, not what follows.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from streams.mapping.faults import Fault

LONGEST_ROW: Final = 1 << 20
"""Characters of a row, line breaks within its cells included."""


class TextSource(Protocol):
    """What lines are read from: a text file opened with `newline=""`."""

    def readline(self, size: int = -1, /) -> str: ...


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its first line (from 1), its text, and its cells or why it has none."""

    line: int
    raw: str
    cells: list[str]
    fault: Fault | None = None


class _TooLongError(Exception):
    """The row under way passed `LONGEST_ROW`. Never leaves this module."""


class Rows:
    """The rows of `source`, the header first; blank lines are passed over."""

    def __init__(self, source: TextSource, delimiter: str) -> None:
        self._source = source
        self._delimiter = delimiter
        self._ahead: list[str] = []  # lines given back, the next one last
        self._line = 0  # of the last line handed out
        self._taken: list[str] = []
        self._size = 0
        csv.field_size_limit(LONGEST_ROW)

    def __iter__(self) -> Iterator[Row]:
        reader = self._reader()
        width = 0
        while True:
            first = self._line + 1
            self._taken, self._size = [], 0
            cells: list[str] = []
            fault: Fault | None = None
            try:
                cells = next(reader)
            except StopIteration:
                return
            except _TooLongError:
                fault = Fault("too_large", f"the row is longer than {LONGEST_ROW:,} characters")
            except csv.Error as error:
                fault = _unreadable(str(error))
            if fault is None and len(self._taken) == 1 and not self._taken[0].strip():
                continue
            width = width or len(cells)
            fault = fault or _misshapen(cells, width)
            if fault is not None:
                reader = self._reader()  # the one that failed may be at its end
                if self._gives_back(fault, width):
                    fault = _OPEN_QUOTE
            yield Row(first, "".join(self._taken), cells[:width], fault)

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self._lines(), delimiter=self._delimiter, strict=True)

    def _lines(self) -> Iterator[str]:
        while True:
            line = self._ahead.pop() if self._ahead else self._source.readline(LONGEST_ROW)
            if not line:
                return
            self._line += 1
            self._taken.append(line)
            self._size += len(line)
            if self._size >= LONGEST_ROW:
                if len(line) == LONGEST_ROW and line[-1] not in "\r\n":
                    self._skip_to_end()
                raise _TooLongError
            yield line

    def _skip_to_end(self) -> None:
        """Pass over the rest of an endless line without keeping it."""
        while (rest := self._source.readline(LONGEST_ROW)) and rest[-1] not in "\r\n":
            pass

    def _gives_back(self, fault: Fault, width: int) -> bool:
        """Whether a bad row is one line with an open quote, and lines that were none of its.

        If so, they are given back, to be read as rows of their own. A row that
        ran on to the end or past all bounds is such; so is one whose second
        line is a whole row when taken alone.
        """
        if len(self._taken) < 2:
            return False
        if fault.code != "too_large" and fault != _NEVER_CLOSED:
            try:
                alone = next(csv.reader([self._taken[1]], delimiter=self._delimiter, strict=True))
            except (csv.Error, StopIteration):
                return False
            if len(alone) != width:
                return False
        self._ahead.extend(reversed(self._taken[1:]))
        self._line -= len(self._taken) - 1
        del self._taken[1:]
        return True


_NEVER_CLOSED: Final = Fault(
    "unreadable_row",
    "the file ends inside a cell: a quote opened in this row is never closed",
)
_OPEN_QUOTE: Final = Fault(
    "unreadable_row",
    "a quote opened in this line is not closed in it; close it, or double it if it belongs to "
    "the text",
)


def _misshapen(cells: list[str], width: int) -> Fault | None:
    if len(cells) == width or (len(cells) > width and not any(cells[width:])):
        return None
    return Fault(
        "wrong_columns",
        f"the row has {len(cells)} cells where the header has {width} columns; a cell that holds "
        "the delimiter or a line break must stand in quotes",
    )


def _unreadable(error: str) -> Fault:
    if "unexpected end" in error:
        return _NEVER_CLOSED
    if "expected after" in error:
        return Fault(
            "unreadable_row",
            "text follows a closing quote; a quote that belongs to the text must be doubled, "
            'as in "7"" pipe"',
        )
    return Fault("unreadable_row", f"the row can't be taken apart: {error}")
