"""Dead letters as records of `baton.dead-letters`: what could not be taken, why, and from where.

A letter is written at least once; its key is where it came from, so that a repeat is
recognised. Sending it again is noted by another record, which names it. A letter's
id is its own place in the topic: `PARTITION-OFFSET`.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from streams.kafka.connection import Connection
from streams.kafka.reading import one, partitions, read_to_end
from streams.kafka.records import CONTENT_TYPE, Headers, Outgoing, stamp_of
from streams.refusals import DeadLetter

_JSON: Final = (CONTENT_TYPE, b"application/json")
_REASON: Final = "reason"
_REDRIVEN: Final = "redriven"
_ID: Final = re.compile(r"([0-9]{1,9})-([0-9]{1,18})", re.ASCII)
_HEADER_BYTES: Final = 64 * 1024
"""Of the headers that are kept; what is larger is no event's."""


class Position(NamedTuple):
    """Where a record came from."""

    topic: str
    partition: int
    offset: int


class TopicLetter(DeadLetter, frozen=True, kw_only=True, omit_defaults=True):
    """A dead letter with the place and the headers of the record that it was.

    Without them it came from a file (`line`).
    """

    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


class Kept(NamedTuple):
    """A letter as it stands in the topic."""

    id: str
    taken_at: datetime
    letter: TopicLetter
    redriven: bool

    def as_json(self) -> bytes:
        """One line of valid JSON, safe to print on a terminal."""
        head = {"id": self.id, "taken_at": self.taken_at}
        if self.redriven:
            head["redriven"] = True
        return msgspec.json.encode(head)[:-1] + b"," + self.letter.as_json()[1:]


_read_letter: Final = msgspec.json.Decoder(TopicLetter).decode


def letter_record(
    letter: DeadLetter, came_from: Position | None = None, headers: Headers = ()
) -> Outgoing:
    """The record of a letter; `headers` are those of the record that could not be taken."""
    kept = tuple((name, text or b"") for name, text in headers)
    if sum(len(name) + len(text) for name, text in kept) > _HEADER_BYTES:
        kept = ()
    fields = msgspec.structs.asdict(letter)
    key = None
    if came_from is not None:
        fields |= came_from._asdict()
        key = f"{came_from.topic}/{came_from.partition}/{came_from.offset}".encode()
    body = msgspec.json.encode(TopicLetter(**fields, headers=kept))
    return Outgoing(key, body, (_JSON, (_REASON, letter.reason.encode())))


def redriven_record(letter_id: str) -> Outgoing:
    """The record that notes that a letter was sent again."""
    body = msgspec.json.encode({_REDRIVEN: letter_id})
    return Outgoing(None, body, (_JSON, (_REDRIVEN, letter_id.encode())))


def letters(connection: Connection, consumer: Any, *, with_redriven: bool) -> Iterator[Kept]:
    """Letters in the order in which they were written, each once.

    The topic is read twice, because what was sent again is noted after the letter.
    """
    sent = sent_again(connection, consumer)
    keys: set[bytes] = set()
    for record in read_to_end(connection, consumer, connection.topics.dead_letters):
        if record.key is not None and record.key in keys:
            continue
        kept = _kept(record, sent)
        if kept is None:
            continue
        if record.key is not None:
            keys.add(record.key)
        if with_redriven or not kept.redriven:
            yield kept


def sent_again(connection: Connection, consumer: Any) -> frozenset[str]:
    """The ids of letters that were sent again."""
    records = read_to_end(connection, consumer, connection.topics.dead_letters)
    return frozenset(
        text.decode("ascii", "replace")
        for record in records
        for name, text in record.headers or ()
        if name == _REDRIVEN and text
    )


def find(connection: Connection, consumer: Any, letter_id: str) -> Kept | None:
    """The letter of that id."""
    written = _ID.fullmatch(letter_id)
    if written is None:
        return None
    number, offset = int(written[1]), int(written[2])
    for place in partitions(connection, consumer, connection.topics.dead_letters):
        if place.partition == number:
            record = one(connection, consumer, place, offset)
            if record is None or record.offset != offset:
                return None
            return _kept(record, sent_again(connection, consumer))
    return None


def _kept(record: Any, sent: "frozenset[str]") -> Kept | None:
    """The letter that a record is; None for what is none, such as a note."""
    if record.value is None or any(name == _REDRIVEN for name, _ in record.headers or ()):
        return None
    try:
        letter = _read_letter(record.value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    letter_id = f"{record.partition}-{record.offset}"
    return Kept(letter_id, stamp_of(record.timestamp), letter, letter_id in sent)
