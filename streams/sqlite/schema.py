"""The tables, and how a file of an earlier release becomes one of this release.

`PRAGMA application_id` tells our files from others', `PRAGMA user_version` counts
the migrations that a file has been through. A migration that was released is
never changed: the next one is added to the end.
"""

import sqlite3
from typing import Final

APPLICATION_ID: Final = 0x62_61_74_6E
"""'batn' in ASCII."""

_FIRST_RELEASE: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    # One row: what the last commit came to, and the number of the newest decision.
    """CREATE TABLE position (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        offset INTEGER NOT NULL,
        clock_at INTEGER,
        agreement TEXT,
        decision INTEGER NOT NULL,
        keyed INTEGER NOT NULL
    ) STRICT""",
    "INSERT INTO position VALUES (1, 0, NULL, NULL, 0, 0)",
    # `agreement` is set instead of the rest where the record activates one; `key` is that of
    # `streams.sqlite.names`, or nothing once the event may be sent again.
    """CREATE TABLE events (
        seq INTEGER PRIMARY KEY,
        stamped_at INTEGER NOT NULL,
        key INTEGER,
        subject TEXT,
        agreement TEXT,
        body BLOB
    ) STRICT""",
    # Of events up to `position.keyed`, and some younger ones (`streams.sqlite.keys`).
    """CREATE TABLE keys (
        key INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (key, seq)
    ) STRICT, WITHOUT ROWID""",
    # A row id of its own keeps rows of one age together and the other indexes small.
    # `decision` is the newest of the lead's; each names the one before it. To follow them
    # costs a reader less than an index of them, written at random places, costs the writer.
    """CREATE TABLE leads (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        wake_at INTEGER,
        stage TEXT NOT NULL,
        temperature TEXT,
        owner TEXT,
        decision INTEGER,
        state BLOB NOT NULL
    ) STRICT""",
    "CREATE INDEX leads_by_wake ON leads (wake_at, id) WHERE wake_at IS NOT NULL",
    "CREATE INDEX leads_by_stage ON leads (stage)",
    "CREATE INDEX leads_by_standing ON leads (stage, temperature) WHERE temperature IS NOT NULL",
    "CREATE INDEX leads_by_temperature ON leads (temperature) WHERE temperature IS NOT NULL",
    "CREATE INDEX leads_by_owner ON leads (owner) WHERE owner IS NOT NULL",
    """CREATE TABLE decisions (
        seq INTEGER PRIMARY KEY,
        lead TEXT NOT NULL,
        previous INTEGER,
        time_at INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE router (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        given INTEGER NOT NULL,
        arrived INTEGER NOT NULL,
        wake_at INTEGER
    ) STRICT""",
    "INSERT INTO router VALUES (1, 0, 0, NULL)",
    """CREATE TABLE reps (
        rep TEXT PRIMARY KEY,
        open INTEGER NOT NULL,
        away INTEGER NOT NULL,
        away_until INTEGER,
        heard_at INTEGER,
        last_given INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE TABLE accounts (account TEXT PRIMARY KEY, rep TEXT NOT NULL) STRICT, WITHOUT ROWID",
    """CREATE TABLE turns (
        team TEXT NOT NULL,
        rep TEXT NOT NULL,
        owed INTEGER NOT NULL,
        PRIMARY KEY (team, rep)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE queue (
        lead TEXT PRIMARY KEY,
        number INTEGER NOT NULL,
        ticket INTEGER NOT NULL,
        team TEXT NOT NULL,
        account TEXT
    ) STRICT, WITHOUT ROWID""",
    "CREATE TABLE agreements (digest TEXT PRIMARY KEY, text BLOB NOT NULL) STRICT",
    """CREATE TABLE dead_letters (
        id INTEGER PRIMARY KEY,
        taken_at INTEGER NOT NULL,
        reason TEXT NOT NULL,
        sentence TEXT NOT NULL,
        field TEXT,
        body BLOB NOT NULL,
        cut INTEGER NOT NULL,
        redriven_at INTEGER
    ) STRICT""",
)
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (_FIRST_RELEASE,)
"""What makes version n + 1 of version n; version 0 is an empty file."""


def version(connection: sqlite3.Connection) -> int:
    """How many migrations the file has been through."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def application(connection: sqlite3.Connection) -> int:
    """Whose file it is; 0 where nobody has said."""
    return int(connection.execute("PRAGMA application_id").fetchone()[0])


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether the file has no tables yet."""
    return bool(connection.execute("SELECT count(*) = 0 FROM sqlite_schema").fetchone()[0])


def migrate(
    connection: sqlite3.Connection, migrations: tuple[tuple[str, ...], ...] = MIGRATIONS
) -> None:
    """Bring the file to the newest version, each step in one transaction with its number."""
    for number in range(version(connection), len(migrations)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in migrations[number]:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
