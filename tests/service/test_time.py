"""A running service when the clock jumps, after an hour of downtime, and when all is due at once.

Its clock is the test's (`tests.service.machine`); all else is the real thing.
"""

import json
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

import httpx
import pytest

from streams.clock import steady_s
from streams.codec import decode
from streams.refusals import Refusal
from streams.sqlite.database import Database
from streams.sqlite.reading import SqliteReader
from streams.storage import Accepted
from tests.service.machine import Machine
from tests.service.processes import WAIT_S, Start, Up, event

START_AT: Final = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)
SECOND: Final = timedelta(seconds=1)
PROMISE: Final = """
agreement: Promise
version: 1
timezone: UTC
parties: {sales: {}}
calendars:
  office: {hours: {mon-fri: "09:00-17:00"}}
clauses:
  - {clause: first call, by: sales, starts: demo.requested, ends: lead.attempted, within: 1h,
     calendar: CALENDAR}
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """At nine in the morning of a Monday in Rome, before anybody is at work in UTC."""
    return Machine(tmp_path, START_AT)


@pytest.fixture
def promise(tmp_path: Path) -> str:
    """An agreement with a promise that is due after an hour, day and night."""
    path = tmp_path / "promise.yaml"
    path.write_text(PROMISE.replace("CALENDAR", "always"))
    return str(path)


def at(when: datetime, number: int, kind: str, subject: str = "lead-1") -> dict[str, Any]:
    data = {"channel": "call", "outcome": "connected"} if kind == "lead.attempted" else {}
    return event(number, kind, subject, **data) | {"time": when.isoformat()}


def stamps(store: Path) -> dict[str, datetime]:
    """When each event was stamped, by its id."""
    with SqliteReader(store) as reader:
        records = reader.records(0, 100_000)
    return {each.event.id: each.stamped_at for each in records if each.event is not None}


def types(decisions: list[dict[str, Any]]) -> list[str]:
    return [each["type"] for each in decisions]


# --- the clock jumps


def test_a_clock_that_jumps_an_hour_ahead_breaks_no_promise(
    up: Start, machine: Machine, promise: str, tmp_path: Path
) -> None:
    service = up(on=machine, agreement=promise)
    service.post(at(machine.true_at, 1, "demo.requested"))
    machine.pass_by(10 * MINUTE)
    machine.jump(HOUR)
    # A source whose clock is right, and one on this machine, which believes the wall clock.
    taken = service.post(
        at(machine.true_at, 2, "page.viewed"),
        at(machine.true_at + HOUR, 3, "page.viewed", "lead-2"),
    )
    assert taken.status_code == 202
    # The wall clock is approached by a twentieth of the time gone by at most.
    off = stamps(tmp_path / "baton.db")["e-2"] - machine.true_at
    assert timedelta(0) <= off <= 10 * MINUTE / 20
    machine.pass_by(40 * MINUTE)
    # Called in time by all clocks but the one that is wrong.
    service.post(at(machine.true_at, 4, "lead.attempted"))
    assert types(service.decided(2)) == ["sla.started", "sla.met"]
    machine.pass_by(HOUR)
    service.post(at(machine.true_at, 5, "demo.requested", "lead-2"))
    service.decided(1, "lead-2")
    assert "sla.breached" not in types(service.decisions())
    off = stamps(tmp_path / "baton.db")["e-5"] - machine.true_at
    assert timedelta(0) < off <= (50 * MINUTE + HOUR) / 20
    assert service.stop() == 0


def test_a_clock_that_is_set_back_an_hour_makes_no_deadline_stand_still(
    up: Start, machine: Machine, promise: str, tmp_path: Path
) -> None:
    service = up(on=machine, agreement=promise)
    service.post(at(machine.true_at, 1, "demo.requested"))
    due_at = machine.true_at + HOUR
    machine.jump(-HOUR)
    machine.pass_by(59 * MINUTE)
    assert service.post(at(machine.true_at, 2, "page.viewed")).status_code == 202
    assert types(service.decided(1)) == ["sla.started"]
    # A twentieth at most is lost on the way back to the wall clock.
    machine.set_to(due_at + HOUR / 18)
    _, breached = service.decided(2)
    assert (breached["type"], datetime.fromisoformat(breached["time"])) == ("sla.breached", due_at)
    service.post(at(machine.true_at, 3, "page.viewed"))
    assert types(service.decisions()) == ["sla.started", "sla.breached"]
    stamped = stamps(tmp_path / "baton.db")
    assert stamped["e-1"] < stamped["e-2"] < stamped["e-3"]
    assert stamped["e-3"] >= due_at
    assert service.stop() == 0


def test_started_again_under_a_clock_that_was_set_back_time_goes_on(
    up: Start, machine: Machine, promise: str, tmp_path: Path
) -> None:
    service = up(on=machine, agreement=promise)
    service.post(at(machine.true_at, 1, "demo.requested"))
    machine.pass_by(61 * MINUTE)
    before = service.decided(2)
    service.stop(signal.SIGKILL)
    machine.jump(-HOUR)
    again = up(on=machine, agreement=promise)
    again.post(at(machine.true_at, 2, "demo.requested", "lead-2"))
    (started,) = again.decided(1, "lead-2")
    assert started["time"] >= before[-1]["time"]
    machine.pass_by(64 * MINUTE)
    assert types(again.decided(2, "lead-2")) == ["sla.started", "sla.breached"]
    assert again.decisions()[:2] == before


# --- an hour of downtime


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_after_an_hour_of_downtime_nobody_is_late_who_reported_in_time(
    up: Start, machine: Machine, promise: str, number: int
) -> None:
    service = up(on=machine, agreement=promise)
    leads = ("reported", "late", "silent")
    service.post(*(at(machine.true_at, n, "demo.requested", lead) for n, lead in enumerate(leads)))
    due_at = machine.true_at + HOUR
    machine.pass_by(55 * MINUTE)
    # Killed as soon as it is confirmed, decided or not.
    assert service.post(at(machine.true_at, 5, "lead.attempted", "reported")).status_code == 202
    service.stop(number)
    machine.pass_by(HOUR)
    again = up(on=machine, agreement=promise)
    _, breached = again.decided(2, "silent")
    assert datetime.fromisoformat(breached["time"]) == due_at
    assert types(again.decided(2, "reported")) == ["sla.started", "sla.met"]
    # What was done in time and is reported after the outage takes the breach back.
    assert types(again.decided(2, "late")) == ["sla.started", "sla.breached"]
    again.post(at(due_at - MINUTE, 6, "lead.attempted", "late"))
    assert types(again.decided(4, "late"))[2:] == ["sla.retracted", "sla.met"]
    assert Counter(types(again.decisions())) == {
        "sla.started": 3, "sla.met": 2, "sla.breached": 2, "sla.retracted": 1,
    }  # fmt: skip


def test_what_the_log_held_at_the_end_is_decided_before_time_goes_on(
    up: Start, machine: Machine, promise: str, tmp_path: Path
) -> None:
    service = up(on=machine, agreement=promise)
    count = 300
    asked = [at(machine.true_at, n, "demo.requested", f"lead-{n}") for n in range(count)]
    service.post(*asked)
    service.decided(1, f"lead-{count - 1}")
    service.stop(signal.SIGKILL)
    # Confirmed, and killed before any of it was decided: the reports are only in the log.
    machine.pass_by(59 * MINUTE)
    with Database(tmp_path / "baton.db") as database:
        reports = [
            at(machine.true_at, 1_000 + n, "lead.attempted", f"lead-{n}") for n in range(count)
        ]
        lines = [json.dumps(each).encode() for each in reports]
        database.log.append([accepted(line) for line in lines], machine.true_at)
    machine.pass_by(HOUR)
    again = up(on=machine, agreement=promise)
    again.decided(2, f"lead-{count - 1}")
    with SqliteReader(tmp_path / "baton.db") as reader:
        bodies = [json.loads(body) for _, body in reader.decisions(0, 10_000)]
    assert Counter(types(bodies)) == {"sla.started": count, "sla.met": count}


def accepted(line: bytes) -> Accepted:
    made = decode(line)
    assert not isinstance(made, Refusal), made
    return Accepted(made, line)


# --- everything is due at once

DUE: Final = 10_000
BATCH: Final = 1_000
PATIENCE_S: Final = 1.0
"""What a client waits at most beside it, on a machine that is busy with other tests too."""


def test_10_000_deadlines_in_one_second_are_each_broken_once_and_never_early(
    up: Start, machine: Machine, tmp_path: Path
) -> None:
    # All ask before the office opens, so all are due at the same instant.
    agreement = tmp_path / "office.yaml"
    agreement.write_text(PROMISE.replace("CALENDAR", "office"))
    due_at = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
    service = up(on=machine, agreement=str(agreement))
    for first in range(0, DUE, BATCH):
        numbers = range(first, first + BATCH)
        asked = (at(machine.true_at, n, "demo.requested", f"lead-{n}") for n in numbers)
        assert service.post(*asked).status_code == 202
        machine.pass_by(timedelta(milliseconds=100))
    service.decided(1, f"lead-{DUE - 1}")
    machine.set_to(due_at - timedelta(microseconds=1))
    service.post(at(machine.true_at, DUE, "page.viewed"))
    caught_up(service)
    with SqliteReader(tmp_path / "baton.db") as reader:
        assert reader.newest_decision() == DUE, "some were early"
    with honest_client(service) as waited_s:
        machine.set_to(due_at)
        breached = followed(service, DUE)
    assert {each["type"] for each in breached} == {"sla.breached"}
    assert {each["time"] for each in breached} == {"2026-03-02T10:00:00Z"}
    assert len({each["subject"] for each in breached}) == len({e["id"] for e in breached}) == DUE
    assert waited_s
    assert max(waited_s) < PATIENCE_S
    machine.pass_by(HOUR)
    service.post(at(machine.true_at, DUE + 1, "page.viewed"))
    caught_up(service)
    assert service.stop() == 0
    with SqliteReader(tmp_path / "baton.db") as reader:
        assert reader.newest_decision() == 2 * DUE


def caught_up(service: Up) -> None:
    """Until everything that was accepted has been decided."""
    while service.client.get("/readyz").json().get("behind") != 0:
        pass


def followed(service: Up, after: int) -> list[dict[str, Any]]:
    """All decisions behind the first `after`, as many again, as they are made."""
    found: list[dict[str, Any]] = []
    asked = {"accept": "text/event-stream"}
    with service.client.stream(
        "GET", "/decisions", params={"after": after}, headers=asked
    ) as answer:
        for line in answer.iter_lines():
            if line.startswith("data:"):
                found.append(json.loads(line.removeprefix("data:")))
                if len(found) == after:
                    return found
    raise AssertionError(f"the stream ended after {len(found)} decisions")


@contextmanager
def honest_client(service: Up) -> Iterator[list[float]]:
    """One that posts and asks all the while; how long it waited for each answer."""
    waited_s: list[float] = []
    done = Event()
    headers = {"content-type": "application/cloudevents+json"}

    def ask() -> None:
        number = 1_000_000
        with httpx.Client(base_url=service.url, timeout=WAIT_S, trust_env=False) as client:
            while not done.is_set():
                number += 1
                body = json.dumps(event(number, "page.viewed", "honest"))
                begun_s = steady_s()
                answer = client.post("/events", content=body, headers=headers)
                waited_s.append(steady_s() - begun_s)
                assert answer.status_code == 202
                assert client.get("/readyz").status_code == 200

    thread = Thread(target=ask)
    thread.start()
    try:
        yield waited_s
    finally:
        done.set()
        thread.join(WAIT_S)
