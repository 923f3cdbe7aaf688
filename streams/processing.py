"""The one piece of code that carries events, wake-ups and answers between the aggregates.

Leads and the router know nothing of each other; this wakes whoever is due, takes
events, and brings requests to the router and its answers to leads. Where states
are kept, and where the router is, is plugged in. It reads no clock: time comes
with the event.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Final, Generic, Protocol, TypeVar

from rules.agreement import Agreement
from rules.decisions import Decision
from rules.events import CAMPAIGN_EVENTS, REP_EVENTS, Event
from rules.lead import decide as lead_rules
from rules.lead.rulebook import rulebook
from rules.lead.state import Lead
from rules.lead.timers import earlier
from rules.lead.turn import Outcome
from rules.requests import Answer, Availability, Request

_NOT_OF_LEADS: Final = REP_EVENTS | CAMPAIGN_EVENTS
_MOST_AT_ONCE: Final = 10_000
"""Wake-ups of one lead at one instant; more would be an endless loop."""


class States(Protocol):
    """Where the states of leads are kept while they are worked on."""

    def lead(self, lead_id: str) -> Lead | None:
        """The lead as it stands now."""

    def keep(self, lead: Lead, was: Lead | None) -> None:
        """Put a lead's new state in the place of `was`, and note when it wants to be woken."""

    def due(self, at: datetime) -> tuple[datetime, str] | None:
        """The earliest wake-up up to `at`, leads of one instant by their id."""

    def earliest(self) -> datetime | None:
        """Before when certainly nobody wants to be woken; None if nobody ever does."""

    def repeats(self, event: Event, now: datetime) -> bool:
        """Whether the event was taken within the last 35 days; if not, it is from now on."""


class Routing(Protocol):
    """The router, here or elsewhere. One that is elsewhere answers nothing at once."""

    @property
    def wake_at(self) -> datetime | None:
        """When time alone may next let a queued lead be taken."""

    def take(self, request: Request, now: datetime) -> list[Answer]:
        """Bring it a lead's request."""

    def hear(self, news: Availability, now: datetime) -> list[Answer]:
        """Tell it that a rep goes away or is back."""

    def wake(self, now: datetime) -> list[Answer]:
        """Tell it that it is `wake_at`."""


AnyRouting = TypeVar("AnyRouting", bound=Routing)


class Processor(Generic[AnyRouting]):
    """One agreement at work on the leads of `states`, and on the router that `routing` makes."""

    def __init__(
        self,
        agreement: Agreement,
        states: States,
        routing: Callable[[Agreement], AnyRouting],
        now: datetime | None,
    ) -> None:
        self.book = rulebook(agreement)
        self.states = states
        self._routing = routing
        self.router = routing(agreement)
        self.now = now

    def switch(self, agreement: Agreement) -> None:
        """From here on `agreement` is in force; leads adopt it one by one as they are touched."""
        self.book = rulebook(agreement)
        self.router = self._routing(agreement)

    def take(self, event: Event, now: datetime) -> list[Decision]:
        """Move the clock to `now`, fire what fell due, then take the event.

        The event is valid and admitted. A repeat changes nothing. The clock
        never moves back: an earlier `now` counts as the present one.
        """
        decisions = self.run_until(now)
        assert self.now is not None
        if self.states.repeats(event, self.now):
            return decisions
        if event.type in _NOT_OF_LEADS:
            if event.type in REP_EVENTS:
                self._carry(self.router.hear(_availability(event, self.now), self.now), decisions)
            return decisions
        known = self.states.lead(event.subject)
        outcome = lead_rules.decide(self.book, known, event, self.now)
        if outcome.lead is not known:
            self._ask(self._keep(outcome, known, decisions), decisions)
        return decisions

    def answered(self, reply: Answer, now: datetime) -> list[Decision]:
        """Move the clock to `now`, fire what fell due, then bring a lead what a router said."""
        decisions = self.run_until(now)
        self._carry([reply], decisions)
        return decisions

    def run_until(self, at: datetime, most: int | None = None) -> list[Decision]:
        """Move the clock to `at`, firing everything that falls due up to then, in order.

        With `most`, no more wake-ups than that are fired; the clock then stands
        at the last of them, and `caught_up` says that there is more to do.
        """
        decisions: list[Decision] = []
        fired = 0
        while (due := self._due(at)) is not None:
            if most is not None and fired >= most:
                return decisions
            fired += 1
            self.now = due_at = max(due[0], self.now) if self.now is not None else due[0]
            if due[1] is None:
                self._carry(self.router.wake(due_at), decisions)
            else:
                self._wake(due[1], due_at, decisions)
        if self.now is None or at > self.now:
            self.now = at
        return decisions

    def caught_up(self, at: datetime) -> bool:
        """Whether nothing that is due at `at` is left to be fired."""
        return self._due(at) is None

    def next_at(self) -> datetime | None:
        """Before when time alone certainly has nothing to do; None if it never has."""
        return earlier(self.states.earliest(), self.router.wake_at)

    def _due(self, at: datetime) -> tuple[datetime, str | None] | None:
        """The next wake-up up to `at`: a lead's before the router's at one instant."""
        due, router_at = self.states.due(at), self.router.wake_at
        if due is not None and (router_at is None or due[0] <= router_at):
            return due
        return None if router_at is None or router_at > at else (router_at, None)

    def _wake(self, lead_id: str, at: datetime, decisions: list[Decision]) -> None:
        for _ in range(_MOST_AT_ONCE):
            lead = self.states.lead(lead_id)
            assert lead is not None
            if lead.wake_at is None or lead.wake_at > at:
                return
            self._ask(self._keep(lead_rules.wake(self.book, lead, at), lead, decisions), decisions)
        raise AssertionError(f"lead {lead_id!r} wants to be woken at {at} for ever")

    def _keep(
        self, outcome: Outcome, was: Lead | None, decisions: list[Decision]
    ) -> tuple[Request, ...]:
        self.states.keep(outcome.lead, was)
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
        lead = self.states.lead(reply.lead)
        assert self.now is not None
        assert lead is not None
        outcome = lead_rules.answer(self.book, lead, reply, self.now)
        return self._keep(outcome, lead, decisions)


def _availability(event: Event, now: datetime) -> Availability:
    away = event.type == "rep.away"
    until_at = event.data.get("until") if away else None
    # A source whose clock is ahead: nothing happened after it became known.
    return Availability(event.subject, away, until_at, min(event.time_at, now), event.id)
