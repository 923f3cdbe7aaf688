"""A fixed part of the seeds of `make chaos`, and that the simulation does what it promises."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final
from unittest.mock import patch

import pytest

from rules.agreement import Agreement
from rules.events import Event
from streams.clock import LogClock
from streams.codec import encode_event
from streams.storage import Accepted, Record
from streams.writer import Writer
from tests.chaos.disks import MemoryDisk
from tests.chaos.running import failures, run
from tests.chaos.shortening import shortened
from tests.chaos.simulation import simulate
from tests.chaos.world import Patience, World
from tests.model.agreements import BARE
from tests.model.strategies import HOUR, MINUTE

START_AT: Final = datetime(2026, 3, 5, 8, 0, tzinfo=UTC)
_PORTIONS: Final = 8
_SEEDS: Final = 200


@pytest.mark.parametrize("portion", range(_PORTIONS))
def test_seeds_hold(portion: int) -> None:
    seeds = range(1 + portion, _SEEDS + 1, _PORTIONS)
    found = failures(seeds)
    assert not found, "\n".join(
        f"python -m tests.chaos {each.seed}: {each.first_line}" for each in found
    )


def test_a_seed_is_the_same_run_every_time() -> None:
    runs: list[list[str]] = [[], []]
    for lines in runs:
        run(7, lines.append)
    assert runs[0] == runs[1]
    assert len(runs[0]) > 20


def test_a_story_is_shortened_to_the_events_that_it_takes() -> None:
    simulations = (simulate(seed, MemoryDisk()) for seed in range(1, 20))
    story = next(each for each in simulations if len(each.agreements) == 1)
    records = story.disk.open()[0].read(0, 1_000_000)
    wanted = {"lead.rejected", "lead.attempted"}

    def differs(_: Agreement, events: Sequence[tuple[Event, datetime]], __: datetime) -> str | None:
        return "they differ" if wanted <= {event.type for event, _ in events} else None

    with patch("tests.chaos.shortening._difference", differs):
        shown = shortened(story.agreements[0], records, story.final_at())
    *events, difference = shown.splitlines()
    assert len(events) == 2
    assert all(any(kind in line for line in events) for kind in wanted)
    assert difference == "they differ"


def test_the_seeds_meet_everything_that_can_happen() -> None:
    met: Counter[str] = Counter()
    for seed in range(1, 60):
        lines: list[str] = []
        simulate(seed, MemoryDisk(), lines.append)
        for line in lines:
            for what in _HAPPENINGS:
                met[what] += what in line
    assert [what for what in _HAPPENINGS if not met[what]] == []


_HAPPENINGS: Final = (
    "crash before append", "crash after append", "crash before commit", "crash after commit",
    "activate", "error before append", "error after append", "error before commit",
    "error after commit", "error before read", "error before lead", "error before open",
    "the disk is full", "wall clock wrong by", "somebody kills it", "stopped after",
    "did not start", "sla.breached", "sla.retracted", "lead.queued", "lead.recycled",
)  # fmt: skip


def test_nothing_is_stamped_before_what_time_alone_decided() -> None:
    """A breach is committed, the process dies, and somebody sets the wall clock back."""
    disk, world = MemoryDisk(), World(START_AT, MINUTE / 60)
    started = writer_on(disk, world)
    text = BARE.encode()
    started.activate(text, sha256(text).hexdigest())
    asyncio.run(posted(started, event("demo.requested", START_AT)))
    world.pass_by(2 * HOUR)
    assert started._round()
    assert any(b"sla.breached" in body for body in disk.decisions())
    lived_at = started.health().now
    world.set_wrong(-HOUR)
    again = writer_on(disk, world)
    (record,) = asyncio.run(posted(again, event("lead.attempted", START_AT + HOUR)))
    assert lived_at is not None
    assert record.stamped_at >= lived_at >= START_AT + 2 * HOUR


def writer_on(disk: MemoryDisk, world: World) -> Writer:
    """A writer as a new process makes it."""
    log, _ = disk.open()
    writer = Writer(disk.open, LogClock(log.newest_stamp(), world.wall, world.steady_s))
    writer._wake = Patience(world)
    return writer


async def posted(writer: Writer, accepted: Accepted) -> list[Record]:
    """Send one event and let the writer work until nothing waits."""
    task = asyncio.ensure_future(writer.submit([accepted]))
    await asyncio.sleep(0)
    while writer._asked() or writer._more:
        writer._round()
    return await task


def event(kind: str, at: datetime) -> Accepted:
    """Something about the one lead."""
    data = {"channel": "call"} if kind == "lead.attempted" else {}
    happened = Event(kind, "/tests", kind, "lead-1", at, data, None)
    return Accepted(happened, encode_event(happened))
