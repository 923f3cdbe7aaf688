"""Agreements by their digest, and which of them was put in force when."""

from datetime import datetime
from typing import NamedTuple

from streams.postgres.connect import Session, utc


class Activation(NamedTuple):
    """That an agreement was put in force. `number` grows without gaps."""

    number: int
    at: datetime
    digest: str


def text_of(session: Session, digest: str) -> bytes | None:
    """The text of a stored agreement."""
    rows = session.rows("SELECT text FROM agreements WHERE digest = %s", (digest,))
    return rows[0][0] if rows else None


def keep(session: Session, digest: str, text: bytes) -> None:
    """Store an agreement's text by its SHA-256 digest; storing it again changes nothing."""
    session.run(
        "INSERT INTO agreements (digest, text) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        (digest, text),
    )


def activate(session: Session, digest: str) -> Activation:
    """Put a stored agreement in force from the database's present on.

    Where it is the one in force already, nothing changes. Workers take it up as
    they see it; `adoptions` then tells where in each partition's log.
    """
    with session.transaction("write to") as connection:
        connection.execute("LOCK TABLE activations IN SHARE ROW EXCLUSIVE MODE")
        newest = active(session)
        if newest is not None and newest.digest == digest:
            return newest
        row = connection.execute(
            "INSERT INTO activations (number, at, digest) VALUES (%s, clock_timestamp(), %s)"
            " RETURNING at",
            (newest.number + 1 if newest else 1, digest),
        ).fetchone()
        assert row is not None
        return Activation(newest.number + 1 if newest else 1, utc(row[0]), digest)


def active(session: Session) -> Activation | None:
    """The newest activation; None before the first one."""
    rows = session.rows("SELECT number, at, digest FROM activations ORDER BY number DESC LIMIT 1")
    return Activation(rows[0][0], utc(rows[0][1]), rows[0][2]) if rows else None
