"""Forgetting what is old, backing up what is not, and restoring it."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from rules.decisions import Decision
from rules.lead.state import Lead
from streams.sqlite import backup as copies
from streams.sqlite import integrity
from streams.sqlite.backup import backup, restore
from streams.sqlite.connect import open_reader, open_writer
from streams.sqlite.database import Database
from streams.sqlite.reading import SqliteReader
from streams.sqlite.retention import LEAST, Sweep
from streams.storage import StorageError
from tests.conformance.material import DIGEST, SECOND, START_AT, accepted, lived, many, work

DAY = timedelta(days=1)
KEEP = 100 * DAY


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "baton.db") as opened:
        yield opened


def swept(database: Database, at_days: int, limit: int = 3) -> tuple[int, int, int]:
    """How many events, decisions and dead letters a whole sweep deletes."""
    sweep = Sweep(database.connection, database.path, START_AT + at_days * DAY, KEEP)
    total = [0, 0, 0]
    for _ in range(1_000):
        done = sweep.step(limit)
        total = [sum(pair) for pair in zip(total, done[:3], strict=True)]
        if not done.more:
            return total[0], total[1], total[2]
    raise AssertionError("the sweep does not end")


def decision(lead: str, at_days: int) -> Decision:
    _, decisions = lived()
    data = decisions[0].data
    return Decision(lead, 1, START_AT + at_days * DAY, None, data)


def offsets(database: Database) -> list[int]:
    return [record.offset for record in database.log.read(0, 1_000)]


def test_old_events_go_in_small_steps_and_young_ones_stay(database: Database) -> None:
    for day in range(20):
        database.log.append([accepted(day, f"lead-{day}")], START_AT + day * DAY)
    database.store.commit(work(offset=20))
    assert swept(database, 99) == (0, 0, 0)
    # What is exactly as old as the retention stays.
    assert swept(database, 110) == (10, 0, 0)
    assert offsets(database) == list(range(11, 21))
    assert swept(database, 110) == (0, 0, 0)


def test_what_is_not_processed_stays(database: Database) -> None:
    database.log.append(many(1, 10), START_AT)
    database.store.commit(work(offset=4))
    assert swept(database, 500) == (4, 0, 0)
    assert offsets(database) == [5, 6, 7, 8, 9, 10]


def test_the_newest_record_and_activations_stay(database: Database) -> None:
    database.log.activate(DIGEST, START_AT)
    database.log.append(many(1, 3), START_AT)
    database.store.commit(work(offset=4))
    assert swept(database, 500) == (2, 0, 0)
    assert offsets(database) == [1, 4]
    log, _ = database.reopen()
    assert log.newest_stamp() == START_AT
    assert log.append([accepted(9)], START_AT)[0].offset == 5


def test_what_an_open_lead_needs_stays_however_old(database: Database) -> None:
    leads = [
        Lead(id="owned", stage="sql", owner="marco"),
        Lead(id="waiting", stage="lead", wake_at=START_AT),
        Lead(id="idle", stage="contact"),
        Lead(id="won", stage="customer", owner="marco", wake_at=START_AT),
        Lead(id="lost", stage="lost", owner="marco"),
    ]
    database.log.append([accepted(1, lead.id) for lead in leads], START_AT)
    database.log.append([accepted(2, "unknown"), accepted(3, "newest")], START_AT)
    made = [decision(lead.id, 0) for lead in leads] + [decision("won", 450)]
    database.store.commit(work(leads, made, offset=7))
    assert swept(database, 500) == (4, 3, 0)
    with SqliteReader(database.path) as reader:
        kept = {lead.id for lead in leads if reader.events_of(lead.id, 0, 9)}
        assert kept == {"owned", "waiting"}
        told = {lead.id for lead in leads if reader.decisions(0, 9, lead.id)}
        assert told == {"owned", "waiting", "won"}
        # States stay, and so do the numbers of decisions.
        assert [reader.lead(lead.id) for lead in leads] == leads
        assert reader.newest_decision() == 6
    # The lead is not open any more, and a later sweep takes the rest.
    database.store.commit(work([Lead(id="owned", stage="lost")], offset=7))
    assert swept(database, 500) == (1, 1, 0)


def test_repeats_are_still_recognised_after_a_sweep(database: Database) -> None:
    database.log.append(many(1, 5), START_AT)
    database.store.commit(work(offset=5))
    sweep = Sweep(database.connection, database.path, START_AT + LEAST - SECOND, LEAST)
    assert sweep.step().events == 0
    assert database.log.append(many(1, 5), START_AT + LEAST - SECOND) == []
    with pytest.raises(ValueError, match="35 days"):
        Sweep(database.connection, database.path, START_AT, LEAST - SECOND)


def test_a_backup_of_a_store_at_work_is_whole(database: Database, tmp_path: Path) -> None:
    engine, decisions = lived()
    database.log.append(many(1, 400), START_AT)
    database.store.commit(work(engine.leads.values(), decisions, offset=400))
    target = tmp_path / "copy.db"
    size = backup(database.path, target)
    assert size == target.stat().st_size > 100_000
    database.log.append(many(401, 5), START_AT)
    assert sorted(each.name for each in tmp_path.iterdir() if "copy" in each.name) == ["copy.db"]
    with closing(open_reader(target)) as reader:
        integrity.check(reader, target)
        assert reader.execute("SELECT count(*) FROM events").fetchone() == (400,)
        assert reader.execute("SELECT count(*) FROM meta").fetchone() == (0,)
    with pytest.raises(StorageError, match="Name another"):
        backup(database.path, target)
    with pytest.raises(StorageError):
        backup(tmp_path / "none.db", tmp_path / "copy2.db")
    assert not (tmp_path / "copy2.db").exists()


@pytest.fixture
def copy(database: Database, tmp_path: Path) -> Path:
    """A backup of a store with 40 events."""
    database.log.append(many(1, 40), START_AT)
    database.store.commit(work(offset=40))
    backup(database.path, tmp_path / "copy.db")
    return tmp_path / "copy.db"


def test_a_restored_store_goes_on_and_says_that_it_is_one(copy: Path, tmp_path: Path) -> None:
    store = tmp_path / "new.db"
    restore(copy, store, START_AT + DAY)
    with Database(store) as database:
        assert len(database.log.read(0, 100)) == 40
        assert database.log.append(many(1, 40), START_AT) == []
        assert copies.restored_at(database.connection) == START_AT + DAY
        copies.confirm_restored(database.connection)
        assert copies.restored_at(database.connection) is None


def test_a_store_that_is_there_is_replaced_only_by_force_and_kept(
    copy: Path, tmp_path: Path
) -> None:
    store = tmp_path / "other.db"
    with Database(store) as other:
        other.log.append([accepted("other")], START_AT)
        with pytest.raises(StorageError) as raised:
            restore(copy, store, START_AT, force=True)
        assert raised.value.reason == "locked"
        # As a killed service leaves it: with what is only in its -wal.
        wal = store.with_name("other.db-wal").read_bytes()
        main = store.read_bytes()
    store.write_bytes(main)
    store.with_name("other.db-wal").write_bytes(wal)
    with pytest.raises(StorageError, match="--force"):
        restore(copy, store, START_AT)
    restore(copy, store, START_AT, force=True)
    with Database(store) as database:
        assert len(database.log.read(0, 100)) == 40
        assert copies.restored_at(database.connection) == START_AT
    with closing(open_writer(tmp_path / "other.db.replaced")) as replaced:
        assert replaced.execute("SELECT body ->> 'id' FROM events").fetchall() == [("e-other",)]


def test_what_is_no_whole_backup_is_not_restored(copy: Path, tmp_path: Path) -> None:
    store = tmp_path / "other.db"
    Database(store).close()
    before = store.read_bytes()
    raw = bytearray(copy.read_bytes())
    raw[-4096:-3000] = b"\xa5" * 1096
    (tmp_path / "torn.db").write_bytes(raw)
    (tmp_path / "text.db").write_bytes(b"no backup at all\n" * 300)
    (tmp_path / "half.db").write_bytes(copy.read_bytes()[: 10 * 4096])
    for name in ("torn.db", "text.db", "half.db", "absent.db"):
        with pytest.raises(StorageError):
            restore(tmp_path / name, store, START_AT, force=True)
        assert store.read_bytes() == before
    assert not (tmp_path / "other.db.part").exists()
