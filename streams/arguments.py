"""What several commands take on their command line: an agreement, an instant."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rules.agreement import Agreement

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
    return loaded.agreement


class Instant(click.ParamType[datetime]):
    """A date and time with an offset, from 1970 to 2100, as an aware UTC datetime."""

    name = "instant"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read what was written; `click.BadParameter` says what is wrong and what to write."""
        from streams.instants import EXAMPLE, instant_fault, parse_instant

        if isinstance(value, datetime):
            return value
        at = parse_instant(value) or parse_instant(_with_seconds(value))
        if at is None:
            fault = instant_fault(_with_seconds(value))
            self.fail(f"{value!r} {fault}. Write it as {EXAMPLE}.", param, ctx)
        return at


def _with_seconds(text: str) -> str:
    """`2026-03-02T09:15+01:00` with the seconds that people leave out; others as they are."""
    without = len(text) > 16 and text[13] == ":" and text[16] != ":"
    return f"{text[:16]}:00{text[16:]}" if without else text
