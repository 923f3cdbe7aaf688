"""Pauses: the clocks of sales's clauses stop, and go on with what they had left.

Contract, section 2, 'Fine points': while paused, warnings, due times and ladders
keep their remaining working time; without `until` until `lead.resumed`. Nothing
comes earlier for a pause: a time in days may end long after its last working
minute, and then less than what was left would be left of it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from rules.agreement import AttemptClause, Clause, DeadlineClause
from rules.calendars import Calendar
from rules.lead import ladders
from rules.lead.rulebook import Rulebook, stops
from rules.lead.state import Alarm, Clock, Pause, Recycling, Reminder, Rung, Stopped
from rules.lead.turn import Turn

KEPT: Final = 32
"""Pauses remembered for the working time of clocks that are still running."""


def pause(turn: Turn, stated_at: datetime, until_at: datetime | None) -> None:
    """`lead.paused`: stop the clocks, or change until when they stand still."""
    lead = turn.lead
    from_at, known = min(stated_at, turn.now), turn.lead.paused
    if (until_at is not None and until_at <= from_at) or not _newest(turn, stated_at):
        return
    if lead.paused:
        lead.pauses = (*lead.pauses[:-1], Pause(lead.pauses[-1].from_at, until_at))
    else:
        if lead.pauses and lead.pauses[-1].until_at is not None:
            from_at = max(from_at, lead.pauses[-1].until_at)
        lead.pauses = (*lead.pauses, Pause(from_at, until_at))[-KEPT:]
        lead.paused = True
    _each(turn, lambda *of: _stopped(of[0], of[1], of[2], from_at, until_at))
    _stop_others(turn, from_at)
    if until_at is not None and until_at <= turn.now:
        # Whoever was told that the clock stands is not late before they hear that it runs.
        go_on(turn, turn.now if known else until_at)


def begun(turn: Turn, alarm: Alarm) -> Alarm:
    """A ladder that begins now: during a pause it stands still with all of its time."""
    if not turn.lead.paused:
        return alarm
    stopped = _stop_alarm(turn, alarm, turn.now)
    return msgspec.structs.replace(stopped, unused=stopped.left is not None)


def held(turn: Turn, planned: Recycling) -> Recycling:
    """A recycling that is planned now: during a pause it stands still since the pause began."""
    if not turn.lead.paused:
        return planned
    from_at = turn.lead.pauses[-1].from_at
    stopped = _stop_recycling(turn, planned, from_at)
    unused = stopped.left is not None and from_at <= planned.since_at
    return msgspec.structs.replace(stopped, unused=unused)


def _stop_others(turn: Turn, from_at: datetime) -> None:
    """Stop the ladders of attempt limits and the delay before recycling."""
    lead = turn.lead
    lead.alarms = tuple(_stop_alarm(turn, alarm, from_at) for alarm in lead.alarms)
    _recycle(turn, _stop_recycling, from_at)


def resume(turn: Turn, stated_at: datetime) -> None:
    """`lead.resumed`: the clocks go on from now."""
    if _newest(turn, stated_at) and turn.lead.paused:
        go_on(turn, turn.now)


def go_on(turn: Turn, at: datetime) -> None:
    """End the present pause at `at`."""
    lead = turn.lead
    lead.pauses = (*lead.pauses[:-1], Pause(lead.pauses[-1].from_at, at))
    lead.paused = False
    _each(turn, lambda *of: _started_again(of[0], of[1], of[2], at))
    lead.alarms = tuple(_start_alarm(turn, alarm, at) for alarm in lead.alarms)
    _recycle(turn, _start_recycling, at)


def until(turn: Turn) -> datetime | None:
    """When the present pause ends by itself."""
    lead = turn.lead
    return lead.pauses[-1].until_at if lead.paused else None


def _newest(turn: Turn, stated_at: datetime) -> bool:
    lead = turn.lead
    if lead.paused_stated_at is not None and stated_at < lead.paused_stated_at:
        return False
    lead.paused_stated_at = stated_at
    return True


def _clause(book: Rulebook, name: str) -> Clause | None:
    return next((clause for clause in book.clauses if clause.name == name), None)


def _stands(book: Rulebook, name: str) -> bool:
    clause = _clause(book, name)
    return clause is not None and stops(clause)


def _each(turn: Turn, change: Callable[[DeadlineClause, Clock, Calendar], Clock]) -> None:
    """Change every clock of sales that is running or whose ladder is."""
    clocks = dict(turn.lead.clocks)
    for clause in turn.book.clauses:
        clock = clocks.get(clause.name)
        if clock is None or isinstance(clause, AttemptClause) or not stops(clause):
            continue
        if clock.state in ("running", "overdue"):
            clocks[clause.name] = change(clause, clock, turn.book.calendar(clock.calendar))
    turn.lead.clocks = clocks


def begin(clause: DeadlineClause, clock: Clock, calendar: Calendar, at: datetime) -> Clock:
    """The clock with all of the clause's time from `at` on."""
    due_at = calendar.add(at, clause.within)
    whole = calendar.elapsed(at, due_at)
    reminders = [
        Reminder(fraction, calendar.advance(at, whole * fraction)) for fraction in clause.warn
    ]
    return msgspec.structs.replace(
        clock,
        due_at=due_at,
        warnings=tuple(each for each in reminders if at < each.at < due_at),
        stopped=None,
    )


def begin_paused(turn: Turn, clause: DeadlineClause, clock: Clock, calendar: Calendar) -> Clock:
    """A clock that starts while the lead is paused: it stands still with all of its time."""
    until_at = until(turn)
    unused = Stopped(None, (), (), unused=True)
    if until_at is None:
        return msgspec.structs.replace(clock, due_at=None, stopped=unused)
    promised = begin(clause, clock, calendar, until_at)
    return msgspec.structs.replace(promised, stopped=unused)


def _stopped(
    clause: DeadlineClause,
    clock: Clock,
    calendar: Calendar,
    from_at: datetime,
    until_at: datetime | None,
) -> Clock:
    """The clock standing still from `from_at`, with the working time that is left of it."""
    left = clock.stopped
    if left is None:
        assert clock.started_at is not None
        assert clock.due_at is not None
        base = max(from_at, clock.started_at)
        left = Stopped(
            calendar.elapsed(base, clock.due_at) if clock.state == "running" else None,
            tuple(calendar.elapsed(base, each.at) for each in clock.warnings),
            _left(clock.rungs, calendar, from_at),
            due_at=clock.due_at,
        )
    due_at = clock.due_at
    if left.unused:
        due_at = None if until_at is None else calendar.add(until_at, clause.within)
    elif left.due is not None:
        due_at = None if until_at is None else _due(left, left.due, calendar, until_at)
    return msgspec.structs.replace(clock, stopped=left, due_at=due_at)


def _started_again(clause: DeadlineClause, clock: Clock, calendar: Calendar, at: datetime) -> Clock:
    left = clock.stopped
    if left is None:
        return clock
    assert clock.started_at is not None
    at = max(at, clock.started_at)
    if left.unused:
        return begin(clause, clock, calendar, at)
    pairs = zip(clock.warnings, left.warnings, strict=True)
    return msgspec.structs.replace(
        clock,
        stopped=None,
        due_at=clock.due_at if left.due is None else _due(left, left.due, calendar, at),
        warnings=tuple(
            Reminder(each.fraction, max(each.at, calendar.advance(at, rest)))
            for each, rest in pairs
        ),
        rungs=_moved(clock.rungs, left.rungs, calendar, at),
    )


def _due(left: Stopped, rest: timedelta, calendar: Calendar, at: datetime) -> datetime:
    """When a clock with `rest` left that goes on at `at` is due: no sooner than without a pause."""
    again_at = calendar.advance(at, rest)
    return again_at if left.due_at is None else max(left.due_at, again_at)


def _left(rungs: tuple[Rung, ...], calendar: Calendar, from_at: datetime) -> tuple[timedelta, ...]:
    """The working time left of each rung, which is counted from its breach or last telling."""
    return tuple(calendar.elapsed(max(from_at, rung.since_at), rung.at) for rung in rungs)


def _moved(
    rungs: tuple[Rung, ...], left: tuple[timedelta, ...], calendar: Calendar, at: datetime
) -> tuple[Rung, ...]:
    # An acknowledgement during the pause may have emptied the ladder.
    return tuple(
        msgspec.structs.replace(
            rung, at=max(rung.at, calendar.advance(max(at, rung.since_at), rest))
        )
        for rung, rest in zip(rungs, left, strict=False)
    )


def _stop_alarm(turn: Turn, alarm: Alarm, from_at: datetime) -> Alarm:
    if alarm.left is not None or not _stands(turn.book, alarm.clause):
        return alarm
    calendar = turn.book.calendar(alarm.calendar)
    return Alarm(alarm.clause, alarm.calendar, alarm.rungs, _left(alarm.rungs, calendar, from_at))


def _start_alarm(turn: Turn, alarm: Alarm, at: datetime) -> Alarm:
    if alarm.left is None:
        return alarm
    calendar = turn.book.calendar(alarm.calendar)
    clause = _clause(turn.book, alarm.clause)
    if alarm.unused and clause is not None:
        rungs = tuple(ladders.anew(rung, clause.ladder, at, calendar) for rung in alarm.rungs)
    else:
        rungs = _moved(alarm.rungs, alarm.left, calendar, at)
    return Alarm(alarm.clause, alarm.calendar, rungs)


def _stop_recycling(turn: Turn, each: Recycling, from_at: datetime) -> Recycling:
    if each.left is not None or not _stands(turn.book, each.clause):
        return each
    calendar = turn.book.calendar(each.calendar)
    left = calendar.elapsed(max(from_at, each.since_at), each.at)
    return Recycling(each.clause, each.calendar, each.since_at, each.at, left)


def _start_recycling(turn: Turn, each: Recycling, at: datetime) -> Recycling:
    if each.left is None:
        return each
    calendar, from_at = turn.book.calendar(each.calendar), max(at, each.since_at)
    clause = _clause(turn.book, each.clause)
    delay = clause.recycle_after if isinstance(clause, AttemptClause) else None
    if each.unused and delay is not None:
        again_at = calendar.add(from_at, delay)
    else:
        again_at = calendar.advance(from_at, each.left)
    return Recycling(each.clause, each.calendar, each.since_at, max(each.at, again_at))


def _recycle(
    turn: Turn, change: Callable[[Turn, Recycling, datetime], Recycling], at: datetime
) -> None:
    limits = turn.lead.cycle.limits
    if limits.recyclings:
        changed = tuple(change(turn, each, at) for each in limits.recyclings)
        revised = turn.revise_limits(limits, recyclings=changed)
        turn.lead.cycle = turn.revise(turn.lead.cycle, limits=revised)
