"""`baton dead-letters`: what could not be taken, and sending it again (contract, section 4)."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from streams.arguments import open_or_refuse, read_settings, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.sqlite.dead_letters import KeptLetter

_PAGE: Final = 500
_store_option = click.option(
    "--store", type=click.Path(dir_okay=False, path_type=Path), help="Instead of BATON_STORE."
)


@click.group("dead-letters")
def command() -> None:
    """See what could not be taken, and send it again."""


@command.command("list")
@_store_option
@click.option("--all", "with_sent", is_flag=True, help="Also those that were sent again.")
@click.option("--json", "as_json", is_flag=True, help="For machines: JSON lines.")
def list_command(store: Path | None, with_sent: bool, as_json: bool) -> None:
    """List what waits, oldest first, with the reasons."""
    from rules.wording import printable

    path = read_settings(store=store).store
    count = 0
    with closing(open_or_refuse(path)) as connection:
        for letter in _letters(connection, with_sent):
            count += 1
            if as_json:
                click.echo(_json(letter))
            else:
                sent = ", sent again" if letter.redriven_at else ""
                when = f"{letter.taken_at:%Y-%m-%d %H:%M}"
                said = printable(letter.sentence, 400)
                click.echo(f"{letter.id:>6}  {when}  {letter.reason}{sent}: {said}")
    if not count and not as_json:
        click.echo("There are no dead letters.", err=True)


@command.command("show")
@_store_option
@click.option(
    "--original", is_flag=True, help="Only the bytes as they came in, to be mended and sent."
)
@click.argument("number", type=int, metavar="ID")
def show_command(store: Path | None, original: bool, number: int) -> None:
    """Show one with everything that is known of it."""
    from streams.sqlite.dead_letters import one

    with closing(open_or_refuse(read_settings(store=store).store)) as connection:
        letter = one(connection, number)
    if letter is None:
        refuse(f"There is no dead letter {number}. `baton dead-letters list --all` shows them all.")
    click.echo(letter.body if original else _json(letter))


@command.command("redrive")
@_store_option
@click.option("--url", help="Where the service is, if not where BATON_LISTEN or BATON_URL say.")
@click.option("--all", "everything", is_flag=True, help="All that wait.")
@click.argument("numbers", type=int, nargs=-1, metavar="[ID]...")
def redrive_command(
    store: Path | None, url: str | None, everything: bool, numbers: tuple[int, ...]
) -> None:
    """Send them to the running service again, once the cause has been mended.

    What is taken now is marked as sent; what is refused again stays as it is,
    and the exit status is 1.
    """
    from streams.redriving import redrive
    from streams.sending import GivenUpError
    from streams.storage import StorageError

    if everything == bool(numbers):
        raise click.UsageError("Name the IDs that `baton dead-letters list` shows, or say --all.")
    settings = read_settings(store=store, url=url)
    with closing(open_or_refuse(settings.store)) as connection:
        letters = [each for each in _letters(connection, True) if not each.redriven_at]
    if numbers:
        waiting = {each.id: each for each in letters}
        missing = [str(each) for each in numbers if each not in waiting]
        if missing:
            refuse(
                f"No dead letter waits under {', '.join(missing)}: see `baton dead-letters list`."
            )
        letters = [waiting[each] for each in dict.fromkeys(numbers)]
    try:
        taken, refused = redrive(settings, letters, time.sleep)
    except (GivenUpError, StorageError) as error:
        refuse(str(error))
    click.echo(f"{taken} taken now, {refused} refused again.")
    if refused:
        raise click.exceptions.Exit(1)


def _letters(connection: sqlite3.Connection, with_sent: bool) -> "Iterator[KeptLetter]":
    from streams.sqlite.dead_letters import page

    after = 0
    while letters := page(connection, after, _PAGE, waiting_only=not with_sent):
        yield from letters
        after = letters[-1].id


def _json(letter: "KeptLetter") -> bytes:
    from streams.redriving import described

    return described(letter)
