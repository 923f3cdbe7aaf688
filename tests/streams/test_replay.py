"""Whatever happens, decisions make sense: invariants over random agreements and histories.

Nothing here knows what the right decision is (the reference in `tests.model`
does); it knows what can never be one.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import yaml
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

from rules.agreement import Agreement
from rules.decisions import (
    Assigned,
    Breached,
    Cancelled,
    Decision,
    Met,
    Queued,
    Recycled,
    Retracted,
    StageChanged,
    Started,
    TemperatureChanged,
    Warned,
)
from rules.events import Event
from rules.loading import load_agreement
from rules.vocabulary import ENDED
from streams.codec import encode
from streams.engine import Engine
from tests.model.agreements import AGREEMENTS
from tests.model.playing import event_line
from tests.model.strategies import Move, stories

AFTERWARDS: Final = timedelta(days=45)
HEAD: Final = """
agreement: Drawn
version: 1
timezone: Europe/Rome
parties: {marketing: {owner: eve}, sales: {owner: max}}
"""
PEOPLE: Final = {
    "eve": {"name": "Eve"},
    "max": {"name": "Max"},
    "ann": {"calendar": "days", "capacity": 2, "weight": 2},
    "ben": {"calendar": "nights", "capacity": 1},
    "cat": {"capacity": 0},
}
CALENDARS: Final = {
    "days": {"timezone": "Europe/Rome", "hours": {"mon-fri": "09:00-13:00 14:00-18:00"}},
    "nights": {
        "timezone": "America/New_York",
        "hours": {"sat": "22:00-24:00", "sun": "00:00-04:00"},
    },
}
TEMPERATURE: Final = {
    "horizon": {"hot": {"below": 2}, "warm": {"at_least": 2, "at_most": 4}, "cold": {"above": 4}},
    "touches": {"warm": {"webinar.attended": 1}, "hot": {"page.viewed": 2}, "within": "2d"},
    "points": {
        "touches": {"page.viewed": {"points": 3, "at_most": 7}, "email.clicked": -2},
        "profile": [{"when": {"job_title": "ceo"}, "points": 4}],
        "half_life": "5h",
        "levels": {"cold": 1, "warm": 6, "hot": 9},
    },
}
CONDITIONS: Final = (
    {"temperature": ["warm", "hot"]},
    {"temperature": {"not": "hot"}},
    {"points": {"below": 6}},
    {"country": "PL"},
    {"touched": ["demo.requested"]},
    {"not": {"stage": "sql"}},
    {"any": [{"employees": {"at_least": 50}}, {"source": {"like": "a*"}}]},
)
STARTS: Final = (
    "lead.captured", "lead.assigned", "lead.queued", "lead.recycled", "lead.stage_changed",
    "lead.temperature_changed", "lead.rejected", "lead.attempted", "deal.won", "demo.requested",
    "lead.reopened", "lead.paused",
)  # fmt: skip
ENDS: Final = (
    *STARTS,
    {"event": "lead.attempted", "count": 2},
    {"event": "lead.attempted", "count": 2, "distinct": "channel"},
    {"event": "lead.attempted", "where": {"outcome": "connected"}},
    {"touches": 1},
    {"touches": 2, "distinct": "type"},
)
WITHIN: Final = ("1m", "90m", "4h", "1d", "3d", "30d")
CALENDAR: Final = ("owner", "always", "days", "nights")


def ladders() -> st.SearchStrategy[list[dict[str, Any]]]:
    step = st.fixed_dictionaries(
        {
            "after": st.sampled_from(["0m", "30m", "1d"]),
            "tell": st.sampled_from([["owner"], ["manager", "party"], ["#all", "max"]]),
        },
        optional={
            "do": st.just("reassign"),
            "repeat": st.just("12h"),
        },
    ).map(lambda each: {**each, "at_most": 4} if "repeat" in each else each)
    return st.lists(step, min_size=1, max_size=3).map(
        lambda steps: sorted(steps, key=lambda each: ["0m", "30m", "1d"].index(each["after"]))
    )


def clauses() -> st.SearchStrategy[dict[str, Any]]:
    shared: dict[str, Any] = {
        "when": st.sampled_from(CONDITIONS),
        "calendar": st.sampled_from(CALENDAR),
        "escalate": ladders(),
    }
    deadline: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
        {
            "by": st.sampled_from(["sales", "sales", "marketing"]),
            "starts": st.sampled_from(STARTS),
            "ends": st.sampled_from(ENDS),
            "within": st.sampled_from(WITHIN),
        },
        optional={**shared, "warn": st.sampled_from([["50%"], ["1%", "99%"]])},
    )
    limits: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
        {
            "by": st.just("sales"),
            "attempts": st.sampled_from(
                [
                    {"at_least": 2},
                    {"at_most": 1},
                    {"at_least": 1, "at_most": 2, "per_channel": {"call": 1}},
                ]
            ),
        },
        optional=shared,
    )
    recycling = limits.filter(lambda each: "at_most" in each["attempts"]).map(
        lambda each: {**each, "then": {"recycle_after": "3h"}}
    )
    return st.one_of(deadline, deadline, deadline, limits, recycling)


class WrittenOut(yaml.SafeDumper):
    """An agreement may not hold aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


@st.composite
def drawn_agreements(draw: st.DrawFn) -> str:
    """An agreement of chapters, conditions and clauses put together at random."""
    sources = draw(st.lists(st.sampled_from(list(TEMPERATURE)), min_size=1, unique=True))
    team = st.fixed_dictionaries(
        {
            "members": st.lists(st.sampled_from(list(PEOPLE)), min_size=1, unique=True),
            "by": st.sampled_from(["round_robin", "least_loaded"]),
        },
        optional={"manager": st.just("max")},
    )
    rule = st.fixed_dictionaries({"when": st.sampled_from(CONDITIONS), "team": st.just("one")})
    routing = {
        "at": draw(st.sampled_from(["lead", "mql", "sql"])),
        "teams": {"one": draw(team), "two": draw(team)},
        "rules": [*draw(st.lists(rule, max_size=1)), {"name": "rest", "team": "two"}],
        "outside_hours": draw(st.sampled_from(["assign", "wait"])),
        **draw(st.sampled_from([{}, {"keep": "account"}])),
    }
    stages = {"lead": draw(st.sampled_from(CONDITIONS)), "sql": draw(st.sampled_from(CONDITIONS))}
    stages["mql"] = draw(st.sampled_from(CONDITIONS))
    listed = draw(st.lists(clauses(), min_size=1, max_size=5))
    chapters = {
        "people": PEOPLE,
        "calendars": CALENDARS,
        "temperature": {
            "decided_by": draw(st.sampled_from([sources, "highest"])),
            **{name: TEMPERATURE[name] for name in sources},
        },
        "stages": stages,
        "routing": routing,
        "clauses": [{"clause": f"clause {at}", **each} for at, each in enumerate(listed)],
        "rejection": {"reasons": ["no_budget", "bad_data"], "disqualify": ["bad_data"]},
    }
    return HEAD + yaml.dump(chapters, Dumper=WrittenOut, sort_keys=False)


@st.composite
def agreements(draw: st.DrawFn) -> Agreement:
    """One of the small agreements of the model's tests, or a drawn one."""
    text = draw(st.one_of(st.sampled_from(AGREEMENTS), drawn_agreements(), drawn_agreements()))
    agreement = load_agreement(text, "drawn.yaml").agreement
    assume(agreement is not None)
    assert agreement is not None
    return agreement


@dataclass(slots=True)
class Known:
    """What the decisions so far say of one lead."""

    stage: str = "contact"
    temperature: str | None = None
    owner: str | None = None
    sequence: int = 0
    clocks: dict[str, str] = field(default_factory=dict)
    dues: dict[str, datetime | None] = field(default_factory=dict)
    breaches: Counter[str] = field(default_factory=Counter)
    retracted: str | None = None


class Watcher:
    """Takes decisions in order; asserts at each that it can be one."""

    def __init__(self) -> None:
        self.leads: dict[str, Known] = {}
        self.ids: set[str] = set()
        self.now: datetime | None = None

    def take(self, decision: Decision) -> None:
        known = self.leads.setdefault(decision.subject, Known())
        known.sequence += 1
        assert decision.sequence == known.sequence
        assert self.now is None or decision.time_at >= self.now
        self.now = decision.time_at
        row = json.loads(encode(decision, "/baton/drawn@1"))
        assert row["id"] not in self.ids
        self.ids.add(row["id"])
        assert row["data"]["because"], row
        for reason in row["data"]["because"]:
            assert reason == reason.strip() != "", row
            assert reason.isprintable(), row
            assert "None" not in reason, row
        self._handover(known, decision)
        self._promise(known, decision)

    @staticmethod
    def _handover(known: Known, decision: Decision) -> None:
        match decision.data:
            case StageChanged(stage=stage, was=was):
                assert was == known.stage != stage
                known.stage = stage
            case TemperatureChanged(temperature=temperature, was=was, by=by):
                assert was == known.temperature != temperature
                assert (by is None) == (temperature is None)
                known.temperature = temperature
            case Assigned(rep=rep, was=was, passed_over=passed_over):
                assert was == known.owner or known.stage in ENDED or was is None
                assert rep not in [each.rep for each in passed_over]
                assert rep != was
                known.owner = rep
            case Queued():
                assert known.owner is None or known.stage in ENDED
            case Recycled():
                known.owner = None
            case _:
                pass

    @staticmethod
    def _promise(known: Known, decision: Decision) -> None:
        data, at = decision.data, decision.time_at
        retracted, known.retracted = known.retracted, None
        match data:
            case Started(clause=clause, due=due, owner=owner):
                assert known.clocks.get(clause) != "running"
                assert due is None or due > at
                assert owner is None or owner == known.owner
                known.clocks[clause], known.dues[clause] = "running", due
            case Warned(clause=clause, due=due, at=fraction):
                assert known.clocks[clause] == "running"
                assert at < due
                assert 0 < fraction < 1
            case Breached(clause=clause, kind="late", due=due):
                assert known.clocks[clause] == "running"
                assert due == at
                known.clocks[clause] = "overdue"
                known.breaches[clause] += 1
            case Retracted(clause=clause):
                assert known.breaches[clause] > 0
                known.breaches[clause] -= 1
                known.retracted = clause
            case Met(clause=clause, due=due, met_at=met_at, working_s=working_s):
                assert met_at <= at
                assert working_s >= 0
                if retracted == clause:
                    assert due is not None
                    assert met_at < due
                else:
                    assert known.clocks.pop(clause) in ("running", "overdue")
            case Cancelled(clause=clause):
                assert known.clocks.pop(clause) == "running"
            case _:
                pass
        assert retracted is None or isinstance(data, Met)


def at_of(move: Move, engine: Engine, now: datetime) -> datetime:
    """When a move happens: at, just before or just after what the engine waits for next."""
    if isinstance(move.gap, timedelta):
        return now + move.gap
    wakes = [lead.wake_at for lead in engine.leads.values()]
    due = [at for at in (*wakes, engine.router.state.wake_at) if at is not None and at > now]
    tick = {"before next": -1, "next": 0, "after next": 1}[move.gap]
    return max(now, min(due, default=now) + timedelta(milliseconds=tick))


def event_of(move: Move, number: int, now: datetime, late_due: datetime | None) -> Event:
    data = dict(move.data)
    if isinstance(data.get("until"), timedelta):
        data["until"] = now + data["until"]
    if isinstance(move.late, timedelta):
        time_at = now - move.late
    else:
        due_at = late_due if late_due is not None and late_due <= now else now
        time_at = due_at - timedelta(seconds=move.late == "before due")
    return Event(f"e{number}", "/drawn", move.type, move.subject, time_at, data, now)


def played(agreement: Agreement, start_at: datetime, moves: Sequence[Move]) -> Engine:
    """An engine after the moves and a while more; every decision was looked at."""
    engine, watcher = Engine(agreement), Watcher()
    events: list[tuple[Event, datetime]] = []
    now, late_due = start_at, None
    for number, move in enumerate(moves):
        now = at_of(move, engine, now)
        if move.repeats is not None and events:
            event = events[move.repeats % len(events)][0]
        elif move.repeats is None:
            event = event_of(move, number, now, late_due)
        else:
            continue
        events.append((event, now))
        note(event_line(event, now))
        for decision in engine.take(event, now):
            watcher.take(decision)
            if isinstance(decision.data, Breached) and decision.data.due is not None:
                late_due = decision.data.due
        assert_settled(engine, watcher)
    for decision in engine.run_until(now + AFTERWARDS):
        watcher.take(decision)
    assert_settled(engine, watcher)
    return engine


def assert_settled(engine: Engine, watcher: Watcher) -> None:
    """Router and leads tell the same, and nothing is left that should have happened."""
    assert engine.now is not None
    open_leads: Counter[str] = Counter()
    for name, lead in engine.leads.items():
        # What became due at this very instant may still wait for the next look at the clock.
        assert lead.wake_at is None or lead.wake_at >= engine.now
        assert not lead.pending
        assert not lead.deferred
        assert lead.sequence == watcher.leads.get(name, Known()).sequence
        if lead.owner is not None and lead.stage not in ENDED:
            assert lead.stage != "nurturing"
            open_leads[lead.owner] += 1
        running = {name for name, clock in lead.clocks.items() if clock.state == "running"}
        told = watcher.leads.get(name, Known()).clocks
        assert running == {name for name, state in told.items() if state == "running"}
    router = engine.router.state
    loads = {name: rep.open for name, rep in router.reps.items() if rep.open}
    assert loads == dict(open_leads)
    assert router.queue.keys() == {name for name, lead in engine.leads.items() if lead.queued}


@settings(max_examples=100)
@given(st.data())
def test_decisions_make_sense_whatever_happens(data: st.DataObject) -> None:
    agreement = data.draw(agreements())
    start_at, moves = data.draw(stories(agreement))
    played(agreement, start_at, moves)
