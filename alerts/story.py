"""The whole story of one lead on a terminal: what happened, what was decided, and why."""

from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from alerts.console import STYLES
from alerts.lines import event_line, headline, shown_at, stamp, tone
from rules.agreement import Agreement
from rules.decisions import Decision
from rules.events import Event
from rules.wording import printable

_INDENT: Final = " " * 4
LONGEST: Final = 400
"""Characters of one reason that are shown."""


def tell(
    console: Console,
    agreement: Agreement,
    story: Iterable[Event | Decision],
    sections: Sequence[tuple[str, Sequence[str]]],
) -> None:
    """Print events and decisions in order, every decision with all its reasons, then `sections`.

    Lines bear no year, so where it changes the new one is a line of its own.
    """
    zone, people = agreement.timezone, agreement.people
    year: int | None = None
    for each in story:
        before, year = year, shown_at(each).astimezone(zone).year
        if before not in (None, year):
            _print(console, str(year), "bold")
        if isinstance(each, Event):
            _print(console, event_line(each, zone, people), "cyan")
            continue
        when = stamp(each.time_at, zone)
        _print(console, f"{when}  {_INDENT}{headline(each, zone, people)}", STYLES[tone(each)])
        for reason in each.data.because:
            margin = " " * len(when)
            _print(console, f"{margin}  {_INDENT * 2}{printable(reason, LONGEST)}", "bright_black")
    for title, lines in sections:
        _print(console, f"\n{title}", "bold")
        for line in lines:
            _print(console, f"{_INDENT}{printable(line, LONGEST)}", "default")


def _print(console: Console, text: str, style: str) -> None:
    console.print(Text(text, style=style), soft_wrap=True)
