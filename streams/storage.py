"""What the processing loop needs of a log and of a store, whatever they are made of.

The log is where accepted activity waits, in order, each record stamped once.
The store holds what has been decided. A conformance suite
(`tests/conformance`) holds every implementation to these words.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from rules.decisions import Decision
from rules.events import Event
from rules.lead.state import Lead
from rules.requests import Answer, Availability, Request
from rules.router.state import RouterState
from streams.refusals import DeadLetter


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """An event as it is to be appended: what the codec made of it, and its bytes as they came."""

    event: Event
    body: bytes


class Record(msgspec.Struct, frozen=True, gc=False):
    """One entry of the log. `offset` grows by the log's own order; `stamped_at` never falls.

    `event.received_at` is the stamp. With `agreement`, the record is no event: it
    makes the agreement of that digest the one in force from here on.
    """

    offset: int
    stamped_at: datetime
    event: Event | None
    agreement: str | None = None
    body: bytes = b""
    """The event's bytes as they came."""


class Unfit(msgspec.Struct, frozen=True, gc=False):
    """An accepted event that the agreement in force by its turn can't take."""

    offset: int
    letter: DeadLetter


class Log(Protocol):
    """Where activity waits. One writer."""

    def append(self, events: Sequence[Accepted], now: datetime) -> list[Record]:
        """Make events durable, stamped `now`, or with the newest stamp if that is later.

        Returns when they are on disk. An event known by subject, source and id
        from the last 35 days is not appended again and has no record. All are
        appended or, on any error (`StorageError`), none.
        """

    def activate(self, digest: str, now: datetime) -> Record:
        """Append the record that puts a stored agreement in force."""

    def read(self, after: int, limit: int) -> list[Record]:
        """Records with offsets above `after`, in order, no more than `limit`."""

    def newest_stamp(self) -> datetime | None:
        """The stamp of the newest record ever appended; None if there has been none."""


class Reply(msgspec.Struct, frozen=True, gc=False):
    """What a router that is elsewhere answered, and when. `number` grows without gaps."""

    number: int
    at: datetime
    answer: Answer


class Commit(msgspec.Struct, frozen=True):
    """What one slice of work came to; it becomes durable as a whole or not at all."""

    offset: int
    """The last record that was processed; what it was before if none was."""
    now: datetime
    """How far the clock has been moved: nothing that was due up to it is left."""
    leads: Iterable[Lead]
    decisions: Sequence[Decision]
    """Each is about one of `leads`."""
    agreement: str | None
    """The digest of the agreement in force after the slice."""
    unfit: Sequence[Unfit] = ()
    """Kept as dead letters; the log knows them no more, so that they can be sent again."""
    asked: Sequence[Request | Availability] = ()
    """What is to be brought to a router that is elsewhere, in order."""
    replied: int = 0
    """The number of the last of its replies that was processed."""
    source: str = ""
    """The `source` of the decisions: of the agreement that they were made under. All of one
    slice have the same, so a slice ends where another agreement is put in force."""


class Store(Protocol):
    """States, decisions and wake-ups. One writer.

    The loop changes `router()` in place; the store knows which of its rows have
    changed and writes them with the next `commit`. After a failed commit it must
    be reopened.
    """

    def position(self) -> tuple[int, datetime | None, str | None]:
        """Of the last commit: offset, clock, digest of the agreement in force."""

    def lead(self, lead_id: str) -> Lead | None:
        """The lead as last committed."""

    def expect(self, events: Sequence[Event]) -> None:
        """Read in one go what taking these events needs, because the loop is about to."""

    def prefetch(self, lead_ids: Iterable[str]) -> None:
        """Read these leads in one go, because the loop is about to wake them."""

    def repeats(self, event: Event, now: datetime) -> bool:
        """Whether the event was taken within the last 35 days; if not, it is from now on.

        Never, where the log recognises repeats before it takes them.
        """

    def due(self, after: tuple[datetime, str] | None, limit: int) -> list[tuple[datetime, str]]:
        """Wake-ups of committed leads in the order of (instant, lead id), beyond `after`."""

    def router(self) -> RouterState:
        """The router's state, read once."""

    def commit(self, work: Commit) -> None:
        """Write everything of `work` and the router's changed rows in one transaction."""

    def agreement(self, digest: str) -> bytes | None:
        """The text of a stored agreement."""

    def keep_agreement(self, digest: str, text: bytes) -> None:
        """Store an agreement's text by its SHA-256 digest; storing it again changes nothing."""


class Replies(Protocol):
    """What a router that is elsewhere has left for the leads of a store."""

    def replied(self) -> int:
        """Of the last commit: the number of the last reply that was processed."""

    def replies(self, after: int, limit: int) -> list[Reply]:
        """Replies with numbers above `after`, in order, no more than `limit`."""


StorageReason = Literal[
    "full",
    "read_only",
    "not_openable",
    "unreachable",
    "locked",
    "damaged",
    "not_ours",
    "too_new",
    "io",
]


class StorageError(Exception):
    """The disk or the database failed: nothing of the call was kept. Says what to do."""

    def __init__(self, sentence: str, reason: StorageReason = "io") -> None:
        super().__init__(sentence)
        self.reason: StorageReason = reason


class FencedError(Exception):
    """Somebody else has taken over what this store writes: nothing of the call was kept.

    It is no failure of the storage: who meets it gives its work up, and does not reopen.
    """


class ConflictError(Exception):
    """A lead has been changed by another writer since it was read: nothing of the call was kept.

    The slice is done again, from the reopened store.
    """


class OutcomeUnknownError(StorageError):
    """It is not known what of the call was kept. The same call again does no harm."""
