"""One call of `decide` at work: a draft of the lead and what has been decided so far.

A turn is the only thing in the core that changes while it is used, and it never
leaves the call that made it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from rules.conditions import Facts
from rules.decisions import Decision, DecisionData
from rules.lead.rulebook import Rulebook
from rules.lead.state import Attempts, Cycle, Lead, Limits, Trigger
from rules.requests import Request


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What a call decided: the lead's new state, decisions in order, requests to the router."""

    lead: Lead
    decisions: tuple[Decision, ...]
    requests: tuple[Request, ...]


@dataclass(frozen=True, slots=True)
class Ending:
    """What the lead was just before this turn ended its cycle or itself: clauses judge by it."""

    word: str
    """How it ended, in words: `won`, `recycled`."""
    owner: str | None
    team: str | None
    facts: Facts
    attempts: Attempts
    limits: Limits
    rejected: str | None
    """The reason, if sales gave it back and that recycles it."""


class Turn(msgspec.Struct):
    """The draft. `now` is the log's time; `cause` the event's id, None if time alone acts."""

    book: Rulebook
    lead: Lead
    now: datetime
    cause: str | None
    was: Lead
    """The lead as it was given, which stays as it is."""
    decisions: list[Decision] = []
    requests: list[Request] = []
    triggers: list[Trigger] = []
    facts_changed: bool = False
    """Whether anything that conditions read has changed."""
    heat_changed: bool = False
    """Whether anything that the temperature is made of has changed."""
    stage_reached: bool = False
    reopened: bool = False
    ended: Ending | None = None
    _facts: Facts | None = None

    @classmethod
    def of(cls, book: Rulebook, lead: Lead, now: datetime, cause: str | None) -> "Turn":
        """A turn over a shallow copy of `lead`."""
        return cls(book, msgspec.structs.replace(lead), now, cause, lead)

    def facts(self) -> Facts:
        """What conditions may ask about, as it stands now."""
        lead, facts = self.lead, self._facts
        if facts is None:
            facts = self._facts = Facts(lead.profile)
        facts.profile = lead.profile
        facts.temperature = lead.temperature
        facts.stage = lead.stage
        facts.points = lead.points
        facts.icp = lead.icp
        facts.touched = lead.cycle.trails.keys()
        return facts

    def decide(self, data: DecisionData) -> None:
        """Add a decision, numbered and timed, and let clauses know of it."""
        lead = self.lead
        lead.sequence += 1
        self.decisions.append(Decision(lead.id, lead.sequence, self.now, self.cause, data))
        if data.TYPE in self.book.triggers:
            self.trigger(data.TYPE, self.now, "", msgspec.structs.asdict(data))

    def trigger(self, kind: str, time_at: datetime, id_: str, data: Mapping[str, Any]) -> None:
        """Let clauses know of something that may start or end them."""
        self.triggers.append(Trigger(kind, time_at, id_, dict(data)))

    @staticmethod
    def revise(cycle: Cycle, **changes: Any) -> Cycle:
        """The cycle with some parts replaced."""
        return msgspec.structs.replace(cycle, **changes)

    @staticmethod
    def revise_limits(limits: Limits, **changes: Any) -> Limits:
        """The limits with some parts replaced."""
        return msgspec.structs.replace(limits, **changes)

    def request(self, request: Request) -> None:
        """Ask the router for something, after this turn."""
        self.requests.append(request)

    def outcome(self) -> Outcome:
        """What this turn came to."""
        return Outcome(self.lead, tuple(self.decisions), tuple(self.requests))
