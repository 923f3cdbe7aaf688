"""The tables, and how a schema of an earlier release becomes one of this release.

`migrations` counts what a schema has been through. A migration that was released
is never changed: the next one is added to the end. All of them together are one
transaction under an advisory lock, so that processes may start at the same time.

**Positions.** Partitions commit beside each other, so a sequence over all of them
would show gaps that are filled later, and a reader that pages would skip those
rows. A decision's `position` is therefore made of its transaction's number, which
all partitions share, and its place in that transaction. Readers look only at
transactions older than any that is still running (`streams.postgres.reading`), so
nothing ever appears behind a position that was shown. Transaction numbers begin
anew where a dump is restored elsewhere: `positions.base` is added to them, and is
raised at the start wherever it must be.
"""

from typing import Final, LiteralString

from psycopg import sql

from streams.postgres.connect import Connection, Session
from streams.postgres.failures import failures, storage_error
from streams.storage import StorageError

_FIRST_RELEASE: Final[tuple[LiteralString, ...]] = (
    "CREATE TABLE positions (base bigint NOT NULL)",
    "INSERT INTO positions VALUES (0)",
    # One row per source partition: what its last commit came to, whose it is (`epoch`), and the
    # newest number of each kind of row that its writer numbers.
    """CREATE TABLE partitions (
        partition integer PRIMARY KEY,
        topic_id text NOT NULL,
        epoch bigint NOT NULL,
        next_offset bigint NOT NULL DEFAULT 0,
        clock_at timestamptz,
        agreement text,
        decision bigint NOT NULL DEFAULT 0,
        request bigint NOT NULL DEFAULT 0,
        answered bigint NOT NULL DEFAULT 0
    ) WITH (fillfactor = 10)""",
    # Where in each partition's log an agreement came into force: its decisions can be derived anew.
    """CREATE TABLE adoptions (
        partition integer NOT NULL,
        next_offset bigint NOT NULL,
        at timestamptz NOT NULL,
        agreement text NOT NULL
    )""",
    # How far a partition's rows have been sent to Kafka. Apart from `partitions`, so that who
    # sends and who commits never wait for each other.
    """CREATE TABLE sent (
        partition integer PRIMARY KEY,
        decision bigint NOT NULL DEFAULT 0
    ) WITH (fillfactor = 10)""",
    # `home` is the partition that wakes the lead: the one that wrote it last. `version` grows with
    # every write. `decision` is the newest of the lead's; each names the one before it, with its
    # time, which says in which month's table it is.
    """CREATE TABLE leads (
        id text COLLATE "C" PRIMARY KEY,
        home integer NOT NULL,
        version bigint NOT NULL,
        wake_at timestamptz,
        stage text NOT NULL,
        temperature text,
        owner text,
        decision bigint,
        decided_at timestamptz,
        state bytea NOT NULL
    ) WITH (fillfactor = 80)""",
    "CREATE INDEX leads_by_wake ON leads (home, wake_at, id) WHERE wake_at IS NOT NULL",
    "CREATE INDEX leads_by_stage ON leads (stage, id)",
    "CREATE INDEX leads_by_temperature ON leads (temperature, id) WHERE temperature IS NOT NULL",
    "CREATE INDEX leads_by_owner ON leads (owner, id) WHERE owner IS NOT NULL",
    # By month (`streams.postgres.stretches`): what is old is dropped as a whole.
    """CREATE TABLE decisions (
        partition integer NOT NULL,
        seq bigint NOT NULL,
        position bigint NOT NULL,
        time_at timestamptz NOT NULL,
        lead text COLLATE "C" NOT NULL,
        previous bigint,
        previous_at timestamptz,
        body bytea NOT NULL,
        PRIMARY KEY (partition, seq, time_at)
    ) PARTITION BY RANGE (time_at)""",
    "CREATE INDEX decisions_by_position ON decisions (position)",
    # By week: whatever is older than events are remembered is dropped.
    """CREATE TABLE names (
        key uuid NOT NULL,
        seen_at timestamptz NOT NULL
    ) PARTITION BY RANGE (seen_at)""",
    "CREATE INDEX names_by_key ON names (key)",
    """CREATE TABLE requests (
        partition integer NOT NULL,
        number bigint NOT NULL,
        at timestamptz NOT NULL,
        body bytea NOT NULL,
        PRIMARY KEY (partition, number)
    )""",
    """CREATE TABLE answers (
        partition integer NOT NULL,
        number bigint NOT NULL,
        at timestamptz NOT NULL,
        body bytea NOT NULL,
        PRIMARY KEY (partition, number)
    )""",
    # Accepted events that the agreement in force can't take, until they are sent to their topic.
    """CREATE TABLE dead_letters (
        number bigint GENERATED ALWAYS AS IDENTITY,
        partition integer NOT NULL,
        record bigint NOT NULL,
        at timestamptz NOT NULL,
        body bytea NOT NULL,
        PRIMARY KEY (partition, number)
    )""",
    # One row: whose the router is, for how long unless renewed, and what its last commit came to.
    """CREATE TABLE router (
        epoch bigint NOT NULL,
        holder text NOT NULL,
        until_at timestamptz NOT NULL,
        clock_at timestamptz,
        agreement text,
        input bigint NOT NULL,
        given bigint NOT NULL,
        arrived bigint NOT NULL,
        wake_at timestamptz
    ) WITH (fillfactor = 10)""",
    "INSERT INTO router VALUES (0, '', '-infinity', NULL, NULL, 0, 0, 0, NULL)",
    """CREATE TABLE reps (
        rep text PRIMARY KEY,
        open bigint NOT NULL,
        away boolean NOT NULL,
        away_until timestamptz,
        heard_at timestamptz,
        last_given bigint NOT NULL
    ) WITH (fillfactor = 50)""",
    "CREATE TABLE accounts (account text PRIMARY KEY, rep text NOT NULL) WITH (fillfactor = 80)",
    """CREATE TABLE turns (
        team text NOT NULL,
        rep text NOT NULL,
        owed bigint NOT NULL,
        PRIMARY KEY (team, rep)
    ) WITH (fillfactor = 50)""",
    """CREATE TABLE queue (
        lead text PRIMARY KEY,
        number bigint NOT NULL,
        ticket bigint NOT NULL,
        team text NOT NULL,
        account text
    )""",
    # Per partition: the newest request that was taken, and the newest answer that was given.
    """CREATE TABLE router_cursors (
        partition integer PRIMARY KEY,
        taken bigint NOT NULL,
        answered bigint NOT NULL
    ) WITH (fillfactor = 10)""",
    # The order in which the router took things: a request, a wake-up (nothing named), or an
    # agreement that came into force.
    """CREATE TABLE router_inputs (
        seq bigint PRIMARY KEY,
        at timestamptz NOT NULL,
        partition integer,
        number bigint,
        agreement text
    )""",
    "CREATE TABLE agreements (digest text PRIMARY KEY, text bytea NOT NULL)",
    # Which agreement was put in force when; the newest is the one that holds.
    """CREATE TABLE activations (
        number bigint PRIMARY KEY,
        at timestamptz NOT NULL,
        digest text NOT NULL REFERENCES agreements
    )""",
)
MIGRATIONS: Final[tuple[tuple[LiteralString, ...], ...]] = (_FIRST_RELEASE,)
"""What makes version n + 1 of version n; version 0 is an empty schema."""
IN_TRANSACTION: Final = 20
"""Bits of a position that are a decision's place in its transaction."""
_LOCK: Final = "SELECT pg_advisory_xact_lock(1650553966, hashtext(%s))"
"""Of the schema by its name; the first number is 'batn' in ASCII."""
_PATIENT: Final = "SET LOCAL lock_timeout = '60s'; SET LOCAL statement_timeout = 0"
_RAISE_BASE: Final = f"""
    WITH newest AS (SELECT coalesce(max(position), 0) >> {IN_TRANSACTION} AS at FROM decisions),
    present AS (SELECT pg_current_xact_id()::text::bigint AS at)
    UPDATE positions SET base = newest.at - present.at + 1
    FROM newest, present WHERE positions.base + present.at <= newest.at"""


def prepare(
    session: Session, migrations: tuple[tuple[LiteralString, ...], ...] = MIGRATIONS
) -> None:
    """Make the schema, or bring it to this release. Every process that writes calls it first.

    Raises `StorageError` for a schema that is another program's or a newer
    release's, and for a user that may not make one.
    """
    with session.transaction("prepare") as connection:
        connection.execute(_PATIENT)
        lock(connection, session.schema)
        known = _version(connection, session)
        if known is None:
            name = sql.Identifier(session.schema)
            # It may have been made for us, and making one is not everybody's right.
            found = "SELECT FROM pg_namespace WHERE nspname = %s"
            if connection.execute(found, (session.schema,)).fetchone() is None:
                connection.execute(sql.SQL("CREATE SCHEMA {}").format(name))
            connection.execute("CREATE TABLE migrations (version integer PRIMARY KEY)")
        for number in range(known or 0, len(migrations)):
            for statement in migrations[number]:
                connection.execute(statement)
            connection.execute("INSERT INTO migrations VALUES (%s)", (number + 1,))
        connection.execute(_RAISE_BASE)


def check(session: Session) -> None:
    """Raise `StorageError` unless the schema is of this release; for processes that only read."""
    with failures("read", session.where):
        known = _version(session.connection, session)
    if known != len(MIGRATIONS):
        raise StorageError(
            f"Could not read {session.where}: there is no store of this release of baton in its"
            f" schema {session.schema}. Start `baton worker` on it once, which brings it up to"
            " date.",
            "not_openable",
        )


def lock(connection: Connection, schema: str) -> None:
    """Let nobody else change the schema's tables until the transaction's end."""
    connection.execute(_LOCK, (schema,))


def _version(connection: Connection, session: Session) -> int | None:
    """How many migrations the schema has been through; None where there is nothing yet."""
    found = connection.execute(
        "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
        " WHERE nspname = %s AND relkind IN ('r', 'p', 'v')",
        (session.schema,),
    ).fetchall()
    if not found:
        return None
    if ("migrations",) not in found:
        raise storage_error("not_ours", "open", session.where)
    row = connection.execute("SELECT coalesce(max(version), 0) FROM migrations").fetchone()
    assert row is not None
    version: int = row[0]
    if version > len(MIGRATIONS):
        raise storage_error("too_new", "open", session.where)
    return version
