"""`python -m tests.chaos SEED` runs one seed and shows it; `--seeds FIRST LAST` runs many."""

import argparse
import sys
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from time import monotonic
from typing import Final

import click

from tests.chaos.running import Failure, failures, run
from tests.chaos.shortening import shortened
from tests.chaos.verdict import DiffersFromReferenceError

_AT_ONCE: Final = 50
_PROCESSES: Final = 2
_SHOWN: Final = 400
"""Lines of a failing seed's trace that are shown: what led up to the failure."""


def _portions(seeds: range) -> Iterator[range]:
    for first in range(seeds.start, seeds.stop, _AT_ONCE):
        yield range(first, min(first + _AT_ONCE, seeds.stop))


def many(seeds: range) -> int:
    """Run all of them on both cores, and say how it went; the exit status."""
    began_s, done = monotonic(), 0
    failed: list[Failure] = []
    portions = list(_portions(seeds))
    with ProcessPoolExecutor(_PROCESSES) as pool:
        for portion, found in zip(portions, pool.map(failures, portions), strict=True):
            done += len(portion)
            for failure in found:
                click.echo(f"\rseed {failure.seed} fails: {failure.first_line}", err=True)
            failed += found
            rate = done / (monotonic() - began_s)
            click.echo(f"\r{done:,} of {len(seeds):,} seeds, {rate:.0f}/s", nl=False, err=True)
    click.echo(err=True)
    if not failed:
        click.echo(f"Seeds {seeds.start} to {seeds.stop - 1} hold ({rate:.0f} a second).")
        return 0
    first = failed[0]
    click.echo(
        f"{first.why}\n{len(failed)} of {len(seeds):,} seeds fail, the first is {first.seed}. "
        f"To see it: python -m tests.chaos {first.seed}"
    )
    return 1


def one(seed: int) -> int:
    """Run one seed with its trace; the exit status."""
    lines: list[str] = []
    try:
        run(seed, lines.append)
    except Exception as error:
        click.echo("\n".join(lines[-_SHOWN:]))
        traceback.print_exc()
        if isinstance(error, DiffersFromReferenceError):
            fewest = shortened(error.agreement, error.records, error.final_at)
            click.echo(f"\nThe fewest events that it takes:\n{fewest}")
        return 1
    click.echo("\n".join(lines))
    click.echo(f"Seed {seed} holds.")
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
