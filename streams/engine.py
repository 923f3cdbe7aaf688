"""The engine in memory: what `replay` and `explain` run on, and what the store is compared with."""

from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Final

import msgspec

from rules.agreement import Agreement
from rules.events import Event
from rules.lead.state import Lead
from rules.router.decide import Router
from rules.router.state import RouterState
from streams.processing import Processor

REMEMBERED: Final = timedelta(days=35)
"""How long an event is known by its subject, source and id (contract, section 1)."""

Mark = tuple[str, str, str]


class Seen:
    """Which events have been taken within `REMEMBERED`: two generations, the older one dropped.

    A generation lasts as long as an event is remembered, so that whatever is in
    the newer one is known, and only the older one's moments have to be looked at.
    """

    def __init__(self) -> None:
        self.newer: dict[Mark, datetime] = {}
        self.older: dict[Mark, datetime] = {}
        self.next_at: datetime | None = None

    def repeats(self, event: Event, now: datetime) -> bool:
        """Whether the event was taken before; if not, it is from now on."""
        if self.next_at is None or now >= self.next_at:
            self.older, self.newer, self.next_at = self.newer, {}, now + REMEMBERED
        mark = (event.subject, event.source, event.id)
        if mark in self.newer:
            return True
        if self.older:
            taken_at = self.older.get(mark)
            if taken_at is not None and now - taken_at < REMEMBERED:
                return True
        self.newer[mark] = now
        return False


class MemoryStates:
    """All leads in a dictionary, their wake-ups in a heap. Outdated wake-ups are passed over."""

    def __init__(self) -> None:
        self.leads: dict[str, Lead] = {}
        self.seen = Seen()
        self.lead = self.leads.get
        self.repeats = self.seen.repeats
        self._wakes: list[tuple[datetime, str]] = []

    def keep(self, lead: Lead, was: Lead | None) -> None:
        """Put a lead's new state in the place of `was`."""
        self.leads[lead.id] = lead
        if lead.wake_at is not None and (was is None or lead.wake_at != was.wake_at):
            heappush(self._wakes, (lead.wake_at, lead.id))

    def due(self, at: datetime) -> tuple[datetime, str] | None:
        """The earliest wake-up up to `at` that still stands."""
        wakes = self._wakes
        while wakes and wakes[0][0] <= at:
            first = wakes[0]
            if self.leads[first[1]].wake_at == first[0]:
                return first
            heappop(wakes)
        return None

    def earliest(self) -> datetime | None:
        """The first wake-up of the heap, whether it still stands or not."""
        return self._wakes[0][0] if self._wakes else None


class Snapshot(msgspec.Struct, frozen=True):
    """Everything an engine knows, to go on from later."""

    now: datetime | None
    leads: dict[str, Lead]
    router: RouterState
    newer: list[tuple[Mark, datetime]]
    older: list[tuple[Mark, datetime]]
    next_at: datetime | None

    def encode(self) -> bytes:
        """The snapshot as bytes; `decode_snapshot` reads them."""
        return msgspec.msgpack.encode(self)


def decode_snapshot(raw: bytes) -> Snapshot:
    """Read what `Snapshot.encode` wrote."""
    return msgspec.msgpack.decode(raw, type=Snapshot)


class Engine(Processor[Router]):
    """One agreement at work on leads that are held in memory."""

    states: MemoryStates

    def __init__(self, agreement: Agreement, router: RouterState | None = None) -> None:
        state = router or RouterState()
        super().__init__(agreement, MemoryStates(), lambda each: Router(each, state), None)

    @property
    def leads(self) -> dict[str, Lead]:
        """Every lead by its id."""
        return self.states.leads

    @classmethod
    def resumed(cls, agreement: Agreement, snapshot: Snapshot) -> "Engine":
        """An engine that goes on where the snapshot was taken."""
        engine = cls(agreement, snapshot.router)
        engine.now = snapshot.now
        for lead in snapshot.leads.values():
            engine.states.keep(lead, None)
        seen = engine.states.seen
        seen.newer, seen.older = dict(snapshot.newer), dict(snapshot.older)
        seen.next_at = snapshot.next_at
        return engine

    def snapshot(self) -> Snapshot:
        """Everything this engine knows."""
        seen = self.states.seen
        return Snapshot(
            self.now,
            self.leads,
            self.router.state,
            list(seen.newer.items()),
            list(seen.older.items()),
            seen.next_at,
        )
