"""`baton send`: events of a file to the running service or to Kafka (contract, section 4)."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import click

from streams.arguments import read_settings, refuse

if TYPE_CHECKING:
    from typing import Protocol

    from streams.sending import Count
    from streams.settings import Settings

    class Kept(Protocol):
        """Where refused lines are kept."""

        def where(self) -> str:
            """Where that is, to follow 'kept'."""


@click.command("send")
@click.option("--url", help="Where the service is, if not where BATON_LISTEN or BATON_URL say.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.argument("events", type=click.File("rb"), metavar="FILE|-")
def command(url: str | None, as_json: bool, events: BinaryIO) -> None:
    """Send events to the running service.

    FILE has one event a line; `-` reads stdin. Events that the service knows
    already change nothing, so after an interruption the same file can be sent
    again. Refused lines are told on stderr and kept as dead letters, the rest is
    unharmed, and the exit status is 1.

    With BATON_BROKERS (and without --url) they go to Kafka. What only the
    agreement can tell, such as an unknown person, is found by the workers then.
    """
    settings = read_settings(url=url)
    to_kafka = bool(settings.brokers) and url is None
    count, kept, given_up = (_to_kafka if to_kafka else _to_service)(settings, events)
    _report(count, kept, as_json)
    if given_up is not None:
        refuse(
            f"{given_up} Up to line {count.last_line} all is done; send the file again to "
            "go on, which repeats nothing."
        )
    if count.refused:
        raise click.exceptions.Exit(1)


def _to_service(settings: "Settings", events: BinaryIO) -> "tuple[Count, Kept, str | None]":
    from streams.jsonl import read_lines
    from streams.keeping import keep_dead_letters
    from streams.sending import GivenUpError, Sender, service_client
    from streams.storage import StorageError

    beside = "stdin" if events.name in ("-", "<stdin>") else str(events.name)
    given_up = None
    try:
        with (
            service_client(settings) as client,
            keep_dead_letters(settings.store, beside) as kept,
            _bar(events) as watch,
        ):
            sender = Sender(client, kept.keep, time.sleep, watch)
            try:
                sender.send(read_lines(events))
            except GivenUpError as error:
                given_up = str(error)
    except StorageError as error:
        refuse(f"What is refused can't be kept, so nothing more is sent. {error}")
    return sender.count, kept, given_up


def _to_kafka(settings: "Settings", events: BinaryIO) -> "tuple[Count, Kept, str | None]":
    from streams.arguments import connect_kafka
    from streams.jsonl import read_lines
    from streams.kafka.connection import BrokerError
    from streams.kafka.keeping import keep_in_topic
    from streams.kafka.sending import TopicSender, writer
    from streams.sending import GivenUpError

    connection = connect_kafka(settings)
    given_up = None
    try:
        with (
            writer(connection) as producer,
            keep_in_topic(connection, producer) as kept,
            _bar(events) as watch,
        ):
            sender = TopicSender(connection, producer, kept.keep, watch)
            try:
                sender.send(read_lines(events))
            except GivenUpError as error:
                given_up = str(error)
    except BrokerError as error:
        refuse(f"Kafka can't be written to, so nothing more is sent. {error}")
    return sender.count, kept, given_up


def _report(count: "Count", kept: "Kept", as_json: bool) -> None:
    from streams.sending import encode_count

    if as_json:
        click.echo(encode_count(count))
        return
    said = f"{_many(count.taken, 'event')} taken"
    if count.known:
        said += f", {_many(count.known, 'event')} known already"
    if count.refused:
        said += f", {_many(count.refused, 'line')} refused and kept {kept.where()}"
    click.echo(f"{said}.")


@contextmanager
def _bar(events: BinaryIO) -> "Iterator[Callable[[Count], object]]":
    """What to tell of progress: a bar, where a person looks on and the size is known."""
    import sys

    if not (sys.stderr.isatty() and events.seekable()):
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("sending", total=os.fstat(events.fileno()).st_size)
        yield lambda count: progress.update(task, completed=events.tell())


def _many(amount: int, noun: str) -> str:
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"
