"""Running seeds: most in memory, some on the real store."""

import tempfile
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.chaos.disks import MemoryDisk, SqliteDisk
from tests.chaos.simulation import simulate
from tests.chaos.verdict import judge

ON_SQLITE: Final = 20
"""One seed in so many runs on the real store."""
_SENTENCE: Final = 300


@dataclass(frozen=True, slots=True)
class Failure:
    """A seed that does not hold."""

    seed: int
    first_line: str
    why: str


def run(seed: int, note: Callable[[str], None] = lambda line: None) -> None:
    """Run one seed and judge it; raises if something does not hold."""
    if seed % ON_SQLITE:
        judge(simulate(seed, MemoryDisk(), note))
        return
    with tempfile.TemporaryDirectory(prefix="chaos-") as directory:
        disk = SqliteDisk(Path(directory) / "baton.db")
        try:
            judge(simulate(seed, disk, note))
        finally:
            disk.close()


def failures(seeds: Iterable[int]) -> list[Failure]:
    """Those of the seeds that do not hold, and why."""
    found: list[Failure] = []
    for seed in seeds:
        try:
            run(seed)
        except Exception as error:
            line = " ".join(f"{type(error).__name__} {error}".split())[:_SENTENCE]
            found.append(Failure(seed, line, traceback.format_exc(limit=-3)))
    return found
