"""Olist's funnel, imported and replayed by the real commands.

Every total is held against a count that is taken here from the CSV itself.
"""

import csv
import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

HERE = Path(__file__).parent
DATA = HERE.parents[1] / ".." / "shared" / "data" / "olist"
MQLS = DATA / "olist_marketing_qualified_leads_dataset.csv"
DEALS = DATA / "olist_closed_deals_dataset.csv"
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
QUARTER = timedelta(days=90)
AFTER_IT_ALL = "2019-06-01T00:00:00Z"

pytestmark = pytest.mark.skipif(
    not MQLS.exists(), reason="the Olist log is not beside this checkout (../shared/data)"
)


def baton(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    run = "from streams.cli import main; main(prog_name='baton')"
    command = [sys.executable, "-c", run, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, cwd=HERE.parents[1])


def lines(path: Path) -> list[dict]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def imported(tmp_path_factory) -> Path:
    events: Path = tmp_path_factory.mktemp("olist") / "events.jsonl"
    mapping = HERE / "mappings" / "olist.yaml"
    result = baton("import", "--mapping", mapping, "-o", events, DEALS, MQLS)
    assert result.returncode == 0, result.stderr.decode()
    return events


@pytest.fixture(scope="module")
def decisions(imported) -> list[dict]:
    agreement = HERE / "agreements" / "olist.yaml"
    result = baton("replay", "--agreement", agreement, "--until", AFTER_IT_ALL, imported)
    assert result.returncode == 0, result.stderr.decode()
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def days_to_win() -> dict[str, timedelta]:
    """From the first contact's midnight in São Paulo to the win, by lead."""
    met = {
        row["mql_id"]: datetime.fromisoformat(row["first_contact_date"]).replace(tzinfo=SAO_PAULO)
        for row in rows(MQLS)
    }
    return {
        row["mql_id"]: datetime.fromisoformat(row["won_date"]).replace(tzinfo=UTC)
        - met[row["mql_id"]].astimezone(UTC)
        for row in rows(DEALS)
    }


def test_every_row_gives_its_events(imported):
    events = lines(imported)
    leads = len(rows(MQLS))
    deals = len(rows(DEALS))
    assert Counter(event["type"] for event in events) == {
        "lead.captured": leads,
        "lead.accepted": deals,
        "deal.won": deals,
    }
    assert len({event["subject"] for event in events}) == leads


def test_the_two_files_are_one_stream_in_order_of_time(imported):
    times = [datetime.fromisoformat(event["time"]) for event in lines(imported)]
    assert times == sorted(times)


def test_origins_are_those_of_the_file_and_blank_ones_are_left_out(imported):
    captured = [event for event in lines(imported) if event["type"] == "lead.captured"]
    assert Counter(event["data"].get("source", "") for event in captured) == Counter(
        row["origin"] for row in rows(MQLS)
    )
    assert sum("source" not in event["data"] for event in captured) == 60


def test_dates_are_days_of_sao_paulo(imported):
    captured = [event for event in lines(imported) if event["type"] == "lead.captured"]
    local = {
        event["subject"]: datetime.fromisoformat(event["time"]).astimezone(SAO_PAULO)
        for event in captured
    }
    assert {lead: f"{at:%Y-%m-%d}" for lead, at in local.items()} == {
        row["mql_id"]: row["first_contact_date"] for row in rows(MQLS)
    }


def test_wins_that_are_midnight_written_as_utc_keep_their_day(imported):
    won = [event for event in lines(imported) if event["type"] == "deal.won"]
    local = [datetime.fromisoformat(event["time"]).astimezone(SAO_PAULO) for event in won]
    assert sum(at.hour == at.minute == at.second == 0 for at in local) == 61


def test_every_lead_is_qualified_and_every_deal_is_won(decisions, days_to_win):
    entered = Counter(
        decision["data"]["stage"]
        for decision in decisions
        if decision["type"] == "lead.stage_changed"
    )
    won_first = sum(delay < timedelta(0) for delay in days_to_win.values())
    assert won_first == 1
    assert entered == {"mql": len(rows(MQLS)) - won_first, "customer": len(rows(DEALS))}


def test_the_time_to_each_win_is_the_files_own(decisions, days_to_win):
    took = {
        decision["subject"]: timedelta(seconds=decision["data"]["working_s"])
        for decision in decisions
        if decision["type"] == "sla.met"
    }
    assert took == {lead: delay for lead, delay in days_to_win.items() if delay >= timedelta(0)}


def test_leads_not_won_within_a_quarter_are_breaches(decisions, days_to_win):
    late = {decision["subject"] for decision in decisions if decision["type"] == "sla.breached"}
    assert late == {
        row["mql_id"] for row in rows(MQLS) if days_to_win.get(row["mql_id"], QUARTER) >= QUARTER
    }
