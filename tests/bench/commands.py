"""How long commands take as whole processes, the interpreter's start included."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench.figures import Benchmark, Reading, median_s
from tests.bench.large_agreement import large_agreement

RULES = 2_000


def _process(*arguments: str) -> Callable[[], object]:
    """Runs `python ARGUMENTS`, which must succeed."""

    def run() -> object:
        return subprocess.run([sys.executable, *arguments], check=True, capture_output=True)

    return run


def _baton(*arguments: str) -> Callable[[], object]:
    return _process("-c", "from streams.cli import main; main()", *arguments)


def start() -> Reading:
    """`baton --help`; the floor is a Python that does nothing."""
    return Reading(median_s(_baton("--help"), 11), median_s(_process("-c", "pass"), 11))


def check() -> Reading:
    """`baton check` on 2,000 rules; the floor is composing the same YAML in a bare process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.yaml"
        path.write_text(large_agreement(RULES), encoding="utf-8")
        compose = "import sys, yaml; yaml.compose(open(sys.argv[1]), yaml.CSafeLoader)"
        return Reading(
            median_s(_baton("check", str(path)), 5),
            median_s(_process("-c", compose, str(path)), 5),
        )


BENCHMARKS = (
    Benchmark("start_time", "s", "lower", 0.3, "value", start),
    Benchmark("check_time", "s", "lower", 2.0, "value", check),
)
