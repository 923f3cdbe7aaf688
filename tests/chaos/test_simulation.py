"""A fixed part of the seeds of `make chaos`, and that the simulation does what it promises."""

from collections import Counter
from typing import Final

import pytest

from streams.clock import LogClock
from tests.chaos.disks import MemoryDisk
from tests.chaos.running import failures, run
from tests.chaos.simulation import simulate

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
    "crash before activate", "error before append", "error after append", "error before commit",
    "error after commit", "error before read", "error before lead", "error before open",
    "the disk is full", "wall clock wrong by", "somebody kills it", "stopped after",
    "did not start", "sla.breached", "sla.retracted", "lead.queued", "lead.recycled",
)  # fmt: skip


def test_a_clock_that_forgets_what_was_lived_through_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The simulation notices a fault that this service once had."""
    monkeypatch.setattr(LogClock, "not_before", lambda clock, at: None)
    assert failures(range(1, 400)), "no seed notices that stamps fall behind the committed clock"
