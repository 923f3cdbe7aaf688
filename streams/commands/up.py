"""`baton up`: the whole service in one process on one file (contract, section 4)."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.arguments import read_agreement_text, read_settings, refuse

if TYPE_CHECKING:
    from streams.running import Running
    from streams.settings import Settings


@click.command("up")
@click.option(
    "--agreement",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The agreement's file; unless given, the one that is in force in the store.",
)
@click.option(
    "--store",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The one file in which everything is kept (baton.db).",
)
@click.option("--listen", metavar="HOST:PORT", help="Where to listen (127.0.0.1:8080).")
@click.option("--log-level", help="debug, info, warning or error.")
@click.option("--log-format", help="json or console.")
def command(
    agreement: Path | None,
    store: Path | None,
    listen: str | None,
    log_level: str | None,
    log_format: str | None,
) -> None:
    """Run the service: events in over HTTP, decisions out.

    Everything is kept in one file. Each option stands before the setting of the
    same name (BATON_AGREEMENT, BATON_STORE, ...) from the environment or `.env`.
    The first Ctrl-C or SIGTERM stops it gracefully, the second at once.
    """
    from streams.logs import configure
    from streams.settings import beyond_loopback_fault

    settings = read_settings(
        agreement=agreement, store=store, listen=listen, log_level=log_level, log_format=log_format
    )
    fault = beyond_loopback_fault(settings)
    if fault is not None:
        refuse(fault)
    configure(settings.log_level, settings.log_format)
    if not _serve(settings):
        sys.exit(1)


def _serve(settings: "Settings") -> bool:
    from importlib.metadata import version

    from streams.listening import ListenError
    from streams.logs import log
    from streams.running import Hooks, NoAgreementError, run
    from streams.settings import misspelt
    from streams.storage import StorageError

    text = read_agreement_text(settings.agreement) if settings.agreement is not None else None
    log().info("started", version=version("baton-sla"), store=str(settings.store))
    for name, meant in misspelt():
        log().warning("setting_ignored", name=name, meant=meant)
    try:
        return run(settings, text, Hooks(ready=_say_ready))
    except (ListenError, StorageError, NoAgreementError) as error:
        refuse(str(error))


def _say_ready(running: "Running") -> None:
    from rules.wording import printable
    from streams.logs import log

    agreement = running.agreement
    leads = f"{running.leads:,} lead{'' if running.leads == 1 else 's'}"
    click.echo(
        f"baton is up at {running.url} ({running.url}/docs shows how to ask it), with "
        f"{printable(agreement.name)}, version {agreement.version}, and {leads} in "
        f"{running.store}. Ctrl-C stops it."
    )
    sys.stdout.flush()
    log().info("ready", url=running.url, agreement=agreement.source, leads=running.leads)
