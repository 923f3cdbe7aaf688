"""The processing loop over a log and a store, in slices that each commit as a whole.

The order of a slice: records in the log's order; before each, whatever fell due
by its stamp; behind the last one, whatever is due by the clock. Then one
transaction writes states, decisions, the router's rows, the position in the log
and the clock. What a crash interrupts is done again, to the same ids.

After an outage the waiting records come first, each at its own stamp, and only
then does the clock run on: nobody is in breach because the service was down.
"""

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from rules.admission import admit
from rules.agreement import Agreement
from rules.decisions import Decision
from rules.loading import load_agreement
from rules.router.decide import Router
from streams.outbox import Outbox
from streams.processing import Processor, Routing
from streams.refusals import dead_letter
from streams.states import StoredStates
from streams.storage import Commit, Log, Record, Replies, Reply, StorageError, Store, Unfit

_READ: Final = 250
"""Records that are read from the log at a time."""
_AHEAD: Final = 20_000
"""Records that are held in memory when they come faster than they are processed."""
_FETCHED: Final = 100
"""Records whose leads are read in one go."""
UNASKED: Final = 20
"""Records that are taken before it is asked again whether that is enough: under a millisecond."""
_WAKES: Final = 50
"""Wake-ups that are fired before it is asked again."""


class Loop:
    """Log and store at work. One thread calls it.

    With `replies` the router is elsewhere: what it is to be told is part of the
    commit, and what it has answered comes in between the records, by its stamp.
    """

    def __init__(self, log: Log, store: Store, replies: Replies | None = None) -> None:
        self._log, self._store, self._replies = log, store, replies
        offset, now, digest = store.position()
        self.offset = self._committed = offset
        self._digest = digest
        self._outbox = Outbox()
        self._replied = replies.replied() if replies is not None else 0
        self._heard: deque[Reply] = deque()
        self._states = StoredStates(store)
        self._waiting: deque[Record] = deque()
        self._newest = offset
        self._fetched = offset
        self._processor: Processor[Routing] | None = None
        if digest is not None:
            self._processor = self._at_work(stored_agreement(store, digest), now)

    @property
    def agreement(self) -> Agreement | None:
        """The agreement in force; None before the first one is activated."""
        return self._processor.book.agreement if self._processor else None

    @property
    def now(self) -> datetime | None:
        """How far the log's time has been lived through."""
        return self._processor.now if self._processor else None

    def behind(self) -> int:
        """How many records are known of whose decisions are not on disk yet."""
        return self._newest - self._committed

    def next_at(self) -> datetime | None:
        """Before when time alone has nothing to do."""
        return self._processor.next_at() if self._processor else None

    def offer(self, records: Sequence[Record]) -> None:
        """Take freshly appended records as they are, so that they need not be read again."""
        if not records:
            return
        expected = self._waiting[-1].offset if self._waiting else self.offset
        if expected + 1 == records[0].offset and len(self._waiting) < _AHEAD:
            self._waiting.extend(records)
        self._newest = records[-1].offset

    def slice(self, clock: datetime, enough: Callable[[], bool]) -> tuple[list[Decision], bool]:
        """Work until `enough` or until nothing is left, and commit.

        Says what was decided and whether more waits.
        """
        was_at, was_now, was_router = (self.offset, self._replied), self.now, self._router_at()
        decisions: list[Decision] = []
        unfit: list[Unfit] = []
        more, unasked = True, 0
        if self._replies is not None and not self._heard:
            self._heard.extend(self._replies.replies(self._replied, _READ))
        while more:
            if unasked == 0:
                if enough():
                    break
                unasked = UNASKED
            unasked -= 1
            record, reply = self._head(), self._reply()
            if record is not None and reply is not None and reply.at > record.stamped_at:
                reply = None
            horizon = reply.at if reply else record.stamped_at if record else clock
            if self._processor is not None and not self._processor.caught_up(horizon):
                decisions += self._processor.run_until(horizon, _WAKES)
                unasked = 0
            elif reply is not None:
                self._hear(reply, decisions)
            elif record is None:
                if self._processor is not None:
                    self._processor.run_until(clock)
                more = False
            elif record.agreement is not None and decisions:
                # A commit's decisions are all of one agreement: the next slice changes it.
                break
            else:
                self._take(record, decisions, unfit)
        came = (self.offset, self._replied) != was_at
        if decisions or unfit or came or self._moved(was_now, was_router):
            self._commit(decisions, unfit)
        return decisions, more

    def _at_work(self, agreement: Agreement, now: datetime | None) -> Processor[Routing]:
        def routing(agreement: Agreement) -> Routing:
            return (
                self._outbox
                if self._replies is not None
                else Router(agreement, self._store.router())
            )

        return Processor(agreement, self._states, routing, now)

    def _router_at(self) -> datetime | None:
        return self._processor.router.wake_at if self._processor else None

    def _moved(self, was: datetime | None, was_router: datetime | None) -> bool:
        """Whether states changed with time alone; that the clock moved on is no reason to write."""
        changed = any(True for _ in self._states.changed())
        return self.now != was and (changed or self._router_at() != was_router)

    def _head(self) -> Record | None:
        if not self._waiting:
            self._waiting.extend(self._log.read(self.offset, _READ))
            if self._waiting:
                self._newest = max(self._newest, self._waiting[-1].offset)
        if not self._waiting:
            return None
        head = self._waiting[0]
        if head.offset > self._fetched:
            self._fetch()
        return head

    def _fetch(self) -> None:
        """Have the leads of the records that come next read in one go."""
        soon = list(islice(self._waiting, _FETCHED))
        self._fetched = soon[-1].offset
        events = [record.event for record in soon if record.event is not None]
        if events:
            self._store.expect(events)

    def _reply(self) -> Reply | None:
        """The next of what a router elsewhere had answered when the slice began."""
        return self._heard[0] if self._heard else None

    def _hear(self, reply: Reply, decisions: list[Decision]) -> None:
        assert self._processor is not None, "leads that ask are of an agreement"
        self._heard.popleft()
        self._replied = reply.number
        decisions += self._processor.answered(reply.answer, reply.at)

    def _take(self, record: Record, decisions: list[Decision], unfit: list[Unfit]) -> None:
        self._waiting.popleft()
        self.offset = record.offset
        if record.agreement is not None:
            self._switch(record.agreement, record.stamped_at)
            return
        processor, event = self._processor, record.event
        assert processor is not None, "the first record of a log activates an agreement"
        assert event is not None
        refused = admit(processor.book.agreement, event)
        if refused is not None:
            unfit.append(Unfit(record.offset, dead_letter(refused, record.body)))
        else:
            decisions += processor.take(event, record.stamped_at)

    def _switch(self, digest: str, now: datetime) -> None:
        agreement = stored_agreement(self._store, digest)
        self._digest = digest
        if self._processor is None:
            self._processor = self._at_work(agreement, now)
        else:
            self._processor.switch(agreement)

    def _commit(self, decisions: list[Decision], unfit: list[Unfit]) -> None:
        now, agreement = self.now, self.agreement
        assert now is not None
        assert agreement is not None
        self._store.commit(
            Commit(
                offset=self.offset,
                now=now,
                leads=self._states.changed(),
                decisions=decisions,
                agreement=self._digest,
                unfit=unfit,
                asked=self._outbox.collected,
                replied=self._replied,
                source=agreement.source,
            )
        )
        self._outbox.collected = []
        self._committed = self.offset
        self._states.committed()


def stored_agreement(store: Store, digest: str) -> Agreement:
    """The stored agreement of that digest, compiled. It was valid when it was activated."""
    text = store.agreement(digest)
    if text is None:
        raise StorageError(
            f"The store names agreement {digest[:12]} but does not hold it. Restore a backup."
        )
    loaded = load_agreement(text, f"agreement {digest[:12]}")
    if loaded.agreement is None:
        first = loaded.diagnostics[0]
        raise StorageError(
            f"The stored agreement can't be read by this version: {first}. "
            "Mend it and start with the mended file."
        )
    return loaded.agreement
