"""What these tests store."""

from datetime import datetime

from rules.decisions import Decision
from rules.events import Event
from tests.conformance.material import START_AT, lived


def decision(lead: str, sequence: int = 1, time_at: datetime = START_AT) -> Decision:
    """A decision about the lead."""
    _, decisions = lived()
    return Decision(lead, sequence, time_at, None, decisions[0].data)


def event(number: int | str, subject: str = "lead-1", at: datetime = START_AT) -> Event:
    """An event as the log stamped it."""
    return Event(f"e-{number}", "/site", "page.viewed", subject, at, {}, at)
