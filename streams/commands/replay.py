"""`baton replay`: a file of events into decisions, on a virtual clock (contract, section 4)."""

import sys
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import click

from streams.arguments import Instant, agreement_option, read_agreement


@click.command("replay")
@agreement_option("The agreement to replay the events with.")
@click.option("--until", "until_at", type=Instant(), help="Let the clock run on to this instant.")
@click.argument("events", type=click.File("rb"), metavar="EVENTS.jsonl")
def command(agreement_file: Path, until_at: datetime | None, events: BinaryIO) -> None:
    """Turn a file of events into decisions.

    Decisions are written as JSON lines in the order in which they are made.
    Lines that can't be taken are told on stderr with the reason, the rest is
    unharmed, and the exit status is 1. `-` reads stdin; from a pipe every
    decision is written as soon as its event has come.
    """
    from streams.codec import encode
    from streams.engine import Engine
    from streams.jsonl import read_lines
    from streams.refusals import DeadLetter
    from streams.replaying import AHEAD, is_live, replay

    agreement = read_agreement(agreement_file)
    engine = Engine(agreement)
    source = agreement.source
    out = sys.stdout.buffer
    refused = 0
    live = is_live(events)
    for each in replay(engine, read_lines(events), ahead=1 if live else AHEAD):
        if isinstance(each, DeadLetter):
            refused += 1
            click.echo(each.as_json(), err=True)
        else:
            for decision in each.decisions:
                out.write(encode(decision, source) + b"\n")
            if live:
                out.flush()
    if until_at is not None:
        for decision in engine.run_until(until_at):
            out.write(encode(decision, source) + b"\n")
    out.flush()
    if refused:
        raise click.exceptions.Exit(1)
