"""Deadline clauses: when their clocks start, are met, are cancelled and start anew.

Clauses are judged once, after everything else that an event caused, in the
order of the file. For each clause: first the evidence, then endings (of the
lead, of the owner), then starts, then whether `when` holds (contract, section 2,
'Clauses with a deadline' and 'Fine points').
"""

from datetime import datetime
from typing import Final

import msgspec

from rules.agreement import DeadlineClause
from rules.decisions import DATA_TYPES, Cancelled, Met, Retracted, Started
from rules.events import is_touch
from rules.lead import deadlines, evidence, limits, pauses
from rules.lead.handoff import awaits_assignment
from rules.lead.rulebook import stops
from rules.lead.state import Clock, Evidence, Lead, Trigger
from rules.lead.turn import Turn

_HANDOVER: Final = "lead.assigned"
_NONE: Final[frozenset[int]] = frozenset()
PAST_KEPT: Final = 8
"""Clocks that are over and remembered, per clause."""


def judge(turn: Turn, attempted: str | None) -> None:
    """Judge every clause by what this turn brought; `attempted` is an attempt's channel."""
    lead = turn.lead
    ended = turn.ended is not None or turn.reopened or lead.reopening
    channels = lead.attempted if attempted is None else (*lead.attempted, attempted)
    if not (turn.triggers or lead.deferred or ended or channels or turn.facts_changed):
        return
    if lead.pending and awaits_assignment(turn):
        # Whoever gets the lead is part of what the event caused: judge after the answer.
        lead.deferred = (*lead.deferred, *turn.triggers)
        lead.reopening = lead.reopening or turn.reopened
        lead.attempted, channels = channels, ()
        turn.facts_changed = False
        ended = turn.ended is not None
        triggers: tuple[Trigger, ...] = ()
    else:
        triggers = (*lead.deferred, *turn.triggers)
        lead.deferred, lead.attempted = (), ()
        lead.reopening = False
    if ended:
        lead.alarms = ()
    concerned = _concerned(turn, triggers, ended=ended, attempted=bool(channels))
    if not concerned:
        return
    lead.clocks = dict(lead.clocks)
    clauses = [turn.book.clauses[place] for place in sorted(concerned)]
    promises = [clause for clause in clauses if isinstance(clause, DeadlineClause)]
    for clause in promises:
        _weigh(turn, clause, triggers)
    for clause in promises:
        _end(turn, clause, triggers, ended=ended)
    for each in clauses:
        if isinstance(each, DeadlineClause):
            _start(turn, each, triggers)
        else:
            limits.judge(turn, each, channels)


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


def _weigh(turn: Turn, clause: DeadlineClause, triggers: tuple[Trigger, ...]) -> None:
    """Look for evidence."""
    for trigger in triggers:
        if evidence.serves(clause.ends, trigger):
            found = evidence.of(clause.ends, trigger)
            if found is not None:
                _consider(turn, clause, trigger, found)


def _end(turn: Turn, clause: DeadlineClause, triggers: tuple[Trigger, ...], *, ended: bool) -> None:
    """End the clock with the lead, with its owner, or because `when` no longer holds."""
    clock = turn.lead.clocks.get(clause.name)
    if clock is None:
        return
    if ended:
        _drop(turn, clause, f"the lead is {turn.ended.word if turn.ended else 'reopened'}")
    elif clause.starts == _HANDOVER and any(each.type == _HANDOVER for each in triggers):
        _drop(turn, clause, f"handed over to {turn.lead.owner}, whose clock starts anew")
    elif clock.state == "running" and turn.facts_changed:
        _stop_unless(turn, clause, clock)


def _stop_unless(turn: Turn, clause: DeadlineClause, clock: Clock) -> None:
    """Cancel a running clock whose `when` no longer holds; it may start again."""
    if clause.when is None or clause.when.holds(turn.facts()):
        return
    _cancel(turn, clause, (f"it no longer holds that {clause.when.text}",))
    turn.lead.clocks[clause.name] = Clock(
        clause=clause.name, state="armed", since_at=clock.since_at, evidence=clock.evidence
    )


def _start(turn: Turn, clause: DeadlineClause, triggers: tuple[Trigger, ...]) -> None:
    """Look for the start event, and whether a clock's `when` has come to hold."""
    for place, trigger in enumerate(triggers):
        if trigger.type == clause.starts:
            _start_event(turn, clause, trigger, triggers[place + 1 :])
    clock = turn.lead.clocks.get(clause.name)
    if clock is None or clock.state != "armed" or not turn.facts_changed:
        return
    if clause.when is not None and clause.when.holds(turn.facts()):
        run(turn, clause, clock)


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
    owner = turn.ended.owner if turn.ended is not None else lead.owner
    if clock.state == "running":
        _met(turn, clause, clock, kept_at, owner)
    elif clock.state == "overdue":
        assert clock.due_at is not None
        if kept_at < clock.due_at:
            _retract(turn, clause, clock, trigger, owner)
        else:
            _met(turn, clause, clock, kept_at, owner)
            _remember(turn, clock, owner)


def _met(
    turn: Turn, clause: DeadlineClause, clock: Clock, met_at: datetime, owner: str | None
) -> None:
    used = deadlines.working_time(turn, clause, clock, met_at)
    turn.decide(
        Met(
            clause=clause.name,
            owner=owner,
            due=clock.due_at,
            met_at=met_at,
            working_s=used.total_seconds(),
            because=deadlines.met(turn, clause, clock, met_at, used),
        )
    )


def _retract(
    turn: Turn, clause: DeadlineClause, clock: Clock, trigger: Trigger, owner: str | None
) -> None:
    assert clock.due_at is not None
    because = deadlines.retracted(turn, trigger, clock.due_at)
    turn.decide(Retracted(clause=clause.name, evidence=trigger.id, because=because))
    kept_at = evidence.kept_at(clock, clause.ends)
    assert kept_at is not None
    _met(turn, clause, clock, kept_at, owner)


def _remember(turn: Turn, clock: Clock, owner: str | None) -> None:
    """Keep a breached clock that is over: evidence may still retract its breach.

    `owner` is who had the lead when the clock ended.
    """
    over = msgspec.structs.replace(clock, state="over", rungs=(), stopped=None, owner=owner)
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
        _remember(turn, clock, turn.ended.owner if turn.ended else clock.owner)


def _start_event(
    turn: Turn, clause: DeadlineClause, trigger: Trigger, later: tuple[Trigger, ...]
) -> None:
    """The start event came: the clock runs if `when` holds, and waits for it if not."""
    lead = turn.lead
    cycle_at = lead.cycle.started_at
    early = trigger.id and cycle_at is not None and trigger.time_at < cycle_at
    if early and turn.ended is None:
        return
    clock = lead.clocks.get(clause.name)
    if clock is not None and clock.state != "armed":
        return
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


def run(turn: Turn, clause: DeadlineClause, clock: Clock) -> None:
    """Start the clock now, with the clause's full time."""
    lead, now = turn.lead, turn.now
    calendar = turn.book.calendar_of(clause, lead.owner)
    fresh = msgspec.structs.replace(
        clock, state="running", started_at=now, calendar=calendar.name, owner=lead.owner
    )
    if lead.paused and stops(clause):
        running = pauses.begin_paused(turn, clause, fresh, calendar)
    else:
        running = pauses.begin(clause, fresh, calendar, now)
    lead.clocks[clause.name] = running
    turn.decide(
        Started(
            clause=clause.name,
            party=clause.party,
            owner=lead.owner,
            due=running.due_at,
            calendar=calendar.name,
            because=deadlines.started(turn, clause, running, calendar),
        )
    )
