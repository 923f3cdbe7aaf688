"""Another agreement takes over a lead: what the one before had in hand, and the new one has not."""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from rules.agreement import Agreement
from rules.decisions import Assigned, TemperatureChanged
from rules.events import Event
from rules.lead.decide import answer
from rules.lead.rulebook import rulebook
from rules.lead.state import Lead, Pending
from rules.loading import load_agreement
from rules.requests import Given
from streams.engine import Engine

NOW: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
HEAD: Final = "agreement: Warm\nversion: {}\ntimezone: Europe/Rome\n"
STAGES: Final = "stages: {lead: {touched: [page.viewed]}}\n"
TEMPERATURE: Final = """
temperature:
  horizon: {hot: {below: 6}, warm: {at_least: 6}}
  touches: {warm: {page.viewed: 1}, within: 3d}
  points: {touches: {page.viewed: 10}, half_life: 1d, levels: {cold: 5}}
"""
LADDER: Final = """
parties: {sales: {owner: ann}}
people: {ann: {name: Ann}, ben: {name: Ben}}
routing: {at: lead, teams: {all: {members: [ann, ben]}}, rules: [{name: all, team: all}]}
clauses:
  - clause: call
    by: sales
    starts: lead.qualified
    ends: lead.attempted
    within: 2h
    escalate: [{after: 0m, tell: [ann]}]
"""


def agreement(version: int, *chapters: str) -> Agreement:
    """The agreement of those chapters, which is in order."""
    loaded = load_agreement(HEAD.format(version) + "".join(chapters))
    assert loaded.agreement is not None, loaded.diagnostics
    return loaded.agreement


@pytest.mark.parametrize(("clause", "step"), [("call", 2), ("given up", 1)])
def test_a_lead_follows_the_router_though_the_ladder_that_asked_is_gone(
    clause: str, step: int
) -> None:
    """A step that the clause has no longer, and a clause that the agreement has no longer."""
    book = rulebook(agreement(2, STAGES, LADDER))
    asked = Pending(1, clause, step)
    lead = Lead(id="lead-1", stage="lead", owner="ann", team="all", ticket=1, pending=(asked,))
    reply = Given("lead-1", 1, "ben", "all", (), ("it is ben's turn",), None)
    outcome = answer(book, lead, reply, NOW)
    (decided,) = outcome.decisions
    assert isinstance(decided.data, Assigned)
    assert (decided.data.rep, decided.data.was) == ("ben", "ann")
    assert outcome.lead.pending == ()


def event(kind: str, at: datetime, **data: object) -> Event:
    return Event(f"{kind} {at}", "/tests", kind, "lead-1", at, data, at)


def warmed() -> tuple[Engine, Lead]:
    """An engine whose one lead will change its temperature with time alone."""
    engine = Engine(agreement(1, STAGES, TEMPERATURE))
    engine.take(event("lead.captured", NOW, purchase_horizon_months=8), NOW)
    engine.take(event("page.viewed", NOW), NOW)
    lead = engine.leads["lead-1"]
    assert lead.temperature == "warm"
    assert lead.wake_at is not None
    return engine, lead


def test_without_a_temperature_chapter_the_lead_is_woken_once_more_and_then_left_alone() -> None:
    engine, lead = warmed()
    assert lead.wake_at is not None
    engine.switch(agreement(2, STAGES))
    assert engine.run_until(lead.wake_at) == []
    after = engine.leads["lead-1"]
    assert (after.temperature_at, after.opinions_at, after.wake_at) == (None, None, None)
    assert engine.run_until(NOW + timedelta(days=400)) == []


def test_an_event_before_the_wake_up_takes_it_away_too() -> None:
    engine, _ = warmed()
    engine.switch(agreement(2, STAGES))
    at = NOW + HOUR
    assert engine.take(event("page.viewed", at), at) == []
    assert engine.leads["lead-1"].wake_at is None


def test_a_temperature_chapter_that_comes_back_is_looked_at_anew() -> None:
    engine, lead = warmed()
    assert lead.wake_at is not None
    engine.switch(agreement(2, STAGES))
    engine.run_until(lead.wake_at)
    engine.switch(agreement(3, STAGES, TEMPERATURE))
    # Five months later, three are left of the eight.
    at = NOW + timedelta(days=160)
    (decided,) = engine.take(event("lead.feedback", at, rating=5), at)
    assert decided.data == TemperatureChanged(
        temperature="hot", was="warm", by="horizon", because=decided.data.because
    )
    assert engine.leads["lead-1"].wake_at is not None
