"""A full disk, a directory that may only be read, a process that is killed: for real."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rules.router.state import Rep
from streams.sqlite import integrity
from streams.sqlite.database import Database
from streams.sqlite.reading import SqliteReader
from streams.storage import StorageError
from tests.conformance.material import SECOND, START_AT, accepted, many, work

ROOT = Path(__file__).parents[2]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    point = tmp_path / "disk"
    point.mkdir()
    mounting = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(point)], capture_output=True
    )
    if mounting.returncode:
        pytest.skip("file systems may not be mounted here")
    yield point
    subprocess.run(["umount", "-l", str(point)], check=True)


def test_a_full_disk_loses_nothing_and_is_got_over(small_disk: Path) -> None:
    path = small_disk / "baton.db"
    database = Database(path)
    kept = 0
    with pytest.raises(StorageError) as raised:  # noqa: PT012
        for turn in range(1_000):
            database.log.append(many(kept + 1, 50), START_AT + turn * SECOND)
            kept += 50
    assert raised.value.reason == "full"
    assert str(path) in str(raised.value)
    assert kept > 500
    # What was confirmed is there, on this connection, on another, and after a crash.
    assert len(database.log.read(0, 100_000)) == kept
    with SqliteReader(path) as reader:
        assert len(reader.records(0, 100_000)) == kept
    with pytest.raises(StorageError):
        database.log.append(many(kept + 1, 50), START_AT)
    database.close(in_order=False)
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    with Database(path) as again:
        assert len(again.log.read(0, 100_000)) == kept
        assert again.log.append(many(1, 50), START_AT) == []
        assert again.log.append(many(kept + 1, 2_000), START_AT)[0].offset == kept + 1


def test_a_full_disk_is_got_over_without_a_restart(small_disk: Path) -> None:
    database = Database(small_disk / "baton.db")
    ballast = small_disk / "ballast"
    database.log.append(many(1, 10), START_AT)
    ballast.write_bytes(b"x" * (os.statvfs(small_disk).f_bavail * 4096))
    with pytest.raises(StorageError) as raised:
        database.log.append(many(11, 2_000), START_AT)
    assert raised.value.reason == "full"
    log, _ = database.reopen()
    with pytest.raises(StorageError):
        log.append(many(11, 2_000), START_AT)
    ballast.unlink()
    log, _ = database.reopen()
    assert len(log.append(many(11, 500), START_AT)) == 500
    assert len(log.read(0, 1_000)) == 510
    database.close()
    with Database(small_disk / "baton.db") as again:
        integrity.check(again.connection, again.path)


AS_NOBODY = """
import os, sys
from pathlib import Path
from streams.sqlite.database import Database
from streams.sqlite.reading import SqliteReader
from streams.storage import StorageError
os.setgroups([]); os.setgid(65534); os.setuid(65534)
path = Path(sys.argv[1])
try:
    Database(path)
except StorageError as error:
    print(error.reason, error)
try:
    with SqliteReader(path) as reader:
        print(len(reader.records(0, 100)))
except StorageError as error:
    print(error.reason, error)
"""


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that everybody may read, and root alone may write."""
    if os.geteuid() != 0:
        pytest.skip("only root can become a user without rights")
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def as_nobody(path: Path) -> list[str]:
    """What a user without rights is told when opening to write, and when opening to read."""
    command = [sys.executable, "-c", AS_NOBODY, str(path)]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True)
    return done.stdout.splitlines()


def test_a_directory_that_may_only_be_read(open_directory: Path) -> None:
    path = open_directory / "baton.db"
    with Database(path) as database:
        database.log.append(many(1, 3), START_AT)
    path.chmod(0o644)
    writing, reading = as_nobody(path)
    assert writing.startswith(f"read_only Could not lock {path}: it may only be read.")
    assert reading == "3"


def test_a_file_of_somebody_else(open_directory: Path) -> None:
    path = open_directory / "baton.db"
    with Database(path) as database:
        database.log.append(many(1, 3), START_AT)
    path.chmod(0o600)
    writing, reading = as_nobody(path)
    assert writing.startswith("read_only ")
    assert reading.startswith("not_openable ")


def test_a_read_only_file_system(small_disk: Path) -> None:
    path = small_disk / "baton.db"
    with Database(path) as database:
        database.log.append(many(1, 3), START_AT)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StorageError) as raised:
        Database(path)
    assert raised.value.reason == "read_only"
    with SqliteReader(path) as reader:
        assert len(reader.records(0, 10)) == 3


KILLED = """
import sys, itertools
from datetime import UTC, datetime
from pathlib import Path
from rules.events import Event
from rules.lead.state import Lead
from rules.router.state import Rep
from streams.codec import encode_event
from streams.sqlite.database import Database
from streams.storage import Accepted, Commit
now = datetime(2026, 3, 2, 8, tzinfo=UTC)
database = Database(Path(sys.argv[1]))
database.connection.execute("PRAGMA wal_autocheckpoint = 40")
offset = database.store.position()[0]
while True:
    events = [
        Event(f"e-{offset + n}", "/site", "page.viewed", "lead-1", now, {}) for n in range(20)
    ]
    records = database.log.append([Accepted(each, encode_event(each)) for each in events], now)
    offset = records[-1].offset
    print("appended", offset, flush=True)
    database.store.router().reps["marco"] = Rep(open=offset)
    leads = [Lead(id=f"lead-{n}", points=offset) for n in range(20)]
    database.store.commit(Commit(offset, now, leads, [], "a"))
    print("committed", offset, flush=True)
"""


def test_a_process_that_is_killed_while_it_writes_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "baton.db"
    for turn in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path)], cwd=ROOT, text=True, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            for _ in range(8 + 5 * turn):
                assert process.stdout.readline()
            process.kill()
            said = [line.split() for line in process.stdout.read().splitlines() if line]
        told = {word: int(number) for word, number in (line for line in said if len(line) == 2)}
        with Database(path) as database:
            offset, _, _ = database.store.position()
            records = database.log.read(0, 100_000)
            assert [record.offset for record in records] == list(range(1, len(records) + 1))
            assert len(records) >= told.get("appended", 0)
            assert offset >= told.get("committed", 0)
            # A slice is there as a whole: states and router's rows are of the same commit.
            points = [database.store.lead(f"lead-{n}") for n in range(20)]
            assert {lead.points for lead in points if lead} == {offset}
            assert database.store.router().reps["marco"].open == offset
            integrity.check(database.connection, path)
            # The loop would take up the records behind the position; here they are skipped.
            database.store.router().reps["marco"] = Rep(open=len(records))
            leads = [lead for lead in points if lead]
            for lead in leads:
                lead.points = len(records)
            database.store.commit(work(leads, offset=len(records)))


def test_readers_are_told_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "baton.db"
    with Database(path) as database:
        database.log.append([accepted(1)], START_AT)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))
    with SqliteReader(path) as reader, pytest.raises(StorageError) as raised:
        reader.records(0, 10)
    assert raised.value.reason == "damaged"
    assert "baton restore" in str(raised.value)
