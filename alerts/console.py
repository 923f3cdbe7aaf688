"""Decisions and events on a terminal: one line each, coloured by how good the news is."""

from typing import Final

from rich.console import Console
from rich.text import Text

from alerts.lines import Tone, event_line, line, tone
from rules.agreement import Agreement
from rules.decisions import Decision
from rules.events import Event

STYLES: Final[dict[Tone, str]] = {
    "good": "green",
    "news": "default",
    "quiet": "bright_black",
    "warning": "yellow",
    "bad": "red",
}


def print_line(console: Console, each: Event | Decision, agreement: Agreement) -> None:
    """Print one line, cut to the width of a terminal; in full where the output is none."""
    if isinstance(each, Decision):
        shown = line(each, agreement.timezone, agreement.people)
        text = Text(shown, style=STYLES[tone(each)])
    else:
        text = Text(event_line(each, agreement.timezone, agreement.people), style="cyan")
    whole = not console.is_terminal
    console.print(text, no_wrap=True, overflow="ignore" if whole else "ellipsis", crop=not whole)
