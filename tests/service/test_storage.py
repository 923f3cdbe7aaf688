"""A store that is full, read-only, locked or damaged: what `baton up` says, with which status.

At the start it is refused with status 2; while the service runs, requests are
answered 503, what can be read is read, and it goes on by itself.
"""

import os
import resource
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from streams.sqlite.reading import SqliteReader
from tests.service.processes import Baton, Start, Up, event

PAGE: Final = 4_096
BATCH: Final = 50
MOST: Final = 400
"""Batches after which a disk of three megabytes is surely full."""


@pytest.fixture
def refused(baton: Baton, acme_path: Path) -> Callable[[Path], str]:
    """What `baton up` says of a store that it can't open; it must end with status 2."""

    def start(store: Path) -> str:
        ended = baton("up", agreement=str(acme_path), listen="127.0.0.1:0", store=str(store))
        assert ended.returncode == 2, ended.stderr
        assert ended.stdout == ""
        assert "Traceback" not in ended.stderr
        return ended.stderr.splitlines()[-1]

    return start


def batch(number: int) -> list[dict[str, Any]]:
    numbers = range(number * BATCH, (number + 1) * BATCH)
    return [event(n, "page.viewed", f"lead-{n}", asset="x" * 200) for n in numbers]


def until_refused(service: Up) -> tuple[int, dict[str, Any]]:
    """Posts until one is refused: how many events were confirmed, and the problem."""
    for number in range(MOST):
        answer = service.post(*batch(number))
        if answer.status_code != 202:
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            return number * BATCH, answer.json()
    raise AssertionError("it takes everything")


def until_taken(service: Up, *events: dict[str, Any]) -> None:
    """Posts again and again, until it works again."""
    while (answer := service.post(*events)).status_code != 202:
        assert answer.status_code == 503


def kept(store: Path) -> int:
    with SqliteReader(store) as reader:
        return sum(each.event is not None for each in reader.records(0, 1_000_000))


def test_on_a_full_disk_it_does_not_start(small_disk: Path, refused: Callable[[Path], str]) -> None:
    free = os.statvfs(small_disk)
    (small_disk / "ballast").write_bytes(bytes(free.f_bavail * free.f_frsize - PAGE))
    said = refused(small_disk / "baton.db")
    assert "the disk is full" in said
    assert "Free some" in said


def test_a_file_that_may_grow_no_further_loses_nothing(up: Start, tmp_path: Path) -> None:
    store = tmp_path / "baton.db"
    service = up()
    pid, limit = service.process.pid, resource.RLIMIT_FSIZE
    before = resource.prlimit(pid, limit)
    resource.prlimit(pid, limit, (2 * 1024 * 1024, before[1]))
    confirmed, problem = until_refused(service)
    assert confirmed > 0
    assert problem["type"] == "urn:baton:problem:storage_failed"
    assert "Look at the system's log and after the disk" in problem["detail"]
    assert "Nothing of this request was stored" in problem["detail"]
    assert service.client.get("/leads").status_code == 200
    assert service.client.get("/readyz").status_code == 503
    resource.prlimit(pid, limit, before)
    until_taken(service, *batch(MOST))
    assert service.stop() == 0
    assert kept(store) == confirmed + BATCH


def test_a_file_system_that_may_only_be_read(
    up: Start, small_disk: Path, refused: Callable[[Path], str]
) -> None:
    store = small_disk / "baton.db"
    up(store=str(store)).stop()
    remount(small_disk, "ro")
    said = refused(store)
    assert f"Could not lock {store}: it may only be read." in said
    assert "mount the file system writable" in said
    remount(small_disk, "rw")
    assert up(store=str(store)).post(*batch(0)).status_code == 202


def remount(point: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(point)], check=True)


def test_another_program_s_lock_is_told_at_the_start(
    up: Start, tmp_path: Path, refused: Callable[[Path], str]
) -> None:
    store = tmp_path / "baton.db"
    up().stop()
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        said = refused(store)
        assert "another program holds a lock on it" in said
        assert "database browser" in said
    assert up().post(*batch(0)).status_code == 202


def test_another_program_s_lock_is_got_over_while_it_runs(up: Start, tmp_path: Path) -> None:
    store = tmp_path / "baton.db"
    service = up()
    service.post(event(-1, "demo.requested"))
    service.decided(3)
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = service.post(*batch(0))
        assert answer.status_code == 503
        assert "another program holds a lock on it" in answer.json()["detail"]
        assert len(service.decisions()) == 3
        other.execute("ROLLBACK")
    until_taken(service, *batch(0))
    said = [line["event"] for line in service.lines()]
    assert "storage_failed" in said
    assert service.stop() == 0
    assert kept(store) == BATCH + 1


def test_a_damaged_last_page_is_told_and_the_file_is_left_alone(
    up: Start, baton: Baton, tmp_path: Path, refused: Callable[[Path], str]
) -> None:
    store = tmp_path / "baton.db"
    service = up()
    service.post(*batch(0))
    assert baton("backup", "copy.db").returncode == 0
    service.post(*batch(1))
    assert service.stop() == 0
    with store.open("r+b") as file:
        file.seek(-PAGE, os.SEEK_END)
        file.write(b"\xa5" * 512)
    damaged = store.read_bytes()
    said = refused(store)
    assert f"{store}: it is damaged." in said
    assert "go back to the latest backup with `baton restore`" in said
    assert store.read_bytes() == damaged
    assert baton("restore", "--force", "copy.db").returncode == 0
    again = up()
    assert again.post(*batch(0), *batch(1)).json() == {"accepted": BATCH, "duplicates": BATCH}


def test_a_place_that_can_be_no_store_is_told(
    tmp_path: Path, refused: Callable[[Path], str]
) -> None:
    assert "it cannot be opened" in refused(tmp_path / "nowhere" / "baton.db")
    (tmp_path / "folder").mkdir()
    assert "it cannot be opened" in refused(tmp_path / "folder")
