"""The fewest of a run's events on which engine and plain reference still differ."""

from collections.abc import Sequence
from datetime import datetime

from rules.admission import admit
from rules.agreement import Agreement
from rules.events import Event
from streams.engine import Engine
from streams.storage import Record
from tests.chaos.undisturbed import stamped
from tests.model.playing import as_told, event_line, first_difference
from tests.model.reference import Reference

Dated = tuple[Event, datetime]


def shortened(agreement: Agreement, records: Sequence[Record], final_at: datetime) -> str:
    """Those events, one a line, and the first decision that differs; of one agreement's run."""
    events = [
        (stamped(record), record.stamped_at)
        for record in records
        if record.event is not None and admit(agreement, record.event) is None
    ]
    size = max(1, len(events) // 2)
    while size:
        place = 0
        while place < len(events):
            fewer = events[:place] + events[place + size :]
            if _difference(agreement, fewer, final_at) is not None:
                events = fewer
            else:
                place += size
        size //= 2
    lines = [event_line(event, now) for event, now in events]
    return "\n".join([*lines, str(_difference(agreement, events, final_at))])


def _difference(agreement: Agreement, events: Sequence[Dated], final_at: datetime) -> str | None:
    engine, reference = Engine(agreement), Reference(agreement)
    decisions, told = [], []
    for event, now in events:
        decisions += engine.take(event, now)
        told += reference.take(event, now)
    decisions += engine.run_until(final_at)
    told += reference.run_until(final_at)
    return first_difference(told, [as_told(each) for each in decisions])
