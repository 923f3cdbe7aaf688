"""The router's rows: what is written, what is held in memory."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from rules.router.state import Rep
from streams import changed_rows
from streams.changed_rows import Rows
from streams.sqlite.database import Database
from streams.storage import StorageError
from tests.conformance.material import work


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "baton.db") as opened:
        yield opened


def test_only_changed_rows_are_written(database: Database) -> None:
    router = database.store.router()
    for number in range(50):
        router.reps[f"rep-{number}"] = Rep(open=number)
    database.store.commit(work())
    written: list[str] = []
    database.connection.set_trace_callback(written.append)
    router.reps["rep-7"] = Rep(open=1)
    database.store.commit(work())
    database.store.commit(work())
    database.connection.set_trace_callback(None)
    assert [each for each in written if "INTO reps" in each] == [
        "INSERT OR REPLACE INTO reps VALUES ('rep-7', 1, 0, NULL, NULL, 0)"
    ]


def test_few_accounts_are_held(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changed_rows, "_ACCOUNTS_HELD", 10)
    accounts = database.store.router().accounts
    for number in range(100):
        accounts[f"firm-{number}"] = "marco"
    assert len(accounts) == 100
    database.store.commit(work())
    assert len(accounts) == 0
    assert accounts.get("firm-3") == "marco"
    assert len(accounts) == 1


def test_rows_change_in_no_way_that_is_not_noted() -> None:
    rows = Rows({"a": 1})
    for change in (
        lambda: rows.update(a=2),
        rows.clear,
        rows.popitem,
        lambda: rows.setdefault("b", 1),
    ):
        with pytest.raises(TypeError):
            change()
    assert (rows, rows.changed) == ({"a": 1}, {})


def test_an_account_that_cannot_be_looked_up_is_told(database: Database) -> None:
    accounts = database.store.router().accounts
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("PRAGMA writable_schema = ON")
    other.execute("UPDATE sqlite_schema SET rootpage = 9999 WHERE name = 'accounts'")
    other.execute("PRAGMA user_version = 1")
    other.close()
    database.connection.execute("PRAGMA schema_version = 99")
    with pytest.raises(StorageError) as raised:
        accounts.get("firm-1")
    assert raised.value.reason == "damaged"
    database.connection.execute("PRAGMA writable_schema = RESET")
