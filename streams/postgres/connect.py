"""Connections to the database, set so that nothing waits for ever.

A frozen process must not hold others up, so a transaction in which its client is
silent is ended by the server. A peer that has gone without a word is noticed by
both sides within seconds. Statements name tables without their schema: it is the
session's search path.

Session settings are used throughout: what stands between must pool by session.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, LiteralString, Self

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from streams.postgres.failures import failures
from streams.storage import StorageError

SCHEMA: Final = "baton"
_CLIENT: Final[dict[str, str]] = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
"""Taken where the URL does not say otherwise."""
_SERVER: Final[dict[str, str]] = {
    # A commit is three short round trips: who is silent in between is frozen or gone.
    "idle_in_transaction_session_timeout": "10s",
    "lock_timeout": "5s",
    "statement_timeout": "30s",
    "client_connection_check_interval": "2s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "TimeZone": "UTC",
    "default_transaction_isolation": "read committed",
    # All statements look rows up by key, a thousand at a time. Plans are made once, and those
    # made while a table was still empty must be as good when it is not.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
_SET: Final = (
    "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS t(name, value)"
)
# What is confirmed must outlive a crash, however the database is set up otherwise.
_DURABLE: Final = (
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') = 'off'"
)
Connection = psycopg.Connection[TupleRow]


@dataclass(frozen=True, slots=True)
class Session:
    """One connection to baton's schema; one thread at a time uses it."""

    connection: Connection
    where: str
    """What the database is called in sentences."""
    schema: str

    @contextmanager
    def transaction(self, doing: str) -> Iterator[Connection]:
        """One transaction: durable when the block is left, undone on any error whatever.

        Raises `StorageError` for failures of the outside world.
        """
        connection = self.connection
        with failures(doing, self.where):
            connection.execute("BEGIN")
            try:
                yield connection
                said = connection.execute("COMMIT").statusmessage
            except BaseException:
                # On a connection that is gone the server has undone it by itself.
                with suppress(psycopg.Error):
                    connection.execute("ROLLBACK")
                raise
            # PostgreSQL answers so, without an error, where a statement failed and nobody looked.
            assert said == "COMMIT", said

    def rows(
        self, statement: LiteralString, arguments: Any = (), doing: str = "read"
    ) -> list[TupleRow]:
        """All rows of a statement, in a transaction of its own."""
        with failures(doing, self.where):
            return self.connection.execute(statement, arguments, binary=True).fetchall()

    def execute(
        self, statement: LiteralString | sql.Composed, arguments: Any = None
    ) -> psycopg.Cursor[TupleRow]:
        """Run a statement that changes something, in a transaction of its own."""
        with failures("write to", self.where):
            return self.connection.execute(statement, arguments)

    def run(self, statement: LiteralString, arguments: Any = None) -> int:
        """As `execute`; how many rows were changed."""
        return self.execute(statement, arguments).rowcount

    def close(self) -> None:
        """Close the connection. Never raises."""
        with suppress(psycopg.Error):
            self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_session(url: str, purpose: str, schema: str = SCHEMA) -> Session:
    """A connection in autocommit mode, which shows up as `baton {purpose}`.

    Raises `StorageError` if the database can't be reached. The schema need not be
    there yet (`streams.postgres.schema.prepare`).
    """
    where = place(url)
    with failures("open", where):
        connection = psycopg.connect(autocommit=True, **arguments(url, purpose))
        try:
            configure(connection, schema)
        except BaseException:
            connection.close()
            raise
    return Session(connection, where, schema)


def arguments(url: str, purpose: str) -> dict[str, Any]:
    """What `psycopg.connect` is given. Raises `StorageError` if the URL can't be read."""
    given = {"application_name": f"baton {purpose}"} | _CLIENT
    return given | _read(url)


def configure(connection: Connection, schema: str) -> None:
    """Set up a fresh session. Errors are psycopg's own."""
    path = sql.Identifier(schema).as_string(connection)
    settings = _SERVER | {"search_path": path}
    connection.execute(_SET, (list(settings), list(settings.values())))
    connection.execute(_DURABLE)


def place(url: str) -> str:
    """The database as sentences name it: without user and password."""
    given = _read(url)
    host = f"{given.get('host', 'localhost')}:{given.get('port', '5432')}"
    return f"the database {given.get('dbname', given.get('user', ''))} on {host}"


def database_now(session: Session) -> datetime:
    """The present by the database's clock, which all workers share; aware, in UTC."""
    ((at,),) = session.rows("SELECT clock_timestamp()")
    return utc(at)


def utc(at: datetime) -> datetime:
    """An instant as the rules compare them: of the one time zone object that they use."""
    return at if at.tzinfo is UTC else at.astimezone(UTC)


def _read(url: str) -> dict[str, Any]:
    try:
        return {key: value for key, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.ProgrammingError as error:
        raise StorageError(
            "Could not read BATON_DATABASE. Write it as"
            " postgresql://USER:PASSWORD@HOST:PORT/DATABASE.",
            "not_openable",
        ) from error
