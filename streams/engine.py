"""The processing loop, in memory: events in, decisions out, time as an input like any other.

Leads and the router are aggregates that know nothing of each other; this loop
carries their requests and answers, wakes whoever is due, and recognises
repeated events. It reads no clock: `now` comes with the event.
"""

from collections import deque
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Final

import msgspec

from rules.agreement import Agreement
from rules.decisions import Decision
from rules.events import CAMPAIGN_EVENTS, REP_EVENTS, Event
from rules.lead import decide as lead_rules
from rules.lead.rulebook import rulebook
from rules.lead.state import Lead
from rules.lead.turn import Outcome
from rules.requests import Answer, Availability, Request
from rules.router.decide import Router
from rules.router.state import RouterState

REMEMBERED: Final = timedelta(days=35)
"""How long an event is known by its subject, source and id (contract, section 1)."""
_NOT_OF_LEADS: Final = REP_EVENTS | CAMPAIGN_EVENTS
_MOST_AT_ONCE: Final = 10_000
"""Wake-ups of one lead at one instant; more would be an endless loop."""

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


class Engine:
    """One agreement at work on leads that are held in memory."""

    def __init__(self, agreement: Agreement) -> None:
        self.book = rulebook(agreement)
        self.leads: dict[str, Lead] = {}
        self.router = Router(agreement, RouterState())
        self.now: datetime | None = None
        self._seen = Seen()
        self._wakes: list[tuple[datetime, str]] = []

    @classmethod
    def resumed(cls, agreement: Agreement, snapshot: Snapshot) -> "Engine":
        """An engine that goes on where the snapshot was taken."""
        engine = cls(agreement)
        engine.now = snapshot.now
        engine.leads = snapshot.leads
        engine.router.state = snapshot.router
        engine._seen.newer = dict(snapshot.newer)
        engine._seen.older = dict(snapshot.older)
        engine._seen.next_at = snapshot.next_at
        for lead in engine.leads.values():
            engine._await(lead)
        return engine

    def snapshot(self) -> Snapshot:
        """Everything this engine knows."""
        seen = self._seen
        return Snapshot(
            self.now,
            self.leads,
            self.router.state,
            list(seen.newer.items()),
            list(seen.older.items()),
            seen.next_at,
        )

    def take(self, event: Event, now: datetime) -> list[Decision]:
        """Move the clock to `now`, fire what fell due, then take the event.

        The event is valid and admitted. A repeat changes nothing. The clock
        never moves back: an earlier `now` counts as the present one.
        """
        decisions = self.run_until(now)
        assert self.now is not None
        if self._seen.repeats(event, self.now):
            return decisions
        if event.type in _NOT_OF_LEADS:
            if event.type in REP_EVENTS:
                self._carry(self.router.hear(_availability(event), self.now), decisions)
            return decisions
        known = self.leads.get(event.subject)
        outcome = lead_rules.decide(self.book, known, event, self.now)
        if outcome.lead is not known:
            self._ask(self._keep(outcome, decisions), decisions)
        return decisions

    def run_until(self, at: datetime) -> list[Decision]:
        """Move the clock to `at`, firing everything that falls due up to then, in order."""
        decisions: list[Decision] = []
        wakes, router_at = self._wakes, self.router.state.wake_at
        if (not wakes or wakes[0][0] > at) and (router_at is None or router_at > at):
            if self.now is None or at > self.now:
                self.now = at
            return decisions
        while (due := self._next_due()) is not None and due[0] <= at:
            self.now = due_at = max(due[0], self.now) if self.now is not None else due[0]
            if due[1] is None:
                self._carry(self.router.wake(due_at), decisions)
            else:
                heappop(self._wakes)
                self._wake(due[1], due_at, decisions)
        if self.now is None or at > self.now:
            self.now = at
        return decisions

    def _next_due(self) -> tuple[datetime, str | None] | None:
        """The next wake-up: a lead's before the router's at one instant, leads by their id."""
        wakes = self._wakes
        while wakes:
            at, lead_id = wakes[0]
            if self.leads[lead_id].wake_at == at:
                break
            heappop(wakes)
        router_at = self.router.state.wake_at
        if wakes and (router_at is None or wakes[0][0] <= router_at):
            return wakes[0]
        return None if router_at is None else (router_at, None)

    def _wake(self, lead_id: str, at: datetime, decisions: list[Decision]) -> None:
        for _ in range(_MOST_AT_ONCE):
            lead = self.leads[lead_id]
            if lead.wake_at is None or lead.wake_at > at:
                return
            self._ask(self._keep(lead_rules.wake(self.book, lead, at), decisions), decisions)
        raise AssertionError(f"lead {lead_id!r} wants to be woken at {at} for ever")

    def _await(self, lead: Lead) -> None:
        if lead.wake_at is not None:
            heappush(self._wakes, (lead.wake_at, lead.id))

    def _keep(self, outcome: Outcome, decisions: list[Decision]) -> tuple[Request, ...]:
        lead = outcome.lead
        known = self.leads.get(lead.id)
        self.leads[lead.id] = lead
        if known is None or lead.wake_at != known.wake_at:
            self._await(lead)
        decisions.extend(outcome.decisions)
        return outcome.requests

    def _carry(self, answers: list[Answer], decisions: list[Decision]) -> None:
        """Bring the router's answers to their leads, one after the other."""
        for reply in answers:
            self._ask(self._answered(reply, decisions), decisions)

    def _ask(self, requests: tuple[Request, ...], decisions: list[Decision]) -> None:
        """Ask the router, bring its answers to their leads, and ask what those ask in turn."""
        if not requests:
            return
        assert self.now is not None
        waiting = deque(requests)
        while waiting:
            for reply in self.router.take(waiting.popleft(), self.now):
                waiting.extend(self._answered(reply, decisions))

    def _answered(self, reply: Answer, decisions: list[Decision]) -> tuple[Request, ...]:
        assert self.now is not None
        outcome = lead_rules.answer(self.book, self.leads[reply.lead], reply, self.now)
        return self._keep(outcome, decisions)


def _availability(event: Event) -> Availability:
    away = event.type == "rep.away"
    return Availability(
        event.subject, away, event.data.get("until") if away else None, event.time_at, event.id
    )
