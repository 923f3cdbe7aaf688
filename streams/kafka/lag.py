"""How far the workers are behind: what waits in the activity topic, partition by partition."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from streams.kafka.connection import Connection
from streams.kafka.reading import one, partitions
from streams.kafka.records import stamp_of
from streams.kafka.topics import administration, find

RECREATED: Final = (
    "The topic was deleted and made again since: what the store knows of is not what is there. "
    "Workers stop at such a partition."
)
CUT: Final = "Records were thrown away before they were taken: retention is too short."
BEYOND: Final = (
    "The store is ahead of the topic, which has lost records that it had confirmed, or is another "
    "one. Workers stop at such a partition."
)


class Position(NamedTuple):
    """How far a partition has been taken: what the store knows."""

    topic_id: str
    next_offset: int


class Positions(Protocol):
    """What the store knows of the topic's partitions. Raises `StorageError`."""

    def positions(self) -> Mapping[int, Position]:
        """The last commit of every partition that was ever taken from, by its number."""


class Lag(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One partition. `next_offset` is None where nothing was ever taken from it."""

    partition: int
    end_offset: int
    next_offset: int | None
    behind: int
    """Records that wait; control records count too, so that it may be one or two too many."""
    behind_s: float
    """How long the oldest of them has been waiting, in seconds; 0 where none does."""
    problem: str | None = None


def lags(connection: Connection, consumer: Any, positions: Positions, now: datetime) -> list[Lag]:
    """Every partition, in order; `BrokerError` and `StorageError` as they come."""
    topic = connection.topics.activity
    with administration(connection) as admin:
        found = find(admin, [topic])
    if topic not in found:
        raise connection.no_topic(topic)
    topic_id = found[topic].topic_id
    places = partitions(connection, consumer, topic)
    # The store first: seen the other way round, it could be ahead of what is there.
    known = positions.positions()
    begins, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
    told = []
    for place in places:
        begin, end = begins[place], ends[place]
        position = known.get(place.partition)
        problem, first = None, begin
        if position is not None:
            problem = _problem(position, topic_id, begin, end)
            first = begin if problem == RECREATED else max(begin, position.next_offset)
        behind = max(0, end - first)
        waited_s = 0.0
        if behind:
            record = one(connection, consumer, place, first)
            if record is not None:
                waited_s = max(0.0, (now - stamp_of(record.timestamp)).total_seconds())
        told.append(
            Lag(
                partition=place.partition,
                end_offset=end,
                next_offset=None if position is None else position.next_offset,
                behind=behind,
                behind_s=round(waited_s, 3),
                problem=problem,
            )
        )
    return told


def _problem(position: Position, topic_id: str, begin: int, end: int) -> str | None:
    if position.topic_id and position.topic_id != topic_id:
        return RECREATED
    if position.next_offset < begin:
        return CUT
    return BEYOND if position.next_offset > end else None
