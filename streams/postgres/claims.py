"""Who writes a partition: the one that claimed it last, told from earlier ones by its epoch.

A claim waits for a commit that is under way (of a worker that hangs, or whose
answer never came), so that what it reads is what there is. Afterwards nobody with
an older epoch can commit.
"""

from datetime import datetime
from typing import Final, NamedTuple

from psycopg.rows import TupleRow

from streams.postgres.connect import Session, utc
from streams.storage import FencedError, StorageError

_COLUMNS: Final = (
    "topic_id, epoch, next_offset, clock_at, agreement, decision, request, answered,"
    " (SELECT base FROM positions)"
)
_CLAIM: Final = f"""
    INSERT INTO partitions (partition, topic_id, epoch) VALUES (%s, %s, 1)
    ON CONFLICT (partition) DO UPDATE SET epoch = partitions.epoch + 1 RETURNING {_COLUMNS}"""
_RESUME: Final = f"""
    UPDATE partitions SET epoch = epoch + 1 WHERE partition = %s AND epoch = %s
    RETURNING {_COLUMNS}"""


class Claim(NamedTuple):
    """A partition as it was found, and the epoch under which it may be written."""

    partition: int
    topic_id: str
    epoch: int
    next_offset: int
    clock_at: datetime | None
    agreement: str | None
    decision: int
    request: int
    answered: int
    base: int
    """What is added to transaction numbers (`streams.postgres.schema`)."""


def claim(session: Session, partition: int, topic_id: str) -> Claim:
    """Take a partition over from whoever has it: what a worker does that is assigned one.

    Raises `StorageError`, with the reason `not_ours` if what is stored was made
    from another topic of the same name.
    """
    with session.transaction("write to") as connection:
        found = _claimed(partition, connection.execute(_CLAIM, (partition, topic_id)).fetchone())
        if found.topic_id != topic_id:
            raise StorageError(
                f"Partition {partition} in {session.where} was made from a topic that is gone"
                f" (id {found.topic_id}; the one there now has id {topic_id}): it was deleted and"
                " created anew, and its records begin at 0 again. Name another schema with"
                " BATON_DATABASE_SCHEMA for the new topic, or bring the old one back.",
                "not_ours",
            )
    return found


def resume(session: Session, mine: Claim) -> Claim:
    """Go on with a partition after a failure: what is committed now, under a new epoch.

    Raises `FencedError` if somebody else has claimed it meanwhile, and `StorageError`.
    """
    with session.transaction("write to") as connection:
        row = connection.execute(_RESUME, (mine.partition, mine.epoch)).fetchone()
        if row is None:
            raise fenced(mine)
        return _claimed(mine.partition, row)


def fenced(mine: Claim) -> FencedError:
    """The error of a worker that is not the partition's any more."""
    return FencedError(
        f"Partition {mine.partition} has been taken over by another worker (it was claimed after"
        f" epoch {mine.epoch}); nothing of this one's is written any more."
    )


def _claimed(partition: int, row: TupleRow | None) -> Claim:
    assert row is not None
    topic_id, epoch, next_offset, clock_at, *rest = row
    return Claim(
        partition, topic_id, epoch, next_offset, utc(clock_at) if clock_at else None, *rest
    )
