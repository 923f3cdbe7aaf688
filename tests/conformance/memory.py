"""Log and store as plain as can be: the model that the others are held against.

What is 'on disk' are values and bytes that nobody else holds; a failing disk
raises before anything is kept.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

import msgspec

from rules.events import Event
from rules.lead.state import Lead
from rules.router.state import RouterState
from streams.codec import decode, encode
from streams.refusals import Refusal
from streams.storage import Accepted, Commit, Record, StorageError

REMEMBERED = timedelta(days=35)


@dataclass
class Disk:
    """What outlives a process."""

    broken: bool = False
    records: list[tuple[datetime, str | None, bytes]] = field(default_factory=list)
    leads: dict[str, bytes] = field(default_factory=dict)
    decisions: list[tuple[str, bytes]] = field(default_factory=list)
    letters: list[bytes] = field(default_factory=list)
    router: bytes = field(default_factory=lambda: msgspec.msgpack.encode(RouterState()))
    position: tuple[int, datetime | None, str | None] = (0, None, None)
    agreements: dict[str, bytes] = field(default_factory=dict)
    forgotten: set[int] = field(default_factory=set)

    def touch(self) -> None:
        if self.broken:
            raise StorageError("The disk is full.", "full")


class MemoryLog:
    """`streams.storage.Log` in a list."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    def append(self, events: Sequence[Accepted], now: datetime) -> list[Record]:
        stamp = self._stamp(now)
        known = {
            _name(body)
            for offset, (at, _, body) in enumerate(self.disk.records, 1)
            if stamp - at < REMEMBERED and offset not in self.disk.forgotten
        }
        fresh: list[Accepted] = []
        for each in events:
            name = (each.event.subject, each.event.source, each.event.id)
            if name not in known:
                known.add(name)
                fresh.append(each)
        self.disk.touch()
        first = len(self.disk.records)
        self.disk.records += [(stamp, None, each.body) for each in fresh]
        return self.read(first, len(fresh)) if fresh else []

    def activate(self, digest: str, now: datetime) -> Record:
        stamp = self._stamp(now)
        self.disk.touch()
        self.disk.records.append((stamp, digest, b""))
        return Record(len(self.disk.records), stamp, None, digest)

    def read(self, after: int, limit: int) -> list[Record]:
        found = self.disk.records[after : after + limit]
        return [_record(offset, *row) for offset, row in enumerate(found, after + 1)]

    def newest_stamp(self) -> datetime | None:
        return self.disk.records[-1][0] if self.disk.records else None

    def _stamp(self, now: datetime) -> datetime:
        newest = self.newest_stamp()
        return now if newest is None else max(now, newest)


class MemoryStore:
    """`streams.storage.Store` in dictionaries."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.state = msgspec.msgpack.decode(disk.router, type=RouterState)

    def position(self) -> tuple[int, datetime | None, str | None]:
        return self.disk.position

    def lead(self, lead_id: str) -> Lead | None:
        state = self.disk.leads.get(lead_id)
        return None if state is None else msgspec.msgpack.decode(state, type=Lead)

    def expect(self, events: Sequence[Event]) -> None:
        assert events, "nothing is no reason to read"

    def repeats(self, event: Event, now: datetime) -> bool:
        return False

    def prefetch(self, lead_ids: Iterable[str]) -> None:
        for _ in lead_ids:
            pass

    def due(self, after: tuple[datetime, str] | None, limit: int) -> list[tuple[datetime, str]]:
        leads = [self.lead(lead_id) for lead_id in self.disk.leads]
        wakes = sorted((each.wake_at, each.id) for each in leads if each and each.wake_at)
        return [wake for wake in wakes if after is None or wake > after][:limit]

    def router(self) -> RouterState:
        return self.state

    def commit(self, work: Commit) -> None:
        leads = {lead.id: msgspec.msgpack.encode(lead) for lead in work.leads}
        decisions = [(each.subject, encode(each, work.source)) for each in work.decisions]
        self.disk.touch()
        self.disk.leads |= leads
        self.disk.decisions += decisions
        self.disk.letters += [each.letter.original_bytes() for each in work.unfit]
        self.disk.forgotten |= {each.offset for each in work.unfit}
        self.disk.router = msgspec.msgpack.encode(self.state)
        self.disk.position = (work.offset, work.now, work.agreement)

    def agreement(self, digest: str) -> bytes | None:
        return self.disk.agreements.get(digest)

    def keep_agreement(self, digest: str, text: bytes) -> None:
        self.disk.touch()
        self.disk.agreements[digest] = text


@lru_cache(10_000)
def _name(body: bytes) -> tuple[str, str, str] | None:
    event = decode(body) if body else None
    if event is None or isinstance(event, Refusal):
        return None
    return event.subject, event.source, event.id


def _record(offset: int, stamp: datetime, agreement: str | None, body: bytes) -> Record:
    if agreement is not None:
        return Record(offset, stamp, None, agreement)
    event = decode(body)
    assert not isinstance(event, Refusal)
    return Record(offset, stamp, msgspec.structs.replace(event, received_at=stamp), None, body)
