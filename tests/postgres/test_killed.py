"""Killed with -9 in the middle of commits: what was confirmed is there, and nothing by halves."""

import subprocess
import sys
from random import Random

import msgspec
import pytest

from streams.postgres.outgoing import Outgoing
from tests.conftest import ROOT
from tests.postgres.committing import commit_next
from tests.postgres.conftest import Claiming, Opening
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.postgres


def test_a_writer_that_is_killed_leaves_whole_commits(
    claiming: Claiming, opening: Opening, database: str
) -> None:
    claiming()
    random = Random(7)
    confirmed = 0
    for _ in range(3):
        confirmed = _killed_after(database, random.randrange(3, 30), confirmed)
        confirmed = _whole(claiming, opening, confirmed)


def test_a_database_that_is_killed_leaves_whole_commits(
    claiming: Claiming, opening: Opening, database: str, postgres: Postgres
) -> None:
    claiming()
    with _committing(database) as writer:
        assert writer.stdout is not None
        confirmed = [int(writer.stdout.readline()) for _ in range(20)][-1]
        postgres.kill()
        confirmed = max([confirmed, *(int(line) for line in writer.stdout)])
        assert writer.wait() == 1
    postgres.restart()
    _whole(claiming, opening, confirmed)


def _committing(database: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.postgres.committing", database],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _killed_after(database: str, commits: int, before: int) -> int:
    with _committing(database) as writer:
        assert writer.stdout is not None
        confirmed = [int(writer.stdout.readline()) for _ in range(commits)]
        assert confirmed == list(range(before + 1, before + commits + 1))
        writer.kill()
        # What it had still printed was confirmed as well.
        return max([confirmed[-1], *(int(line) for line in writer.stdout if line.endswith("\n"))])


def _whole(claiming: Claiming, opening: Opening, confirmed: int) -> int:
    """Look at everything, commit once more, and say how far it is."""
    store = claiming()
    offset = store.position()[0]
    assert offset in (confirmed, confirmed + 1)
    assert commit_next(store) == offset + 1
    offset += 1
    session = opening()
    rows = Outgoing(session).unsent(0, 1_000_000)
    assert [each.seq for each in rows] == list(range(1, 2 * offset + 1))
    sequences = [msgspec.json.decode(each.body)["sequence"] for each in rows]
    assert sequences == list(range(1, 2 * offset + 1))
    numbers = session.rows("SELECT number FROM requests ORDER BY number")
    assert numbers == [(number,) for number in range(1, offset + 1)]
    assert session.rows("SELECT count(*) FROM names") == [(offset,)]
    assert session.rows("SELECT version FROM leads") == [(offset,)]
    return offset
