"""The one thread that writes: it appends what clients send and decides in between.

The order of a round: append in one transaction all short submissions that wait,
and answer whoever sent them; the same with long ones, as many as make a group;
then work a slice of the loop and commit it. Answers go out only after their
records are on disk; a short one waits at most for one group of long ones and
one slice. A storage error refuses what was to be appended, and the loop is built
anew from the last commit.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from rules.agreement import Agreement
from rules.decisions import Decision
from streams.clock import LogClock, steady_s
from streams.loop import Loop
from streams.storage import Accepted, Log, Record, StorageError, Store

SLICE_S: Final = 0.005
"""How long a slice works before it commits while somebody waits for a short submission."""
LONG_SLICE_S: Final = 0.05
"""The same while nobody does: the longer, the less is written twice."""
GROUP: Final = 1_000
"""Events that are appended in one transaction at most, unless one submission is longer."""
_SHORT: Final = 20
"""Events of a submission that need not wait behind longer ones."""
MOST_WAITING: Final = 20_000
"""Events that may wait to be appended; beyond, clients are told to come back."""
MOST_BEHIND: Final = 200_000
"""Records that may wait to be decided before clients are told to come back."""
LONG_MOST_BEHIND: Final = 15_000
"""The same before those with long submissions are: a second's work, and what the loop holds in
memory. Short ones are still taken then, so that a bulk load holds up nobody but itself."""
_IDLE_S: Final = 1.0
_RETRY_S: Final = (0.1, 0.5, 1.0, 2.0, 5.0)

_log = structlog.get_logger(__name__)


class Busy(Exception):  # noqa: N818 (it is a state to wait out, not an error)
    """Too much is waiting. `retry_after_s` says when to come back."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too much is waiting, come back in {retry_after_s} s")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Health:
    """How the writer is doing."""

    ready: bool
    behind: int
    """Accepted events that are not decided yet."""
    waiting: int
    """Events that are not appended yet."""
    failure: str | None
    """What the storage said, while it fails."""
    now: datetime | None
    """How far the log's time has been lived through."""


@dataclass(slots=True)
class _Submission:
    events: Sequence[Accepted]
    answer: "asyncio.Future[list[Record]]"
    loop: asyncio.AbstractEventLoop


class Writer:
    """Owns log, store and loop. `open_storage` opens them, at the start and after a failure."""

    def __init__(
        self,
        open_storage: Callable[[], tuple[Log, Store]],
        clock: LogClock,
        *,
        told: Callable[[Sequence[Decision]], None] | None = None,
        tend: Callable[[datetime], None] | None = None,
    ) -> None:
        self._open_storage = open_storage
        self._clock = clock
        self._told = told
        self._tend = tend
        self.present = clock.now()
        """The log's time, as of a round ago at most: a second, when nothing happens."""
        self._log, self._store = open_storage()
        self._loop = Loop(self._log, self._store)
        self._short: deque[_Submission] = deque()
        self._long: deque[_Submission] = deque()
        self._waiting = 0
        self._wake = threading.Condition()
        self._stopping = False
        self._caught_up = False
        self._failure: str | None = None
        self._failures = 0
        self._more = True
        self._broken = False
        self._begin()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    @property
    def agreement(self) -> Agreement | None:
        """The agreement in force."""
        return self._loop.agreement

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self, budget_s: float) -> bool:
        """Append and decide what waits, within the budget, and end; whether that was managed."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(budget_s)
        return not self._thread.is_alive()

    def activate(self, text: bytes, digest: str) -> None:
        """Store an agreement and put it in force. Before `start` only."""
        self._store.keep_agreement(digest, text)
        in_force = self._loop.agreement.digest if self._loop.agreement is not None else None
        # What waits in the log may put another one in force; then this one is to follow it.
        if in_force != digest or self._log.read(self._loop.offset, 1):
            self._loop.offer([self._log.activate(digest, self._clock.now())])
            while self._loop.slice(self._clock.now(), self._time_limit())[1]:
                pass

    def check_room(self, events: int) -> None:
        """Raise `Busy` or `StorageError` if a submission of so many would not be taken now."""
        behind = self._loop.behind()
        most_behind = MOST_BEHIND if events <= _SHORT else LONG_MOST_BEHIND
        if self._waiting > MOST_WAITING or behind > most_behind:
            raise Busy(max(1, min(60, behind // LONG_MOST_BEHIND)))
        if self._stopping:
            raise Busy(5)
        if self._failure is not None:
            raise StorageError(self._failure)

    async def submit(self, events: Sequence[Accepted]) -> list[Record]:
        """Append events as a whole; the records of those that were not known before.

        Raises `Busy` when too much is waiting and `StorageError` when the disk
        failed: nothing of the call was kept then.
        """
        self.check_room(len(events))
        here = asyncio.get_running_loop()
        submission = _Submission(events, here.create_future(), here)
        with self._wake:
            (self._short if len(events) <= _SHORT else self._long).append(submission)
            self._waiting += len(events)
            self._wake.notify()
        return await submission.answer

    def health(self) -> Health:
        """How the writer is doing, for `/readyz` and the operators."""
        return Health(
            ready=self._failure is None and self._caught_up and not self._stopping,
            behind=self._loop.behind(),
            waiting=self._waiting,
            failure=self._failure,
            now=self._loop.now,
        )

    def _run(self) -> None:
        while self._round():
            pass

    def _round(self) -> bool:
        """Append, answer and decide once; whether another round is to follow."""
        if self._broken:
            return self._reopen() or not self._stopping
        try:
            with self._wake:
                if not self._asked() and not self._more and not self._stopping:
                    self._wake.wait(self._idle_s())
                stopping = self._stopping and not self._asked()
            for queue in (self._short, self._long, self._short):
                self._append(self._group(queue))
            self.present = now = self._clock.now()
            decisions, self._more = self._loop.slice(now, self._time_limit())
            if self._tend is not None and not (self._more or self._asked() or self._stopping):
                self._tend(now)
        except StorageError as error:
            self._fail(error)
            return not self._stopping
        self._recovered()
        if decisions and self._told is not None:
            self._told(decisions)
        self._caught_up = self._caught_up or not self._more
        return self._more or not stopping

    def _time_limit(self) -> Callable[[], bool]:
        """Whether a slice that begins now has worked long enough."""
        begun_s = steady_s()
        return lambda: steady_s() - begun_s >= (SLICE_S if self._short else LONG_SLICE_S)

    def _idle_s(self) -> float:
        next_at = self._loop.next_at()
        if next_at is None:
            return _IDLE_S
        until_s = (next_at - self._clock.now()).total_seconds()
        return min(_IDLE_S, max(0.0, until_s))

    def _asked(self) -> bool:
        """Whether anything waits to be appended."""
        return bool(self._short or self._long)

    def _group(self, queue: deque[_Submission]) -> list[_Submission]:
        """Submissions for one transaction."""
        group: list[_Submission] = []
        size = 0
        with self._wake:
            while queue and (not group or size + len(queue[0].events) <= GROUP):
                submission = queue.popleft()
                size += len(submission.events)
                group.append(submission)
            self._waiting -= size
        return group

    def _append(self, group: list[_Submission]) -> None:
        if not group:
            return
        events = [event for submission in group for event in submission.events]
        try:
            records = self._log.append(events, self._clock.now())
        except StorageError as error:
            _answer(group, error)
            raise
        self._loop.offer(records)
        _answer(group, records)

    def _fail(self, error: StorageError) -> None:
        """Say so, and refuse what waits; nothing is done until the storage is reopened."""
        if self._failure is None:
            _log.error("storage_failed", problem=str(error))
        self._failure = str(error)
        self._broken = self._more = True
        with self._wake:
            refused, self._waiting = [*self._short, *self._long], 0
            self._short.clear()
            self._long.clear()
        _answer(refused, error)

    def _reopen(self) -> bool:
        """Wait a little, and begin again from the last commit; whether that could be done.

        The loop that failed is not used again: what it had in hand is lost with it.
        """
        pause_s = _RETRY_S[min(self._failures, len(_RETRY_S) - 1)]
        self._failures += 1
        with self._wake:
            if not self._stopping:
                self._wake.wait(pause_s)
        try:
            self._log, self._store = self._open_storage()
            self._loop = Loop(self._log, self._store)
            self._begin()
        except StorageError as error:
            self._fail(error)
            return False
        self._broken = False
        return True

    def _begin(self) -> None:
        """Nothing is stamped before what time alone has been decided by already."""
        if self._loop.now is not None:
            self._clock.not_before(self._loop.now)

    def _recovered(self) -> None:
        if self._failure is not None:
            _log.info("storage_recovered")
        self._failure = None
        self._failures = 0


def _answer(group: Sequence[_Submission], result: list[Record] | StorageError) -> None:
    """Tell every client of the group how it went, one wake-up per event loop."""
    if not group:
        return
    if isinstance(result, StorageError):
        answers: list[list[Record] | StorageError] = [result] * len(group)
    else:
        answers = list(_shares(group, result))

    def deliver() -> None:
        for submission, answer in zip(group, answers, strict=True):
            if submission.answer.done():
                continue
            if isinstance(answer, StorageError):
                submission.answer.set_exception(answer)
            else:
                submission.answer.set_result(answer)

    try:
        group[0].loop.call_soon_threadsafe(deliver)
    except RuntimeError:
        # The event loop is gone with its clients; the records are kept all the same.
        _log.info("clients_gone", submissions=len(group))


def _shares(group: Sequence[_Submission], records: list[Record]) -> list[list[Record]]:
    """Each submission's own records: those of its events that were new."""
    by_name = {
        (record.event.subject, record.event.source, record.event.id): record
        for record in records
        if record.event is not None
    }
    shares: list[list[Record]] = []
    for submission in group:
        own: list[Record] = []
        for accepted in submission.events:
            event = accepted.event
            record = by_name.pop((event.subject, event.source, event.id), None)
            if record is not None:
                own.append(record)
        shares.append(own)
    return shares
