"""The router where another agreement leaves it with what the one before had queued."""

from datetime import UTC, datetime

from rules.loading import load_agreement
from rules.requests import Availability, Seek, Waits
from rules.router.decide import Router
from rules.router.state import RouterState

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
