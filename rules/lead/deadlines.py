"""Deadlines in words: how one came about, and how much of its time was used.

Whoever is told of a promise must be able to follow the sum: which hours were
counted, and which pauses were not.
"""

from datetime import datetime, timedelta

from rules.agreement import DeadlineClause
from rules.calendars import Calendar
from rules.lead.rulebook import stops
from rules.lead.state import Clock, Trigger
from rules.lead.turn import Turn
from rules.wording import moment, span

SHOWN = 4
"""Working intervals that are written out; of more, the first ones and the last."""


def working_time(turn: Turn, clause: DeadlineClause, clock: Clock, until_at: datetime) -> timedelta:
    """Working time from the clock's start to `until_at`, pauses left out."""
    calendar = turn.book.calendar(clock.calendar)
    start_at = clock.started_at
    if start_at is None or until_at <= start_at:
        return timedelta()
    used = calendar.elapsed(start_at, until_at)
    for pause in turn.lead.pauses if stops(clause) else ():
        ended_at = until_at if pause.until_at is None else min(until_at, pause.until_at)
        used -= calendar.elapsed(max(start_at, pause.from_at), ended_at)
    return used


def started(
    turn: Turn, clause: DeadlineClause, clock: Clock, calendar: Calendar
) -> tuple[str, ...]:
    """Why a clock starts, and how its deadline comes about."""
    zone = turn.book.agreement.timezone
    lines = [f"{clause.starts} on {moment(clock.since_at, zone)}"]
    if clause.when is not None:
        lines.append(", ".join(clause.when.reasons(turn.facts())))
    counted_from = turn.now
    if clock.stopped is not None:
        lines.append(f"the lead is paused: all {clause.within.words} are left")
        counted_from = turn.lead.pauses[-1].until_at or turn.now
    if clock.due_at is not None:
        lines.append(how_due(turn, clause, calendar, counted_from, clock.due_at))
    return tuple(lines)


def _whose(turn: Turn, calendar: Calendar) -> str:
    """The calendar's time zone where it is not the agreement's, by which all else is told."""
    elsewhere = calendar.zone.key != turn.book.agreement.timezone.key
    return f" ({calendar.zone.key})" if elsewhere else ""


def how_due(
    turn: Turn, clause: DeadlineClause, calendar: Calendar, start_at: datetime, due_at: datetime
) -> str:
    """How the deadline came about: the working hours that were counted, or the days."""
    within = clause.within
    if calendar.name == "always":
        return f"due {within.words} later, around the clock"
    local = calendar.zone
    if within.unit == "d":
        same = start_at.astimezone(local).time() == due_at.astimezone(local).time()
        moved = "" if same else ", moved on to the next opening"
        days = f"{within.amount} working day{'' if within.amount == 1 else 's'}"
        how = f"the same time {days} later{moved}"
        return f"{within.words} in calendar {calendar.name}: {how}{_whose(turn, calendar)}"
    shown = [
        f"{moment(start, local)}–{until.astimezone(local):%H:%M}"
        for start, until in calendar.intervals(start_at, due_at)
    ]
    where = _whose(turn, calendar)
    if len(shown) > SHOWN:
        shown = [*shown[: SHOWN - 1], "…", shown[-1]]
    return f"{within.words} in calendar {calendar.name} counted over {'; '.join(shown)}{where}"


def met(
    turn: Turn, clause: DeadlineClause, clock: Clock, met_at: datetime, used: timedelta
) -> tuple[str, ...]:
    """Why a promise counts as kept, and whether in time."""
    zone = turn.book.agreement.timezone
    took, promised = span(used.total_seconds()), clause.within.words
    late = clock.due_at is not None and met_at >= clock.due_at
    return (
        f"{clause.ends.event or 'the last touch it took came'} on {moment(met_at, zone)}",
        f"late: it took {took}, the promise was {promised}"
        if late
        else f"{took} of the {promised} used",
        *paused(turn, clause, clock, met_at),
    )


def broken(
    turn: Turn, clause: DeadlineClause, clock: Clock, calendar: Calendar, due_at: datetime
) -> tuple[str, ...]:
    """Why a promise counts as broken."""
    zone = turn.book.agreement.timezone
    assert clock.started_at is not None
    count = clause.ends.count
    wanted = clause.ends.event or ("touch" if count == 1 else "touches")
    found = len(clock.evidence)
    missing = f"no {wanted}" if count == 1 else f"only {found} of {count} {wanted}"
    if count > 1 and not found:
        missing = f"none of {count} {wanted}"
    since = moment(clock.started_at, zone)
    return (
        f"{missing} before {moment(due_at, zone)}",
        f"{clause.within.words} in calendar {calendar.name} since {since}",
        *paused(turn, clause, clock, due_at),
    )


def retracted(turn: Turn, trigger: Trigger, due_at: datetime) -> tuple[str, ...]:
    """Why a breach is taken back."""
    zone = turn.book.agreement.timezone
    return (
        f"{trigger.type} on {moment(trigger.time_at, zone)} became known only now",
        f"it was before the deadline on {moment(due_at, zone)}",
    )


def paused(turn: Turn, clause: DeadlineClause, clock: Clock, until_at: datetime) -> tuple[str, ...]:
    """The pauses that were not counted, from the clock's start to `until_at`."""
    zone, start_at = turn.book.agreement.timezone, clock.started_at
    if not stops(clause) or start_at is None:
        return ()
    return tuple(
        f"paused from {moment(pause.from_at, zone)} to {moment(pause.until_at, zone)}"
        for pause in turn.lead.pauses
        if pause.until_at is not None and pause.until_at > start_at and pause.from_at < until_at
    )
