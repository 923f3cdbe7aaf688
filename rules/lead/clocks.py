"""Deadline clauses: when their clocks start, are met, are cancelled and start anew.

Clauses are judged once, after everything else that an event caused, in the
order of the file. For each clause: first the evidence, then endings (of the
lead, of the owner), then starts, then whether `when` holds (contract, section 2,
'Clauses with a deadline' and 'Fine points').
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from rules.agreement import Clause, DeadlineClause
from rules.calendars import Calendar
from rules.decisions import DATA_TYPES, Cancelled, Met, Retracted, Started
from rules.events import is_touch
from rules.lead import evidence, limits, pauses
from rules.lead.handoff import awaits_assignment
from rules.lead.rulebook import stops
from rules.lead.state import Clock, Evidence, Lead, Reminder, Trigger
from rules.lead.turn import Turn
from rules.wording import moment, span

_NONE: Final[frozenset[int]] = frozenset()
PAST_KEPT: Final = 8
"""Clocks that are over and remembered, per clause."""


def judge(turn: Turn, attempted: str | None) -> None:
    """Judge every clause by what this turn brought; `attempted` is an attempt's channel."""
    lead = turn.lead
    if awaits_assignment(turn):
        # Whoever gets the lead is part of what the event caused: judge after the answer.
        lead.deferred = (*lead.deferred, *turn.triggers)
        turn.facts_changed = False
        triggers: tuple[Trigger, ...] = ()
    else:
        triggers = (*lead.deferred, *turn.triggers)
        lead.deferred = ()
    ended = turn.ended is not None or turn.reopened
    if not (triggers or ended or attempted or turn.facts_changed):
        return
    if ended:
        lead.alarms = ()
    concerned = _concerned(turn, triggers, ended=ended, attempted=attempted is not None)
    if not concerned:
        return
    lead.clocks = dict(lead.clocks)
    clauses = [turn.book.clauses[place] for place in sorted(concerned)]
    if ended:
        _end(turn, clauses, triggers)
    for clause in clauses:
        if isinstance(clause, DeadlineClause):
            if not ended:
                _weigh(turn, clause, triggers)
            _start(turn, clause, triggers)
        else:
            limits.judge(turn, clause, attempted)


def _concerned(
    turn: Turn, triggers: tuple[Trigger, ...], *, ended: bool, attempted: bool
) -> set[int]:
    """The places of the clauses that anything of this turn may concern."""
    book, clocks = turn.book, turn.lead.clocks
    concerned: set[int] = set()
    for trigger in triggers:
        concerned |= book.triggers.get(trigger.type, _NONE)
        if trigger.id and book.counting and is_touch(trigger.type):
            concerned.update(book.counting)
    if turn.facts_changed:
        concerned.update(place for place, name in book.conditional if name in clocks)
    if ended:
        concerned.update(place for place, each in enumerate(book.clauses) if each.name in clocks)
    if attempted or ended:
        concerned |= book.limiting
    return concerned


def _end(turn: Turn, clauses: list[Clause], triggers: tuple[Trigger, ...]) -> None:
    """The lead ended, was recycled or reopened: every clock goes before any is started."""
    word = turn.ended.word if turn.ended else "reopened"
    for clause in clauses:
        if isinstance(clause, DeadlineClause):
            _weigh(turn, clause, triggers)
            _drop(turn, clause, f"the lead is {word}")


def _weigh(turn: Turn, clause: DeadlineClause, triggers: tuple[Trigger, ...]) -> None:
    """Look for evidence."""
    for trigger in triggers:
        if evidence.serves(clause.ends, trigger):
            found = evidence.of(clause.ends, trigger)
            if found is not None:
                _consider(turn, clause, trigger, found)


def _start(turn: Turn, clause: DeadlineClause, triggers: tuple[Trigger, ...]) -> None:
    """Look for the start event, and whether `when` has come to hold or no longer does."""
    for place, trigger in enumerate(triggers):
        if trigger.type == clause.starts:
            _start_event(turn, clause, trigger, triggers[place + 1 :])
    if turn.facts_changed and clause.when is not None:
        _ask_again(turn, clause)


def _consider(turn: Turn, clause: DeadlineClause, trigger: Trigger, found: Evidence) -> None:
    """Take what was found as evidence for the clause's clock, and for those that are over."""
    lead = turn.lead
    if clause.starts not in DATA_TYPES:
        newest = evidence.newest(lead.seen.get(clause.name, ()), clause.ends, found)
        lead.seen = {**lead.seen, clause.name: newest}
    past: list[Clock] = []
    for old in lead.past:
        due_at = old.due_at
        if old.clause != clause.name or due_at is None or trigger.time_at >= due_at:
            past.append(old)
            continue
        known = evidence.added(old, clause.ends, found)
        kept_at = evidence.kept_at(known, clause.ends)
        if kept_at is not None and kept_at < due_at:
            _retract(turn, clause, known, trigger, known.owner)
        else:
            past.append(known)
    lead.past = tuple(past)
    clock = lead.clocks.get(clause.name)
    if clock is None:
        return
    clock = lead.clocks[clause.name] = evidence.added(clock, clause.ends, found)
    kept_at = evidence.kept_at(clock, clause.ends)
    if kept_at is None:
        return
    del lead.clocks[clause.name]
    if clock.state == "running":
        _met(turn, clause, clock, kept_at, lead.owner)
    elif clock.state == "overdue":
        assert clock.due_at is not None
        if kept_at < clock.due_at:
            _retract(turn, clause, clock, trigger, lead.owner)
        else:
            _met(turn, clause, clock, kept_at, lead.owner)
            _remember(turn, clock)


def _met(
    turn: Turn, clause: DeadlineClause, clock: Clock, met_at: datetime, owner: str | None
) -> None:
    zone = turn.book.agreement.timezone
    used = working_time(turn, clause, clock, met_at)
    late = clock.due_at is not None and met_at >= clock.due_at
    took = span(used.total_seconds())
    because = (
        f"{clause.ends.event or 'touches'} on {moment(met_at, zone)}",
        f"late: it took {took}, {clause.within.words} were promised"
        if late
        else f"{took} of the {clause.within.words} used",
    )
    turn.decide(
        Met(
            clause=clause.name,
            owner=owner,
            due=clock.due_at,
            met_at=met_at,
            working_s=used.total_seconds(),
            because=because,
        )
    )


def _retract(
    turn: Turn, clause: DeadlineClause, clock: Clock, trigger: Trigger, owner: str | None
) -> None:
    assert clock.due_at is not None
    zone = turn.book.agreement.timezone
    because = (
        f"{trigger.type} on {moment(trigger.time_at, zone)} became known only now",
        f"it was before the deadline on {moment(clock.due_at, zone)}",
    )
    turn.decide(Retracted(clause=clause.name, evidence=trigger.id, because=because))
    kept_at = evidence.kept_at(clock, clause.ends)
    assert kept_at is not None
    _met(turn, clause, clock, kept_at, owner)


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


def _remember(turn: Turn, clock: Clock) -> None:
    """Keep a breached clock that is over: evidence may still retract its breach."""
    over = msgspec.structs.replace(
        clock, state="over", rungs=(), stopped=None, owner=clock.owner or turn.lead.owner
    )
    same = [each for each in turn.lead.past if each.clause == clock.clause]
    forgotten = same[: max(0, len(same) + 1 - PAST_KEPT)]
    kept = [each for each in turn.lead.past if each not in forgotten]
    turn.lead.past = (*kept, over)


def _cancel(turn: Turn, clause: DeadlineClause, because: tuple[str, ...]) -> None:
    turn.decide(Cancelled(clause=clause.name, because=because))


def _drop(turn: Turn, clause: DeadlineClause, why: str) -> None:
    """End the clause's clock, whatever its state: running is cancelled, overdue ends silently."""
    clock = turn.lead.clocks.pop(clause.name, None)
    if clock is None:
        return
    if clock.state == "running":
        _cancel(turn, clause, (why,))
    elif clock.state == "overdue":
        _remember(turn, clock)


def _start_event(
    turn: Turn, clause: DeadlineClause, trigger: Trigger, later: tuple[Trigger, ...]
) -> None:
    """The start event came: the clock runs if `when` holds, and waits for it if not."""
    lead = turn.lead
    cycle_at = lead.cycle.started_at
    if trigger.id and cycle_at is not None and trigger.time_at < cycle_at:
        return
    clock = lead.clocks.get(clause.name)
    if clock is not None and clock.state != "armed":
        if clause.starts != "lead.assigned":
            return
        _drop(turn, clause, f"handed over to {lead.owner}, whose clock starts anew")
    fresh = Clock(clause=clause.name, state="armed", since_at=trigger.time_at)
    for found in _since(lead, clause, trigger, later):
        fresh = evidence.added(fresh, clause.ends, found)
    lead.clocks.pop(clause.name, None)
    if evidence.kept_at(fresh, clause.ends) is not None:
        return
    if clause.when is None or clause.when.holds(turn.facts()):
        run(turn, clause, fresh)
    else:
        lead.clocks[clause.name] = fresh


def _since(
    lead: Lead, clause: DeadlineClause, trigger: Trigger, later: tuple[Trigger, ...]
) -> list[Evidence]:
    """Evidence since the start event: of the same turn, or known before a start reported late."""
    known = [
        each
        for each in lead.seen.get(clause.name, ())
        if each.time_at >= trigger.time_at and each.id != trigger.id
    ]
    for each in later:
        if evidence.serves(clause.ends, each):
            found = evidence.of(clause.ends, each)
            if found is not None and found not in known:
                known.append(found)
    return known


def _ask_again(turn: Turn, clause: DeadlineClause) -> None:
    """Start an armed clock whose `when` has come to hold; cancel a running one's that has not."""
    clock = turn.lead.clocks.get(clause.name)
    if clock is None or clock.state == "overdue":
        return
    assert clause.when is not None
    holds = clause.when.holds(turn.facts())
    if holds and clock.state == "armed":
        run(turn, clause, clock)
    elif not holds and clock.state == "running":
        _cancel(turn, clause, (f"it no longer holds that {clause.when.text}",))
        turn.lead.clocks[clause.name] = Clock(
            clause=clause.name,
            state="armed",
            since_at=clock.since_at,
            evidence=clock.evidence,
        )


def run(turn: Turn, clause: DeadlineClause, clock: Clock) -> None:
    """Start the clock now, with the clause's full time."""
    lead, now = turn.lead, turn.now
    calendar = turn.book.calendar_of(clause, lead.owner)
    due_at = calendar.add(now, clause.within)
    whole = calendar.elapsed(now, due_at)
    running = msgspec.structs.replace(
        clock,
        state="running",
        started_at=now,
        calendar=calendar.name,
        owner=lead.owner,
        due_at=due_at,
        warnings=tuple(
            Reminder(fraction, calendar.advance(now, whole * fraction)) for fraction in clause.warn
        ),
    )
    if lead.paused and stops(clause):
        running = pauses.stopped(running, calendar, now, pauses.until(turn))
    lead.clocks[clause.name] = running
    turn.decide(
        Started(
            clause=clause.name,
            party=clause.party,
            owner=lead.owner,
            due=running.due_at,
            calendar=calendar.name,
            because=_start_reasons(turn, clause, running, calendar),
        )
    )


def _start_reasons(
    turn: Turn, clause: DeadlineClause, clock: Clock, calendar: Calendar
) -> tuple[str, ...]:
    zone = turn.book.agreement.timezone
    lines = [f"{clause.starts} on {moment(clock.since_at, zone)}"]
    if clause.when is not None:
        lines.append(", ".join(clause.when.reasons(turn.facts())))
    if clock.stopped is not None:
        lines.append(f"the lead is paused: all {clause.within.words} are left")
    if clock.due_at is not None:
        lines.append(how_due(clause, calendar, turn.now, clock.due_at))
    return tuple(lines)


def how_due(
    clause: DeadlineClause, calendar: Calendar, start_at: datetime, due_at: datetime
) -> str:
    """How the deadline came about: the working hours that were counted."""
    if calendar.name == "always":
        return f"due {clause.within.words} later, around the clock"
    local = calendar.zone
    shown = [
        f"{moment(start, local)}–{until.astimezone(local):%H:%M}"
        for start, until in calendar.intervals(start_at, due_at)
    ]
    if len(shown) > 4:
        shown = [*shown[:3], "…", shown[-1]]
    counted = "; ".join(shown)
    return f"{clause.within.words} in calendar {calendar.name} counted over {counted}"
