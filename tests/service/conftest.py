"""Starting the service, and any other command, in a directory of the test's own."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from streams.cli import main
from tests.service.machine import Machine
from tests.service.processes import BATON, WAIT_S, Baton, Start, Up, environment

ROOT: Final = Path(__file__).parents[2]


@pytest.fixture
def up(tmp_path: Path, acme_path: Path) -> Iterator[Start]:
    """Starts the service in `tmp_path` with the sample agreement, or with other settings.

    `on` a machine of the test's own it lives by that machine's clock.
    """
    processes: list[subprocess.Popen[str]] = []
    running: list[Up] = []

    def start(*arguments: str, on: Machine | None = None, **settings: str) -> Up:
        given = {"agreement": str(acme_path), "listen": "127.0.0.1:0"} | settings
        log = tmp_path / f"log-{len(processes)}"
        with log.open("w") as stderr:
            process = subprocess.Popen(
                [*(on.command if on is not None else BATON), "up", *arguments],
                cwd=tmp_path,
                env=environment(**given) | {"PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        processes.append(process)
        running.append(Up(process, log))
        return running[-1]

    yield start
    for service in running:
        service.client.close()
    for process in processes:
        with process:
            process.kill()


@pytest.fixture
def baton(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Baton:
    """Runs any command in `tmp_path` to its end: `up` as a process, the others in this one."""

    def run(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        wanted = environment(**settings)
        if arguments[0] == "up":
            return subprocess.run(
                [*BATON, *arguments],
                cwd=tmp_path,
                env=wanted,
                capture_output=True,
                text=True,
                timeout=WAIT_S,
            )
        monkeypatch.chdir(tmp_path)
        changed = {name: wanted.get(name) for name in os.environ.keys() | wanted.keys()}
        done = CliRunner().invoke(main, arguments, env=changed)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of three megabytes."""
    point = tmp_path / "disk"
    point.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(point)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("file systems may not be mounted here")
    yield point
    subprocess.run(["umount", "-l", str(point)], check=True)
