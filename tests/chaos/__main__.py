"""`python -m tests.chaos SEED` runs one seed and shows it; `--seeds FIRST LAST` runs many."""

import argparse
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import monotonic
from typing import Final

from tests.chaos.faults import Disk
from tests.chaos.memory import Disk as MemoryDisk
from tests.chaos.simulation import simulate
from tests.chaos.sqlite_disk import SqliteDisk
from tests.chaos.verdict import judge

ON_SQLITE: Final = 20
"""One seed in so many runs on the real store."""
_AT_ONCE: Final = 50
_PROCESSES: Final = 2


def run(seed: int, note: Callable[[str], None] = lambda line: None) -> None:
    """Run one seed and judge it; `AssertionError` if something does not hold."""
    if seed % ON_SQLITE:
        _run(seed, MemoryDisk(), note)
        return
    with tempfile.TemporaryDirectory(prefix="chaos-") as directory:
        disk = SqliteDisk(Path(directory) / "baton.db")
        try:
            _run(seed, disk, note)
        finally:
            disk.close()


def _run(seed: int, disk: Disk, note: Callable[[str], None]) -> None:
    judge(simulate(seed, disk, note))


def first_failure(seeds: range) -> tuple[int, str] | None:
    """The first of the seeds that does not hold, and why."""
    for seed in seeds:
        try:
            run(seed)
        except Exception:
            return seed, traceback.format_exc(limit=-3)
    return None


def _portions(seeds: range) -> Iterator[range]:
    for first in range(seeds.start, seeds.stop, _AT_ONCE):
        yield range(first, min(first + _AT_ONCE, seeds.stop))


def many(seeds: range) -> int:
    """Run all of them on both cores, and say how it went; the exit status."""
    began_s, done = monotonic(), 0
    failures: list[tuple[int, str]] = []
    with ProcessPoolExecutor(_PROCESSES) as pool:
        for portion, failure in zip(
            _portions(seeds), pool.map(first_failure, _portions(seeds)), strict=True
        ):
            done += len(portion)
            per_s = done / (monotonic() - began_s)
            if failure is not None:
                failures.append(failure)
                print(f"\nseed {failure[0]} fails: {failure[1].strip().splitlines()[-1]}")
            print(f"\r{done} of {len(seeds)} seeds, {per_s:.0f}/s", end="", flush=True)
    print()
    if not failures:
        print(f"Seeds {seeds.start} to {seeds.stop - 1} hold.")
        return 0
    seed, why = failures[0]
    print(f"{why}\nThe first that fails is {seed}. To see it: python -m tests.chaos {seed}")
    return 1


def one(seed: int) -> int:
    """Run one seed with its trace; the exit status."""
    lines: list[str] = []
    try:
        run(seed, lines.append)
    except Exception:
        print("\n".join(lines[-300:]))
        traceback.print_exc()
        return 1
    print("\n".join(lines))
    print(f"Seed {seed} holds.")
    return 0


def main() -> int:
    """Read the command line and run what it asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("seed", type=int, nargs="?", help="run this seed alone, with its trace")
    parser.add_argument("--seeds", type=int, nargs=2, metavar=("FIRST", "LAST"))
    given = parser.parse_args()
    if given.seed is not None:
        return one(given.seed)
    first, last = given.seeds or (1, 10_000)
    return many(range(first, last + 1))


if __name__ == "__main__":
    sys.exit(main())
