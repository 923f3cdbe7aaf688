"""One scenario of the service with a clock of its own, run in a process that may be killed.

The same moments whatever happens: each step is appended at its own instant, so
that a run which was interrupted any number of times must come to the same bytes
as one that was not. A process that is started again goes on behind the newest
stamp of the log.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Final
from unittest.mock import patch

from rules.events import Event
from rules.lead.state import Lead
from rules.router.state import RouterState
from streams.clock import LogClock
from streams.sqlite.database import Database
from streams.sqlite.reading import SqliteReader
from streams.storage import Accepted, Commit, Log, Record, Store
from streams.writer import Writer
from tests.chaos.activity import Activity
from tests.chaos.simulation import cached_load
from tests.chaos.world import Patience, World
from tests.model.agreements import BARE, HURRY
from tests.model.playing import loaded
from tests.model.strategies import STARTS

TEXTS: Final = (HURRY.encode(), BARE.encode())
"""The agreements in force, one after the other."""
_SEED: Final = 5
_STEPS: Final = 6
_STEP_S: Final = 3 * 3600
_TICK: Final = timedelta(milliseconds=2)
Boundary = Callable[[str], None]


def kill_at(number: int) -> Boundary:
    """A boundary that kills this process when it is crossed for the `number`-th time."""
    left = [number]

    def cross(_: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return cross


def story() -> list[list[tuple[datetime, list[Accepted]]]]:
    """For each agreement, the steps while it is in force: when, and what clients send."""
    draw = Random(_SEED)
    activity = Activity(draw, [loaded(text.decode()) for text in TEXTS], 4)
    phases: list[list[tuple[datetime, list[Accepted]]]] = []
    at = STARTS[0]
    for _ in TEXTS:
        steps: list[tuple[datetime, list[Accepted]]] = []
        for _ in range(_STEPS):
            at += timedelta(seconds=draw.randint(60, _STEP_S))
            steps.append((at, [activity.next(at) for _ in range(draw.randint(1, 4))]))
        phases.append(steps)
        at += timedelta(hours=1)
    return phases


def run(path: Path, boundary: Boundary = lambda where: None) -> None:
    """Live through the scenario on the store at `path`, from wherever it has got to."""
    database = Database(path)
    log, store = database.log, database.store
    begun_at = log.newest_stamp() or STARTS[0]
    lived_at = store.position()[1] or begun_at
    world = World(max(begun_at, lived_at), _TICK)
    phases = story()
    with (
        patch("streams.writer.steady_s", world.work_s),
        patch("streams.loop.load_agreement", cached_load),
    ):
        for number, (text, steps) in enumerate(zip(TEXTS, phases, strict=True)):
            after = phases[number + 1][0][0] - timedelta(hours=1) if number == 0 else None
            if after is not None and begun_at >= after:
                continue
            writer = _writer(database, world, boundary)
            writer.activate(text, sha256(text).hexdigest())
            asyncio.run(_live(writer, world, [step for step in steps if step[0] > begun_at]))
            end_at = after or steps[-1][0] + timedelta(days=3)
            _on_to(writer, world, end_at)
    database.close()


def outcome(path: Path) -> tuple[list[tuple[int, bytes]], list[tuple[datetime, bytes]]]:
    """What is in the store: numbered decisions, and the events with their stamps."""
    with SqliteReader(path) as reader:
        decisions = list(reader.decisions(0, 1_000_000))
        records = reader.records(0, 1_000_000)
    return decisions, [(each.stamped_at, _named(each)) for each in records if each.event]


def _named(record: Record) -> bytes:
    assert record.event is not None
    return f"{record.event.subject} {record.event.id}".encode()


def _writer(database: Database, world: World, boundary: Boundary) -> Writer:
    def opened() -> tuple[Log, Store]:
        log, store = database.reopen()
        return KilledLog(log, boundary), KilledStore(store, boundary)

    clock = LogClock(database.log.newest_stamp(), world.wall, world.steady_s)
    writer = Writer(opened, clock)
    writer._wake = Patience(world)
    return writer


async def _live(
    writer: Writer, world: World, steps: Sequence[tuple[datetime, list[Accepted]]]
) -> None:
    for at, events in steps:
        # Half-way, time alone is given the chance to decide something.
        _on_to(writer, world, world.true_at + (at - world.true_at) / 2)
        world.pass_by(at - world.true_at)
        sent = asyncio.ensure_future(writer.submit(events))
        await asyncio.sleep(0)
        writer._round()
        records = await sent
        assert all(record.stamped_at == at for record in records)
        _catch_up(writer)


def _on_to(writer: Writer, world: World, at: datetime) -> None:
    if at > world.true_at:
        world.pass_by(at - world.true_at)
    writer._round()
    _catch_up(writer)


def _catch_up(writer: Writer) -> None:
    while writer._more:
        writer._round()


class KilledLog:
    """A log with boundaries before and after everything that it writes."""

    def __init__(self, log: Log, boundary: Boundary) -> None:
        self._log, self._boundary = log, boundary
        self.read, self.newest_stamp = log.read, log.newest_stamp

    def append(self, events: Sequence[Accepted], now: datetime) -> list[Record]:
        """See `streams.storage.Log`."""
        self._boundary("before append")
        records = self._log.append(events, now)
        self._boundary("after append")
        return records

    def activate(self, digest: str, now: datetime) -> Record:
        """See `streams.storage.Log`."""
        self._boundary("before activate")
        record = self._log.activate(digest, now)
        self._boundary("after activate")
        return record


class KilledStore:
    """A store with boundaries before and after everything that it writes."""

    def __init__(self, store: Store, boundary: Boundary) -> None:
        self._store, self._boundary = store, boundary

    def position(self) -> tuple[int, datetime | None, str | None]:
        """See `streams.storage.Store`."""
        return self._store.position()

    def lead(self, lead_id: str) -> Lead | None:
        """See `streams.storage.Store`."""
        return self._store.lead(lead_id)

    def expect(self, events: Sequence[Event]) -> None:
        """See `streams.storage.Store`."""
        self._store.expect(events)

    def repeats(self, event: Event, now: datetime) -> bool:
        """See `streams.storage.Store`."""
        return self._store.repeats(event, now)

    def prefetch(self, lead_ids: Iterable[str]) -> None:
        """See `streams.storage.Store`."""
        self._store.prefetch(lead_ids)

    def due(self, after: tuple[datetime, str] | None, limit: int) -> list[tuple[datetime, str]]:
        """See `streams.storage.Store`."""
        return self._store.due(after, limit)

    def router(self) -> RouterState:
        """See `streams.storage.Store`."""
        return self._store.router()

    def commit(self, work: Commit) -> None:
        """See `streams.storage.Store`."""
        self._boundary("before commit")
        self._store.commit(work)
        self._boundary("after commit")

    def agreement(self, digest: str) -> bytes | None:
        """See `streams.storage.Store`."""
        return self._store.agreement(digest)

    def keep_agreement(self, digest: str, text: bytes) -> None:
        """See `streams.storage.Store`."""
        self._boundary("before keeping an agreement")
        self._store.keep_agreement(digest, text)
        self._boundary("after keeping an agreement")
