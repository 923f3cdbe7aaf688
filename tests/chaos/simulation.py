"""One seed, one run: what happens to the service, in an order drawn from the seed.

The true writer (`streams.writer`), loop and states are at work, round by round and
without a thread, on a log and a store that die and fail at any boundary. What
was sent, answered and told is kept, for `verdict` to judge.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from random import Random
from typing import Final
from unittest.mock import patch

from rules.decisions import Breached, Decision
from rules.loading import load_agreement
from streams.clock import LogClock
from streams.storage import Accepted, Commit, Log, Record, StorageError, Store
from streams.writer import Busy, Writer
from tests.chaos.activity import Activity
from tests.chaos.disks import Disk
from tests.chaos.faults import Crash, Faults, FaultyLog, FaultyStore, Handle
from tests.chaos.world import Patience, World
from tests.model.agreements import AGREEMENTS
from tests.model.playing import loaded
from tests.model.strategies import DAY, HOUR, MINUTE, STARTS

_NO_TIME: Final = timedelta(0)
_MILLISECOND: Final = timedelta(milliseconds=1)
_GAPS: Final = (_NO_TIME, _NO_TIME, MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 9 * HOUR, DAY)
_LONG_GAPS: Final = (3 * DAY, 12 * DAY, 31 * DAY)
_AFTERWARDS: Final = (_NO_TIME, HOUR, DAY, 5 * DAY, 40 * DAY)
_MOST_ROUNDS: Final = 200_000
cached_load = cache(load_agreement)
"""Agreements are loaded at every start, and there are many."""


_SIZES: Final = {
    "loop._READ": (1, 3, 1_000),
    "loop._AHEAD": (2, 20_000),
    "loop._FETCHED": (1, 3, 250),
    "loop._WAKES": (1, 50),
    "states._CHUNK": (1, 2, 2_000),
    "states._AHEAD": (1, 2, 200),
    "writer.GROUP": (1, 5, 2_000),
    "writer.MOST_WAITING": (3, 20_000),
}


class Silence:
    """Takes what the writer logs, and keeps it to itself."""

    def error(self, event: str, **_: object) -> None:
        """Nothing."""

    info = error


class CountedClock(LogClock):
    """A log clock that remembers the latest it has said."""

    latest: datetime = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        """See `LogClock`; never falls from one call to the next."""
        at = super().now()
        self.latest = max(self.latest, at)
        return at


class Sent:
    """One submission and what its client was told: nothing at all if the process died."""

    def __init__(self, events: Sequence[Accepted], task: "asyncio.Task[list[Record]]") -> None:
        self.events = events
        self.task = task
        self.answer: list[Record] | None = None

    def settle(self) -> bool:
        """Take the answer, if it is there; whether it is."""
        if not self.task.done():
            return False
        try:
            self.answer = self.task.result()
        except (StorageError, Busy):
            self.answer = None
        return True


class Simulation:
    """The run of one seed on `disk`."""

    def __init__(
        self, seed: int, disk: Disk, note: Callable[[str], None] = lambda line: None
    ) -> None:
        self.draw = draw = Random(seed)
        self.disk = disk
        self._note = note
        several = draw.random() < 0.3
        texts = draw.sample(AGREEMENTS, draw.randint(2, 3) if several else 1)
        self.texts = [text.encode() for text in texts]
        self.agreements = [loaded(text) for text in texts]
        self.world = World(draw.choice(STARTS), draw.choice((2, 3, 5, 20, 50)) * _MILLISECOND)
        self.sharp = draw.random() < 0.5
        """Whether nobody sets the wall clock in this run."""
        self.faults = Faults(draw, self.note)
        self.activity = Activity(draw, self.agreements, draw.choice((1, 3, 3, 5, 8)))
        self.answered: list[Sent] = []
        self.told: list[Decision] = []
        self.activated: list[str] = []
        self._open: list[Sent] = []
        self._steps = draw.randint(8, 40)
        self._unlucky = draw.choice((0.0, 0.1, 0.4))

    def note(self, line: str) -> None:
        """A line of the trace."""
        self._note(f"{self.world.true_at:%m-%d %H:%M:%S.%f} {line}")

    async def run(self) -> None:
        """Everything that happens, up to the last decision."""
        try:
            self._start(self.texts[0])
            for _ in range(self._steps):
                try:
                    await self._step()
                except Crash as crash:
                    self.note(f"the process is gone: {crash}")
                    await self._crashed()
            await self._finish()
        finally:
            await self._hang_up()

    def final_at(self) -> datetime:
        """How far the log's time has been lived through at the end."""
        now = self.writer.health().now
        assert now is not None
        return now

    # The machine and its process

    def _start(self, text: bytes) -> None:
        """Start the process with an agreement, again and again until it stays up."""
        digest = sha256(text).hexdigest()
        while True:
            try:
                self._launch(text, digest)
            except (Crash, StorageError) as problem:
                self.note(f"did not start: {problem}")
                self.disk.crash()
                self.world.pass_by(self.draw.choice((timedelta(seconds=1), MINUTE)))
            else:
                self.activated.append(digest)
                return

    def _launch(self, text: bytes, digest: str) -> None:
        log, _ = self._opened()
        world = self.world
        self.clock = CountedClock(log.newest_stamp(), world.wall, world.steady_s)
        self.writer = Writer(self._opened, self.clock, told=self._tell)
        self.writer._wake = Patience(world)
        self.writer.activate(text, digest)
        self.note(f"up with {loaded(text.decode()).name}, log time {self.clock.latest}")

    def _opened(self) -> tuple[Log, Store]:
        self.faults.boundary("before open")
        log, store = self.disk.open()
        handle = Handle(self.faults)
        return FaultyLog(log, handle), FaultyStore(store, handle, self._committing)

    async def _crashed(self) -> None:
        if self.draw.random() < 0.5:
            await self._hear()  # some answers were on their way already
        await self._hang_up()
        self.disk.crash()
        self._rest()
        self._start(self.texts[0])

    async def _hang_up(self) -> None:
        """Clients that still wait for an answer get none."""
        for sent in self._open:
            sent.task.cancel()
        await asyncio.gather(*(sent.task for sent in self._open), return_exceptions=True)
        self._open = []

    def _stop(self) -> None:
        """Stop in order, within the time that is given for it."""
        with self.writer._wake:
            self.writer._stopping = True
        rounds = 0
        while self.writer._round() and rounds < 1_000:
            rounds += 1
        self.note(f"stopped after {rounds} more rounds")
        self.disk.close()

    def _rest(self) -> None:
        """The service is down for a while; somebody may set the clock meanwhile."""
        self.world.pass_by(self.draw.choice((_NO_TIME, timedelta(seconds=2), HOUR, DAY)))
        self._set_clock(0.3)

    def _set_clock(self, probability: float) -> None:
        if not self.sharp and self.draw.random() < probability:
            self.world.set_wrong(self.draw.choice((-1, 0, 1)) * HOUR)
            self.note(f"wall clock wrong by {self.world.wrong}")

    # What happens

    async def _step(self) -> None:
        if self.draw.random() < self._unlucky:
            self._bad_luck()
        self._set_clock(0.05)
        await self._change_process()
        for _ in range(self.draw.choice((0, 1, 1, 1, 2, 3))):
            await self._submit()
        for _ in range(self.draw.choice((0, 1, 2, 2, 5, 20))):
            self.writer._round()
            await self._hear()
        self._gap()

    def _bad_luck(self) -> None:
        boundaries = self.draw.choice((1, 2, 3, 4, 6, 9, 15, 40))
        match self.draw.choice(("crash", "crash", "error", "error", "errors", "full")):
            case "crash":
                self.faults.arm("crash", boundaries, self.draw.choice((0.0, 0.5)))
            case "error":
                self.faults.arm("error", boundaries)
            case "errors":
                self.faults.arm("error", boundaries, 0.7)
            case _:
                self.note("the disk is full")
                self.disk.fill()

    async def _change_process(self) -> None:
        """Now and then the process is stopped, or killed, and started with another agreement."""
        if self.draw.random() > 0.06:
            return
        if len(self.texts) > 1:
            self.draw.shuffle(self.texts)
        if self.draw.random() < 0.5:
            raise Crash("somebody kills it")
        self._stop()
        await self._hear()
        assert not self._open, "a service that stops in order answers everybody"
        self._rest()
        self._start(self.texts[0])

    async def _submit(self) -> None:
        events = [self.activity.next(self.world.true_at) for _ in range(self.draw.randint(1, 4))]
        self.note("submit " + ", ".join(_shown(each) for each in events))
        task = asyncio.ensure_future(self.writer.submit(events))
        self._open.append(Sent(events, task))
        await asyncio.sleep(0)

    async def _hear(self) -> None:
        """Let answers that are on their way arrive."""
        if not self._open:
            return
        for _ in range(3):
            await asyncio.sleep(0)
        settled = [sent for sent in self._open if sent.settle()]
        self._open = [sent for sent in self._open if sent not in settled]
        self.answered += [sent for sent in settled if sent.answer is not None]

    def _gap(self) -> None:
        what = self.draw.random()
        if what < 0.4:
            self._to_next_due()
        elif what < 0.45:
            self.world.pass_by(self.draw.choice(_LONG_GAPS))
        else:
            self.world.pass_by(self.draw.choice(_GAPS))

    def _to_next_due(self) -> None:
        """On to just before, at, or after the moment at which time alone has something to do."""
        if self.writer._broken:
            return
        with self.faults.suspended():
            next_at = self.writer._loop.next_at()
        if next_at is None:
            return
        if next_at.microsecond:  # a decay: how many microseconds it takes is nobody's business
            next_at = next_at.replace(microsecond=0) + timedelta(seconds=1)
        off = self.draw.choice((-5, 0, 0, 5)) * _MILLISECOND
        span = next_at + off - self.clock.latest
        if _NO_TIME < span < 60 * DAY:
            self.world.pass_by(span)

    async def _finish(self) -> None:
        """Nothing goes wrong any more: everything that waits is decided, and time runs on."""
        self.faults.disarm()
        self.world.pass_by(self.draw.choice(_AFTERWARDS))
        rounds = 0
        while rounds == 0 or self.writer._more or self.writer._asked() or self.writer._broken:
            self.writer._round()
            await self._hear()
            rounds += 1
            assert rounds < _MOST_ROUNDS, "the writer does not come to rest"
        assert not self._open, "somebody was never answered"
        health = self.writer.health()
        assert health.ready, health
        assert (health.behind, health.waiting) == (0, 0), health

    # What is seen

    def _tell(self, decisions: Sequence[Decision]) -> None:
        self.told += decisions
        for each in decisions:
            self.note(f"  {each.subject} #{each.sequence} {each.time_at} {each.type}")
            if isinstance(each.data, Breached) and each.data.due is not None:
                self.activity.late_dues.append(each.data.due)

    def _committing(self, work: Commit) -> None:
        self.note(f"  commit up to {work.offset}, {work.now}, {len(work.decisions)} decisions")
        assert work.now <= self.clock.latest, "the clock of a commit is ahead of the log's time"
        for each in work.decisions:
            assert each.time_at <= work.now, f"early: {each}"
        if self.sharp:
            assert work.now <= self.world.true_at, "ahead of the true time"


def simulate(seed: int, disk: Disk, note: Callable[[str], None] = lambda line: None) -> Simulation:
    """Run one seed to its end."""
    simulation = Simulation(seed, disk, note)
    draw = Random(~seed)
    with ExitStack() as patches:
        patches.enter_context(patch("streams.loop.load_agreement", cached_load))
        # Small pages and chunks, so that their edges are where something happens.
        for name, sizes in _SIZES.items():
            patches.enter_context(patch(f"streams.{name}", draw.choice(sizes)))
        for name in ("SLICE_S", "LONG_SLICE_S"):
            patches.enter_context(patch(f"streams.writer.{name}", 0.051))
        patches.enter_context(patch("streams.loop.UNASKED", 1))
        patches.enter_context(patch("streams.writer.steady_s", simulation.world.work_s))
        patches.enter_context(patch("streams.writer._log", Silence()))
        asyncio.run(simulation.run())
    return simulation


def _shown(accepted: Accepted) -> str:
    event = accepted.event
    return f"{event.id} {event.type} {event.subject} at {event.time_at}"
