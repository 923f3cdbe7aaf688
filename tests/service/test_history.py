"""`baton import --history`: the past makes profiles, temperatures and stages, and moves nobody."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rules.loading import load_agreement
from streams.codec import encode
from streams.engine import Engine
from streams.history import History, new_store, without_people
from streams.replaying import Taken, replay
from streams.sqlite.database import Database
from streams.sqlite.reading import SqliteReader
from streams.storage import StorageError
from tests.service.processes import Baton, Start, event

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MAPPING = """
source: /crm
events:
  - type: demo.requested
    subject: $lead
    time: $asked
"""


def line(number: int, kind: str, day: int, subject: str = "lead-1", **data: Any) -> bytes:
    made = event(number, kind, subject, **data) | {"time": f"2026-01-{day:02}T10:00:00Z"}
    return json.dumps(made).encode()


PAST = (
    line(1, "lead.captured", 5, industry="logistics", employees=80, country="IT"),
    line(2, "webinar.attended", 6, asset="one"),
    line(3, "webinar.attended", 7, asset="two"),
    line(4, "ebook.downloaded", 8, asset="guide"),
    line(5, "lead.reassigned", 8, to="marco"),
    line(6, "lead.attempted", 9, channel="call", outcome="connected", by="marco"),
    line(2, "webinar.attended", 10, asset="one"),
    line(7, "demo.requested", 11, "lead-2"),
    line(8, "lead.rejected", 12, "lead-2", reason="nonsense"),
    line(9, "demo.requested", 20, "lead-3").replace(b"2026-01", b"2026-04"),
)


def bodies(path: Path) -> list[bytes]:
    """All decisions of a store, as they would leave it."""
    with SqliteReader(path) as reader:
        return [body for _, body in reader.decisions(0, 1_000)]


@pytest.fixture
def text(acme_path: Path) -> bytes:
    return acme_path.read_bytes()


@pytest.fixture
def loaded(text: bytes, tmp_path: Path) -> tuple[History, Path]:
    """A store into which the past has been loaded."""
    path = tmp_path / "baton.db"
    with new_store(path, text, NOW) as history:
        for each in PAST:
            history.add(each)
    return history, path


def test_leads_stand_where_the_past_brought_them_and_nobody_has_them(
    loaded: tuple[History, Path],
) -> None:
    history, path = loaded
    count = history.count
    assert (count.taken, count.repeated, count.moves, count.refused) == (6, 1, 1, 2)
    with Database(path) as database:
        lead = database.store.lead("lead-1")
        assert lead is not None
        assert (lead.stage, lead.temperature, lead.owner, lead.clocks) == ("sql", "hot", None, {})
        assert lead.profile["industry"] == "logistics"
        assert lead.cycle.attempts.connected_at is not None
        assert database.store.router().reps == {}
        assert database.store.position()[1] == NOW


def test_only_what_leads_became_was_decided_and_at_its_own_time(
    loaded: tuple[History, Path],
) -> None:
    made = [json.loads(body) for body in bodies(loaded[1])]
    assert {each["type"] for each in made} == {"lead.temperature_changed", "lead.stage_changed"}
    assert {each["subject"] for each in made} == {"lead-1", "lead-2"}
    hot = next(each for each in made if each["data"].get("temperature") == "hot")
    assert hot["time"] == "2026-01-08T10:00:00Z"


def test_the_log_replayed_decides_the_same(loaded: tuple[History, Path], text: bytes) -> None:
    _, path = loaded
    with Database(path) as database:
        records = database.log.read(0, 100)
        first, last = records[0].agreement, records[-1].agreement
        assert first is not None
        past = load_agreement(database.store.agreement(first) or b"", "past").agreement
        assert database.store.agreement(last or "") == text
    assert past is not None
    engine = Engine(past)
    decided = [
        decision
        for record in records
        if record.event is not None
        for decision in engine.take(record.event, record.stamped_at)
    ]
    decided += engine.run_until(NOW)
    assert [encode(each, past.source) for each in decided] == bodies(path)


def test_what_is_refused_is_kept_with_its_reason(loaded: tuple[History, Path]) -> None:
    with SqliteReader(loaded[1]) as reader:
        kept = [(each.reason, each.body) for each in reader.dead_letters(0, 10)]
    assert kept == [("unknown_reason", PAST[8]), ("invalid_time", PAST[9])]


def test_the_agreement_of_the_past_is_the_present_one_without_its_people(text: bytes) -> None:
    past = load_agreement(without_people(text), "past")
    now = load_agreement(text, "now").agreement
    assert past.agreement is not None
    assert now is not None
    assert (past.agreement.routing, past.agreement.clauses) == (None, ())
    assert past.agreement.source == now.source
    assert past.agreement.people.keys() == now.people.keys()
    lines = [each for each in enumerate(PAST, 1) if b"reassigned" not in each[1]]
    for_all = [each for each in replay(Engine(now), lines) if isinstance(each, Taken)]
    of_past = [each for each in replay(Engine(past.agreement), lines) if isinstance(each, Taken)]
    kept = ("lead.temperature_changed", "lead.stage_changed")
    assert [
        [decision.data for decision in each.decisions if decision.type in kept] for each in for_all
    ] == [[decision.data for decision in each.decisions] for each in of_past]


def test_an_interrupted_loading_leaves_nothing(text: bytes, tmp_path: Path) -> None:
    def interrupted() -> None:
        with new_store(tmp_path / "baton.db", text, NOW) as history:
            history.add(PAST[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [each.name for each in tmp_path.iterdir()] == ["baton.db.lock"]


def test_the_past_goes_into_no_store_that_is_there(
    loaded: tuple[History, Path], text: bytes
) -> None:
    with pytest.raises(StorageError, match="There is a store at"), new_store(loaded[1], text, NOW):
        pass


def test_many_events_are_all_taken_in_their_order(text: bytes, tmp_path: Path) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with new_store(tmp_path / "many.db", text, NOW) as history:
        for number in range(2_500):
            at = start + timedelta(minutes=number)
            made = event(number, "page.viewed", f"lead-{number % 9}", asset=f"/{number}")
            history.add(json.dumps(made | {"time": at.isoformat()}).encode())
    with SqliteReader(tmp_path / "many.db") as reader:
        stamps = [each.stamped_at for each in reader.records(0, 3_000)]
        assert reader.standing().offset == 2_502
    assert len(stamps) == 2_502
    assert stamps == sorted(stamps)
    assert stamps[1] == start


def test_a_crm_export_becomes_a_store_that_goes_on_live(
    up: Start, baton: Baton, acme_path: Path, tmp_path: Path
) -> None:
    (tmp_path / "crm.yaml").write_text(MAPPING)
    (tmp_path / "crm.csv").write_text("lead,asked\nlead-1,2026-01-05T10:00:00Z\n")
    done = baton(
        "import", "--mapping", "crm.yaml", "--history", "--agreement", str(acme_path), "crm.csv"
    )
    assert done.returncode == 0, done.stderr
    assert "1 event loaded into baton.db" in done.stderr
    service = up()
    lead = service.client.get("/leads/lead-1").json()
    assert (lead["stage"], lead["owner"]) == ("sql", None)
    service.post(event(1, "opportunity.opened", by="marco"))
    assert [each["type"] for each in service.decided(3)] == [
        "lead.stage_changed",
        "lead.stage_changed",
        "lead.assigned",
    ]
