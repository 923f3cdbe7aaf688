"""The router where another agreement leaves it with what the one before had queued."""

from datetime import UTC, datetime

from rules.events import Event
from rules.loading import load_agreement
from rules.requests import Availability, Seek, Waits
from rules.router.decide import Router
from rules.router.state import RouterState
from streams.engine import Engine

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BARE = "agreement: Bare\nversion: 2\ntimezone: Europe/Rome\n"
WITH_ROUTING = """
agreement: Full
version: 1
timezone: Europe/Rome
people: {ann: {name: Ann, capacity: 0}}
stages: {sql: {touched: [demo.requested]}}
routing: {teams: {all: {members: [ann]}}, rules: [{name: all, team: all}]}
"""


def test_an_agreement_without_routing_gives_a_queued_lead_to_nobody():
    full = load_agreement(WITH_ROUTING).agreement
    bare = load_agreement(BARE).agreement
    assert full is not None
    assert bare is not None
    state = RouterState()
    asked = Seek("lead-1", 1, "all", "all", None, "e1")
    assert isinstance(Router(full, state).take(asked, NOW)[0], Waits)
    back = Availability("ann", False, None, NOW, "e2")
    assert Router(bare, state).hear(back, NOW) == []
    assert list(state.queue) == ["lead-1"]


def test_who_asks_an_agreement_without_routing_waits():
    bare = load_agreement(BARE).agreement
    assert bare is not None
    state = RouterState()
    asked = Seek("lead-1", 1, "all", "all", None, "e1")
    assert isinstance(Router(bare, state).take(asked, NOW)[0], Waits)
    assert list(state.queue) == ["lead-1"]


def test_a_queued_lead_whose_account_changes_seeks_nobody_under_an_agreement_without_routing():
    keeping = load_agreement(WITH_ROUTING.replace("rules:", "keep: account, rules:")).agreement
    bare = load_agreement(BARE).agreement
    assert keeping is not None
    assert bare is not None
    engine = Engine(keeping)
    engine.take(about("lead.captured", email="anna@rossi.it"), NOW)
    queued = [each.type for each in engine.take(about("demo.requested"), NOW)]
    assert queued == ["lead.stage_changed", "lead.queued"]
    engine.switch(bare)
    assert engine.take(about("lead.updated", email="anna@verdi.it"), NOW) == []
    assert list(engine.router.state.queue) == ["lead-1"]


def about(kind: str, **data: str) -> Event:
    return Event(kind, "/tests", kind, "lead-1", NOW, data, NOW)
