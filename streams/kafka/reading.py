"""Reading topics from a tool: from here to the present end, and nothing is waited for."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition

from streams.kafka.connection import BrokerError, Connection, told_by, tool_client
from streams.kafka.topics import REACH_MS

_POLL_MS: Final = 1_000
_SILENT_POLLS: Final = 30
"""After so many polls without a record, while there should be some, the brokers are away."""


@contextmanager
def reader(connection: Connection) -> Iterator[Any]:
    """A consumer that belongs to no group and makes no topics; failures are `BrokerError`s."""
    with told_by(connection):
        consumer = tool_client(
            connection,
            KafkaConsumer,
            group_id=None,
            enable_auto_commit=False,
            allow_auto_create_topics=False,
            bootstrap_timeout_ms=REACH_MS,
            request_timeout_ms=REACH_MS,
            isolation_level="read_committed",
        )
        try:
            yield consumer
        finally:
            consumer.close()


def partitions(connection: Connection, consumer: Any, topic: str) -> list[TopicPartition]:
    """The topic's partitions; `BrokerError` if it is not there."""
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise connection.no_topic(topic)
    return [TopicPartition(topic, number) for number in sorted(numbers)]


def read_to_end(
    connection: Connection, consumer: Any, topic: str, after: Mapping[int, int] | None = None
) -> Iterator[Any]:
    """Every record that is in the topic now, each partition's in order, oldest first.

    With `after`, from those offsets on instead of from the beginning.
    """
    places = partitions(connection, consumer, topic)
    consumer.assign(places)
    begins, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
    for place in places:
        begin = max(begins[place], (after or {}).get(place.partition, 0))
        consumer.seek(place, begin)
        if begin >= ends[place]:
            consumer.pause(place)
    silent = 0
    while left := [place for place in places if consumer.position(place) < ends[place]]:
        found = consumer.poll(timeout_ms=_POLL_MS)
        silent = 0 if found else silent + 1
        if silent == _SILENT_POLLS:
            raise BrokerError(
                f"Kafka does not bring what {topic} holds: nothing more came of partition "
                f"{left[0].partition}.",
                "away",
            )
        for place, records in found.items():
            yield from (each for each in records if each.offset < ends[place])


def one(connection: Connection, consumer: Any, place: TopicPartition, offset: int) -> Any | None:
    """The record at that offset; None if it is not there (any more)."""
    consumer.assign([place])
    begin, end = consumer.beginning_offsets([place])[place], consumer.end_offsets([place])[place]
    if not begin <= offset < end:
        return None
    consumer.seek(place, offset)
    for _ in range(_SILENT_POLLS):
        for record in consumer.poll(timeout_ms=_POLL_MS, max_records=1).get(place, ()):
            return record
        if consumer.position(place) >= end:
            return None  # what was there are marks of transactions, no records
    raise BrokerError(f"Kafka does not bring what {place.topic} holds.", "away")
