"""Loading the past into a store: what leads became, without anything that concerns people.

While the past is loaded, an agreement is in force that is the real one without
its chapters on routing, clauses and escalations: nobody is assigned, no clock
starts, nobody is told. Each event is stamped with the moment at which it became
known in its time. At the end the clock runs on to the present, and the real
agreement is activated. All of it is in the log, so that a replay does the same.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import yaml

from rules.admission import Refused, admit
from rules.agreement import Agreement
from rules.loading import load_agreement
from streams.clock import steady_s
from streams.codec import decode
from streams.loop import Loop
from streams.refusals import DeadLetter, Refusal, dead_letter
from streams.replaying import known_at
from streams.sqlite import dead_letters
from streams.sqlite.connect import FileLock, sync_directory
from streams.sqlite.database import Database
from streams.sqlite.failures import failures, transaction
from streams.storage import Accepted, Log, StorageError, Store

_OF_PEOPLE: Final = frozenset({"routing", "clauses", "escalations"})
_MOVES: Final = frozenset({"lead.reassigned"})
"""Events that give a lead to somebody even where nothing is routed."""
_BATCH: Final = 1_000
_UNFINISHED: Final = ".unfinished"
"""What the name of a store ends in until all of the past is in it."""
_SLICE_S: Final = 1.0


def without_people(text: bytes) -> bytes:
    """The text of a sound agreement without the chapters that concern people."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    root.value = [(key, value) for key, value in root.value if key.value not in _OF_PEOPLE]
    written: str = yaml.serialize(root, allow_unicode=True, width=10_000)
    return written.encode()


@dataclass(slots=True)
class HistoryCount:
    """What became of the events."""

    taken: int = 0
    repeated: int = 0
    moves: int = 0
    """Reassignments, which are left out."""
    refused: int = 0


@dataclass(slots=True)
class History:
    """Loads events, in the order in which they became known, into an empty log and store.

    `refuse` is given what can't be taken. `StorageError` passes through.
    """

    log: Log
    store: Store
    text: bytes
    """The real agreement's, which is sound."""
    refuse: Callable[[DeadLetter], object]
    now: datetime
    """The present: events from beyond it are refused."""
    count: HistoryCount = field(default_factory=HistoryCount)
    _agreement: Agreement = field(init=False)
    _loop: Loop | None = None
    _waiting: list[Accepted] = field(default_factory=list)
    _lines: int = 0
    _newest_at: datetime | None = None

    def __post_init__(self) -> None:
        self._agreement = _loaded(without_people(self.text))

    def add(self, line: bytes) -> None:
        """Take one event, a line of JSON."""
        self._lines += 1
        event = decode(line)
        if isinstance(event, Refusal):
            self._refuse(event, line)
            return
        at = known_at(event)
        refused = admit(self._agreement, event) or _beyond(at, self.now)
        if refused is not None:
            self._refuse(refused, line)
        elif event.type in _MOVES:
            self.count.moves += 1
        else:
            stamped = msgspec.structs.replace(event, received_at=at)
            self._waiting.append(Accepted(stamped, line))
            if len(self._waiting) == _BATCH:
                self._take()

    def finish(self) -> None:
        """Take what is left, run the clock on to the present, and put the agreement in force."""
        self._take()
        loop = self._started(self.now)
        self._work(loop, self.now)
        real = _loaded(self.text)
        self.store.keep_agreement(real.digest, self.text)
        loop.offer([self.log.activate(real.digest, self.now)])
        self._work(loop, self.now)

    def _take(self) -> None:
        for accepted in self._waiting:
            at = accepted.event.received_at
            assert at is not None
            self._newest_at = at = max(at, self._newest_at or at)
            loop = self._started(at)
            records = self.log.append([accepted], at)
            self.count.taken += len(records)
            self.count.repeated += not records
            loop.offer(records)
        if self._loop is not None and self._newest_at is not None:
            self._work(self._loop, self._newest_at)
        self._waiting.clear()

    def _started(self, at: datetime) -> Loop:
        """The loop, with the agreement for the past in force since the first event."""
        if self._loop is None:
            text = without_people(self.text)
            self.store.keep_agreement(self._agreement.digest, text)
            self._loop = Loop(self.log, self.store)
            self._loop.offer([self.log.activate(self._agreement.digest, at)])
        return self._loop

    def _work(self, loop: Loop, clock: datetime) -> None:
        while True:
            begun_s = steady_s()
            if not loop.slice(clock, partial(_passed, begun_s))[1]:
                return

    def _refuse(self, refusal: Refusal | Refused, line: bytes) -> None:
        self.count.refused += 1
        self.refuse(dead_letter(refusal, line, self._lines))


def _passed(begun_s: float) -> bool:
    return steady_s() - begun_s >= _SLICE_S


def _beyond(at: datetime, now: datetime) -> Refusal | None:
    if at <= now + timedelta(minutes=1):
        return None
    return Refusal(
        "invalid_time",
        f"The event became known at {at.isoformat()}, which is still to come. The past ends now; "
        "mend the time, or send the event when it has happened.",
        "time",
    )


def _loaded(text: bytes) -> Agreement:
    loaded = load_agreement(text, "agreement")
    assert loaded.agreement is not None, [str(each) for each in loaded.diagnostics]
    return loaded.agreement


@contextmanager
def new_store(path: Path, text: bytes, now: datetime) -> Iterator[History]:
    """A history to be loaded into a new store at `path`, which is there when all went well.

    What is refused is kept with the store's dead letters. Raises `StorageError`,
    also where there is a store already.
    """
    part = path.with_name(path.name + _UNFINISHED)
    with FileLock(path):
        if path.exists():
            raise StorageError(
                f"There is a store at {path} already, and the past goes into a new one. Name "
                "another with --store or BATON_STORE, or move this one away.",
                "not_openable",
            )
        _remove(part)
        try:
            with Database(part) as database:
                yield from _filled(database, text, now)
            with failures("write to", part):
                _sync(part)
                part.replace(path)
                sync_directory(path)
        finally:
            _remove(part)


def _filled(database: Database, text: bytes, now: datetime) -> Iterator[History]:
    connection = database.connection
    # Nobody has been promised anything yet: the file is made durable once, as a whole.
    connection.execute("PRAGMA synchronous = OFF")
    refused: list[DeadLetter] = []

    def keep() -> None:
        with transaction(connection, "write to", database.path):
            dead_letters.keep(connection, refused, now)
        refused.clear()

    def refuse(letter: DeadLetter) -> None:
        refused.append(letter)
        if len(refused) == _BATCH:
            keep()

    history = History(database.log, database.store, text, refuse, now)
    yield history
    history.finish()
    keep()


def _remove(part: Path) -> None:
    for ending in ("", "-wal", "-shm", ".lock"):
        part.with_name(part.name + ending).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
