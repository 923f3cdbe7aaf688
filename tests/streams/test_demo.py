"""`baton demo`: virtual time goes in order, the tally is right, the service decides as a replay."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from rules.agreement import Agreement
from rules.decisions import (
    Assigned,
    Breached,
    Decision,
    DecisionData,
    Met,
    Retracted,
    StageChanged,
)
from rules.events import Event
from streams.codec import encode
from streams.demo import Tally, command, perform
from streams.engine import Engine
from streams.feed import Feed
from streams.replaying import Taken, replay
from streams.sqlite.reading import SqliteReader

START_AT = datetime(2026, 2, 28, 23, 0, tzinfo=UTC)
"""Midnight of Sunday 1 March 2026 in Rome; the hour changes on the 29th."""
BATON = (sys.executable, "-c", "from streams.cli import main; main()")
END_AT = START_AT + timedelta(days=20)


class AssignsAfterAnHour:
    """Gives each captured lead to Marco, when an hour has passed by itself."""

    def __init__(self) -> None:
        self.times: list[datetime] = []
        self._waiting: dict[str, datetime] = {}

    def take(self, event: Event, now: datetime) -> list[Decision]:
        if event.type == "lead.captured":
            self._waiting.setdefault(event.subject, now + timedelta(hours=1))
        return self.run_until(now)

    def run_until(self, at: datetime) -> list[Decision]:
        self.times.append(at)
        due = [lead for lead, due_at in self._waiting.items() if due_at <= at]
        data = Assigned(rep="marco", team=None, rule=None, was=None, passed_over=(), because=())
        return [Decision(lead, 1, self._waiting.pop(lead), None, data) for lead in due]


def test_time_goes_forward_and_people_react_to_what_time_decided(acme: Agreement) -> None:
    engine = AssignsAfterAnHour()
    feed = Feed(acme, seed=4, leads=10, start_at=START_AT, days=20)
    given: dict[str, datetime] = {}
    attempted: set[str] = set()
    for each in perform(engine, feed, START_AT, END_AT):
        if isinstance(each, Decision):
            given[each.subject] = each.time_at
        elif each.type == "lead.attempted":
            assert each.time_at > given[each.subject]
            attempted.add(each.subject)
    assert len(given) == 10
    assert attempted
    assert engine.times == sorted(engine.times)
    assert engine.times[-1] == END_AT


def _tally(*data: DecisionData) -> Tally:
    tally = Tally()
    for number, each in enumerate(data, start=1):
        tally.take(Decision("lead-1", number, START_AT, None, each))
    return tally


def _met(minutes_after_due: int) -> Met:
    met_at = START_AT + timedelta(minutes=minutes_after_due)
    return Met(clause="c", owner=None, due=START_AT, met_at=met_at, working_s=1.0, because=())


def test_a_breach_taken_back_is_a_promise_kept() -> None:
    late = Breached(
        clause="c", party="sales", owner=None, team=None, due=START_AT, kind="late",
        attempts=0, limit=None, channel=None, because=(),
    )  # fmt: skip
    kept_late = _tally(late, _met(5))
    assert (kept_late.kept["c"], kept_late.broken["c"]) == (0, 1)
    taken_back = _tally(late, Retracted(clause="c", evidence="e", because=()), _met(-5))
    assert (taken_back.kept["c"], taken_back.broken["c"]) == (1, 0)


def test_stages_are_counted_at_the_last_one_entered() -> None:
    tally = _tally(
        StageChanged(stage="lead", was="contact", because=()),
        StageChanged(stage="sql", was="lead", because=()),
    )
    assert tally.stages == {"lead-1": "sql"}


def test_the_service_decides_in_the_demonstration_what_a_replay_of_its_feed_decides(
    tmp_path: Path, acme: Agreement
) -> None:
    shown = subprocess.run(
        [*BATON, "demo", "--once", "--leads=6", "--listen=127.0.0.1:0", f"--dir={tmp_path}"],
        capture_output=True,
        text=True,
        env=os.environ | {"BATON_DEMO_SPEED": "0"},
    )
    assert shown.returncode == 0, shown.stderr
    assert shown.stderr == ""
    assert shown.stdout.startswith("baton is up at http://127.0.0.1:")
    for words in ("assigned to", "promise kept", "Leads by stage: ", "first contact, hot"):
        assert words in shown.stdout
    lines = (tmp_path / "events.jsonl").read_bytes().splitlines()
    assert len(lines) > 30
    with SqliteReader(tmp_path / "baton.db") as reader:
        decided = [body for _, body in reader.decisions(0, 10_000)]
        lived_to = reader.standing().clock_at
    assert lived_to is not None
    engine = Engine(acme)
    again = [
        decision
        for each in replay(engine, enumerate(lines, 1))
        if isinstance(each, Taken)
        for decision in each.decisions
    ]
    again += engine.run_until(lived_to)
    assert [encode(each, acme.source) for each in again] == decided


@pytest.mark.parametrize("speed", ["fast", "-1", "nan", ""])
def test_a_speed_that_is_none_is_bad_usage(speed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_DEMO_SPEED", speed)
    refused = CliRunner().invoke(command, [])
    assert refused.exit_code == 2
    assert f"BATON_DEMO_SPEED is {speed!r}" in refused.stderr


def test_an_agreement_with_faults_does_not_run(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("agreement: Broken\nversion: 1\ntimezone: Europe/Roma\n")
    refused = CliRunner().invoke(command, ["--agreement", str(path)])
    assert refused.exit_code == 1
    assert f"{path}:3:11: error[" in refused.stderr
