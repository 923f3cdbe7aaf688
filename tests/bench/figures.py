"""What a benchmark is: a value, a floor to compare it with, and a target to reach."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Reading:
    """What one benchmark measured, in the benchmark's unit.

    `floor` is the least that any program would need on this machine for the same
    input (for a rate: the most it could reach), measured next to the value.
    """

    value: float
    floor: float | None = None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A figure with its target: the value itself, or the ratio to the floor.

    Without a target it is only told.
    """

    name: str
    unit: str
    better: Literal["lower", "higher"]
    target: float | None
    of: Literal["value", "ratio"]
    run: Callable[[], Reading]

    def ratio(self, reading: Reading) -> float | None:
        """How near to the floor, from 0 to 1, 1 being as good as it."""
        if reading.floor is None:
            return None
        if self.better == "lower":
            return reading.floor / reading.value
        return reading.value / reading.floor

    def reached(self, reading: Reading) -> bool:
        """Whether the target is met; a figure without one always passes."""
        if self.target is None:
            return True
        if self.of == "ratio":
            ratio = self.ratio(reading)
            return ratio is not None and ratio >= self.target
        if self.better == "lower":
            return reading.value <= self.target
        return reading.value >= self.target

    @property
    def target_text(self) -> str:
        """The target as the table shows it: `≤ 0.3 s`, `ratio ≥ 0.3`, or nothing."""
        if self.target is None:
            return ""
        if self.of == "ratio":
            return f"ratio ≥ {self.target:g}"
        return f"{'≤' if self.better == 'lower' else '≥'} {self.target:g} {self.unit}"


def median_s(work: Callable[[], object], times: int) -> float:
    """The median of how long `work` takes, in seconds, over `times` runs after one to warm up."""
    work()
    taken: list[float] = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)
