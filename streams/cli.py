"""The command line: `baton`.

Each command lives in a module of its own and is imported when it is called, so
that `baton --help` answers at once. What the help says of a command stands in
`COMMANDS`; a test holds it equal to the command's own short help.
"""

import difflib
import importlib
from dataclasses import dataclass
from typing import Final, cast

import click

from rules.wording import printable


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """Where a command lives (its module exports `command`) and what it does, in one line."""

    module: str
    summary: str
    hidden: bool = False


COMMANDS: Final[dict[str, CommandEntry]] = {
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
    "replay": CommandEntry("streams.commands.replay", "Turn a file of events into decisions."),
    "demo": CommandEntry(
        "streams.demo", "Show the product at work on an invented month of leads.", hidden=True
    ),
}


class LazyGroup(click.Group):
    """A group that imports a subcommand's module only when that subcommand is called."""

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


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 success, 1 a finding (a fault in an agreement, a refused event), "
    "2 bad usage or input.",
)
@click.version_option(package_name="baton-sla", prog_name="baton")
def main() -> None:
    """Execute a sales-marketing agreement against lead events, exactly and explainably."""
