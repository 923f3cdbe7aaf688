"""Which events have been taken within 35 days: Kafka may bring one twice.

An event is known by one number of 128 bits. The upper half is of the subject alone,
so that names of one lead lie side by side in the index. Two names that share a
number are taken for one: by chance that does not happen, and who makes such names
on purpose only loses their own event.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

from psycopg.rows import TupleRow

from rules.events import Event
from streams.engine import REMEMBERED, Mark
from streams.instants import EARLIEST_AT
from streams.postgres.connect import Connection, utc

KNOWN: Final = "SELECT key, seen_at FROM names WHERE key = ANY(%b) AND seen_at > %b"
_TAKEN: Final = "INSERT INTO names SELECT * FROM unnest(%b::uuid[], %b::timestamptz[])"


def key(event: Event) -> UUID:
    """The number of an event's subject, source and id (the public contract, section 1)."""
    subject = blake2b(event.subject.encode(), digest_size=8).digest()
    rest = blake2b(f"{event.source}\0{event.id}".encode(), digest_size=8).digest()
    return UUID(bytes=subject + rest)


class Names:
    """Names of the events that come next, with those that this slice has taken."""

    def __init__(self) -> None:
        self._keys: dict[Mark, UUID] = {}
        """Of the events that are expected."""
        self._known: dict[UUID, datetime] = {}
        """When those of them that were taken before were."""
        self._taken: dict[UUID, datetime] = {}
        """Events taken since the last commit."""

    def asked(self, events: Sequence[Event]) -> tuple[Any, ...]:
        """What `KNOWN` is to be asked, because these events come next; earlier ones have come."""
        self._keys = {(each.subject, each.source, each.id): key(each) for each in events}
        received = [each.received_at for each in events]
        stamps = [at for at in received if at is not None]
        since = min(stamps) - REMEMBERED if len(stamps) == len(received) else EARLIEST_AT
        return list(self._keys.values()), since

    def expect(self, rows: Sequence[TupleRow]) -> None:
        """Take in what `KNOWN` answered."""
        known: dict[UUID, datetime] = {}
        for number, seen_at in rows:
            at = utc(seen_at)
            known[number] = max(at, known.get(number, at))
        known.update(self._taken)
        self._known = known

    def is_expected(self, event: Event) -> bool:
        """Whether it was asked for, so that `repeats` can tell."""
        return (event.subject, event.source, event.id) in self._keys

    def repeats(self, event: Event, now: datetime) -> bool:
        """Whether the expected event was taken within 35 days; if not, it is from now on."""
        number = self._keys[event.subject, event.source, event.id]
        seen_at = self._known.get(number)
        if seen_at is not None and now - seen_at < REMEMBERED:
            return True
        self._known[number] = self._taken[number] = now
        return False

    def span(self) -> tuple[datetime, datetime] | None:
        """The first and the last moment at which something was taken since the last commit."""
        if not self._taken:
            return None
        return min(self._taken.values()), max(self._taken.values())

    def write(self, connection: Connection) -> None:
        """Write what was taken; inside the store's transaction."""
        if self._taken:
            connection.execute(_TAKEN, (list(self._taken), list(self._taken.values())))

    def committed(self) -> None:
        """The transaction has been committed."""
        self._taken = {}
