"""The router's rows: read once, accounts as they are asked for; only changed ones are written."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from rules.router.state import InQueue, Rep, RouterState
from streams.sqlite.failures import failures
from streams.sqlite.stamps import maybe_at, maybe_us

_ACCOUNTS_HELD: Final = 20_000
"""Accounts that are kept in memory at most."""
Row = TypeVar("Row")


class Rows(dict[str, Row], Generic[Row]):
    """A table's rows by their key, which notes those that were changed since it was written."""

    def __init__(self, rows: Mapping[str, Row] | Iterable[tuple[str, Row]] = ()) -> None:
        super().__init__(rows)
        self.changed: dict[str, None] = {}

    def __setitem__(self, key: str, row: Row) -> None:
        self.changed[key] = None
        super().__setitem__(key, row)

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self.changed[key] = None

    def pop(self, key: str, *default: Any) -> Any:
        """Remove a row and return it, or `default` if there is none."""
        if key in self:
            self.changed[key] = None
        return super().pop(key, *default)

    def _untracked(self, *_: Any, **__: Any) -> Any:
        raise TypeError("rows are changed one by one, so that each change is noted")

    clear = update = setdefault = popitem = __ior__ = _untracked

    def written(self) -> None:
        """Everything that was changed is in the file."""
        self.changed = {}


class AccountRows(Rows[str]):
    """Accounts, looked up in the file when they are first asked for.

    There may be millions, so `len` and iteration see those in memory only.
    """

    def __init__(self, find: Callable[[str], str | None]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, account: str) -> str:
        # A row that was removed and not yet written must not be found again.
        rep = None if account in self.changed else self._find(account)
        if rep is None:
            raise KeyError(account)
        dict.__setitem__(self, account, rep)
        return rep

    def __delitem__(self, account: str) -> None:
        # Read first, if need be: only what is in memory can be removed from it.
        if account in self:
            super().__delitem__(account)
            return
        raise KeyError(account)

    def __contains__(self, account: object) -> bool:
        return isinstance(account, str) and self.get(account) is not None

    def get(self, account: str, default: Any = None) -> Any:
        """The account's latest rep."""
        try:
            return self[account]
        except KeyError:
            return default

    def written(self) -> None:
        """Everything that was changed is in the file, and may be forgotten here."""
        super().written()
        if len(self) > _ACCOUNTS_HELD:
            dict.clear(self)


def load(connection: sqlite3.Connection, path: Path) -> RouterState:
    """The router's state as last committed."""

    def find(account: str) -> str | None:
        with failures("read", path):
            row = connection.execute(
                "SELECT rep FROM accounts WHERE account = ?", (account,)
            ).fetchone()
        return row[0] if row else None

    given, arrived, wake_at = connection.execute(
        "SELECT given, arrived, wake_at FROM router"
    ).fetchone()
    return RouterState(
        reps=Rows((rep, _rep(*rest)) for rep, *rest in connection.execute(
            "SELECT rep, open, away, away_until, heard_at, last_given FROM reps ORDER BY rep"
        )),
        accounts=AccountRows(find),
        turns=Rows(_turns(connection)),
        queue=Rows((row[1], InQueue(*row)) for row in connection.execute(
            "SELECT number, lead, ticket, team, account FROM queue ORDER BY number"
        )),
        given=given,
        arrived=arrived,
        wake_at=maybe_at(wake_at),
    )  # fmt: skip


def _rep(
    open_leads: int, away: int, away_until: int | None, heard_at: int | None, last_given: int
) -> Rep:
    return Rep(
        open=open_leads,
        away=bool(away),
        away_until=maybe_at(away_until),
        heard_at=maybe_at(heard_at),
        last_given=last_given,
    )


def _turns(connection: sqlite3.Connection) -> dict[str, dict[str, int]]:
    turns: dict[str, dict[str, int]] = {}
    for team, rep, owed in connection.execute("SELECT team, rep, owed FROM turns"):
        turns.setdefault(team, {})[rep] = owed
    return turns


def write(connection: sqlite3.Connection, state: RouterState) -> None:
    """Write the rows that have changed; inside the store's transaction."""
    connection.executemany(
        "INSERT OR REPLACE INTO reps VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                rep, row.open, row.away, maybe_us(row.away_until), maybe_us(row.heard_at),
                row.last_given,
            )
            for rep, row in _present(state.reps)
        ],
    )  # fmt: skip
    connection.executemany(
        "INSERT OR REPLACE INTO accounts VALUES (?, ?)", _present(state.accounts)
    )
    connection.executemany(
        "INSERT OR REPLACE INTO queue VALUES (?, ?, ?, ?, ?)",
        [
            (row.lead, row.number, row.ticket, row.team, row.account)
            for _, row in _present(state.queue)
        ],
    )
    for table, key, rows in (
        ("reps", "rep", state.reps),
        ("accounts", "account", state.accounts),
        ("queue", "lead", state.queue),
        ("turns", "team", state.turns),
    ):
        gone = _gone(rows, even_present=table == "turns")
        connection.executemany(f"DELETE FROM {table} WHERE {key} = ?", gone)
    connection.executemany(
        "INSERT INTO turns VALUES (?, ?, ?)",
        [(team, rep, owed) for team, row in _present(state.turns) for rep, owed in row.items()],
    )
    connection.execute(
        "UPDATE router SET given = ?1, arrived = ?2, wake_at = ?3"
        " WHERE (given, arrived, wake_at) IS NOT (?1, ?2, ?3)",
        (state.given, state.arrived, maybe_us(state.wake_at)),
    )


def written(state: RouterState) -> None:
    """The transaction has been committed."""
    for rows in (state.reps, state.accounts, state.turns, state.queue):
        assert isinstance(rows, Rows)
        rows.written()


def _present(rows: dict[str, Row]) -> list[tuple[str, Row]]:
    assert isinstance(rows, Rows)
    return [(key, rows[key]) for key in rows.changed if dict.__contains__(rows, key)]


def _gone(rows: dict[str, Any], *, even_present: bool) -> list[tuple[str]]:
    assert isinstance(rows, Rows)
    return [(key,) for key in rows.changed if even_present or not dict.__contains__(rows, key)]
