"""Writing a tool's records to a topic, in order, with bounded memory (kafka-python).

What was confirmed is on all in-sync replicas. Records that are written twice, after
an interruption, do no harm: they carry their ids.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from kafka import KafkaProducer

from streams.codec import decode
from streams.kafka.connection import BrokerError, Connection, told_by, tool_client
from streams.kafka.records import Outgoing, event_record
from streams.kafka.topics import REACH_MS
from streams.refusals import DeadLetter, Refusal, dead_letter
from streams.sending import Count, GivenUpError, Line
from streams.storage import Accepted

MOST_UNCONFIRMED: Final = 5_000
DELIVERY_MS: Final = 30_000
"""How long Kafka may take to confirm: about as long as `baton send` waits for the service."""
_LINGER_MS: Final = 5
_BATCH_BYTES: Final = 256 * 1024


@contextmanager
def writer(connection: Connection) -> Iterator[Any]:
    """A producer that repeats and reorders nothing and makes no topics; failures: `BrokerError`."""
    with told_by(connection):
        producer = tool_client(
            connection,
            KafkaProducer,
            enable_idempotence=True,
            acks="all",
            allow_auto_create_topics=False,
            bootstrap_timeout_ms=REACH_MS,
            request_timeout_ms=REACH_MS,
            max_block_ms=DELIVERY_MS,
            delivery_timeout_ms=DELIVERY_MS,
            linger_ms=_LINGER_MS,
            batch_size=_BATCH_BYTES,
        )
        try:
            yield producer
        finally:
            producer.close(timeout=1)


@dataclass(slots=True)
class Written:
    """Writes records to one topic and counts those that are confirmed."""

    connection: Connection
    producer: Any
    topic: str
    confirmed: Callable[[int], object] = lambda number: None
    """Called with the number that `write` was given, in order."""
    _waiting: deque[tuple[int, Any]] = field(default_factory=deque)

    def write(self, record: Outgoing, number: int = 0) -> None:
        """Hand a record over; raises `BrokerError` for this or an earlier one."""
        with told_by(self.connection):
            future = self.producer.send(
                self.topic, record.value, record.key, headers=list(record.headers)
            )
        self._waiting.append((number, future))
        if len(self._waiting) > MOST_UNCONFIRMED:
            self._confirm()
        while self._waiting and self._waiting[0][1].is_done:
            self._confirm()

    def finish(self) -> None:
        """Wait until everything is confirmed; raises `BrokerError` for the first that is not."""
        while self._waiting:
            self._confirm()

    def _confirm(self) -> None:
        number, future = self._waiting.popleft()
        with told_by(self.connection):
            future.get(timeout=DELIVERY_MS / 1000 + 1)
        self.confirmed(number)


class TopicSender:
    """Sends lines to the activity topic. `refuse` is given each that is no event.

    What only the agreement can tell is found by the workers, who keep it as dead letters.
    """

    def __init__(
        self, connection: Connection, producer: Any, refuse: Callable[[DeadLetter], object],
        watch: Callable[[Count], object] = lambda count: None,
    ) -> None:  # fmt: skip
        self.count = Count()
        self._refuse, self._watch = refuse, watch
        self._topic = Written(connection, producer, connection.topics.activity, self._confirmed)

    def send(self, lines: Iterable[Line]) -> Count:
        """Send every line in order; `GivenUpError` if Kafka can't be made to confirm."""
        last = 0
        try:
            for last, line in lines:
                made = decode(line)
                if isinstance(made, Refusal):
                    self.count.refused += 1
                    self._refuse(dead_letter(made, line, last))
                else:
                    self._topic.write(event_record(Accepted(made, line)), last)
            self._topic.finish()
        except BrokerError as error:
            raise GivenUpError(str(error)) from error
        self.count.last_line = max(self.count.last_line, last)
        return self.count

    def _confirmed(self, line: int) -> None:
        self.count.taken += 1
        self.count.last_line = line
        self._watch(self.count)
