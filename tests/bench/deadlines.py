"""Ten thousand promises that break in one second, and who sees them broken when."""

import json
import sqlite3
import time
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from rules.events import Event
from rules.lead.state import Lead
from streams.clock import now as wall_now
from streams.clock import steady_s
from streams.engine import Engine
from streams.sqlite.reading import SqliteReader
from streams.sqlite.stamps import to_us
from tests.bench.activity import agreement
from tests.bench.stored import MANY, has_deadline, lead_ids

_CLAUSE: Final = "first contact, hot"
_POLL_S: Final = 0.005
_WAIT_S: Final = 60.0
_PAGE: Final = 1_000


class Seen(NamedTuple):
    """What was seen of the deadlines: from the first until all were decided, and how many early."""

    seconds: float
    early: int


def make_due(path: Path, count: int, ahead_s: float) -> datetime:
    """Give `count` leads of a closed store a promise each that breaks within one second.

    They are spread over all leads; the second begins `ahead_s` from now. Returns
    its beginning.
    """
    first_at = (wall_now() + timedelta(seconds=ahead_s)).replace(microsecond=0)
    waiting = _waiting_lead(first_at)
    names = [each for each in lead_ids(MANY) if has_deadline(each)]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for place, name in enumerate(names[:count]):
            due_at = first_at + timedelta(seconds=place * 0.618 % 1.0)
            lead = _due(waiting, name, due_at)
            connection.execute(
                "UPDATE leads SET state = ?, wake_at = ?, stage = ?, temperature = ?, owner = ?"
                " WHERE id = ?",
                (
                    msgspec.msgpack.encode(lead), to_us(due_at), lead.stage, lead.temperature,
                    lead.owner, lead.id,
                ),
            )  # fmt: skip
        connection.execute("COMMIT")
    return first_at


def _waiting_lead(at: datetime) -> Lead:
    """A hot lead just given to a rep, whose first call is awaited."""
    engine = Engine(agreement())
    profile = {
        "email": "a@b.example", "industry": "logistics", "employees": 120, "country": "IT",
        "purchase_horizon_months": 3,
    }  # fmt: skip
    asked_at = at - timedelta(days=3)
    engine.take(Event("c", "/crm", "lead.captured", "lead", asked_at, profile), asked_at)
    engine.take(Event("d", "/web", "demo.requested", "lead", asked_at, {}), asked_at)
    lead = engine.leads["lead"]
    assert lead.clocks[_CLAUSE].state == "running"
    return lead


def _due(waiting: Lead, name: str, due_at: datetime) -> Lead:
    clock = msgspec.structs.replace(waiting.clocks[_CLAUSE], due_at=due_at, warnings=())
    return msgspec.structs.replace(
        waiting,
        id=name,
        clocks={**waiting.clocks, _CLAUSE: clock},
        promises_at=due_at,
        wake_at=due_at,
    )


def watch(path: Path, first_at: datetime, count: int) -> Seen:
    """Read what is committed as it is committed, until `count` breaches of that second are."""
    until_s = steady_s() + _WAIT_S
    breaches = early = 0
    with SqliteReader(path) as reader:
        after = reader.newest_decision()
        seen_at = wall_now()
        assert seen_at < first_at, "the service took too long to start"
        while breaches < count:
            assert steady_s() < until_s, f"only {breaches} breaches were decided within a minute"
            rows = reader.decisions(after, _PAGE)
            seen_at = wall_now()
            if not rows:
                time.sleep(_POLL_S)
            for number, body in rows:
                after = number
                if b'"sla.breached"' not in body:
                    continue
                due = json.loads(body)["data"]["due"]
                if due is None:
                    continue
                due_at = datetime.fromisoformat(due)
                if timedelta(0) <= due_at - first_at < timedelta(seconds=1):
                    breaches += 1
                    early += due_at > seen_at
    return Seen((seen_at - first_at).total_seconds(), early)
