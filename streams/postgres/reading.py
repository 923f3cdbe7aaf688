"""What readers ask of the store: leads, decisions, agreements, where partitions stand.

**Decisions of all partitions are one list**, by position (`streams.postgres.schema`).
A page shows only what was written by transactions older than any that still runs:
none of those can add anything before or between what was shown, so a position that
was given out stays a place to go on from. What is decided shows up as soon as older
transactions have ended, as a rule within milliseconds; a transaction that writes
for long, also another program's in the same cluster, holds newer pages back for as
long. The list of a single lead needs none of that: one partition writes it.

Leads are listed by id, all lists are paged by key, and a page costs the same
wherever it is.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, LiteralString, NamedTuple, Self

from psycopg_pool import ConnectionPool

from rules.lead.state import Lead
from streams.postgres import agreements, schema
from streams.postgres.connect import (
    SCHEMA,
    Connection,
    Session,
    arguments,
    configure,
    open_session,
    place,
    utc,
)
from streams.postgres.failures import failures
from streams.postgres.lead_rows import decoded
from streams.postgres.schema import IN_TRANSACTION

_CONNECTIONS: Final = 4
"""As many as `streams.http.reading` reads at one moment."""
_WAIT_S: Final = 5.0
_SETTLED: Final = f"""(
    SELECT (base + pg_snapshot_xmin(pg_current_snapshot())::text::bigint) << {IN_TRANSACTION}
    FROM positions)"""
# Newest first, and no further back than asked for. Each row names the one before it and its time,
# so that every step looks into one month's table.
_CHAIN: Final = """
    WITH RECURSIVE chain AS (
        SELECT decisions.position, decisions.previous, decisions.previous_at, decisions.body
        FROM leads JOIN decisions ON decisions.position = leads.decision
            AND decisions.time_at = leads.decided_at
        WHERE leads.id = %(lead)s AND decisions.position > %(after)s
        UNION ALL
        SELECT decisions.position, decisions.previous, decisions.previous_at, decisions.body
        FROM chain JOIN decisions ON decisions.position = chain.previous
            AND decisions.time_at = chain.previous_at
        WHERE decisions.position > %(after)s
    )"""


class Standing(NamedTuple):
    """Where a partition stands: what its last commit came to, and what of it was sent."""

    partition: int
    topic_id: str
    epoch: int
    next_offset: int
    """Of the first record by Kafka's count that has not been taken."""
    clock_at: datetime | None
    agreement: str | None
    decision: int
    """The number of its newest decision."""
    sent: int
    """The number of its newest decision that is known to be in Kafka."""


class PostgresReader:
    """The store for any number of threads. Every method raises `StorageError`."""

    def __init__(self, url: str, name: str = SCHEMA) -> None:
        """Raises `StorageError` if there is no store of this release."""
        self._where, self._schema = place(url), name
        # Asked of one connection first, which says at once what is wrong.
        with open_session(url, "reader", name) as session:
            schema.check(session)
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            kwargs={"autocommit": True, **arguments(url, "reader")},
            min_size=0,
            max_size=_CONNECTIONS,
            timeout=_WAIT_S,
            configure=lambda connection: configure(connection, name),
            check=ConnectionPool.check_connection,
            open=True,
            name="baton reader",
        )

    def lead(self, lead_id: str) -> Lead | None:
        """The lead as last committed."""
        rows = self._rows("SELECT state FROM leads WHERE id = %s", (lead_id,))
        return decoded(rows[0][0], self._where) if rows else None

    def leads(
        self, wanted: tuple[str | None, str | None, str | None], after: str | None, limit: int
    ) -> list[Lead]:
        """Leads in the order of their ids, those behind the id `after`, no more than `limit`.

        `wanted` is stage, temperature and owner; None asks for any.
        """
        statement: LiteralString = "SELECT state FROM leads WHERE id > %s"
        values: list[Any] = ["" if after is None else after]
        stage, temperature, owner = wanted
        for term, value in (
            (" AND stage = %s", stage),
            (" AND temperature = %s", temperature),
            (" AND owner = %s", owner),
        ):
            if value is not None:
                statement += term
                values.append(value)
        rows = self._rows(f"{statement} ORDER BY id LIMIT %s", (*values, limit))
        return [decoded(state, self._where) for (state,) in rows]

    def decisions(
        self, after: int, limit: int, lead: str | None = None
    ) -> Sequence[tuple[int, bytes]]:
        """Position and CloudEvent of decisions above `after`, in order, no more than `limit`."""
        if lead is None:
            rows = self._rows(
                "SELECT position, body FROM decisions WHERE position > %s"
                f" AND position < {_SETTLED} ORDER BY position LIMIT %s",
                (after, limit),
            )
        else:
            rows = self._rows(
                f"{_CHAIN} SELECT position, body FROM chain ORDER BY position LIMIT %(limit)s",
                {"lead": lead, "after": after, "limit": limit},
            )
        return [(position, body) for position, body in rows]

    def latest_decisions(self, lead: str, limit: int) -> Sequence[tuple[int, bytes]]:
        """The lead's newest decisions, oldest of them first."""
        rows = self._rows(
            f"{_CHAIN} SELECT position, body FROM chain LIMIT %(limit)s",
            {"lead": lead, "after": 0, "limit": limit},
        )
        return [(position, body) for position, body in rows[::-1]]

    def newest(self) -> int:
        """The position of the newest decision that `decisions` shows; 0 if there is none."""
        rows = self._rows(
            f"SELECT coalesce(max(position), 0) FROM decisions WHERE position < {_SETTLED}"
        )
        position: int = rows[0][0]
        return position

    def standings(self) -> list[Standing]:
        """Where each partition stands, by its number."""
        rows = self._rows(
            "SELECT partitions.partition, topic_id, epoch, next_offset, clock_at, agreement,"
            " partitions.decision, coalesce(sent.decision, 0)"
            " FROM partitions LEFT JOIN sent USING (partition) ORDER BY 1"
        )
        standings = [Standing(*row) for row in rows]
        return [
            each._replace(clock_at=utc(each.clock_at)) if each.clock_at else each
            for each in standings
        ]

    def agreement(self, digest: str) -> bytes | None:
        """The text of a stored agreement."""
        with self._session() as session:
            return agreements.text_of(session, digest)

    def in_force(self) -> str | None:
        """The digest of the agreement that was put in force last; None before the first."""
        with self._session() as session:
            newest = agreements.active(session)
        return newest.digest if newest else None

    def lead_count(self) -> int:
        """How many leads there are. They are counted: a second for every few million."""
        count: int = self._rows("SELECT count(*) FROM leads")[0][0]
        return count

    def present(self) -> datetime:
        """The present by the database's clock; aware, in UTC."""
        return utc(self._rows("SELECT clock_timestamp()")[0][0])

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rows(self, statement: LiteralString, values: Any = ()) -> list[tuple[Any, ...]]:
        with self._session() as session:
            return session.rows(statement, values)

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with failures("read", self._where), self._pool.connection() as connection:
            yield Session(connection, self._where, self._schema)
