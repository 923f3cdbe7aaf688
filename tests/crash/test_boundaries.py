"""A process killed at every boundary, and again and again, loses and doubles nothing."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the driver tells of all its runs."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.crash.driver",
            str(tmp_path_factory.mktemp("crash") / "runs"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_scenario_is_worth_being_interrupted(told: list[dict[str, Any]]) -> None:
    whole = told[0]
    assert whole["undisturbed"] > 100
    assert whole["events"] > 20
    assert len(whole["kinds"]) > 9, whole["kinds"]


def test_killed_at_any_boundary_it_comes_to_the_same_bytes(told: list[dict[str, Any]]) -> None:
    runs = [each for each in told if "killed_at" in each]
    assert [each["killed_at"] for each in runs] == [*range(1, len(runs)), None]
    assert len(runs) > 50
    assert [each for each in runs if not each["equal"]] == []


def test_killed_again_and_again_it_comes_to_the_same_bytes(told: list[dict[str, Any]]) -> None:
    runs = [each for each in told if "every" in each]
    assert max(each["starts"] for each in runs) > 10
    assert [each for each in runs if not each["equal"]] == []
