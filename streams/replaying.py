"""Replaying a file of events on a virtual clock, without a service.

Before each event the clock moves to its `receivedat`, or to its `time` where it
has none, if that is later; what fell due fires first, in order (contract,
section 4, `baton replay`).
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from os import fstat
from stat import S_ISREG
from typing import BinaryIO, Final

import msgspec

from rules.admission import admit
from rules.agreement import Agreement
from rules.decisions import Decision
from rules.events import Event
from streams.codec import decode
from streams.engine import Engine
from streams.refusals import DeadLetter, Refusal, dead_letter

AHEAD: Final = 256
"""Lines of a file that are read and checked before the first of them is decided."""


class Taken(msgspec.Struct, frozen=True):
    """One line of the file: the event it held, and what was decided up to and by it."""

    event: Event
    decisions: list[Decision]


def accept(agreement: Agreement, line: bytes, number: int) -> Event | DeadLetter:
    """The event in a line, or the dead letter that it becomes."""
    event = decode(line)
    if isinstance(event, Refusal):
        return dead_letter(event, line, number)
    refused = admit(agreement, event)
    if refused is not None:
        return dead_letter(refused, line, number)
    return event


def is_live(stream: BinaryIO) -> bool:
    """Whether lines come into `stream` as they are made: a pipe or a terminal, no file."""
    try:
        return not S_ISREG(fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):  # held in memory, or closed
        return False


def replay(
    engine: Engine, lines: Iterable[tuple[int, bytes]], ahead: int = AHEAD
) -> Iterator[Taken | DeadLetter]:
    """Take every line in turn; a refused one leaves the rest unharmed.

    `ahead` lines are read before the first of them is taken: 1 where they come
    as they are made, so that none waits for those after it.
    """
    agreement = engine.book.agreement
    remaining = iter(lines)
    # Reading some lines ahead keeps the processor's caches on one kind of work at a time.
    while events := [accept(agreement, line, n) for n, line in islice(remaining, ahead)]:
        for event in events:
            if isinstance(event, DeadLetter):
                yield event
            else:
                yield Taken(event, engine.take(event, known_at(event)))


def known_at(event: Event) -> datetime:
    """When the log took the event, or when it happened where no log has stamped it."""
    return event.received_at or event.time_at
