"""The command line: `baton`.

Each command lives in a module of its own and is imported when it is called, so
that `baton --help` answers at once. What the help says of a command stands in
`COMMANDS`; a test holds it equal to the command's own short help.
"""

import difflib
import errno
import importlib
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, cast

import click

from rules.wording import printable


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """Where a command lives (its module exports `command`) and what it does, in one line."""

    module: str
    summary: str
    hidden: bool = False


COMMANDS: Final[dict[str, CommandEntry]] = {
    "up": CommandEntry(
        "streams.commands.up", "Run the service: events in over HTTP, decisions out."
    ),
    "send": CommandEntry("streams.commands.send", "Send events to the running service."),
    "check": CommandEntry("streams.commands.check", "Report every fault of an agreement at once."),
    "due": CommandEntry(
        "streams.commands.due",
        "Say when a deadline falls, and which working intervals were counted.",
    ),
    "explain": CommandEntry(
        "streams.commands.explain", "Tell everything that was decided about a lead, and why."
    ),
    "import": CommandEntry(
        "streams.commands.import_events", "Turn a CRM's CSV export into events."
    ),
    "dead-letters": CommandEntry(
        "streams.commands.dead_letters", "See what could not be taken, and send it again."
    ),
    "intake": CommandEntry("streams.commands.intake", "Take events over HTTP into Kafka."),
    "topics": CommandEntry(
        "streams.commands.topics",
        "Make Kafka's topics, and see whether they are as they should be.",
    ),
    "lag": CommandEntry(
        "streams.commands.lag", "Say how far the workers are behind, partition by partition."
    ),
    "backup": CommandEntry(
        "streams.commands.backup", "Copy the store to a file, also while the service runs."
    ),
    "restore": CommandEntry("streams.commands.restore", "Put a backup in the place of the store."),
    "replay": CommandEntry("streams.commands.replay", "Turn a file of events into decisions."),
    "demo": CommandEntry(
        "streams.demo", "Show the service at work on an invented month of leads.", hidden=True
    ),
}


_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_INTERRUPTED: Final = 130
"""What shells say of a process that the user stopped."""


class LazyGroup(click.Group):
    """A group that imports a subcommand's module only when that subcommand is called.

    Whatever the output does (a full disk, a closed stdout), a command ends with
    a sentence and status 2; a reader that goes away early (`| head`) is no fault.
    """

    def main(self, *args: Any, **extra: Any) -> Any:
        try:
            return super().main(*args, **extra)
        except OSError as error:
            if not extra.get("standalone_mode", True):
                raise
            _give_up(error)

    def invoke(self, ctx: click.Context) -> Any:
        if sys.stdout is None:
            _refuse("There is nowhere to write the result: stdout is closed. Try >/dev/null.")
        if sys.stdin is None:
            sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - to the end
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt:
            click.echo("\nAborted!", err=True)
            raise click.exceptions.Exit(_INTERRUPTED) from None
        return result

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, entry in COMMANDS.items() if not entry.hidden]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        return cast(click.Command, importlib.import_module(entry.module).command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS:
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean '{near[0]}'?" if near else "see 'baton --help'."
            ctx.fail(f"There is no command '{printable(args[0])}': {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, COMMANDS[name].summary) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _give_up(error: OSError) -> NoReturn:
    """End after reading or writing failed where no command expected it."""
    _drop_output()
    why = error.strerror or str(error)
    if error.filename is not None:
        _refuse(f"{printable(str(error.filename))} can't be read or written: {why}.")
    if error.errno in _NO_ROOM:
        _refuse(f"The output can't be written: {why}. Make room, and run the command again.")
    _refuse(f"Reading or writing failed: {why}.")


def _drop_output() -> None:
    """Make what is still buffered for stdout go nowhere, or Python would fail on it at exit."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _refuse(sentence: str) -> NoReturn:
    with suppress(OSError):
        click.echo(f"Error: {sentence}", err=True)
    sys.exit(2)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 success, 1 a finding (a fault in an agreement, a refused event), "
    "2 bad usage or input.",
)
@click.version_option(package_name="baton-sla", prog_name="baton")
def main() -> None:
    """Execute a sales-marketing agreement against lead events, exactly and explainably."""
