"""`baton demo`: virtual time goes in order, the tally is right, the feed can be replayed."""

from datetime import datetime, timedelta
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
from streams.codec import decode
from streams.demo import START_AT, Tally, command, perform
from streams.feed import Feed

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
    for each in perform(engine, feed, END_AT):
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


def test_the_demonstration_runs_and_keeps_its_feed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(command, ["--leads", "6"])
    assert shown.exit_code == 0, shown.output
    for words in ("assigned to", "promise kept", "Leads by stage: ", "first contact, hot", "check"):
        assert words in shown.stdout
    lines = (tmp_path / "build/demo/events.jsonl").read_bytes().splitlines()
    assert len(lines) > 30
    assert all(isinstance(decode(each), Event) for each in lines)


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
