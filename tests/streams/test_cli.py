"""The command line as a whole: what it lists, how soon it answers, how it refuses."""

import importlib
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from streams.cli import COMMANDS, LazyGroup, main

ACME = Path(__file__).parents[2] / "rules" / "agreements" / "acme.yaml"
BATON = (sys.executable, "-c", "from streams.cli import main; main()")
FULL_DISK = Path("/dev/full")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_says_of_a_command_what_the_command_says_of_itself(name: str) -> None:
    command = importlib.import_module(COMMANDS[name].module).command
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.get_short_help_str(limit=200).rstrip(".") == COMMANDS[name].summary.rstrip(".")


def test_help_lists_every_command_that_is_not_hidden() -> None:
    listed = CliRunner().invoke(main, ["--help"], terminal_width=200)
    assert listed.exit_code == 0
    for name, entry in COMMANDS.items():
        assert (f"{name} " in listed.stdout and entry.summary in listed.stdout) != entry.hidden


def test_help_loads_nothing_that_is_slow_to_load() -> None:
    script = (
        "import sys\n"
        "from streams.cli import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "print([m for m in ('pydantic', 'yaml', 'holidays', 'rich', 'msgspec', 'asyncio')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    shown = CliRunner().invoke(main, [name, "--help"])
    assert shown.exit_code == 0, shown.output
    assert f"Usage: main {name}" in shown.stdout


@pytest.mark.parametrize(
    ("written", "hint"), [("chekc", "did you mean 'check'?"), ("dance", "see 'baton --help'.")]
)
def test_an_unknown_command_is_bad_usage(written: str, hint: str) -> None:
    refused = CliRunner().invoke(main, [written])
    assert refused.exit_code == 2
    assert refused.stdout == ""
    assert f"There is no command '{written}': {hint}" in refused.stderr


def test_hidden_characters_in_an_unknown_command_are_escaped() -> None:
    refused = CliRunner().invoke(main, ["che\u202eck!\x1b[31m"])
    assert "\\u202e" in refused.stderr
    assert "\x1b" not in refused.stderr


def test_version_names_the_program() -> None:
    shown = CliRunner().invoke(main, ["--version"])
    assert shown.exit_code == 0
    assert shown.stdout.startswith("baton, version ")


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """A file of one event about lead-1."""
    event = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/web",
        "type": "webinar.registered",
        "subject": "lead-1",
        "time": "2026-03-02T09:15:00+01:00",
    }
    path = tmp_path / "events.jsonl"
    path.write_text(json.dumps(event) + "\n", encoding="utf-8")
    return path


def commands(events: Path) -> dict[str, tuple[str, ...]]:
    """One call of each command that prints a result, and of the help."""
    agreement, file = f"--agreement={ACME}", str(events)
    return {
        "help": ("--help",),
        "check": ("check", str(events)),
        "replay": ("replay", agreement, "--until=2026-12-01T00:00:00Z", file),
        "explain": ("explain", "lead-1", agreement, file),
        "explain as json": ("explain", "lead-1", agreement, "--json", file),
        "demo": ("demo", "--once", "--listen=127.0.0.1:0", f"--dir={events.parent / 'demo'}"),
    }


NAMES = tuple(commands(Path()))


@pytest.mark.skipif(not FULL_DISK.exists(), reason="this machine has no /dev/full")
@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk_is_said_and_ends_it(name: str, events: Path) -> None:
    with FULL_DISK.open("wb") as full:
        done = subprocess.run(
            [*BATON, *commands(events)[name]], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    assert done.stderr == (
        "Error: The output can't be written: No space left on device. "
        "Make room, and run the command again.\n"
    )


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_closed_stdout_is_said_and_ends_it(name: str, events: Path) -> None:
    shell = ("sh", "-c", 'exec "$@" >&-', "sh")
    done = subprocess.run(
        [*shell, *BATON, *commands(events)[name]], stderr=subprocess.PIPE, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith("Error: There is nowhere to write the result: stdout is closed.")
    assert len(done.stderr.splitlines()) == 1


def test_a_closed_stdin_holds_nothing() -> None:
    shell = ("sh", "-c", 'exec "$@" <&-', "sh")
    done = subprocess.run(
        [*shell, *BATON, "replay", f"--agreement={ACME}", "-"], capture_output=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_pipe_is_answered_as_each_event_comes(events: Path) -> None:
    line = events.read_bytes().splitlines()[0] + b"\n"
    with subprocess.Popen(
        [*BATON, "replay", f"--agreement={ACME}", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(line)
        running.stdin.flush()
        answered, _, _ = select.select([running.stdout], [], [], 30)
        assert answered, "no decision before the pipe was closed"
        assert json.loads(running.stdout.readline())["type"] == "lead.temperature_changed"


def test_a_reader_that_goes_away_is_no_fault(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run(
            [*BATON, "demo", "--listen=127.0.0.1:0", f"--dir={tmp_path}"],
            stdout=pipe,
            stderr=subprocess.PIPE,
        )
    assert done.stderr == b""


def test_a_file_that_fails_while_it_is_read_is_named_no_traceback() -> None:
    @click.command("broken")
    def broken() -> None:
        raise OSError(5, "Input/output error", "/mnt/nas/events.jsonl")

    refused = CliRunner().invoke(_alone(broken), ["broken"])
    assert refused.exit_code == 2
    assert refused.stderr == (
        "Error: /mnt/nas/events.jsonl can't be read or written: Input/output error.\n"
    )


def test_whoever_calls_it_from_python_gets_the_error_itself() -> None:
    @click.command("broken")
    def broken() -> None:
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output error"):
        _alone(broken).main(["broken"], standalone_mode=False)


def test_an_interruption_has_a_status_of_its_own() -> None:
    @click.command("endless")
    def endless() -> None:
        signal.raise_signal(signal.SIGINT)

    stopped = CliRunner().invoke(_alone(endless), ["endless"])
    assert stopped.exit_code == 130
    assert stopped.stderr == "\nAborted!\n"


def _alone(command: click.Command) -> click.Group:
    """The program with `command` and no other."""

    class Group(LazyGroup):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
            return command

        def resolve_command(
            self, ctx: click.Context, args: list[str]
        ) -> tuple[str | None, click.Command | None, list[str]]:
            return command.name, command, args[1:]

    return Group("baton")
