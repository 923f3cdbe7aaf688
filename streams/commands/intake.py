"""`baton intake`: events in over HTTP, for several machines to take from Kafka."""

import sys
from contextlib import closing

import click

from streams.arguments import read_kafka, refuse


@click.command("intake")
@click.option("--listen", metavar="HOST:PORT", help="Where to listen (127.0.0.1:8080).")
@click.option("--log-level", help="debug, info, warning or error.")
@click.option("--log-format", help="json or console.")
def command(listen: str | None, log_level: str | None, log_format: str | None) -> None:
    """Take events over HTTP into Kafka.

    The same interface as that of `baton up`. Events are answered with 202 once
    Kafka has them on all in-sync replicas; leads and decisions are read from the
    database. Several can run beside each other. Which agreement events must fit
    is read there too: `baton worker` puts it in force.
    """
    from streams.logs import configure
    from streams.settings import beyond_loopback_fault

    settings, connection = read_kafka(listen=listen, log_level=log_level, log_format=log_format)
    fault = beyond_loopback_fault(settings)
    if fault is not None:
        refuse(fault)
    configure(settings.log_level, settings.log_format)

    from importlib.metadata import version

    from streams.kafka.database import open_database
    from streams.kafka.intake import run_intake
    from streams.listening import ListenError
    from streams.logs import log
    from streams.settings import misspelt
    from streams.storage import StorageError

    log().info("started", version=version("baton-sla"), brokers=",".join(settings.brokers))
    for name, meant in misspelt():
        log().warning("setting_ignored", name=name, meant=meant)
    try:
        with closing(open_database(settings)) as database:
            run_intake(settings, connection, database, _say_ready)
    except (ListenError, StorageError) as error:
        refuse(str(error))


def _say_ready(url: str) -> None:
    from streams.logs import log

    click.echo(
        f"baton takes events at {url} ({url}/docs shows how to ask it; {url}/readyz tells whether "
        "Kafka does). Ctrl-C stops it."
    )
    sys.stdout.flush()
    log().info("ready", url=url)
