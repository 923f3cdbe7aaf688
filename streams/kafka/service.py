"""The intake as the HTTP interface sees it: events go to Kafka, answers come from the store.

The agreement in force is looked up in the store again and again; events are judged
by the one that was there last. While the store is away events are still taken, since
they are safe in Kafka; before the first agreement was seen none are.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from rules.agreement import Agreement
from rules.loading import load_agreement
from streams import clock
from streams.http.news import News
from streams.http.problems import Failure
from streams.http.service import Reader
from streams.kafka.connection import BrokerError
from streams.kafka.producing import Placed, Producing, UnacknowledgedError
from streams.kafka.records import event_record, stamp_of
from streams.logs import log
from streams.storage import Accepted, OutcomeUnknownError, Record, StorageError
from streams.writer import Busy, Health

LOOK_S: Final = 0.25
"""Between two looks into the store: how old news of decisions may be."""
_RETRY_S: Final = 2.0


class ServiceStore(Reader, Protocol):
    """What the intake reads in the store."""

    def present(self) -> datetime:
        """The store's clock, which all processes share."""

    def newest(self) -> int:
        """The number of the newest decision that is shown; 0 if there is none."""

    def in_force(self) -> str | None:
        """The digest of the agreement that was put in force last."""

    def agreement(self, digest: str) -> bytes | None:
        """The text of a stored agreement."""


class IntakeService:
    """Accepts events into Kafka. `follow` must be running, on the same event loop."""

    def __init__(self, activity: Producing, store: ServiceStore) -> None:
        self.reader: Reader = store
        self.news = News()
        self._store = store
        self._activity = activity
        self._agreement: Agreement | None = None
        self._ahead = timedelta(0)
        self._newest = 0
        self._store_failure: str | None = None
        self._stopping = False

    @property
    def agreement(self) -> Agreement:
        """The agreement in force; raises `Failure` (503) while none is known."""
        if self._agreement is None:
            raise Failure(503, "not_ready", self._unready(), headers={"Retry-After": "5"})
        return self._agreement

    def now(self) -> datetime:
        """The present by the store's clock: this machine's may be wrong."""
        return clock.now() + self._ahead

    def check_room(self, events: int) -> None:
        """Raise `Busy` or `StorageError` if events would not be taken now."""
        if self._agreement is None:
            raise StorageError(self._unready())
        if self._stopping:
            raise Busy(5)
        try:
            self._activity.check_room()
        except BrokerError as error:
            raise StorageError(str(error)) from error

    async def submit(self, events: Sequence[Accepted]) -> list[Record]:
        """Write events to Kafka; returns once every one is on all in-sync replicas.

        Which of them were known already is found out when they are taken, so each has
        a record. Raises `Busy` or `StorageError`, and nothing was written; or
        `OutcomeUnknownError`, and any part may have been.
        """
        self.check_room(len(events))
        try:
            placed = await self._activity.append([event_record(each) for each in events])
        except UnacknowledgedError as error:
            raise OutcomeUnknownError(str(error)) from error
        except BrokerError as error:
            raise StorageError(str(error)) from error
        return [self._record(*each) for each in zip(events, placed, strict=True)]

    def _record(self, accepted: Accepted, placed: Placed) -> Record:
        stamped_at = stamp_of(placed.stamp_ms) if placed.stamp_ms >= 0 else self.now()
        return Record(placed.offset, stamped_at, accepted.event, body=accepted.body)

    def health(self) -> Health:
        """How the intake is doing. How much is still to be decided only `baton lag` knows."""
        failure = self._activity.failure
        said = str(failure) if failure is not None else None
        if said is None and self._agreement is None:
            said = self._unready()
        return Health(
            ready=said is None and not self._stopping,
            behind=0,
            waiting=self._activity.waiting,
            failure=said,
            now=self.now(),
        )

    def stop(self) -> None:
        """Take nothing new, and let those go who follow decisions."""
        self._stopping = True
        self.news.end()

    async def follow(self) -> None:
        """Look into the store until cancelled: which agreement holds, what was decided."""
        while True:
            pause_s = LOOK_S
            try:
                await asyncio.to_thread(self.look)
            except StorageError as error:
                self._missed(error)
                pause_s = _RETRY_S
            else:
                self._seen()
            await asyncio.sleep(pause_s)

    def look(self) -> None:
        """Look once; from one thread at a time. Raises `StorageError`."""
        self._ahead = self._store.present() - clock.now()
        newest = self._store.newest()
        if newest != self._newest:
            self._newest = newest
            self.news.tell()
        digest = self._store.in_force()
        if digest is None or (self._agreement is not None and self._agreement.digest == digest):
            return
        text = self._store.agreement(digest)
        assert text is not None, "what is in force is stored"
        agreement = load_agreement(text, digest).agreement
        assert agreement is not None, "only what loads is put in force"
        self._agreement = agreement
        log().info("agreement_activated", agreement=agreement.source, digest=digest[:12])

    def _missed(self, error: StorageError) -> None:
        if self._store_failure is None:
            log().error("storage_failed", problem=str(error))
        self._store_failure = str(error)

    def _seen(self) -> None:
        if self._store_failure is not None:
            log().info("storage_recovered")
        self._store_failure = None

    def _unready(self) -> str:
        if self._store_failure is not None:
            return self._store_failure
        return "No agreement is in force yet; `baton worker --agreement FILE` puts one in force."


async def ended(task: "asyncio.Task[None]") -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
