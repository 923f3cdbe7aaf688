"""Reading JSON lines with bounded memory, whatever the lines are like."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO, Final

from streams.refusals import MAX_BYTES

_KEPT: Final = MAX_BYTES + 1
_READ: Final = len(codecs.BOM_UTF8) + _KEPT + len(b"\r\n")
_SKIPPED: Final = 64 * 1024


def read_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield each line of `stream` that is not blank, with its number from 1.

    Line ends are taken off, and a byte order mark at the very start too. Of a
    line that is too large for an event only the first `MAX_BYTES + 1` bytes are
    ever held: just enough that the codec refuses it as too large.
    """
    number = 0
    while line := stream.readline(_READ):
        number += 1
        if len(line) == _READ and not line.endswith(b"\n"):
            _skip_line(stream)
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        content = line.rstrip(b"\r\n")
        if content and not content.isspace():
            yield number, content[:_KEPT]


def _skip_line(stream: BinaryIO) -> None:
    while (piece := stream.readline(_SKIPPED)) and not piece.endswith(b"\n"):
        pass
