"""Sending dead letters of the topic to the activity topic again."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec

from streams.kafka.connection import Connection
from streams.kafka.dead_letters import Kept, TopicLetter, redriven_record
from streams.kafka.records import Outgoing, Taken, read_record
from streams.kafka.sending import Written
from streams.refusals import DeadLetter, Refusal


def redrive(
    connection: Connection,
    producer: Any,
    letters: Iterable[Kept],
    now: datetime,
    refuse: Callable[[DeadLetter], object],
) -> tuple[int, int]:
    """Send the letters' records as they came; how many were sent, how many refused again.

    `now` stands for the stamp that they will get. Each is noted as sent once Kafka
    has it. What only the agreement can tell is found by the workers again. Raises
    `BrokerError`.
    """
    taken: list[str] = []
    refused = 0
    activity = Written(connection, producer, connection.topics.activity)
    notes = Written(connection, producer, connection.topics.dead_letters)
    for kept in letters:
        record = _record(kept.letter, now)
        if isinstance(record, Refusal):
            refused += 1
            refuse(_again(kept.letter, record))
            continue
        activity.write(record)
        activity.finish()
        notes.write(redriven_record(kept.id))
        taken.append(kept.id)
    notes.finish()
    return len(taken), refused


def _record(letter: TopicLetter, now: datetime) -> Outgoing | Refusal:
    """The record as it came, but keyed by its subject."""
    if letter.cut:
        sentence = "Only its beginning was kept, because it was larger than an event may be."
        return Refusal("too_large", sentence)
    if letter.reason == "no_value":
        return Refusal("no_value", letter.sentence)
    value = letter.original_bytes()
    read = read_record(None, value, letter.headers, now)
    if not isinstance(read, Taken):
        return read
    subject = read.event.subject.encode()
    return Outgoing(subject, value, letter.headers) if letter.headers else Outgoing(subject, value)


def _again(letter: TopicLetter, refusal: Refusal) -> DeadLetter:
    return msgspec.structs.replace(
        letter, reason=refusal.reason, sentence=refusal.sentence, field=refusal.field
    )
