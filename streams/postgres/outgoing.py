"""What is to leave for Kafka: decisions in their partition's order, and dead letters.

A row is sent first and then noted as sent, so that after a crash some are sent
again, with the same ids.
"""

from datetime import datetime
from typing import NamedTuple

from streams.postgres.connect import Session, utc


class Unsent(NamedTuple):
    """A decision that has not been noted as sent. `seq` counts a partition's from 1."""

    seq: int
    lead: str
    body: bytes


class UnsentLetter(NamedTuple):
    """A dead letter as JSON; `record` is the offset of what could not be taken."""

    number: int
    record: int
    at: datetime
    body: bytes


class Outgoing:
    """Every method raises `StorageError`. One thread."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def unsent(self, partition: int, limit: int) -> list[Unsent]:
        """The partition's next decisions, in the order in which they were made."""
        rows = self._session.rows(
            "SELECT seq, lead, body FROM decisions WHERE partition = %(partition)s AND seq >"
            " coalesce((SELECT decision FROM sent WHERE partition = %(partition)s), 0)"
            " ORDER BY seq LIMIT %(limit)s",
            {"partition": partition, "limit": limit},
        )
        return [Unsent(*row) for row in rows]

    def sent(self, partition: int, seq: int) -> None:
        """Note that the partition's decisions up to `seq` were sent. It never goes back."""
        self._session.run(
            "INSERT INTO sent (partition, decision) VALUES (%s, %s) ON CONFLICT (partition)"
            " DO UPDATE SET decision = greatest(sent.decision, excluded.decision)",
            (partition, seq),
        )

    def unsent_letters(self, partition: int, limit: int) -> list[UnsentLetter]:
        """The partition's dead letters, oldest first."""
        rows = self._session.rows(
            "SELECT number, record, at, body FROM dead_letters WHERE partition = %s"
            " ORDER BY number LIMIT %s",
            (partition, limit),
        )
        return [UnsentLetter(number, record, utc(at), body) for number, record, at, body in rows]

    def sent_letters(self, partition: int, number: int) -> None:
        """Forget the partition's dead letters up to `number`: they are in their topic."""
        self._session.run(
            "DELETE FROM dead_letters WHERE partition = %s AND number <= %s", (partition, number)
        )
