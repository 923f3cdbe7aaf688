"""Writing to one topic from an event loop: what is acknowledged is on all in-sync replicas.

The producer is idempotent with acks=all, so that its own retries neither repeat
nor reorder. It goes on trying for as long as the brokers are away; whoever asked is
told after a while that it is not known, and may ask again, because records carry
their ids and a repeat changes nothing. After an error that a retry can't mend, the
producer's numbering has a hole that brokers never accept: it is replaced.

No transactions: they would cost two round trips more for each request and a
transactional producer for each that runs at the same time, readers would have to
be told to leave out what was called off, and what they add, that a request of
which the outcome is unknown is there whole or not at all, helps nobody: the client
must send it again either way.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError
from aiokafka.partitioner import murmur2

from streams.kafka.connection import BrokerError, Connection
from streams.kafka.records import Outgoing
from streams.logs import log
from streams.writer import Busy

PATIENCE_S: Final = 10.0
"""How long an acknowledgement is waited for; a broker that is restarted is back by then."""
MOST_WAITING: Final = 20_000
"""Records that may wait to be acknowledged; beyond, clients are told to come back."""
MOST_WAITING_BYTES: Final = 64 * 1024 * 1024
_FEW: Final = 20
"""Records of a call that are put together with others'; more make batches of their own."""
_BATCH_BYTES: Final = 512 * 1024
"""Of one batch: half of what brokers take by default, so that one more record always fits."""
_REQUEST_MS: Final = 10_000
_METADATA_MS: Final = 60_000
_RETRY_S: Final = (0.1, 0.25, 0.5, 1.0, 2.0)
_LOOK_S: Final = 0.5
_GOODBYE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a record is, and its stamp; -1 where the topic leaves stamping to its writers."""

    partition: int
    offset: int
    stamp_ms: int


class UnacknowledgedError(BrokerError):
    """It is not known whether the records were written; written again they do no harm."""


class Producing:
    """Writes records to a topic. `run` must be running, on the same event loop.

    `patience_s` bounds every `append`; `goodbye_s` how long `run` tries to deliver
    what is left once it is cancelled.
    """

    def __init__(
        self, connection: Connection, topic: str, *, patience_s: float = PATIENCE_S,
        goodbye_s: float = _GOODBYE_S,
    ) -> None:  # fmt: skip
        self.topic = topic
        self.failure: BrokerError | None = BrokerError("Kafka has not been reached yet.", "away")
        """Why nothing would be taken now."""
        self.waiting = 0
        """Records that somebody waits for."""
        self._connection = connection
        self._patience_s, self._goodbye_s = patience_s, goodbye_s
        self._waiting_bytes = 0
        self._told = False
        self._producer: AIOKafkaProducer | None = None
        self._broken = asyncio.Event()
        self._ready = asyncio.Event()
        self._leaving: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Keep a producer that works, until cancelled; what waits then is still delivered."""
        failures = 0
        try:
            while True:
                try:
                    producer = await self._connected()
                except BrokerError as error:
                    self._fail(error)
                    await asyncio.sleep(_RETRY_S[min(failures, len(_RETRY_S) - 1)])
                    failures += 1
                    continue
                failures = 0
                self._broken.clear()
                self._producer = producer
                self._works(producer)
                await self._watch(producer)
                self._leave()
        finally:
            self._ready.clear()
            self.failure = BrokerError("Nothing is sent to Kafka any more.", "away")
            self._leave()
            if self._leaving:
                await asyncio.wait(self._leaving)

    async def until_ready(self) -> None:
        """Wait until records would be taken."""
        await self._ready.wait()

    def check_room(self) -> None:
        """Raise `Busy` if too much waits, `BrokerError` if the brokers are known not to answer."""
        if self.failure is not None:
            raise self.failure
        if self.waiting > MOST_WAITING or self._waiting_bytes > MOST_WAITING_BYTES:
            raise Busy(1)

    async def append(self, records: Sequence[Outgoing]) -> list[Placed]:
        """Write records; returns once all are acknowledged, those of one key in their order.

        Raises what `check_room` does, and nothing was written then; and `UnacknowledgedError`:
        any part of them may have been written, or may still be.
        """
        self.check_room()
        producer = self._producer
        assert producer is not None, "without one there is a failure to tell"
        with self._counted(records):
            try:
                async with asyncio.timeout(self._patience_s):
                    return await self._write(producer, records)
            except (KafkaError, OSError) as failed:
                in_vain = isinstance(failed, TimeoutError | KafkaTimeoutError)
                error = self._late() if in_vain else self._connection.explained(failed)
                if producer is self._producer:
                    self._fail(error)
                    if not in_vain:
                        self._broken.set()
                raise UnacknowledgedError(str(error), error.reason) from failed

    def _late(self) -> BrokerError:
        brokers = ",".join(self._connection.brokers)
        return BrokerError(
            f"Kafka at {brokers} did not confirm within {self._patience_s:g} seconds. Is it "
            "running, with enough replicas in sync?",
            "away",
        )

    @contextlib.contextmanager
    def _counted(self, records: Sequence[Outgoing]) -> Iterator[None]:
        size = sum(len(each.value) for each in records)
        self.waiting += len(records)
        self._waiting_bytes += size
        try:
            yield
        finally:
            self.waiting -= len(records)
            self._waiting_bytes -= size

    async def _write(self, producer: AIOKafkaProducer, records: Sequence[Outgoing]) -> list[Placed]:
        partitions = sorted(await producer.partitions_for(self.topic))
        if len(records) <= _FEW:
            deliveries = []
            for each in records:
                sent = await producer.send(
                    self.topic, each.value, each.key, partition_of(each.key, partitions),
                    headers=list(each.headers),
                )  # fmt: skip
                deliveries.append(self._followed(producer, sent))
            return [_placed(each, 0) for each in await _all(deliveries)]
        spread: dict[int, list[int]] = defaultdict(list)
        for place, record in enumerate(records):
            spread[partition_of(record.key, partitions)].append(place)
        placed: dict[int, Placed] = {}
        shares = (
            self._write_batches(producer, partition, [records[place] for place in places])
            for partition, places in spread.items()
        )
        for places, share in zip(spread.values(), await asyncio.gather(*shares), strict=True):
            placed.update(zip(places, share, strict=True))
        return [placed[place] for place in range(len(records))]

    async def _write_batches(
        self, producer: AIOKafkaProducer, partition: int, records: Sequence[Outgoing]
    ) -> list[Placed]:
        """Write one partition's share; each batch is handed over before the next is."""
        deliveries: list[asyncio.Future[Any]] = []
        sizes: list[int] = []
        first = 0
        while first < len(records):
            batch = producer.create_batch()
            end = first
            for each in records[first:]:
                if batch.append(
                    timestamp=None, key=each.key, value=each.value, headers=list(each.headers)
                ) is None:  # fmt: skip
                    break
                end += 1
            assert end > first, "an empty batch takes any record"
            delivery = await producer.send_batch(batch, self.topic, partition=partition)
            deliveries.append(self._followed(producer, delivery))
            sizes.append(end - first)
            first = end
        done = zip(await _all(deliveries), sizes, strict=True)
        return [_placed(metadata, number) for metadata, size in done for number in range(size)]

    def _followed(
        self, producer: AIOKafkaProducer, delivery: "asyncio.Future[Any]"
    ) -> "asyncio.Future[Any]":
        """The delivery, of whose end is heard also where nobody waits for it any more."""

        def ended(done: "asyncio.Future[Any]") -> None:
            if not done.cancelled() and done.exception() is None:
                self._works(producer)

        delivery.add_done_callback(ended)
        return delivery

    async def _connected(self) -> AIOKafkaProducer:
        """A producer that has been started, once the topic is known to be there."""
        producer = AIOKafkaProducer(
            **self._connection.arguments(),
            enable_idempotence=True,
            acks="all",
            max_batch_size=_BATCH_BYTES,
            request_timeout_ms=_REQUEST_MS,
            metadata_max_age_ms=_METADATA_MS,
        )
        try:
            async with asyncio.timeout(self._patience_s):
                await producer.start()
                await self._look(producer)
                await producer.partitions_for(self.topic)
        except (KafkaError, OSError, BrokerError) as error:
            await self._goodbye(producer, 0)
            raise self._connection.explained(error) from error
        except BaseException:
            await self._goodbye(producer, 0)
            raise
        return producer

    async def _look(self, producer: AIOKafkaProducer) -> None:
        """Raise if the brokers don't answer or the topic is not there.

        All topics are asked for: asked for by name, some brokers would make it, with
        too few partitions and stamps that are not theirs.
        """
        cluster = await producer.client.fetch_all_metadata()
        if self.topic not in cluster.topics():
            raise self._connection.no_topic(self.topic)

    async def _watch(self, producer: AIOKafkaProducer) -> None:
        """Return once the producer must be replaced; meanwhile, see whether brokers are back."""
        while not self._broken.is_set():
            if self.failure is not None:
                try:
                    async with asyncio.timeout(self._patience_s):
                        await self._look(producer)
                except (KafkaError, OSError, BrokerError) as error:
                    self._fail(self._connection.explained(error))
                else:
                    self._works(producer)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._broken.wait()

    def _works(self, producer: AIOKafkaProducer) -> None:
        if self._broken.is_set() or self._producer is not producer:
            return
        if self._told:
            log().info("broker_recovered", topic=self.topic)
        self._told = False
        self.failure = None
        self._ready.set()

    def _fail(self, error: BrokerError) -> None:
        if not self._told or self.failure is None or self.failure.reason != error.reason:
            log().error("broker_failed", topic=self.topic, problem=str(error))
        self._told = True
        self.failure = error
        self._ready.clear()

    def _leave(self) -> None:
        """Give the producer up; it delivers what it holds, if it can do so soon."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        task = asyncio.get_running_loop().create_task(self._goodbye(producer, self._goodbye_s))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _goodbye(self, producer: AIOKafkaProducer, budget_s: float) -> None:
        """Deliver what the producer holds within the time, and let go of it."""
        try:
            async with asyncio.timeout(budget_s):
                await producer.stop()
        except (TimeoutError, KafkaError, OSError):
            # It waits for ever for what can't be delivered; nothing public ends that.
            sender = producer._sender.sender_task
            with contextlib.suppress(KafkaError, OSError):
                if sender is not None:
                    sender.cancel()
                    await producer.client.close()
                    # What it was at in that moment may have connected once more.
                    await asyncio.wait([sender], timeout=_GOODBYE_S)
                await producer.client.close()


def partition_of(key: bytes | None, partitions: Sequence[int]) -> int:
    """Where Kafka's own clients put a record with that key: murmur2, as everywhere."""
    if key is None:
        return partitions[0]
    hashed: int = murmur2(key)
    return partitions[(hashed & 0x7FFFFFFF) % len(partitions)]


async def _all(deliveries: "Sequence[asyncio.Future[Any]]") -> list[Any]:
    # Whoever gives up waiting must not cancel them: their end says that the brokers are back.
    return await asyncio.gather(*map(asyncio.shield, deliveries))


def _placed(metadata: Any, after: int) -> Placed:
    return Placed(
        metadata.partition,
        metadata.offset + after,
        metadata.timestamp if metadata.timestamp_type == 1 else -1,
    )
