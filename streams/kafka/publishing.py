"""Rows of the store out to Kafka: decisions to `baton.decisions`, in order per lead; dead letters.

The order of steps for a partition: read rows beyond the last that was sent; write
them, keyed by lead, and wait until all are acknowledged; note in the store how far
that was. Nothing is written beyond rows that were not acknowledged, so that no lead's
decisions overtake one another. After a crash between the second step and the third
some are written again, with the same ids and `sequence`: whoever reads the topic
leaves out what is not beyond the lead's last.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from streams.kafka.connection import BrokerError
from streams.kafka.dead_letters import Position, letter_record
from streams.kafka.producing import Placed
from streams.kafka.records import Outgoing, decision_record
from streams.refusals import DeadLetter
from streams.storage import StorageError
from streams.writer import Busy

AT_ONCE: Final = 1_000
"""Decisions in one round: a few hundred kilobytes."""
LETTERS_AT_ONCE: Final = 50
"""Dead letters in one round: up to 350 kilobytes each."""
_IDLE_S: Final = 1.0
"""How long to wait for news before looking all the same: rows that a predecessor left."""
_RETRY_S: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)


class Decided(Protocol):
    """A decision as the store has it. `seq` grows in its partition, in the order of commits."""

    @property
    def seq(self) -> int:
        """Its number."""

    @property
    def lead(self) -> str:
        """The lead's id."""

    @property
    def body(self) -> bytes:
        """The CloudEvent."""


class Refused(Protocol):
    """An accepted event that the agreement could not take, as the store has it."""

    @property
    def number(self) -> int:
        """Its number, which grows in its partition."""

    @property
    def record(self) -> int:
        """The offset of what could not be taken."""

    @property
    def body(self) -> bytes:
        """The dead letter as JSON."""


class Rows(Protocol):
    """The store, as publishers see it; called from threads, each publisher one call at a time.

    Raises `StorageError`, which is waited out. Anything else ends the publishing.
    """

    def unsent(self, partition: int, limit: int) -> Sequence[Decided]:
        """Decisions beyond the last that was sent, in order, no more than `limit`."""

    def sent(self, partition: int, seq: int) -> None:
        """Note that all up to `seq` were sent."""

    def unsent_letters(self, partition: int, limit: int) -> Sequence[Refused]:
        """Dead letters that were not sent, in order, no more than `limit`."""

    def sent_letters(self, partition: int, number: int) -> None:
        """Note that all up to `number` were sent."""


class Source(Protocol):
    """What one publisher publishes."""

    def batch(self) -> tuple[Sequence[Outgoing], int]:
        """The next records, in order, and the number to give `done` once they are written."""

    def done(self, number: int) -> None:
        """Note that all up to there were sent."""


class Decisions:
    """The decisions of one partition."""

    def __init__(self, rows: Rows, partition: int) -> None:
        self._rows, self._partition = rows, partition

    def batch(self) -> tuple[Sequence[Outgoing], int]:
        """Decisions that were not sent, and the last one's number."""
        rows = self._rows.unsent(self._partition, AT_ONCE)
        return [decision_record(each.lead, each.body) for each in rows], rows[-1].seq if rows else 0

    def done(self, number: int) -> None:
        """Note it in the store."""
        self._rows.sent(self._partition, number)


class Letters:
    """The dead letters of one partition; `topic` is where their records came from."""

    def __init__(self, rows: Rows, topic: str, partition: int) -> None:
        self._rows, self._topic, self._partition = rows, topic, partition

    def batch(self) -> tuple[Sequence[Outgoing], int]:
        """Letters that were not sent, and the last one's number."""
        rows = self._rows.unsent_letters(self._partition, LETTERS_AT_ONCE)
        records = [
            letter_record(
                _read_letter(each.body), Position(self._topic, self._partition, each.record)
            )
            for each in rows
        ]
        return records, rows[-1].number if rows else 0

    def done(self, number: int) -> None:
        """Note it in the store."""
        self._rows.sent_letters(self._partition, number)


_read_letter: Final = msgspec.json.Decoder(DeadLetter).decode


class Appending(Protocol):
    """What writes to the topic: `streams.kafka.producing.Producing`."""

    async def append(self, records: Sequence[Outgoing]) -> list[Placed]:
        """Write records in the order of their keys; returns once all are acknowledged."""

    async def until_ready(self) -> None:
        """Wait until records would be taken."""


class Publisher:
    """Publishes what one source has; `tell` it when something new was committed."""

    def __init__(self, source: Source, topic: Appending) -> None:
        self._source, self._topic = source, topic
        self._news = asyncio.Event()
        self._failures = 0

    def tell(self) -> None:
        """There is something new. On the publisher's event loop."""
        self._news.set()

    async def run(self) -> None:
        """Publish until cancelled; failures of Kafka or the store are waited out."""
        while True:
            self._news.clear()
            try:
                more = await self.round()
            except (BrokerError, StorageError, Busy) as error:
                await self._wait_out(error)
                continue
            self._failures = 0
            if not more:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_IDLE_S):
                        await self._news.wait()

    async def round(self) -> bool:
        """Publish what waits, as much as goes at once; whether there was anything."""
        records, number = await asyncio.to_thread(self._source.batch)
        if not records:
            return False
        await self._topic.append(records)
        await asyncio.to_thread(self._source.done, number)
        return True

    async def _wait_out(self, error: BrokerError | StorageError | Busy) -> None:
        """Wait the longer, the longer failures go on; both sides log them themselves."""
        pause_s = _RETRY_S[min(self._failures, len(_RETRY_S) - 1)]
        self._failures += 1
        await asyncio.sleep(pause_s)
        if isinstance(error, BrokerError):
            await self._topic.until_ready()
