"""The whole story of one lead on a terminal: what happened, what was decided, and why."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final

from rich.console import Console
from rich.segment import Segment, Segments

from alerts.console import STYLES
from alerts.lines import event_line, headline, shown_at, stamp, tone
from rules.agreement import Agreement
from rules.decisions import Decision
from rules.events import Event
from rules.wording import printable

_INDENT: Final = " " * 4
LONGEST: Final = 400
"""Characters of one reason that are shown."""
_AT_ONCE: Final = 1_000

_Styled = tuple[str, str]
"""A line and its style."""


def tell(
    console: Console,
    agreement: Agreement,
    story: Iterable[Event | Decision],
    sections: Sequence[tuple[str, Sequence[str]]],
) -> None:
    """Print events and decisions in order, every decision with all its reasons, then `sections`.

    Lines bear no year, so where it changes the new one is a line of its own.
    """
    for some in _gathered(chain(_story(agreement, story), _standing(sections))):
        # As they are: a line at a time, laying them out would take ten times as long as all else.
        segments = [
            segment
            for text, style in some
            for segment in (Segment(text, console.get_style(style)), Segment.line())
        ]
        console.print(Segments(segments), end="", soft_wrap=True)


def _story(agreement: Agreement, story: Iterable[Event | Decision]) -> Iterator[_Styled]:
    zone, people = agreement.timezone, agreement.people
    year: int | None = None
    for each in story:
        before, year = year, shown_at(each).astimezone(zone).year
        if before not in (None, year):
            yield str(year), "bold"
        if isinstance(each, Event):
            yield event_line(each, zone, people), "cyan"
            continue
        when = stamp(each.time_at, zone)
        yield f"{when}  {_INDENT}{headline(each, zone, people)}", STYLES[tone(each)]
        margin = " " * len(when)
        for reason in each.data.because:
            yield f"{margin}  {_INDENT * 2}{printable(reason, LONGEST)}", "bright_black"


def _standing(sections: Sequence[tuple[str, Sequence[str]]]) -> Iterator[_Styled]:
    for title, lines in sections:
        yield "", "default"
        yield title, "bold"
        for line in lines:
            yield f"{_INDENT}{printable(line, LONGEST)}", "default"


def _gathered(lines: Iterable[_Styled]) -> Iterator[list[_Styled]]:
    """As many lines at a time as are printed in one go."""
    left = iter(lines)
    while some := list(islice(left, _AT_ONCE)):
        yield some
