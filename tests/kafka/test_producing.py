"""Writing from an event loop: acknowledged or not known, in order, whatever the broker does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from itertools import groupby

import pytest

from streams.kafka.connection import BrokerError, Connection, Topics
from streams.kafka.producing import (
    MOST_WAITING_BYTES,
    Placed,
    Producing,
    UnacknowledgedError,
    partition_of,
)
from streams.kafka.records import Outgoing, stamp_of
from streams.writer import Busy
from tests.kafka.conftest import read_all
from tests.servers.kafka import Broker
from tests.servers.loopback import free_port

pytestmark = pytest.mark.kafka
WAIT_S = 60.0


@contextlib.asynccontextmanager
async def producing(
    connection: Connection, patience_s: float = 10.0, goodbye_s: float = 2.0
) -> AsyncIterator[Producing]:
    made = Producing(
        connection, connection.topics.activity, patience_s=patience_s, goodbye_s=goodbye_s
    )
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def ready(made: Producing) -> None:
    async with asyncio.timeout(WAIT_S):
        await made.until_ready()


def records(count: int, leads: int = 7, size: int = 10) -> list[Outgoing]:
    return [
        Outgoing(f"lead-{number % leads}".encode(), f"{number}".encode().ljust(size))
        for number in range(count)
    ]


def values(connection: Connection) -> list[int]:
    return [int(each.value) for each in read_all(connection, connection.topics.activity)]


@pytest.mark.parametrize("count", [1, 20, 21, 3_000])
def test_what_is_acknowledged_is_there_in_order_of_its_key(made: Connection, count: int) -> None:
    async def write() -> list[Placed]:
        async with producing(made) as topic:
            await ready(topic)
            return await topic.append(records(count))

    placed = asyncio.run(write())
    found = read_all(made, made.topics.activity)
    assert sorted(int(each.value) for each in found) == list(range(count))
    places = {(each.partition, each.offset): each for each in found}
    for number, place in enumerate(placed):
        record = places[place.partition, place.offset]
        assert int(record.value) == number
        assert stamp_of(place.stamp_ms) == stamp_of(record.timestamp)
        assert place.partition == partition_of(record.key, range(4))
    by_key = sorted(found, key=lambda each: (each.key, each.offset))
    for _, group in groupby(by_key, key=lambda each: each.key):
        numbers = [int(each.value) for each in group]
        assert numbers == sorted(numbers)


def test_a_batch_larger_than_any_request_goes_in_pieces(made: Connection) -> None:
    async def write() -> list[Placed]:
        async with producing(made) as topic:
            await ready(topic)
            return await topic.append(records(40, leads=1, size=250_000))

    placed = asyncio.run(write())
    assert [each.offset for each in placed] == list(range(40))
    assert values(made) == list(range(40))


def test_many_at_once_share_batches(made: Connection) -> None:
    async def write() -> list[list[Placed]]:
        async with producing(made) as topic:
            await ready(topic)
            return await asyncio.gather(*(topic.append([each]) for each in records(500)))

    assert len(asyncio.run(write())) == 500
    assert sorted(values(made)) == list(range(500))


def test_a_broker_that_is_killed_and_restarted_is_waited_for(
    made: Connection, broker: Broker
) -> None:
    async def write() -> None:
        async with producing(made, patience_s=WAIT_S) as topic:
            await ready(topic)
            await topic.append(records(1))
            broker.kill()
            waiting = asyncio.create_task(topic.append(records(2)[1:]))
            many = asyncio.create_task(topic.append(records(100)[2:]))
            await asyncio.to_thread(broker.restart)
            await waiting
            await many

    asyncio.run(write())
    assert sorted(values(made)) == list(range(100))


def test_a_broker_that_hangs_is_said_and_what_was_sent_is_not_repeated(
    made: Connection, broker: Broker
) -> None:
    async def write() -> None:
        async with producing(made, patience_s=0.5, goodbye_s=WAIT_S) as topic:
            await ready(topic)
            broker.freeze()
            with pytest.raises(UnacknowledgedError, match="did not confirm within"):
                await topic.append(records(1))
            # From now on nobody is kept waiting.
            with pytest.raises(BrokerError):
                topic.check_room()
            broker.thaw()
            await ready(topic)
            await topic.append(records(2)[1:])

    asyncio.run(write())
    assert values(made) in ([0, 1], [1, 0])


def test_a_broker_that_is_not_there_yet_is_found_once_it_is(
    made: Connection, broker: Broker
) -> None:
    async def write() -> None:
        broker.kill()
        async with producing(made, patience_s=2) as topic:
            while topic.failure is None or "reached yet" in str(topic.failure):
                await asyncio.sleep(0)
            with pytest.raises(BrokerError, match="No broker of"):
                await topic.append(records(1))
            await asyncio.to_thread(broker.restart)
            await ready(topic)
            await topic.append(records(1))

    asyncio.run(write())
    assert values(made) == [0]


def test_a_topic_that_is_not_there_is_said_and_not_made(
    connection: Connection, broker: Broker
) -> None:
    async def write() -> None:
        async with producing(connection) as topic:
            while topic.failure is None or topic.failure.reason != "no_topic":
                await asyncio.sleep(0)
            with pytest.raises(BrokerError, match="`baton topics create` makes it"):
                await topic.append(records(1))
            broker.create_topic(connection.topics.activity, log_append_time=True)
            await ready(topic)
            await topic.append(records(1))

    asyncio.run(write())
    assert values(connection) == [0]


def test_a_record_that_brokers_refuse_does_not_stop_those_after_it(
    connection: Connection, broker: Broker
) -> None:
    broker.create_topic(connection.topics.activity, log_append_time=True, max_message_bytes="10000")

    async def write() -> None:
        async with producing(connection) as topic:
            await ready(topic)
            await topic.append(records(1))
            with pytest.raises(UnacknowledgedError) as refused:
                await topic.append(records(1, size=50_000))
            assert refused.value.reason == "too_large"
            await ready(topic)
            await topic.append(records(2)[1:])

    asyncio.run(write())
    assert values(connection) == [0, 1]


def test_what_waits_is_delivered_at_the_end(made: Connection) -> None:
    async def write() -> None:
        async with producing(made) as topic:
            await ready(topic)
            waiting = asyncio.create_task(topic.append(records(5)))
            await asyncio.sleep(0)
        assert len(await waiting) == 5

    asyncio.run(write())
    assert sorted(values(made)) == list(range(5))


def test_too_much_is_not_taken(made: Connection, broker: Broker) -> None:
    async def write() -> None:
        async with producing(made, patience_s=3) as topic:
            await ready(topic)
            broker.freeze()
            large = records(200, size=250_000)
            waiting: list[asyncio.Task[list[Placed]]] = []
            while sum(len(each.value) for each in large) * len(waiting) <= MOST_WAITING_BYTES:
                waiting.append(asyncio.create_task(topic.append(large)))
                await asyncio.sleep(0)
            with pytest.raises(Busy):
                topic.check_room()
            broker.thaw()
            await asyncio.gather(*waiting, return_exceptions=True)

    asyncio.run(write())


def test_nothing_is_taken_after_the_end() -> None:
    nowhere = Connection((f"127.0.0.1:{free_port()}",), Topics("a", "b", "c"))

    async def write() -> None:
        async with producing(nowhere, patience_s=1) as topic:
            await asyncio.sleep(0)
            with pytest.raises(BrokerError):
                topic.check_room()
        with pytest.raises(BrokerError, match="any more"):
            topic.check_room()

    asyncio.run(write())
