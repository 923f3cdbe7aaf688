"""Decisions leave as the contract writes them, and the same decision always as the same bytes."""

import json
from datetime import UTC, datetime, timedelta

from rules.decisions import Assigned, Cancelled, Decision, Met, PassedOver, Started
from streams.codec import decision_id, encode

DUE_AT = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)


def test_a_decision_leaves_as_the_contract_writes_it() -> None:
    decision = Decision(
        "lead-1",
        3,
        DUE_AT,
        "e-1",
        Assigned(
            rep="marco",
            team="italy",
            rule="everyone else",
            was=None,
            passed_over=(PassedOver("lucia", "away"),),
            because=("the first rule that matches",),
        ),
    )
    assert json.loads(encode(decision, "/baton/acme-2026@4")) == {
        "specversion": "1.0",
        "id": decision_id(decision),
        "source": "/baton/acme-2026@4",
        "type": "lead.assigned",
        "subject": "lead-1",
        "time": "2026-03-02T09:15:00Z",
        "sequence": 3,
        "cause": "e-1",
        "data": {
            "rep": "marco",
            "team": "italy",
            "rule": "everyone else",
            "was": None,
            "passed_over": [{"rep": "lucia", "why": "away"}],
            "because": ["the first rule that matches"],
        },
    }


def test_a_decision_of_time_alone_has_no_cause_and_its_times_are_utc() -> None:
    started = Started(
        clause="c", party="sales", owner=None, due=DUE_AT, calendar="always", because=()
    )
    wire = json.loads(encode(Decision("lead-1", 1, DUE_AT, None, started), "/baton/a@1"))
    assert "cause" not in wire
    assert wire["data"]["due"] == "2026-03-02T09:15:00Z"
    met = Met(clause="c", owner=None, due=None, met_at=DUE_AT, working_s=1.5, because=())
    data = json.loads(encode(Decision("lead-1", 1, DUE_AT, None, met), "/baton/a@1"))["data"]
    assert list(data) == ["clause", "owner", "due", "met_at", "working_s", "because"]


def test_ids_of_decisions_are_fixed_and_distinct() -> None:
    cancelled = Cancelled(clause="c", because=())
    retold = Cancelled(clause="c", because=("told otherwise",))
    one = Decision("lead-1", 1, DUE_AT, "e-1", cancelled)
    assert decision_id(one) == "d8d8a24674c03ee532d1ea58"
    assert decision_id(one) == decision_id(Decision("lead-1", 1, DUE_AT, None, retold))
    others = [
        Decision("lead-11", 1, DUE_AT, "e-1", cancelled),
        Decision("lead-1", 11, DUE_AT, "e-1", cancelled),
        Decision("lead-1", 1, DUE_AT + timedelta(microseconds=1), "e-1", cancelled),
    ]
    assert len({decision_id(each) for each in [one, *others]}) == 4
