"""`baton dead-letters`: what could not be taken, and sending it again (contract, section 4).

Two places to look at: the store of the embedded service, or with BATON_BROKERS a topic.
"""

import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from streams.arguments import connect_kafka, open_or_refuse, read_settings, refuse

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from datetime import datetime

    from streams.kafka.dead_letters import Kept
    from streams.settings import Settings
    from streams.sqlite.dead_letters import KeptLetter

_PAGE: Final = 500
_store_option = click.option(
    "--store",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Instead of BATON_STORE, and of Kafka.",
)


class _Line(NamedTuple):
    """A letter as it is listed."""

    id: str
    taken_at: "datetime"
    reason: str
    sentence: str
    sent_again: bool
    as_json: bytes


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

    settings = read_settings(store=store)
    count = 0
    lines = _of_topic if _is_kafka(settings, store) else _of_store
    for line in lines(settings, with_sent):
        count += 1
        if as_json:
            click.echo(line.as_json)
        else:
            sent = ", sent again" if line.sent_again else ""
            said = printable(line.sentence, 400)
            click.echo(f"{line.id:>6}  {line.taken_at:%Y-%m-%d %H:%M}  {line.reason}{sent}: {said}")
    if not count and not as_json:
        click.echo("There are no dead letters.", err=True)


@command.command("show")
@_store_option
@click.option(
    "--original", is_flag=True, help="Only the bytes as they came in, to be mended and sent."
)
@click.argument("letter_id", metavar="ID")
def show_command(store: Path | None, original: bool, letter_id: str) -> None:
    """Show one with everything that is known of it."""
    settings = read_settings(store=store)
    if _is_kafka(settings, store):
        kept = _in_topic(settings, letter_id)
        if kept is not None:
            click.echo(kept.letter.original_bytes() if original else kept.as_json())
            return
    else:
        from streams.sqlite.dead_letters import one

        number = _numbers((letter_id,))[0]
        with closing(open_or_refuse(settings.store)) as connection:
            letter = one(connection, number)
        if letter is not None:
            click.echo(letter.body if original else _json(letter))
            return
    refuse(f"There is no dead letter {letter_id}. `baton dead-letters list --all` shows them all.")


@command.command("redrive")
@_store_option
@click.option("--url", help="Where the service is, if not where BATON_LISTEN or BATON_URL say.")
@click.option("--all", "everything", is_flag=True, help="All that wait.")
@click.argument("letter_ids", nargs=-1, metavar="[ID]...")
def redrive_command(
    store: Path | None, url: str | None, everything: bool, letter_ids: tuple[str, ...]
) -> None:
    """Send them to the running service again, once the cause has been mended.

    What is taken now is marked as sent; what is refused again stays as it is,
    and the exit status is 1. On Kafka, what only the agreement can tell is found by
    the workers again, and becomes a new dead letter then.
    """
    if everything == bool(letter_ids):
        raise click.UsageError("Name the IDs that `baton dead-letters list` shows, or say --all.")
    settings = read_settings(store=store, url=url)
    again = _redrive_topic if _is_kafka(settings, store) and url is None else _redrive_store
    taken, refused = again(settings, letter_ids)
    click.echo(f"{taken} taken now, {refused} refused again.")
    if refused:
        raise click.exceptions.Exit(1)


def _is_kafka(settings: "Settings", store: Path | None) -> bool:
    """Where to look: a store that is named on the command line comes first."""
    return bool(settings.brokers) and store is None


def _of_store(settings: "Settings", with_sent: bool) -> "Iterator[_Line]":
    with closing(open_or_refuse(settings.store)) as connection:
        for letter in _letters(connection, with_sent):
            yield _Line(
                str(letter.id), letter.taken_at, letter.reason, letter.sentence,
                letter.redriven_at is not None, _json(letter),
            )  # fmt: skip


def _of_topic(settings: "Settings", with_sent: bool) -> "Iterator[_Line]":
    from streams.kafka.connection import BrokerError
    from streams.kafka.dead_letters import letters
    from streams.kafka.reading import reader

    connection = connect_kafka(settings)
    try:
        with reader(connection) as consumer:
            for kept in letters(connection, consumer, with_redriven=with_sent):
                letter = kept.letter
                yield _Line(
                    kept.id, kept.taken_at, letter.reason, letter.sentence, kept.redriven,
                    kept.as_json(),
                )  # fmt: skip
    except BrokerError as error:
        refuse(str(error))


def _in_topic(settings: "Settings", letter_id: str) -> "Kept | None":
    from streams.kafka.connection import BrokerError
    from streams.kafka.dead_letters import find
    from streams.kafka.reading import reader

    connection = connect_kafka(settings)
    try:
        with reader(connection) as consumer:
            return find(connection, consumer, letter_id)
    except BrokerError as error:
        refuse(str(error))


def _redrive_store(settings: "Settings", letter_ids: tuple[str, ...]) -> tuple[int, int]:
    from streams.redriving import redrive
    from streams.sending import GivenUpError
    from streams.storage import StorageError

    with closing(open_or_refuse(settings.store)) as connection:
        letters = [each for each in _letters(connection, True) if not each.redriven_at]
    if letter_ids:
        waiting = {each.id: each for each in letters}
        numbers = _numbers(letter_ids)
        _refuse_missing([str(each) for each in numbers if each not in waiting])
        letters = [waiting[each] for each in dict.fromkeys(numbers)]
    try:
        return redrive(settings, letters, time.sleep)
    except (GivenUpError, StorageError) as error:
        refuse(str(error))


def _redrive_topic(settings: "Settings", letter_ids: tuple[str, ...]) -> tuple[int, int]:
    from streams import clock
    from streams.kafka.connection import BrokerError
    from streams.kafka.dead_letters import letters
    from streams.kafka.reading import reader
    from streams.kafka.redriving import redrive
    from streams.kafka.sending import writer

    connection = connect_kafka(settings)
    wanted = frozenset(letter_ids)
    try:
        with reader(connection) as consumer, writer(connection) as producer:
            if wanted:
                waiting = letters(connection, consumer, with_redriven=False)
                there = {kept.id for kept in waiting if kept.id in wanted}
                _refuse_missing([each for each in letter_ids if each not in there])
            chosen = (
                kept
                for kept in letters(connection, consumer, with_redriven=False)
                if not wanted or kept.id in wanted
            )
            return redrive(
                connection, producer, chosen, clock.now(),
                lambda letter: click.echo(letter.as_json(), err=True),
            )  # fmt: skip
    except BrokerError as error:
        refuse(str(error))


def _numbers(letter_ids: tuple[str, ...]) -> list[int]:
    for each in letter_ids:
        if not (each.isascii() and each.isdigit() and len(each) < 19):
            raise click.UsageError(
                f"'{each}' is no ID of a dead letter; `baton dead-letters list` shows them."
            )
    return [int(each) for each in letter_ids]


def _refuse_missing(missing: list[str]) -> None:
    if missing:
        refuse(f"No dead letter waits under {', '.join(missing)}: see `baton dead-letters list`.")


def _letters(connection: "sqlite3.Connection", with_sent: bool) -> "Iterator[KeptLetter]":
    from streams.sqlite.dead_letters import page

    after = 0
    while letters := page(connection, after, _PAGE, waiting_only=not with_sent):
        yield from letters
        after = letters[-1].id


def _json(letter: "KeptLetter") -> bytes:
    from streams.redriving import described

    return described(letter)
