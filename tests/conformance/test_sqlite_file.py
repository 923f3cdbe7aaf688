"""The file: whose it is, who has it open, whether it is whole."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from streams.sqlite import connect, integrity, schema
from streams.sqlite.connect import FileLock, open_reader, open_writer
from streams.sqlite.database import Database
from streams.sqlite.reading import SqliteReader
from streams.storage import StorageError, StorageReason
from tests.conformance.material import DIGEST, START_AT, accepted, lived, many, work

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "baton.db"


def filled(path: Path) -> None:
    engine, decisions = lived()
    with Database(path) as database:
        database.log.append(many(1, 300), START_AT)
        database.store.keep_agreement(DIGEST, b"agreement: x")
        database.store.commit(work(engine.leads.values(), decisions, offset=300))


def refused(reason: StorageReason, path: Path) -> str:
    """What opening for the writer says, which must be of that reason and name the file."""
    with pytest.raises(StorageError) as raised:
        Database(path)
    assert raised.value.reason == reason
    assert str(path) in str(raised.value)
    return str(raised.value)


def test_durable_settings_are_on(path: Path) -> None:
    with Database(path) as database:
        pragma = {
            name: database.connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "application_id", "user_version")
        }
    assert pragma == {
        "journal_mode": "wal",
        "synchronous": 2,
        "application_id": schema.APPLICATION_ID,
        "user_version": len(schema.MIGRATIONS),
    }


def test_a_second_service_is_refused_and_told_of_the_first(path: Path) -> None:
    with Database(path):
        sentence = refused("locked", path)
        assert f"process {os.getpid()}" in sentence
        assert "BATON_STORE" in sentence
    with Database(path) as database:
        assert database.log.newest_stamp() is None


def test_a_killed_service_leaves_no_lock(path: Path) -> None:
    script = (
        "import sys, pathlib; from streams.sqlite.database import Database;"
        "Database(pathlib.Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        assert f"process {process.pid}" in refused("locked", path)
        process.kill()
        process.wait()
    Database(path).close()


def test_readers_read_beside_the_writer_and_cannot_write(path: Path) -> None:
    with Database(path) as database, closing(open_reader(path)) as reader:
        database.log.append(many(1, 3), START_AT)
        assert reader.execute("SELECT count(*) FROM events").fetchone() == (3,)
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM events").fetchone() == (3,)
        database.log.append(many(4, 1), START_AT)
        assert reader.execute("SELECT count(*) FROM events").fetchone() == (3,)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("DELETE FROM events")


def test_a_lock_of_another_program_is_waited_for_and_then_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "_BUSY_MS", 20)
    with Database(path) as database:
        other = sqlite3.connect(path, isolation_level=None)
        with closing(other):
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageError) as raised:
                database.log.append([accepted(1)], START_AT)
            assert raised.value.reason == "locked"
            other.execute("ROLLBACK")
            assert len(database.log.append([accepted(1)], START_AT)) == 1


def test_files_of_others_are_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (x)")
        other.commit()
    before = path.read_bytes()
    refused("not_ours", path)
    with pytest.raises(StorageError) as raised:
        SqliteReader(path)
    assert raised.value.reason == "not_ours"
    assert path.read_bytes() == before


def test_what_is_no_database_is_left_alone(path: Path) -> None:
    path.write_bytes(b"Dear diary,\n" * 500)
    refused("not_ours", path)
    assert path.read_bytes() == b"Dear diary,\n" * 500


def test_a_newer_release_s_file_is_left_alone(path: Path) -> None:
    filled(path)
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    assert "newer version" in refused("too_new", path)


def test_an_older_file_is_brought_up_to_date_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(path)
    added = (*schema.MIGRATIONS, ("ALTER TABLE meta ADD COLUMN note TEXT",))
    monkeypatch.setattr(schema, "MIGRATIONS", added)
    with pytest.raises(StorageError, match="another release"):
        open_reader(path)
    with closing(open_writer(path)) as connection:
        schema.migrate(connection, added)
        assert schema.version(connection) == 2
        assert connection.execute("SELECT count(note) FROM meta").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (300,)


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    filled(path)
    broken = (
        *schema.MIGRATIONS,
        ("CREATE TABLE half (x INTEGER) STRICT", "CREATE TABLE events (x)"),
    )
    with closing(open_writer(path)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            schema.migrate(connection, broken)
        assert schema.version(connection) == 1
        assert not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'half'").fetchall()


def test_a_file_that_a_crash_left_empty_is_begun_anew(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as begun:
        begun.execute("PRAGMA journal_mode = WAL")
    with Database(path) as database:
        assert len(database.log.append([accepted(1)], START_AT)) == 1


def test_a_missing_directory_is_told(tmp_path: Path) -> None:
    refused("not_openable", tmp_path / "nowhere" / "baton.db")
    with pytest.raises(StorageError) as raised:
        open_reader(tmp_path / "baton.db")
    assert raised.value.reason == "not_openable"


def damage(path: Path, page: int) -> None:
    """Overwrite a page's beginning, counted from the end if negative."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(page * 4096 if page >= 0 else size + page * 4096)
        file.write(b"\xa5" * 512)


@pytest.mark.parametrize("page", [-1, -2, 3])
def test_a_damaged_page_is_found_before_the_service_starts(path: Path, page: int) -> None:
    filled(path)
    damage(path, page)
    sentence = refused("damaged", path)
    assert "baton restore" in sentence
    with FileLock(path):
        pass


def test_what_only_the_check_sees_is_found_too(path: Path) -> None:
    filled(path)
    with path.open("r+b") as file:
        file.seek(36)
        file.write((5).to_bytes(4, "big"))
    assert "freelist" in refused("damaged", path)


def test_a_damaged_state_is_told_when_it_is_read(path: Path) -> None:
    engine, _ = lived()
    filled(path)
    name = next(iter(engine.leads))
    with closing(open_writer(path)) as connection:
        connection.execute("UPDATE leads SET state = x'c1' WHERE id = ?", (name,))
        connection.execute("UPDATE events SET body = x'7b' WHERE seq = 7")
    with Database(path) as database:
        for read in (lambda: database.store.lead(name), lambda: database.log.read(0, 10)):
            with pytest.raises(StorageError) as raised:
                read()
            assert raised.value.reason == "damaged"
        assert len(database.log.read(7, 10)) == 10


LARGE = integrity.ALWAYS_BELOW_BYTES + 1


@pytest.fixture
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_writer(path)) as connection:
        yield connection


def test_how_closely_a_file_is_looked_at(opened: sqlite3.Connection) -> None:
    def how(size: int, boot: str) -> str:
        return integrity.thoroughness(opened, size, boot)

    assert (how(1, "b1"), how(LARGE, "b1")) == ("before", "none")
    integrity.mark_open(opened, "b1")
    assert (how(1, "b1"), how(LARGE, "b1"), how(LARGE, "b2")) == ("before", "beside", "before")
    integrity.mark_open(opened, "unknown")
    assert how(LARGE, "unknown") == "before"
    integrity.mark_closed(opened)
    assert how(LARGE, "b1") == "none"


def test_the_mark_stays_when_the_service_fails(path: Path) -> None:
    Database(path).close(in_order=False)
    with closing(open_reader(path)) as reader:
        assert reader.execute("SELECT value FROM meta").fetchall() == [(integrity.boot_id(),)]
    Database(path).close()
    with closing(open_reader(path)) as reader:
        assert reader.execute("SELECT value FROM meta").fetchall() == []


def test_the_file_and_its_lock_are_for_their_owner_only(path: Path) -> None:
    Database(path).close()
    for each in (path, path.with_name("baton.db.lock")):
        assert stat.S_IMODE(each.stat().st_mode) & 0o077 == 0
