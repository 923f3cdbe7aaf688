"""What an engine in memory makes of a log: the service's own, replayed without any disturbance."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from rules.admission import admit
from rules.agreement import Agreement
from rules.events import Event
from streams.codec import encode
from streams.engine import Engine
from streams.storage import Record


def undisturbed(
    records: Sequence[Record], agreements: Mapping[str, Agreement], final_at: datetime
) -> tuple[list[bytes], list[Record]]:
    """Decisions up to `final_at`, and records of events that were not admitted at their turn.

    `agreements` are those that the log names, by their digest.
    """
    engine = Engine(agreements[records[0].agreement or "the first record activates none"])
    lines: list[bytes] = []
    refused: list[Record] = []
    for record in records:
        source = engine.book.agreement.source
        decisions = engine.run_until(record.stamped_at)
        if record.agreement is not None:
            engine.switch(agreements[record.agreement])
        else:
            event = stamped(record)
            if admit(engine.book.agreement, event) is None:
                decisions += engine.take(event, record.stamped_at)
            else:
                refused.append(record)
        lines += [encode(each, source) for each in decisions]
    source = engine.book.agreement.source
    return lines + [encode(each, source) for each in engine.run_until(final_at)], refused


def stamped(record: Record) -> Event:
    """The event of a record that holds one."""
    assert record.event is not None
    assert record.event.received_at == record.stamped_at
    return record.event
