"""`baton lag`: how far the workers are behind what was accepted."""

import json
from contextlib import closing

import click

from streams.arguments import read_kafka, refuse


@click.command("lag")
@click.option(
    "--most",
    type=click.IntRange(min=0),
    metavar="N",
    help="End with status 1 if more than N records wait in a partition.",
)
@click.option("--json", "as_json", is_flag=True, help="For machines: JSON lines.")
def command(most: int | None, as_json: bool) -> None:
    """Say how far the workers are behind, partition by partition.

    In records that wait, and in how long the oldest of them has been waiting. A
    partition that workers can't go on with is told, and the exit status is 1.
    """
    import msgspec

    from streams import clock
    from streams.kafka.connection import BrokerError
    from streams.kafka.database import open_database
    from streams.kafka.lag import lags
    from streams.kafka.reading import reader
    from streams.storage import StorageError

    settings, connection = read_kafka()
    try:
        with closing(open_database(settings)) as database, reader(connection) as consumer:
            told = lags(connection, consumer, database, clock.now())
    except (BrokerError, StorageError) as error:
        refuse(str(error))
    for each in told:
        if as_json:
            click.echo(json.dumps(msgspec.to_builtins(each)))
            continue
        taken = "nothing taken yet" if each.next_offset is None else f"next {each.next_offset:,}"
        click.echo(
            f"{each.partition:>5}  end {each.end_offset:,}, {taken}, {each.behind:,} behind"
            + (f", for {_duration(each.behind_s)}" if each.behind else "")
        )
        if each.problem is not None:
            click.echo(f"       {each.problem}")
    worst = max(each.behind for each in told)
    if any(each.problem for each in told) or (most is not None and worst > most):
        raise click.exceptions.Exit(1)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
