"""A lead stays small however long it lives, and deciding about it costs the same as ever.

Cost is counted in function calls, not in time: it is the same on every machine.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any, Final

import msgspec
import pytest

from rules.agreement import Agreement
from rules.events import Event
from rules.loading import load_agreement
from streams.engine import Engine

START_AT: Final = datetime(2026, 3, 2, 8, tzinfo=UTC)
LARGEST: Final = 4096
"""Bytes of one encoded lead with plain data; what is kept one by one has room in it."""
WARMED_UP: Final = 200
"""Turns after which everything that is kept by number is full."""
GROWTH: Final = 1.25
"""How much dearer a turn may be at the end; a list that grows would make it hundreds of times."""
Deed = tuple[str, dict[str, Any]]
FIT: Final = {"email": "a@acme.example", "country": "IT", "industry": "logistics", "employees": 80}


def page_views(_: int) -> Iterator[Deed]:
    yield "page.viewed", {"asset": "/pricing"}


def distinct_assets(turn: int) -> Iterator[Deed]:
    yield "webinar.attended", {"asset": f"webinar {turn}"}


def uncapped_points(turn: int) -> Iterator[Deed]:
    yield "email.clicked", {"asset": f"mail {turn}"}


def attempts(turn: int) -> Iterator[Deed]:
    if turn == 0:
        yield "lead.captured", {**FIT, "purchase_horizon_months": 3}
    yield "lead.attempted", {"channel": ("call", "email")[turn % 2], "outcome": "no_answer"}


def reopenings(turn: int) -> Iterator[Deed]:
    yield "lead.captured", {**FIT, "purchase_horizon_months": 3}
    yield "lead.attempted", {"channel": "call"}
    yield "page.viewed", {"asset": f"/{turn}"}
    yield "lead.rejected", {"reason": "timing"}
    yield "lead.reopened", {}


def recyclings(turn: int) -> Iterator[Deed]:
    yield "lead.captured", {**FIT, "purchase_horizon_months": 3}
    yield "demo.requested", {"asset": f"demo {turn}"}
    yield "lead.attempted", {"channel": "call"}
    yield "lead.rejected", {"reason": "timing"}


def wins(_: int) -> Iterator[Deed]:
    yield "lead.captured", {**FIT, "purchase_horizon_months": 3}
    yield "deal.won", {"value": 100}
    yield "lead.reopened", {}


def handovers(turn: int) -> Iterator[Deed]:
    if turn == 0:
        yield "demo.requested", {}
    yield "lead.reassigned", {"to": ("lucia", "marco")[turn % 2]}
    yield "lead.paused", {}
    yield "lead.resumed", {}


def profile_updates(turn: int) -> Iterator[Deed]:
    yield "lead.updated", {**FIT, "name": f"Ada {turn}", "employees": turn, "score": turn / 7}


def calls_of(engine: Engine, event: Event, now: datetime) -> int:
    """How many functions it calls to take the event."""
    count = 0

    def counted(_frame: FrameType, kind: str, _arg: object) -> None:
        nonlocal count
        count += kind in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        engine.take(event, now)
    finally:
        sys.setprofile(before)
    return count


def lived(agreement: Agreement, life: Any, turns: int, apart: timedelta) -> tuple[Engine, int, int]:
    """An engine after `turns` of a life, and what a turn cost early on and at the end."""
    engine = Engine(agreement)
    costs: list[int] = []
    early = range(WARMED_UP, WARMED_UP + 4)
    for turn in range(turns):
        now = START_AT + turn * apart
        counted = turn in early or turn >= turns - 4
        total = 0
        for kind, data in life(turn):
            event = Event(f"{turn}-{kind}", "/life", kind, "lead-1", now, data)
            if counted:
                total += calls_of(engine, event, now)
            else:
                engine.take(event, now)
        if counted:
            costs.append(total)
    return engine, max(costs[:4]), max(costs[-4:])


def size(engine: Engine) -> int:
    return len(msgspec.msgpack.encode(engine.leads["lead-1"]))


SECOND: Final = timedelta(seconds=1)
HOUR: Final = timedelta(hours=1)


@pytest.mark.parametrize(
    ("life", "turns", "apart"),
    [
        pytest.param(page_views, 50_000, SECOND, id="50,000 page views"),
        pytest.param(distinct_assets, 50_000, SECOND, id="50,000 touches of distinct assets"),
        pytest.param(uncapped_points, 50_000, SECOND, id="50,000 touches that all earn points"),
        pytest.param(attempts, 50_000, SECOND, id="50,000 attempts"),
        pytest.param(reopenings, 1_000, SECOND, id="1,000 reopened rejections"),
        pytest.param(recyclings, 1_000, SECOND, id="1,000 cycles at once"),
        pytest.param(recyclings, 1_000, HOUR, id="1,000 cycles over six weeks"),
        pytest.param(wins, 1_000, SECOND, id="1,000 reopened wins"),
        pytest.param(handovers, 1_000, HOUR, id="1,000 handovers and pauses, always late"),
        pytest.param(profile_updates, 10_000, SECOND, id="10,000 profile updates"),
    ],
)
def test_a_lead_stays_small_and_cheap(acme: Agreement, life, turns, apart) -> None:
    engine, early, late = lived(acme, life, turns, apart)
    assert size(engine) <= LARGEST
    assert 0 < late <= early * GROWTH


def test_touches_that_no_rule_mentions_leave_nothing_behind(acme: Agreement) -> None:
    engine = Engine(acme)
    for turn in range(2_000):
        engine.take(Event(f"{turn}", "/life", f"odd.{turn}", "lead-1", START_AT, {}), START_AT)
    assert size(engine) < 64


def test_long_assets_are_remembered_shortened(acme: Agreement) -> None:
    engine = Engine(acme)
    for turn in range(50):
        data = {"asset": f"{'x' * 200_000}{turn}"}
        now = START_AT + turn * SECOND
        engine.take(Event(f"{turn}", "/life", "webinar.attended", "lead-1", now, data), now)
    assert size(engine) <= LARGEST
    trail = engine.leads["lead-1"].cycle.trails["webinar.attended"]
    assert len({touch.asset for touch in trail.newest}) == len(trail.newest) == 2


COUNTING: Final = """
agreement: Counting
version: 1
timezone: Europe/Rome
parties: {marketing: {}, sales: {}}
clauses:
  - clause: nurture
    by: marketing
    starts: lead.captured
    ends: {touches: 3, distinct: type}
    within: 1d
  - clause: many
    by: sales
    starts: lead.captured
    ends: {event: lead.attempted, count: 4, distinct: channel}
    within: 1m
"""


def test_evidence_is_kept_only_as_far_as_it_is_needed() -> None:
    agreement = load_agreement(COUNTING).agreement
    assert agreement is not None

    def life(turn: int) -> Iterator[Deed]:
        yield "lead.captured", {}
        yield f"touch.{turn}", {}
        yield "lead.attempted", {"channel": ("call", "email")[turn % 2]}

    engine, early, late = lived(agreement, life, 2_000, HOUR)
    assert size(engine) <= LARGEST
    assert late <= early * GROWTH
