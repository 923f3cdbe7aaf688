"""A log and a store in memory, obeying `streams.storage` plainly; what is on `Disk` survives.

Everything is kept as bytes, as a real store would, so that what a state forgets
to write down is missing after the next reading.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from rules.events import Event
from rules.lead.state import Lead
from rules.router.state import RouterState
from streams.codec import decode, encode
from streams.engine import REMEMBERED
from streams.refusals import DeadLetter
from streams.storage import Accepted, Commit, Log, Record, Store

Mark = tuple[str, str, str]
Position = tuple[int, datetime | None, str | None]


class Disk:
    """What is durable: log and store read it anew whenever they are opened."""

    def __init__(self) -> None:
        self.entries: list[tuple[datetime, bytes | None, str | None]] = []
        self.marks: dict[Mark, datetime] = {}
        self.position: Position = (0, None, None)
        self.leads: dict[str, bytes] = {}
        self.wakes: dict[str, datetime] = {}
        self.decided: list[bytes] = []
        self.refused: list[DeadLetter] = []
        self.router = msgspec.msgpack.encode(RouterState())
        self.agreements: dict[str, bytes] = {}

    def open(self) -> tuple[Log, Store]:
        """Log and store as last written."""
        return MemoryLog(self), MemoryStore(self)

    def crash(self) -> None:
        """The process is gone; nothing that was not written is here anyway."""

    def fill(self) -> bool:
        """Whether the disk could be made full from here on: memory has room."""
        return False

    def close(self) -> None:
        """Nothing is held."""

    def decisions(self) -> list[bytes]:
        """Every decision, in the order of its number."""
        return self.decided

    def letters(self) -> list[bytes]:
        """The bodies of the dead letters, in order."""
        return [letter.original_bytes() for letter in self.refused]

    def all_leads(self) -> list[Lead]:
        """Every lead as last written."""
        return [msgspec.msgpack.decode(raw, type=Lead) for raw in self.leads.values()]


def marked(event: Event) -> Mark:
    """What an event is known by (contract, section 1)."""
    return event.subject, event.source, event.id


class MemoryLog:
    """`streams.storage.Log` on a `Disk`."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def append(self, events: Sequence[Accepted], now: datetime) -> list[Record]:
        """See `streams.storage.Log`."""
        disk, stamp = self._disk, self._stamp(now)
        records: list[Record] = []
        for accepted in events:
            mark = marked(accepted.event)
            known = disk.marks.get(mark)
            if known is not None and stamp - known < REMEMBERED:
                continue
            disk.marks[mark] = stamp
            disk.entries.append((stamp, accepted.body, None))
            event = msgspec.structs.replace(accepted.event, received_at=stamp)
            records.append(Record(len(disk.entries), stamp, event))
        return records

    def activate(self, digest: str, now: datetime) -> Record:
        """See `streams.storage.Log`."""
        stamp = self._stamp(now)
        self._disk.entries.append((stamp, None, digest))
        return Record(len(self._disk.entries), stamp, None, digest)

    def read(self, after: int, limit: int) -> list[Record]:
        """See `streams.storage.Log`."""
        found = self._disk.entries[after : after + limit]
        return [self._record(offset, *entry) for offset, entry in enumerate(found, after + 1)]

    def newest_stamp(self) -> datetime | None:
        """See `streams.storage.Log`."""
        return self._disk.entries[-1][0] if self._disk.entries else None

    def _stamp(self, now: datetime) -> datetime:
        newest = self.newest_stamp()
        return now if newest is None else max(now, newest)

    @staticmethod
    def _record(offset: int, stamp: datetime, body: bytes | None, digest: str | None) -> Record:
        if body is None:
            return Record(offset, stamp, None, digest)
        event = decode(body)
        assert isinstance(event, Event), event
        return Record(offset, stamp, msgspec.structs.replace(event, received_at=stamp))


class MemoryStore:
    """`streams.storage.Store` on a `Disk`."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._router = msgspec.msgpack.decode(disk.router, type=RouterState)

    def position(self) -> Position:
        """See `streams.storage.Store`."""
        return self._disk.position

    def lead(self, lead_id: str) -> Lead | None:
        """See `streams.storage.Store`."""
        raw = self._disk.leads.get(lead_id)
        return None if raw is None else msgspec.msgpack.decode(raw, type=Lead)

    def prefetch(self, lead_ids: Iterable[str]) -> None:
        """Memory is near enough."""

    def due(self, after: tuple[datetime, str] | None, limit: int) -> list[tuple[datetime, str]]:
        """See `streams.storage.Store`."""
        wakes = sorted((at, lead_id) for lead_id, at in self._disk.wakes.items())
        return [wake for wake in wakes if after is None or wake > after][:limit]

    def router(self) -> RouterState:
        """See `streams.storage.Store`."""
        return self._router

    def commit(self, work: Commit) -> None:
        """See `streams.storage.Store`."""
        disk = self._disk
        leads = {lead.id: (lead.wake_at, msgspec.msgpack.encode(lead)) for lead in work.leads}
        decisions = [encode(each, work.source) for each in work.decisions]
        router = msgspec.msgpack.encode(self._router)
        # From here on nothing can fail.
        for lead_id, (wake_at, raw) in leads.items():
            disk.leads[lead_id] = raw
            disk.wakes.pop(lead_id, None)
            if wake_at is not None:
                disk.wakes[lead_id] = wake_at
        disk.decided += decisions
        disk.refused += work.dead_letters
        disk.router = router
        disk.position = (work.offset, work.now, work.agreement)

    def agreement(self, digest: str) -> bytes | None:
        """See `streams.storage.Store`."""
        return self._disk.agreements.get(digest)

    def keep_agreement(self, digest: str, text: bytes) -> None:
        """See `streams.storage.Store`."""
        self._disk.agreements.setdefault(digest, text)
