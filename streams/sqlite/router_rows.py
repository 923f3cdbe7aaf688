"""The router's rows: read once, accounts as they are asked for; only changed ones are written."""

import sqlite3
from pathlib import Path

from rules.router.state import InQueue, Rep, RouterState
from streams.changed_rows import AccountRows, Rows, gone, present
from streams.sqlite.failures import failures
from streams.sqlite.stamps import maybe_at, maybe_us


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
            for rep, row in present(state.reps)
        ],
    )  # fmt: skip
    connection.executemany("INSERT OR REPLACE INTO accounts VALUES (?, ?)", present(state.accounts))
    connection.executemany(
        "INSERT OR REPLACE INTO queue VALUES (?, ?, ?, ?, ?)",
        [
            (row.lead, row.number, row.ticket, row.team, row.account)
            for _, row in present(state.queue)
        ],
    )
    for table, key, rows in (
        ("reps", "rep", state.reps),
        ("accounts", "account", state.accounts),
        ("queue", "lead", state.queue),
        ("turns", "team", state.turns),
    ):
        deleted = gone(rows)
        if table == "turns":
            # A team's turns are several rows, written anew as a whole.
            deleted += [team for team, _ in present(state.turns)]
        connection.executemany(
            f"DELETE FROM {table} WHERE {key} = ?", [(each,) for each in deleted]
        )
    connection.executemany(
        "INSERT INTO turns VALUES (?, ?, ?)",
        [(team, rep, owed) for team, row in present(state.turns) for rep, owed in row.items()],
    )
    connection.execute(
        "UPDATE router SET given = ?1, arrived = ?2, wake_at = ?3"
        " WHERE (given, arrived, wake_at) IS NOT (?1, ?2, ?3)",
        (state.given, state.arrived, maybe_us(state.wake_at)),
    )
