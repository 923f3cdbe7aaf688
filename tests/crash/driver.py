"""`python -m tests.crash.driver DIRECTORY`: a real process killed at every boundary in turn.

Each run is a child of this process, forked so that it needs not load everything
anew, and ends by its own SIGKILL at the n-th boundary. It is started again until
it comes to its end. Prints one JSON line per n, and one for runs killed again
and again.
"""

import json
import os
import shutil
import sys
import traceback
from pathlib import Path
from typing import Final

import click

from tests.crash.scenario import Boundary, kill_at, outcome, run

_MOST_BOUNDARIES: Final = 2_000
_MOST_STARTS: Final = 200
AGAIN_AND_AGAIN: Final = (9, 14, 25)
"""Runs on one store that are killed at every so-many-th boundary, however often it takes.

Fewer would make no progress: a start alone may cross six, which put the agreement in force.
"""


def in_a_child(path: Path, boundary: Boundary) -> int:
    """Run the scenario in a child; its exit status, negative for the signal that ended it."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            run(path, boundary)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_once(directory: Path, number: int) -> tuple[bool, Path]:
    """Kill a new run at the `number`-th boundary, and finish it; whether it came so far."""
    path = fresh(directory) / "baton.db"
    status = in_a_child(path, kill_at(number))
    if status < 0:
        assert in_a_child(path, lambda where: None) == 0, "it does not come to its end"
    else:
        assert status == 0, status
    return status < 0, path


def killed_again_and_again(directory: Path, every: int) -> tuple[int, Path]:
    """Kill each start at the `every`-th boundary until one ends by itself; how many."""
    path = fresh(directory) / "baton.db"
    for start in range(1, _MOST_STARTS):
        status = in_a_child(path, kill_at(every))
        if status >= 0:
            assert status == 0, status
            return start, path
    raise AssertionError(f"killed at every {every}th boundary, it makes no progress")


def fresh(directory: Path) -> Path:
    """The directory, empty."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


def main(directory: Path) -> None:
    """Run everything and tell it."""
    whole = fresh(directory / "whole") / "baton.db"
    # In this process, so that its children find everything loaded.
    run(whole)
    expected = outcome(whole)
    kinds = sorted({json.loads(body)["type"] for _, body in expected[0]})
    tell(undisturbed=len(expected[0]), events=len(expected[1]), kinds=kinds)
    for number in range(1, _MOST_BOUNDARIES):
        killed, path = killed_once(directory / "once", number)
        tell(killed_at=number if killed else None, equal=outcome(path) == expected)
        if not killed:
            break
    for every in AGAIN_AND_AGAIN:
        starts, path = killed_again_and_again(directory / "again", every)
        tell(every=every, starts=starts, equal=outcome(path) == expected)


def tell(**fact: object) -> None:
    """One line for the test."""
    click.echo(json.dumps(fact))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
