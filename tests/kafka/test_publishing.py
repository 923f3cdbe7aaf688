"""Decisions out: in order per lead, none lost, whatever fails in between."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.connection import BrokerError, Connection
from streams.kafka.dead_letters import letters
from streams.kafka.producing import Placed, Producing
from streams.kafka.publishing import AT_ONCE, Decisions, Letters, Publisher
from streams.kafka.reading import reader
from streams.kafka.records import Outgoing
from streams.refusals import Refusal, dead_letter
from streams.storage import StorageError
from streams.writer import Busy
from tests.kafka.conftest import read_all
from tests.servers.kafka import Broker

WAIT_S = 60.0


class Row(NamedTuple):
    seq: int
    lead: str
    body: bytes


class LetterRow(NamedTuple):
    number: int
    record: int
    body: bytes


@dataclass
class Rows:
    """The store: its rows, and which of its next calls fail."""

    rows: list[Row] = field(default_factory=list)
    letters: list[LetterRow] = field(default_factory=list)
    upto: int = 0
    letters_upto: int = 0
    faults: list[Exception | None] = field(default_factory=list)

    def unsent(self, partition: int, limit: int) -> Sequence[Row]:
        self._may_fail()
        return [each for each in self.rows if each.seq > self.upto][:limit]

    def sent(self, partition: int, seq: int) -> None:
        self._may_fail()
        self.upto = max(self.upto, seq)

    def unsent_letters(self, partition: int, limit: int) -> Sequence[LetterRow]:
        return [each for each in self.letters if each.number > self.letters_upto][:limit]

    def sent_letters(self, partition: int, number: int) -> None:
        self.letters_upto = number

    def _may_fail(self) -> None:
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault


@dataclass
class Topic:
    """Kafka: what was written, and how many records of its next calls it takes before it fails."""

    written: list[Outgoing] = field(default_factory=list)
    takes: list[int | None] = field(default_factory=list)

    async def append(self, records: Sequence[Outgoing]) -> list[Placed]:
        limit = self.takes.pop(0) if self.takes else None
        self.written.extend(records[:limit])
        if limit is not None:
            raise BrokerError("away", "away") if limit else Busy(1)
        return [Placed(0, 0, 0) for _ in records]

    async def until_ready(self) -> None:
        return


def rows(count: int, leads: int = 5) -> list[Row]:
    return [Row(n, f"lead-{n % leads}", f"{n}".encode()) for n in range(1, count + 1)]


async def publish(store: Rows, topic: Topic) -> None:
    """Until all is sent, going on after every failure as `run` does, but without its pauses."""
    publisher = Publisher(Decisions(store, 0), topic)
    more = True
    while more:
        try:
            more = await publisher.round()
        except (BrokerError, StorageError, Busy):
            more = True


def in_order(bodies: Sequence[int]) -> list[int]:
    """What a reader makes of a lead's decisions that leaves out what is not beyond its last."""
    kept: list[int] = []
    for each in bodies:
        if not kept or each > kept[-1]:
            kept.append(each)
    return kept


faults = st.lists(st.sampled_from([None, None, StorageError("away")]), max_size=12)


@given(st.integers(0, 60), st.lists(st.none() | st.integers(0, 60), max_size=8), faults)
def test_no_lead_misses_one_or_sees_them_in_another_order(
    count: int, takes: list[int | None], storage_faults: list[Exception | None]
) -> None:
    store, topic = Rows(rows(count), faults=storage_faults), Topic(takes=takes)
    asyncio.run(publish(store, topic))
    assert store.upto == count
    for lead in {row.lead for row in store.rows}:
        bodies = [int(each.value) for each in topic.written if each.key == lead.encode()]
        assert in_order(bodies) == [int(row.body) for row in store.rows if row.lead == lead]


def test_nothing_is_noted_as_sent_that_was_not_acknowledged() -> None:
    store, topic = Rows(rows(10)), Topic(takes=[9])
    with pytest.raises(BrokerError):
        asyncio.run(Publisher(Decisions(store, 0), topic).round())
    assert store.upto == 0


def test_rounds_are_of_a_bearable_size() -> None:
    store, topic = Rows(rows(AT_ONCE + 1)), Topic()
    publisher = Publisher(Decisions(store, 0), topic)
    assert asyncio.run(publisher.round())
    assert len(topic.written) == AT_ONCE
    assert asyncio.run(publisher.round())
    assert not asyncio.run(publisher.round())


def test_whoever_lost_the_partition_stops() -> None:
    class FencedError(Exception):
        pass

    store = Rows(rows(1), faults=[FencedError()])
    with pytest.raises(FencedError):
        asyncio.run(Publisher(Decisions(store, 0), Topic()).run())


def test_news_is_published_at_once() -> None:
    async def play() -> list[Outgoing]:
        store, topic = Rows(), Topic()
        publisher = Publisher(Decisions(store, 0), topic)
        async with asyncio.timeout(WAIT_S):
            running = asyncio.create_task(publisher.run())
            await asyncio.sleep(0)
            store.rows = rows(3)
            publisher.tell()
            while store.upto < 3:
                await asyncio.sleep(0)
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
        return topic.written

    assert len(asyncio.run(play())) == 3


@pytest.mark.kafka
def test_a_broker_that_dies_in_between_loses_and_reorders_nothing(
    made: Connection, broker: Broker
) -> None:
    store = Rows(rows(20_000, leads=50))

    async def play() -> None:
        topic = Producing(made, made.topics.decisions, patience_s=2)
        keeping = asyncio.create_task(topic.run())
        publisher = Publisher(Decisions(store, 0), topic)
        publishing = asyncio.create_task(publisher.run())
        async with asyncio.timeout(2 * WAIT_S):
            while store.upto < 5_000:
                await asyncio.sleep(0)
            broker.kill()
            await asyncio.to_thread(broker.restart)
            while store.upto < 20_000:
                await asyncio.sleep(0)
        for task in (publishing, keeping):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    asyncio.run(play())
    found = sorted(
        read_all(made, made.topics.decisions), key=lambda each: (each.key, each.partition)
    )
    leads = 0
    for key, group in groupby(found, key=lambda each: each.key):
        bodies = [int(each.value) for each in group]
        assert in_order(bodies) == [int(r.body) for r in store.rows if r.lead.encode() == key]
        leads += 1
    assert leads == 50


@pytest.mark.kafka
def test_dead_letters_leave_with_the_place_they_came_from(made: Connection) -> None:
    letter = dead_letter(Refusal("invalid_data", "No.", "data.by"), b'{"id":"1"}')
    store = Rows(letters=[LetterRow(1, 17, letter.as_json()), LetterRow(2, 18, letter.as_json())])

    async def play() -> None:
        topic = Producing(made, made.topics.dead_letters)
        keeping = asyncio.create_task(topic.run())
        await topic.until_ready()
        source = Letters(store, made.topics.activity, 3)
        await Publisher(source, topic).round()
        store.letters_upto = 0  # as if it had crashed before it was noted
        await Publisher(source, topic).round()
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping

    asyncio.run(play())
    with reader(made) as consumer:
        found = list(letters(made, consumer, with_redriven=True))
    assert [(each.letter.partition, each.letter.offset) for each in found] == [(3, 17), (3, 18)]
    told = json.loads(found[0].as_json())
    assert told["reason"] == "invalid_data"
    assert (told["topic"], told["original"]) == (made.topics.activity, '{"id":"1"}')
