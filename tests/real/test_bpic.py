"""A bank's 500 loan applications, imported and replayed by the real commands.

Every total is held against a count that is taken here from the CSV itself.
"""

import csv
import json
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LOG = HERE.parents[1] / ".." / "shared" / "data" / "bpic2012_sample" / "events.csv"
TARGET = timedelta(hours=4)
AFTER_IT_ALL = "2012-06-01T00:00:00Z"
MOST_ATTEMPTS = 20

pytestmark = pytest.mark.skipif(
    not LOG.exists(), reason="the bank's log is not beside this checkout (../shared/data)"
)


def baton(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    run = "from streams.cli import main; main(prog_name='baton')"
    command = [sys.executable, "-c", run, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, cwd=HERE.parents[1])


@pytest.fixture(scope="module")
def log() -> list[dict[str, str]]:
    with LOG.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def imported(tmp_path_factory) -> Path:
    events: Path = tmp_path_factory.mktemp("bpic") / "events.jsonl"
    mapping = HERE / "mappings" / "bpic2012.yaml"
    result = baton("import", "--mapping", mapping, "-o", events, LOG)
    assert result.returncode == 0, result.stderr.decode()
    return events


@pytest.fixture(scope="module")
def events(imported) -> list[dict]:
    with imported.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def replay(agreement: Path, events: Path) -> list[dict]:
    result = baton("replay", "--agreement", agreement, "--until", AFTER_IT_ALL, events)
    assert result.returncode == 0, result.stderr.decode()
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def decisions(imported) -> list[dict]:
    return replay(HERE / "agreements" / "bpic2012.yaml", imported)


def cases(log, activity: str, lifecycle: str = "COMPLETE") -> Counter[str]:
    """How often each application saw that activity."""
    return Counter(
        row["case_id"]
        for row in log
        if row["activity"] == activity and row["lifecycle"] == lifecycle
    )


def follow_up_delays(log) -> dict[str, timedelta]:
    """From being routed to the first follow-up, by application."""
    times: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for row in log:
        if row["activity"] == "W_Afhandelen leads":
            at = datetime.fromisoformat(row["timestamp"])
            times[row["case_id"], row["lifecycle"]].append(at)
    return {
        case: min(times[case, "START"]) - min(scheduled)
        for (case, lifecycle), scheduled in times.items()
        if lifecycle == "SCHEDULE"
    }


def test_the_log_becomes_events(log, events):
    def rows(activity: str, lifecycle: str = "COMPLETE") -> int:
        return cases(log, activity, lifecycle).total()

    assert Counter(event["type"] for event in events) == {
        "lead.captured": len({row["case_id"] for row in log}),
        "application.submitted": rows("A_SUBMITTED"),
        "application.preaccepted": rows("A_PREACCEPTED"),
        "application.accepted": rows("A_ACCEPTED"),
        "offer.sent": rows("O_SENT"),
        "offer.returned": rows("O_SENT_BACK"),
        "followup.scheduled": rows("W_Afhandelen leads", "SCHEDULE"),
        "followup.started": rows("W_Afhandelen leads", "START"),
        "lead.attempted": rows("W_Nabellen offertes", "START"),
        "deal.won": rows("A_ACTIVATED"),
        "deal.lost": rows("A_DECLINED") + rows("A_CANCELLED"),
    }


def test_times_keep_their_instant_across_the_end_of_summer_time(log, events):
    offsets = {row["timestamp"][-6:] for row in log}
    assert offsets == {"+02:00", "+01:00"}
    at = {(row["case_id"], row["event_no"]): row["timestamp"] for row in log}
    for event in events:
        case, number, *_ = event["id"].split("-")
        assert datetime.fromisoformat(event["time"]) == datetime.fromisoformat(at[case, number])


def test_the_stream_is_in_order_of_time(events):
    times = [datetime.fromisoformat(event["time"]) for event in events]
    assert times == sorted(times)


def test_calls_are_by_the_employee_and_never_by_the_automatic_user(log, events):
    called = Counter(
        event["data"].get("by", "") for event in events if event["type"] == "lead.attempted"
    )
    calls = [
        row["resource"]
        for row in log
        if (row["activity"], row["lifecycle"]) == ("W_Nabellen offertes", "START")
    ]
    assert called == Counter("" if employee == "112" else employee for employee in calls)


def test_leads_climb_as_the_bank_decided(log, decisions):
    entered = Counter(
        decision["data"]["stage"]
        for decision in decisions
        if decision["type"] == "lead.stage_changed"
    )
    assert entered == {
        "lead": len(cases(log, "A_SUBMITTED")),
        "mql": len(cases(log, "A_PREACCEPTED")),
        "sql": len(cases(log, "A_ACCEPTED")),
        "opportunity": len(cases(log, "O_SENT")),
        "customer": len(cases(log, "A_ACTIVATED")),
        "lost": len(cases(log, "A_DECLINED") | cases(log, "A_CANCELLED")),
    }


def test_first_follow_ups_take_the_time_that_the_log_says(log, decisions):
    took = {
        decision["subject"]: timedelta(seconds=decision["data"]["working_s"])
        for decision in decisions
        if decision["type"] == "sla.met" and decision["data"]["clause"] == "first follow-up"
    }
    assert took == follow_up_delays(log)


def test_follow_ups_that_came_late_are_breaches(log, decisions):
    late = Counter(
        decision["subject"]
        for decision in decisions
        if decision["type"] == "sla.breached" and decision["data"]["kind"] == "late"
    )
    expected = {case for case, delay in follow_up_delays(log).items() if delay >= TARGET}
    assert late == Counter(expected)
    assert 0 < len(expected) < len(follow_up_delays(log))


def test_attempts_are_counted_per_lead_as_the_log_has_them(log, imported, tmp_path):
    """One limit per number: who breaks the limit of n was called more than n times."""
    agreement = tmp_path / "limits.yaml"
    limits = "".join(
        f"  - {{clause: more than {n}, by: sales, attempts: {{at_most: {n}}}}}\n"
        for n in range(1, MOST_ATTEMPTS + 1)
    )
    agreement.write_text(
        "agreement: limits\nversion: 1\ntimezone: Europe/Amsterdam\n"
        f"parties: {{sales: {{}}}}\nclauses:\n{limits}",
        encoding="utf-8",
    )
    broken: dict[int, Counter[str]] = defaultdict(Counter)
    for decision in replay(agreement, imported):
        if decision["type"] == "sla.breached":
            broken[decision["data"]["limit"]][decision["subject"]] += 1
    calls = cases(log, "W_Nabellen offertes", "START")
    assert max(calls.values()) == MOST_ATTEMPTS
    for n in range(1, MOST_ATTEMPTS + 1):
        assert broken[n] == Counter(case for case, count in calls.items() if count > n)
