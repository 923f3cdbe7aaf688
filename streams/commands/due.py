"""`baton due`: when a deadline falls, and which working intervals were counted (contract, 4)."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.arguments import Instant, agreement_option, read_agreement

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from rules.agreement import Agreement
    from rules.calendars import Calendar, Interval
    from rules.durations import Duration


def _duration(_ctx: click.Context, _param: click.Parameter, text: str | None) -> "Duration | None":
    """A duration as agreements write it: `15m`, `4h`, `2d`."""
    from rules.durations import parse_duration

    if text is None:
        return None
    duration = parse_duration(text)
    if duration is None:
        raise click.BadParameter(
            f"{text!r} is not a duration. Write minutes as 15m, hours as 4h, working days as 2d."
        )
    return duration


@click.command("due")
@agreement_option("The agreement that declares the calendar.")
@click.option("--calendar", "calendar_name", required=True, help="Its name, or 'always'.")
@click.option("--from", "start_at", required=True, type=Instant(), help="When the clock starts.")
@click.option("--within", callback=_duration, help="The time allowed: 15m, 4h, 2d.")
@click.option("--until", "end_at", type=Instant(), help="Count the working time up to here.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def command(
    agreement_file: Path,
    calendar_name: str,
    start_at: datetime,
    within: "Duration | None",
    end_at: datetime | None,
    as_json: bool,
) -> None:
    """Say when a deadline falls, and which working intervals were counted.

    With --until in place of --within, say how much working time lies between.
    """
    if (within is None) == (end_at is None):
        raise click.UsageError(
            "Give either --within, to ask for the due instant, or --until, to ask how much "
            f"working time lies between; {'both were' if within else 'neither was'} given."
        )
    agreement = read_agreement(agreement_file)
    calendar = _calendar(agreement, calendar_name)
    if within is not None:
        due_at = _due_at(calendar, start_at, within)
        intervals = calendar.intervals(start_at, due_at)
        if as_json:
            _print_json({"due": _rfc3339(due_at), "intervals": _pairs(intervals)})
        else:
            _print_due(agreement, calendar, start_at, within, due_at, intervals)
    elif end_at is not None:
        intervals = calendar.intervals(start_at, end_at)
        working_s = calendar.elapsed(start_at, end_at).total_seconds()
        if as_json:
            whole = int(working_s) if working_s.is_integer() else working_s
            _print_json({"working_s": whole, "intervals": _pairs(intervals)})
        else:
            _print_worked(agreement, calendar, start_at, end_at, working_s, intervals)


def _calendar(agreement: "Agreement", name: str) -> "Calendar":
    from difflib import get_close_matches

    from rules.calendars import ALWAYS
    from rules.wording import printable

    calendars = {**agreement.calendars, ALWAYS.name: ALWAYS}
    if name in calendars:
        return calendars[name]
    near = get_close_matches(name, calendars, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise click.BadParameter(
        f"{printable(agreement.name)} has no calendar {printable(name)!r}.{hint} "
        f"Its calendars: {', '.join(sorted(calendars))}.",
        param_hint="'--calendar'",
    )


def _due_at(calendar: "Calendar", start_at: datetime, within: "Duration") -> datetime:
    try:
        return calendar.add(start_at, within)
    except ValueError as error:
        raise click.BadParameter(
            f"{within.words} is more than can be counted: {error}. Give a shorter one.",
            param_hint="'--within'",
        ) from error


def _rfc3339(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _pairs(intervals: Sequence["Interval"]) -> list[list[str]]:
    return [[_rfc3339(opens_at), _rfc3339(closes_at)] for opens_at, closes_at in intervals]


def _print_json(result: dict[str, Any]) -> None:
    click.echo(json.dumps(result))


def _print_due(
    agreement: "Agreement",
    calendar: "Calendar",
    start_at: datetime,
    within: "Duration",
    due_at: datetime,
    intervals: Sequence["Interval"],
) -> None:
    from rules.wording import moment

    zone = _shown_zone(agreement, calendar)
    click.echo(f"Due    {moment(due_at, zone)} in {zone.key}  ({_rfc3339(due_at)})")
    click.echo(f"       {within.words} of '{calendar.name}' from {moment(start_at, zone)}")
    _print_intervals(zone, intervals)


def _print_worked(
    agreement: "Agreement",
    calendar: "Calendar",
    start_at: datetime,
    end_at: datetime,
    working_s: float,
    intervals: Sequence["Interval"],
) -> None:
    from rules.wording import moment, span

    zone = _shown_zone(agreement, calendar)
    click.echo(f"Worked {span(working_s)} ({working_s:g} s) of '{calendar.name}'")
    click.echo(f"       {moment(start_at, zone)} to {moment(end_at, zone)} in {zone.key}")
    _print_intervals(zone, intervals)


def _shown_zone(agreement: "Agreement", calendar: "Calendar") -> "ZoneInfo":
    from rules.calendars import ALWAYS

    return agreement.timezone if calendar is ALWAYS else calendar.zone


def _print_intervals(zone: "ZoneInfo", intervals: Sequence["Interval"]) -> None:
    from rules.wording import moment, span

    if not intervals:
        click.echo("No working time was counted.")
        return
    click.echo()
    click.echo(f"{'working from':<24}{'until':<24}{'length':<14}in all")
    total_s = 0.0
    for opens_at, closes_at in intervals:
        length_s = (closes_at - opens_at).total_seconds()
        total_s += length_s
        shown = (moment(opens_at, zone), moment(closes_at, zone), span(length_s), span(total_s))
        click.echo(f"{shown[0]:<24}{shown[1]:<24}{shown[2]:<14}{shown[3]}")
