"""Which events the log knows, wherever their keys are at the moment."""

from pathlib import Path

import pytest

from streams.sqlite.database import Database
from streams.sqlite.reading import SqliteReader
from tests.conformance.material import START_AT, many


@pytest.mark.parametrize("killed", [False, True])
def test_an_event_is_known_wherever_its_key_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    """Some keys are in the table, some on their way there, some in memory only."""
    monkeypatch.setattr("streams.sqlite.keys.HELD", 40)
    monkeypatch.setattr("streams.sqlite.keys._EVERY", 5)
    path, sizes = tmp_path / "baton.db", [7, 1, 30, 4, 5, 60, 3, 20, 9, 1, 1, 40, 2]
    placed: set[int] = set()
    first = 0
    for size in sizes:
        with Database(path) as database:
            known = many(0, first, "lead-1")
            assert database.log.append([*known, *many(first, size)], START_AT)
            assert database.log.append(many(0, first + size), START_AT) == []
            keyed = database.connection.execute("SELECT keyed FROM position").fetchone()[0]
            placed.add(database.connection.execute("SELECT count(*) FROM keys").fetchone()[0])
            database.close(in_order=not killed)
        first += size
        with SqliteReader(path) as reader:
            events = [each.event for each in reader.events_of("lead-1", 0, 1_000)]
        assert [each.id for each in events if each] == [f"e-{n}" for n in range(first)]
    assert 0 < keyed < first
    assert len(placed) > 3, "keys are moved step by step"
