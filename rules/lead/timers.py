"""What time alone does to a lead's clocks: warnings, breaches, ladders.

Never early: the loop calls with the very instant that was due.
"""

from datetime import datetime

import msgspec

from rules.agreement import AttemptClause, DeadlineClause
from rules.decisions import Breached, Warned
from rules.lead import attempts, deadlines, ladders
from rules.lead.state import Alarm, Clock, Lead
from rules.lead.turn import Turn
from rules.wording import moment


def fire(turn: Turn) -> None:
    """Warn, breach and escalate whatever is due, clause by clause in the file's order."""
    lead = turn.lead
    for clause in turn.book.clauses:
        if isinstance(clause, AttemptClause):
            _alarms(turn, clause)
            continue
        clock = lead.clocks.get(clause.name)
        if clock is None or clock.stopped is not None:
            continue
        if clock.state == "running":
            clock = _warn(turn, clause, clock)
            if clock.due_at is not None and clock.due_at <= turn.now:
                clock = _breach(turn, clause, clock)
        if clock.state == "overdue" and clock.rungs:
            calendar = turn.book.calendar(clock.calendar)
            waiting = ladders.climb(turn, clause, calendar, clock.rungs)
            clock = msgspec.structs.replace(clock, rungs=waiting)
        if clock is not lead.clocks[clause.name]:
            lead.clocks = {**lead.clocks, clause.name: clock}


def _warn(turn: Turn, clause: DeadlineClause, clock: Clock) -> Clock:
    zone = turn.book.agreement.timezone
    while clock.warnings and clock.warnings[0].at <= turn.now:
        first, *rest = clock.warnings
        assert clock.due_at is not None
        because = (
            f"{first.fraction:.0%} of the {clause.within.words} are used and "
            f"there is no {clause.ends.event or 'touch'} yet",
            f"due on {moment(clock.due_at, zone)}",
        )
        turn.decide(
            Warned(
                clause=clause.name,
                owner=turn.lead.owner,
                due=clock.due_at,
                at=first.fraction,
                because=because,
            )
        )
        clock = msgspec.structs.replace(clock, warnings=tuple(rest))
    return clock


def _breach(turn: Turn, clause: DeadlineClause, clock: Clock) -> Clock:
    lead, due_at = turn.lead, clock.due_at
    assert due_at is not None
    calendar = turn.book.calendar(clock.calendar)
    turn.decide(
        Breached(
            clause=clause.name,
            party=clause.party,
            owner=lead.owner,
            team=lead.team,
            due=due_at,
            kind="late",
            attempts=attempts.total(lead.cycle.attempts),
            limit=None,
            channel=None,
            because=deadlines.broken(turn, clause, clock, calendar, due_at),
        )
    )
    return msgspec.structs.replace(
        clock, state="overdue", warnings=(), rungs=ladders.rungs(clause.ladder, due_at, calendar)
    )


def _alarms(turn: Turn, clause: AttemptClause) -> None:
    lead = turn.lead
    if not any(alarm.clause == clause.name for alarm in lead.alarms):
        return
    left: list[Alarm] = []
    for alarm in lead.alarms:
        if alarm.clause == clause.name and alarm.left is None:
            calendar = turn.book.calendar(alarm.calendar)
            waiting = ladders.climb(turn, clause, calendar, alarm.rungs)
            alarm = Alarm(alarm.clause, alarm.calendar, waiting)
        if alarm.rungs:
            left.append(alarm)
    lead.alarms = tuple(left)


def set_alarm(lead: Lead, was: Lead) -> None:
    """Note when the lead next wants to be woken: the earliest that time alone may do to it."""
    same = (
        lead.clocks is was.clocks
        and lead.alarms is was.alarms
        and lead.pauses is was.pauses
        and lead.paused == was.paused
        and lead.cycle.limits is was.cycle.limits
    )
    if not same:
        lead.promises_at = _promises_at(lead)
    lead.wake_at = earlier(lead.promises_at, lead.temperature_at)


def earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    """The earlier of two moments that may never come."""
    if one is None or other is None:
        return one or other
    return min(one, other)


def _promises_at(lead: Lead) -> datetime | None:
    """When the earliest of the clocks, ladders, pauses and recyclings is due."""
    moments: list[datetime] = []
    for clock in lead.clocks.values():
        if clock.stopped is not None:
            continue
        if clock.state == "running":
            if clock.due_at is not None:
                moments.append(clock.due_at)
            if clock.warnings:
                moments.append(clock.warnings[0].at)
        elif clock.state == "overdue":
            moments.extend(rung.at for rung in clock.rungs)
    for alarm in lead.alarms:
        if alarm.left is None:
            moments.extend(rung.at for rung in alarm.rungs)
    moments.extend(each.at for each in lead.cycle.limits.recyclings if each.left is None)
    if lead.paused and lead.pauses[-1].until_at is not None:
        moments.append(lead.pauses[-1].until_at)
    return min(moments, default=None)
