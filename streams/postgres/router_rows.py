"""The router's rows: read once, accounts as they are asked for; only changed ones are written.

One row of `router` says whose they are: who writes hits it by its epoch first, or
nothing is written.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from rules.router.state import InQueue, Rep, RouterState
from streams.changed_rows import AccountRows, Rows, gone, present
from streams.postgres.connect import Connection, Session, utc
from streams.storage import FencedError

_REPS: Final = """
    INSERT INTO reps SELECT * FROM unnest(
        %b::text[], %b::bigint[], %b::boolean[], %b::timestamptz[], %b::timestamptz[], %b::bigint[]
    ) ON CONFLICT (rep) DO UPDATE SET open = excluded.open, away = excluded.away,
        away_until = excluded.away_until, heard_at = excluded.heard_at,
        last_given = excluded.last_given"""
_ACCOUNTS: Final = """
    INSERT INTO accounts SELECT * FROM unnest(%b::text[], %b::text[])
    ON CONFLICT (account) DO UPDATE SET rep = excluded.rep"""
_QUEUE: Final = """
    INSERT INTO queue SELECT * FROM unnest(
        %b::text[], %b::bigint[], %b::bigint[], %b::text[], %b::text[]
    ) ON CONFLICT (lead) DO UPDATE SET number = excluded.number, ticket = excluded.ticket,
        team = excluded.team, account = excluded.account"""
_TURNS: Final = "INSERT INTO turns SELECT * FROM unnest(%b::text[], %b::text[], %b::bigint[])"
_FENCE: Final = """
    UPDATE router SET given = %s, arrived = %s, wake_at = %s, clock_at = %s, agreement = %s
    WHERE epoch = %s"""


def seize(session: Session, holder: str) -> int:
    """Become the router whoever is it now; the epoch under which its rows may be written."""
    with session.transaction("write to") as connection:
        row = connection.execute(
            "UPDATE router SET epoch = epoch + 1, holder = %s, until_at = 'infinity'"
            " RETURNING epoch",
            (holder,),
        ).fetchone()
    assert row is not None
    epoch: int = row[0]
    return epoch


def load(session: Session) -> RouterState:
    """The router's state as last committed."""

    def find(account: str) -> str | None:
        rows = session.rows("SELECT rep FROM accounts WHERE account = %s", (account,))
        return rows[0][0] if rows else None

    turns: dict[str, dict[str, int]] = {}
    for team, rep, owed in session.rows("SELECT team, rep, owed FROM turns ORDER BY team, rep"):
        turns.setdefault(team, {})[rep] = owed
    ((given, arrived, wake_at),) = session.rows("SELECT given, arrived, wake_at FROM router")
    return RouterState(
        reps=Rows((rep, _rep(*rest)) for rep, *rest in session.rows(
            "SELECT rep, open, away, away_until, heard_at, last_given FROM reps ORDER BY rep"
        )),
        accounts=AccountRows(find),
        turns=Rows(turns),
        queue=Rows((row[1], InQueue(*row)) for row in session.rows(
            "SELECT number, lead, ticket, team, account FROM queue ORDER BY number"
        )),
        given=given,
        arrived=arrived,
        wake_at=_maybe(wake_at),
    )  # fmt: skip


def write(
    connection: Connection,
    epoch: int,
    state: RouterState,
    now: datetime | None,
    agreement: str | None,
) -> None:
    """Write the rows that have changed, inside a transaction of the caller's.

    Raises `FencedError` if the router is somebody else's by now.
    """
    values = (state.given, state.arrived, state.wake_at, now, agreement, epoch)
    if connection.execute(_FENCE, values).rowcount != 1:
        raise fenced(epoch)
    with connection.pipeline():
        _write_rows(connection, state)


def fenced(epoch: int) -> FencedError:
    """The error of a router that is not the one any more."""
    return FencedError(
        f"Another process has become the router (after epoch {epoch}); nothing of this one's is"
        " written any more."
    )


def _write_rows(connection: Connection, state: RouterState) -> None:
    if reps := present(state.reps):
        rows = [row for _, row in reps]
        connection.execute(
            _REPS,
            (
                [rep for rep, _ in reps],
                [row.open for row in rows],
                [row.away for row in rows],
                [row.away_until for row in rows],
                [row.heard_at for row in rows],
                [row.last_given for row in rows],
            ),
        )
    if accounts := present(state.accounts):
        connection.execute(_ACCOUNTS, _columns(accounts))
    if queued := [row for _, row in present(state.queue)]:
        values = [(row.lead, row.number, row.ticket, row.team, row.account) for row in queued]
        connection.execute(_QUEUE, _columns(values))
    if left := gone(state.reps):
        connection.execute("DELETE FROM reps WHERE rep = ANY(%b)", (left,))
    if left := gone(state.accounts):
        connection.execute("DELETE FROM accounts WHERE account = ANY(%b)", (left,))
    if left := gone(state.queue):
        connection.execute("DELETE FROM queue WHERE lead = ANY(%b)", (left,))
    teams = present(state.turns)
    if left := gone(state.turns) + [team for team, _ in teams]:
        connection.execute("DELETE FROM turns WHERE team = ANY(%b)", (left,))
    if turns := [(team, rep, owed) for team, row in teams for rep, owed in row.items()]:
        connection.execute(_TURNS, _columns(turns))


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _rep(
    open_leads: int,
    away: bool,
    away_until: datetime | None,
    heard_at: datetime | None,
    last_given: int,
) -> Rep:
    return Rep(
        open=open_leads,
        away=away,
        away_until=_maybe(away_until),
        heard_at=_maybe(heard_at),
        last_given=last_given,
    )


def _maybe(at: datetime | None) -> datetime | None:
    return None if at is None else utc(at)
