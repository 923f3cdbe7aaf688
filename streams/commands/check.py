"""`baton check`: every fault of an agreement at once, where it stands (contract, 4)."""

import json
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from rules.agreement import Agreement
    from rules.loading import Diagnostic, Loaded

MOST_SHOWN: Final = 500
"""Findings of one file that are shown to a person; `--json` has all."""


@click.command(
    "check",
    short_help="Report every fault of an agreement at once.",
    epilog="Exit status: 0 if there is no error (warnings are allowed), 1 if there is one, "
    "2 if a file cannot be read.",
)
@click.argument("files", nargs=-1, required=True, metavar="AGREEMENT...")
@click.option("--json", "as_json", is_flag=True, help="For machines: a list of diagnostics.")
@click.pass_context
def command(ctx: click.Context, files: tuple[str, ...], as_json: bool) -> None:
    """Report every fault of an agreement at once.

    Each AGREEMENT is a YAML file ('-' is the standard input). What is wrong or
    doubtful goes to the standard output, one line each, as
    FILE:LINE:COLUMN: error[code]: sentence. A summary goes to standard error.
    """
    rows: list[dict[str, Any]] = []
    unreadable = failed = False
    for file in files:
        loaded = _load(file)
        if loaded is None:
            unreadable = True
            continue
        failed = failed or loaded.agreement is None
        if as_json:
            rows.extend(_row(each) for each in loaded.diagnostics)
        else:
            for each in islice(loaded.diagnostics, MOST_SHOWN):
                click.echo(str(each))
            if len(loaded.diagnostics) > MOST_SHOWN:
                click.echo(f"and {len(loaded.diagnostics) - MOST_SHOWN:,} more", err=True)
        click.echo(_summary(file, loaded), err=True)
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    ctx.exit(2 if unreadable else int(failed))


def _load(file: str) -> "Loaded | None":
    """The loaded file; None, and a message, if it cannot be read."""
    from rules.loading import MAX_BYTES, load_agreement
    from rules.wording import printable

    try:
        with click.open_file(file, "rb") as stream:
            source = stream.read(MAX_BYTES + 1)
    except OSError as error:
        why = (error.strerror or "it cannot be read").lower()
        click.echo(f"{printable(file, 1000)}: {why}. Name an agreement's YAML file.", err=True)
        return None
    return load_agreement(source, _shown(file))


def _shown(file: str) -> str:
    from rules.wording import printable

    return "<stdin>" if file == "-" else printable(file, 1000)


def _row(each: "Diagnostic") -> dict[str, Any]:
    return {
        "file": each.file,
        "line": each.line,
        "column": each.column,
        "severity": each.severity,
        "code": each.code.value,
        "sentence": each.sentence,
    }


def _summary(file: str, loaded: "Loaded") -> str:
    """`acme.yaml: 2 errors, 1 warning`, or that it is fine and what is in it."""
    counts = Counter(each.severity for each in loaded.diagnostics)
    found = [_count(counts[severity], severity) for severity in ("error", "warning")]
    if counts:
        return f"{_shown(file)}: {', '.join(each for each in found if each)}"
    content = _content(loaded.agreement) if loaded.agreement is not None else ""
    return f"{_shown(file)} is fine: {content}"


def _content(agreement: "Agreement") -> str:
    routing = agreement.routing
    counted = (
        (len(agreement.clauses), "clause"),
        (len(routing.rules) if routing else 0, "routing rule"),
        (len(routing.teams) if routing else 0, "team"),
        (len(agreement.calendars), "calendar"),
    )
    parts = [_count(number, noun) for number, noun in counted]
    content = ", ".join(part for part in parts if part) or "nothing in it yet"
    return f"{agreement.name} version {agreement.version}, {content}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""
