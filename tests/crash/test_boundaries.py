"""A process killed at every boundary, and again and again, loses and doubles nothing."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]


def test_killed_at_any_boundary_it_comes_to_the_same_bytes(tmp_path: Path) -> None:
    told = drive(tmp_path / "runs")
    whole = told[0]
    assert whole["undisturbed"] > 100
    assert whole["events"] > 20
    assert len(whole["kinds"]) > 9, whole["kinds"]
    once = [each for each in told if "killed_at" in each]
    assert [each["killed_at"] for each in once] == [*range(1, len(once)), None]
    assert len(once) > 50
    assert [each for each in once if not each["equal"]] == []
    again_and_again = [each for each in told if "every" in each]
    assert max(each["starts"] for each in again_and_again) > 10
    assert [each for each in again_and_again if not each["equal"]] == []


def drive(directory: Path) -> list[dict[str, Any]]:
    """What the driver tells of all its runs."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.driver", str(directory)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
