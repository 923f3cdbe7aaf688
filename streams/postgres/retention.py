"""Forgetting: what is older than the retention, and no open lead's, goes in small steps.

A lead is open while it has not ended and somebody has it, or it waits for
something (`wake_at`). Its decisions stay however old they are; states stay. A
month of decisions of which nothing is left is dropped as a table, and so is a week
of names that are too old to be repeats. Requests, answers and the router's inputs
go when both sides have taken them and they are old. A decision that has not been
sent stays.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

import psycopg
from psycopg import sql

from rules.vocabulary import ENDED
from streams.engine import REMEMBERED
from streams.postgres.connect import Session
from streams.postgres.stretches import Stretch, left_over, stretches

DEFAULT: Final = timedelta(days=400)
LEAST: Final = REMEMBERED
_ENDED: Final = sql.SQL(", ").join(sql.Literal(stage) for stage in sorted(ENDED))
# The next rows by position, however old they are: times rise with positions, but for a partition
# that is behind, and a statement that looks for the old among the young would look at all.
_SWEEP: Final = sql.SQL("""
    WITH looked AS MATERIALIZED (
        SELECT ctid, position, time_at FROM {table} WHERE position > %(after)s
        ORDER BY position LIMIT %(limit)s
    ), gone AS (
        DELETE FROM {table} AS decided USING looked
        WHERE decided.ctid = looked.ctid AND looked.time_at < %(before)s
        AND decided.seq <= coalesce(
            (SELECT decision FROM sent WHERE sent.partition = decided.partition), 0)
        AND NOT EXISTS (
            SELECT 1 FROM leads WHERE leads.id = decided.lead AND stage NOT IN ({ended})
            AND (owner IS NOT NULL OR wake_at IS NOT NULL))
        RETURNING 1
    ) SELECT max(position), coalesce(bool_or(time_at < %(before)s), false),
        (SELECT count(*) FROM gone) FROM looked""")
_REQUESTS: Final = """
    DELETE FROM requests USING (
        SELECT next.* FROM router_cursors CROSS JOIN LATERAL (
            SELECT partition, number, at FROM requests
            WHERE requests.partition = router_cursors.partition AND number <= taken
            ORDER BY number LIMIT %(limit)s
        ) AS next WHERE next.at < %(before)s
    ) AS old WHERE requests.partition = old.partition AND requests.number = old.number"""
_ANSWERS: Final = """
    DELETE FROM answers USING (
        SELECT next.* FROM partitions CROSS JOIN LATERAL (
            SELECT partition, number, at FROM answers
            WHERE answers.partition = partitions.partition AND number <= answered
            ORDER BY number LIMIT %(limit)s
        ) AS next WHERE next.at < %(before)s
    ) AS old WHERE answers.partition = old.partition AND answers.number = old.number"""
_INPUTS: Final = """
    DELETE FROM router_inputs WHERE at < %(before)s AND seq IN (
        SELECT seq FROM router_inputs ORDER BY seq LIMIT %(limit)s)"""


class Deleted(NamedTuple):
    """What one step deleted, and whether there is more to look at."""

    decisions: int
    tables: int
    routing: int
    """Requests, answers and inputs of the router."""
    more: bool


class Sweep:
    """One walk through everything that is older than `keep` at `now`.

    `now` is a moment that all partitions have lived through: a partition that is
    behind still asks for names that were too old for the others. Each `step` looks
    at `limit` rows, in short transactions of its own beside the writers'; one
    process at a time sweeps. Begin a new sweep once a day or so.
    """

    def __init__(self, session: Session, now: datetime, keep: timedelta = DEFAULT) -> None:
        if keep < LEAST:
            raise ValueError(f"events must be kept for {LEAST.days} days at least")
        self._session = session
        self._before = now - keep
        self._names_before = now - REMEMBERED
        self._months = [
            each for each in stretches(session, "decisions") if each.from_at < self._before
        ]
        self._position = 0

    def step(self, limit: int = 500) -> Deleted:
        """Delete what may go among the next rows. Raises `StorageError`."""
        tables = self._drop_names()
        values = {"before": self._before, "limit": limit}
        routing = [
            self._session.run(statement, values) for statement in (_REQUESTS, _ANSWERS, _INPUTS)
        ]
        decisions = 0
        if self._months:
            reached, decisions = self._sweep(self._months[0], limit)
            if reached is None:
                tables += self._drop_if_empty(self._months.pop(0))
                self._position = 0
            else:
                self._position = reached
        more = bool(self._months) or max(routing) >= limit
        return Deleted(decisions, tables, sum(routing), more)

    def _drop_names(self) -> int:
        for name in left_over(self._session):
            self._session.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
        old = [
            each
            for each in stretches(self._session, "names")
            if each.until_at <= self._names_before
        ]
        for each in old:
            drop(self._session, each)
        return len(old)

    def _sweep(self, month: Stretch, limit: int) -> tuple[int | None, int]:
        """The last position that was looked at, None at the end, and how many were deleted."""
        statement = _SWEEP.format(table=sql.Identifier(month.name), ended=_ENDED)
        values = {"after": self._position, "before": self._before, "limit": limit}
        row = self._session.execute(statement, values).fetchone()
        assert row is not None
        reached, has_old, count = row
        return reached if has_old else None, count

    def _drop_if_empty(self, month: Stretch) -> int:
        if month.until_at > self._before:
            return 0
        some = sql.SQL("SELECT FROM {} LIMIT 1").format(sql.Identifier(month.name))
        found = self._session.execute(some).fetchone()
        if found is not None:
            return 0
        drop(self._session, month)
        return 1


def drop(session: Session, stretch: Stretch) -> None:
    """Drop a stretch without keeping others from the big table meanwhile.

    What an earlier process began and did not finish is finished.
    """
    parent, table = sql.Identifier(stretch.parent), sql.Identifier(stretch.name)
    detach = sql.SQL("ALTER TABLE {} DETACH PARTITION {} {}")
    try:
        session.execute(detach.format(parent, table, sql.SQL("CONCURRENTLY")))
    except psycopg.errors.ObjectNotInPrerequisiteState:
        session.execute(detach.format(parent, table, sql.SQL("FINALIZE")))
    session.execute(sql.SQL("DROP TABLE {}").format(table))
