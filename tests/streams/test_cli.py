"""The command line as a whole: what it lists, how soon it answers, how it refuses."""

import importlib
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from streams.cli import COMMANDS, main


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
