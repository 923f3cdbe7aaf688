"""The loop on this store, its router elsewhere, decides what the engine in memory decides."""

from datetime import datetime, timedelta

import pytest

from rules.decisions import Decision
from rules.requests import Answer, Availability
from rules.router.decide import Router
from streams.codec import encode, encode_event
from streams.engine import Engine
from streams.feed import Feed
from streams.loop import Loop
from streams.postgres.outgoing import Outgoing
from streams.postgres.router import Routed, RouterStore, Taken
from streams.postgres.store import PartitionStore
from streams.replaying import known_at
from streams.storage import Accepted
from tests.conformance.material import START_AT, plain
from tests.conformance.memory import Disk, MemoryLog
from tests.model.agreements import ACME
from tests.model.playing import loaded
from tests.postgres.conftest import Claiming, Opening

pytestmark = pytest.mark.postgres
AGREEMENT = loaded(ACME)


class Office:
    """One partition and the router, driven in turns by a virtual clock."""

    def __init__(self, store: PartitionStore, router: RouterStore) -> None:
        self.log = MemoryLog(Disk())
        self.store, self.routing = store, router
        store.keep_agreement(AGREEMENT.digest, ACME.encode())
        self.loop = Loop(self.log, store, store)
        self.router = Router(AGREEMENT, router.state())
        self.log.activate(AGREEMENT.digest, START_AT)
        self.settle(START_AT)

    def live_until(self, at: datetime) -> None:
        """Fire what is due up to `at`, each at its time."""
        while True:
            moments = [self.loop.next_at(), self.router.wake_at]
            due = [moment for moment in moments if moment is not None and moment <= at]
            if not due:
                return
            now = max(min(due), self.loop.now or min(due))
            self.settle(now)
            if self.router.wake_at is not None and self.router.wake_at <= now:
                self._commit(now, [Taken(now)], [(now, each) for each in self.router.wake(now)])
                self.settle(now)

    def settle(self, at: datetime) -> None:
        """Work until neither the partition nor the router has anything left to do at `at`."""
        while True:
            while self.loop.slice(at, lambda: False)[1]:
                pass
            waiting = self.routing.waiting(100)
            if not waiting:
                return
            answers: list[tuple[datetime, Answer]] = []
            for each in waiting:
                asked, router = each.asked, self.router
                if isinstance(asked, Availability):
                    given = router.hear(asked, at)
                else:
                    given = router.take(asked, at)
                answers += [(at, answer) for answer in given]
            taken = [Taken(at, (each.partition, each.number)) for each in waiting]
            self._commit(at, taken, answers)

    def _commit(
        self, now: datetime, taken: list[Taken], answers: list[tuple[datetime, Answer]]
    ) -> None:
        self.routing.commit(Routed(now, AGREEMENT.digest, taken, answers))


def test_the_same_is_decided_as_in_memory(claiming: Claiming, opening: Opening) -> None:
    feed = Feed(AGREEMENT, seed=5, leads=20, start_at=START_AT, days=10)
    router = RouterStore.take_over(opening(), "test", timedelta(hours=1))
    assert router is not None
    store = claiming()
    office, engine = Office(store, router), Engine(AGREEMENT)
    decisions: list[Decision] = []
    while (event := feed.next_event()) is not None:
        at = max(known_at(event), engine.now or known_at(event))
        decided = engine.take(event, at)
        for each in decided:
            feed.saw(each, at)
        decisions += decided
        office.live_until(at)
        office.log.append([Accepted(event, encode_event(event))], at)
        office.settle(at)
    rows = Outgoing(opening()).unsent(0, 100_000)
    expected = sorted(encode(each, AGREEMENT.source) for each in decisions)
    assert len(expected) > 100
    assert sorted(each.body for each in rows) == expected
    fresh = claiming()
    for lead_id, lead in engine.leads.items():
        assert fresh.lead(lead_id) == lead
    known = engine.router.state
    again = router.resumed(opening()).state()
    assert plain(again).reps == known.reps
    assert (again.given, again.arrived, again.queue) == (known.given, known.arrived, known.queue)
