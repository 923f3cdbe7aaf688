"""`baton explain`: everything that was decided about a lead, and why (contract, section 4)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from streams.arguments import Instant, open_or_refuse, read_agreement, read_settings, refuse

if TYPE_CHECKING:
    from rules.agreement import Agreement
    from rules.decisions import Decision
    from rules.events import Event
    from rules.lead.standing import Section
    from streams.engine import Engine


@click.command("explain")
@click.argument("lead")
@click.option(
    "--agreement",
    "agreement_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With EVENTS.jsonl: the agreement by which its events are judged.",
)
@click.option(
    "--store", type=click.Path(dir_okay=False, path_type=Path), help="Instead of BATON_STORE."
)
@click.option(
    "--at",
    "at",
    type=Instant(),
    help="Tell the story up to this instant, and where the lead stood then.",
)
@click.option(
    "--until", "until_at", type=Instant(), help="With EVENTS.jsonl: let the clock run on to this."
)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.argument("events", type=click.File("rb"), metavar="[EVENTS.jsonl]", required=False)
def command(
    lead: str,
    agreement_file: Path | None,
    store: Path | None,
    at: datetime | None,
    until_at: datetime | None,
    as_json: bool,
    events: BinaryIO | None,
) -> None:
    """Tell everything that was decided about a lead, and why.

    Tells the lead's whole story: every event, every decision with its reasons,
    the arithmetic of points, how deadlines came about, and where the lead stands
    at the end. It is read from the service's store, also while the service runs;
    with EVENTS.jsonl, from that file, which is replayed with --agreement.
    """
    if events is None:
        if agreement_file is not None or until_at is not None:
            raise click.UsageError(
                "--agreement and --until are for a file of events: name it after the lead. "
                "The store knows its own agreement; --at tells of an earlier instant."
            )
        _from_store(lead, store, at, as_json)
        return
    if agreement_file is None:
        raise click.UsageError("A file of events needs an agreement: say --agreement A.yaml.")
    if store is not None or at is not None:
        raise click.UsageError("--store and --at are for the service's store, not for a file.")
    _from_file(lead, agreement_file, until_at, as_json, events)


def _from_file(
    lead: str, agreement_file: Path, until_at: datetime | None, as_json: bool, events: BinaryIO
) -> None:
    from streams.codec import encode
    from streams.engine import Engine

    agreement = read_agreement(agreement_file)
    engine = Engine(agreement)
    story, refused = _story(engine, lead, events, until_at)
    if refused:
        click.echo(
            f"{refused} line{'' if refused == 1 else 's'} of the file could not be taken; "
            "'baton replay' says why.",
            err=True,
        )
    if lead not in engine.leads:
        raise click.UsageError(_unknown(lead, engine))
    sections = _standing(engine, lead)
    assert engine.now is not None
    if as_json:
        source = agreement.source
        _print_json(story, sections, engine.now, lambda decision: encode(decision, source))
    else:
        _print(story, sections, agreement, engine.now, lead)


def _from_store(lead: str, store: Path | None, at: datetime | None, as_json: bool) -> None:
    from rules.wording import printable
    from streams import clock
    from streams.recorded import tell
    from streams.sqlite.reading import SqliteReader
    from streams.storage import StorageError

    path = read_settings(store=store).store
    open_or_refuse(path).close()
    try:
        with SqliteReader(path) as reader:
            told = tell(reader, lead, at, clock.now())
    except StorageError as error:
        refuse(str(error))
    if told is None:
        when = " up to then" if at is not None else ""
        refuse(f"Nothing is known about lead '{printable(lead)}' in {path}{when}.")
    if told.sections is None:
        click.echo(
            "Where it stood then can't be told any more: the log's beginning has been removed.",
            err=True,
        )
    sections = told.sections or ()
    if as_json:
        _print_json(told.story, sections, told.at, lambda decision: told.bodies[decision.sequence])
    else:
        _print(told.story, sections, told.agreement, told.at, lead)


def _story(
    engine: "Engine", lead: str, events: BinaryIO, until_at: datetime | None
) -> tuple[list["Event | Decision"], int]:
    """The lead's events and decisions in order, and how many lines were refused."""
    from streams.engine import Seen
    from streams.jsonl import read_lines
    from streams.refusals import DeadLetter
    from streams.replaying import replay

    story: list[Event | Decision] = []
    seen = Seen()
    refused = 0
    for each in replay(engine, read_lines(events)):
        if isinstance(each, DeadLetter):
            refused += 1
            continue
        own = [decision for decision in each.decisions if decision.subject == lead]
        # What fell due before the event was decided before it.
        before = [one for one in own if one.cause != each.event.id]
        story.extend(before)
        # A repeat changed nothing, so it is not told twice.
        assert engine.now is not None
        if each.event.subject == lead and not seen.repeats(each.event, engine.now):
            story.append(each.event)
        story.extend(one for one in own if one.cause == each.event.id)
    if until_at is not None:
        story.extend(one for one in engine.run_until(until_at) if one.subject == lead)
    return story, refused


def _standing(engine: "Engine", lead: str) -> "tuple[Section, ...]":
    from rules.lead.standing import standing

    assert engine.now is not None
    return standing(engine.book, engine.leads[lead], engine.now)


def _unknown(lead: str, engine: "Engine") -> str:
    from difflib import get_close_matches

    from rules.wording import printable

    near = get_close_matches(lead, engine.leads, n=3)
    hint = f" Did you mean {', '.join(printable(each) for each in near)}?" if near else ""
    count = len(engine.leads)
    return (
        f"No event of the file is about lead '{printable(lead)}'.{hint} "
        f"It holds {count} lead{'' if count == 1 else 's'}."
    )


def _print(
    story: "list[Event | Decision]",
    sections: "Sequence[Section]",
    agreement: "Agreement",
    at: datetime,
    lead: str,
) -> None:
    from rich.console import Console

    from alerts.story import tell
    from rules.wording import moment, printable

    console = Console(highlight=False, markup=False, emoji=False)
    tell(console, agreement, story, [])
    if not sections:
        return
    when = moment(at, agreement.timezone)
    console.print(f"\nWhere {printable(lead)} stands on {when}", style="bold", soft_wrap=True)
    tell(console, agreement, [], [(each.title, each.lines) for each in sections])


def _print_json(
    story: "list[Event | Decision]",
    sections: "Sequence[Section]",
    at: datetime,
    body_of: "Callable[[Decision], bytes]",
) -> None:
    import msgspec

    from rules.events import Event
    from streams.codec import encode_event

    told = [
        msgspec.Raw(encode_event(each) if isinstance(each, Event) else body_of(each))
        for each in story
    ]
    standing = {each.title.lower(): each.lines for each in sections}
    click.echo(msgspec.json.encode({"story": told, "at": at, "standing": standing}))
