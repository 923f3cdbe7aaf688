"""What readers are given: leads, decisions, events and dead letters, page by page."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from threading import Thread

import msgspec
import pytest

from rules.lead.state import Lead
from rules.vocabulary import Stage, Temperature
from streams.codec import encode
from streams.refusals import Refusal, dead_letter
from streams.sqlite import dead_letters
from streams.sqlite.database import Database
from streams.sqlite.failures import transaction
from streams.sqlite.reading import SqliteReader
from streams.storage import StorageError
from tests.conformance.material import (
    DIGEST,
    SECOND,
    SOURCE,
    START_AT,
    accepted,
    lived,
    many,
    work,
)

STAGES: tuple[Stage, ...] = ("lead", "mql", "sql")
HEATS: tuple[Temperature | None, ...] = ("warm", "hot", None)
OWNERS = ("marco", "lucia", None)
Wanted = tuple[str | None, str | None, str | None]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "baton.db") as opened:
        yield opened


@pytest.fixture
def reader(database: Database) -> Iterator[SqliteReader]:
    with SqliteReader(database.path) as opened:
        yield opened


def leads() -> list[Lead]:
    """Three leads of each stage, temperature and owner, not in the order of their ids."""
    kinds = list(product(STAGES, HEATS, OWNERS)) * 3
    return [
        Lead(id=f"lead-{number * 37 % 81:02}", stage=stage, temperature=heat, owner=owner)
        for number, (stage, heat, owner) in enumerate(kinds)
    ]


@pytest.mark.parametrize("wanted", list(product(("mql", None), ("hot", None), ("lucia", None))))
def test_leads_are_filtered_and_paged_in_the_order_of_their_coming(
    database: Database, reader: SqliteReader, wanted: Wanted
) -> None:
    every = leads()
    database.store.commit(work(every))
    expected = [
        lead.id
        for lead in every
        if all(
            value in (None, mine)
            for value, mine in zip(wanted, (lead.stage, lead.temperature, lead.owner), strict=True)
        )
    ]
    seen: list[str] = []
    while page := reader.leads(wanted, seen[-1] if seen else None, 4):
        assert len(page) <= 4
        seen += [lead.id for lead in page]
    assert seen == expected
    assert len(expected) in (3, 9, 27, 81)


def test_filtered_leads_are_found_by_an_index(database: Database) -> None:
    for wanted in product((True, False), repeat=3):
        if not any(wanted):
            continue
        stage, heat, owner = (
            value if given else None
            for value, given in zip(("mql", "hot", "marco"), wanted, strict=True)
        )
        with SqliteReader(database.path) as reader:
            plans: list[str] = []
            connection = reader._borrow()
            connection.set_trace_callback(plans.append)
            reader._give_back(connection)
            reader.leads((stage, heat, owner), "lead-1", 10)
            (statement,) = [each for each in plans if "state FROM leads" in each]
            plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
        assert "USING INDEX leads_by_" in plan[0][3], plan
        assert not any("TEMP B-TREE" in row[3] for row in plan), plan


def test_an_unknown_lead_is_followed_by_nothing(database: Database, reader: SqliteReader) -> None:
    database.store.commit(work(leads()))
    assert reader.leads((None, None, None), "nobody", 10) == []
    assert reader.lead("nobody") is None
    assert reader.lead("lead-07") == next(each for each in leads() if each.id == "lead-07")


def test_decisions_are_paged_by_number_and_by_lead(
    database: Database, reader: SqliteReader
) -> None:
    _, decisions = lived()
    assert reader.newest_decision() == 0
    database.store.commit(work(decisions=decisions, offset=9, now=START_AT + SECOND))
    every = [(number, encode(each, SOURCE)) for number, each in enumerate(decisions, 1)]
    after = 0
    pages: list[tuple[int, bytes]] = []
    while page := reader.decisions(after, 50):
        pages += page
        after = page[-1][0]
    assert pages == every
    lead = decisions[0].subject
    own = [row for row, each in zip(every, decisions, strict=True) if each.subject == lead]
    assert len(own) > 4
    assert reader.decisions(0, 2, lead) == own[:2]
    assert reader.decisions(own[1][0], 100, lead) == own[2:]
    assert reader.latest_decisions(lead, 3) == own[-3:]
    assert reader.newest_decision() == len(decisions)
    assert reader.standing() == (9, START_AT + SECOND, DIGEST, len(decisions))


def test_events_of_a_lead_and_the_whole_log(database: Database, reader: SqliteReader) -> None:
    database.log.append([*many(1, 3), accepted(4, "lead-2"), accepted(5)], START_AT)
    database.log.activate(DIGEST, START_AT)
    assert [each.offset for each in reader.events_of("lead-1", 0, 3)] == [1, 2, 3]
    assert [each.offset for each in reader.events_of("lead-1", 3, 3)] == [5]
    assert reader.records(0, 10) == database.log.read(0, 10)


def test_dead_letters_are_kept_with_their_bytes_and_marked(
    database: Database, reader: SqliteReader
) -> None:
    refusals = [Refusal("invalid_data", f"Fault {number}.", "data.x") for number in range(4)]
    bodies = [b"\xff\x00", b'{"a": 1}', "è".encode(), b"x" * 300_000]
    letters = [dead_letter(*pair, 1) for pair in zip(refusals, bodies, strict=True)]
    with transaction(database.connection, "write to", database.path):
        dead_letters.keep(database.connection, letters, START_AT)
    with transaction(database.connection, "write to", database.path):
        dead_letters.mark_redriven(database.connection, [2], START_AT + SECOND)
    kept = reader.dead_letters(0, 10)
    assert [each.body for each in kept[:3]] == bodies[:3]
    assert [each.cut for each in kept] == [False, False, False, True]
    assert [each.redriven_at for each in kept] == [None, START_AT + SECOND, None, None]
    assert {each.taken_at for each in kept} == {START_AT}
    assert reader.dead_letters(1, 1, waiting_only=True) == [kept[2]]
    assert reader.dead_letter(2) == kept[1]
    assert reader.dead_letter(99) is None


def test_readers_serve_several_threads(database: Database, reader: SqliteReader) -> None:
    engine, _ = lived()
    database.store.commit(work(engine.leads.values()))
    wrong: list[str] = []

    def read() -> None:
        wrong.extend(
            lead_id for lead_id, lead in engine.leads.items() if reader.lead(lead_id) != lead
        )

    threads = [Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    changed = [msgspec.structs.replace(lead) for lead in engine.leads.values()]
    database.store.commit(work(changed))
    for thread in threads:
        thread.join()
    assert wrong == []


def test_there_must_be_a_store(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        SqliteReader(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
