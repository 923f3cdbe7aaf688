"""What several commands take on their command line: an agreement, an instant."""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import click

if TYPE_CHECKING:
    import sqlite3

    from rules.agreement import Agreement
    from streams.kafka.connection import Connection
    from streams.settings import Settings

_Command = TypeVar("_Command", bound=Callable[..., Any])


def agreement_option(help_text: str) -> Callable[[_Command], _Command]:
    """`--agreement A`, an existing file."""
    return click.option(
        "--agreement",
        "agreement_file",
        required=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help=help_text,
    )


def read_agreement(file: Path) -> "Agreement":
    """The agreement in `file`; with errors in it, they are all printed and the command exits 1.

    A file that can't be read at all is bad input: exit 2.
    """
    return read_agreement_text(file)[1]


def read_agreement_text(file: Path) -> "tuple[bytes, Agreement]":
    """The file's bytes as well as the agreement in them; ends the command as `read_agreement`."""
    from rules.loading import load_agreement

    try:
        raw = file.read_bytes()
    except OSError as error:
        raise click.UsageError(f"{file} can't be read: {error.strerror}.") from error
    loaded = load_agreement(raw, str(file))
    if loaded.agreement is None:
        for diagnostic in loaded.diagnostics:
            click.echo(str(diagnostic), err=True)
        click.echo(f"{file} can't be used until its errors are mended.", err=True)
        raise click.exceptions.Exit(1)
    return raw, loaded.agreement


def read_settings(**flags: Any) -> "Settings":
    """The settings, flags that were given first; with faults, all are printed: exit 2."""
    from streams.settings import SettingsError, load_settings

    try:
        return load_settings(flags)
    except SettingsError as error:
        refuse(str(error))


def read_kafka(**flags: Any) -> "tuple[Settings, Connection]":
    """The settings, and how Kafka is reached by them; with faults, all are printed: exit 2."""
    settings = read_settings(**flags)
    if not settings.brokers:
        refuse(
            "BATON_BROKERS does not say where Kafka is. Set it, such as BATON_BROKERS=localhost:"
            "9092; without Kafka, `baton up` is the whole service."
        )
    return settings, connect_kafka(settings)


def connect_kafka(settings: "Settings") -> "Connection":
    """How Kafka is reached, where brokers are named; with faults, all are printed: exit 2."""
    from streams.kafka.connection import read_connection
    from streams.settings import SettingsError

    try:
        return read_connection(settings)
    except SettingsError as error:
        refuse(str(error))


def open_or_refuse(store: Path) -> "sqlite3.Connection":
    """A connection that reads the store; a sentence and exit 2 where it can't be read."""
    from streams.sqlite.connect import open_reader
    from streams.storage import StorageError

    if not store.exists():
        refuse(
            f"There is no store at {store}. Name the one of your service with --store or "
            "BATON_STORE, or make it by `baton up`."
        )
    try:
        return open_reader(store)
    except StorageError as error:
        refuse(str(error))


def refuse(sentence: str) -> NoReturn:
    """End the command: what it was given or found can't be used (exit 2)."""
    click.echo(sentence, err=True)
    raise click.exceptions.Exit(2)


class Instant(click.ParamType):
    """A date and time with an offset, from 1970 to 2100, as an aware UTC datetime.

    On a command line the seconds may be left out.
    """

    name = "instant"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read what was written; `click.BadParameter` says what is wrong and what to write."""
        from streams.instants import EARLIEST_AT, END_AT, EXAMPLE, parse_instant

        if isinstance(value, datetime):
            return value
        if _WITHOUT_OFFSET.fullmatch(value):
            written = f"{value[:10]}T{value[11:] or '09:00'}"
            self.fail(
                f"{value!r} has no offset, so it could be any of many instants. "
                f"Write it in full, such as {written}+01:00 or {written}Z.",
                param,
                ctx,
            )
        text = _WITHOUT_SECONDS.sub(r"\1:00\2", value)
        at = parse_instant(text)
        if at is None and re.match(r"\d{4}-\d\d-\d\dT", text) and not _believed(text):
            years = f"{EARLIEST_AT.year} to {END_AT.year - 1}"
            self.fail(f"{value!r} is not from {years}.", param, ctx)
        if at is None:
            self.fail(f"{value!r} is not a date and time. Write it as {EXAMPLE}.", param, ctx)
        return at


_WITHOUT_OFFSET: Final = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?)?", re.ASCII)
_WITHOUT_SECONDS: Final = re.compile(r"^([^T]*T\d\d:\d\d)([Zz]|[+-]\d\d:\d\d)$", re.ASCII)


def _believed(text: str) -> bool:
    """Whether the year is one from which events are taken."""
    from streams.instants import EARLIEST_AT, END_AT

    return EARLIEST_AT.year <= int(text[:4]) < END_AT.year
