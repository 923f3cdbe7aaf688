"""Attempt limits: pestering, giving up too early, and recycling when attempts are used up.

Contract, section 2, 'Attempt limits' and 'Fine points'. The total and each
channel are limits of their own and breach once each a cycle; such breaches are
never retracted.
"""

import msgspec

from rules.agreement import AttemptClause
from rules.decisions import Breached
from rules.lead import attempts as log
from rules.lead import ladders, pauses
from rules.lead.rulebook import rank
from rules.lead.state import Alarm, Attempts, Limits, Recycling
from rules.lead.turn import Turn
from rules.vocabulary import ENDED, FUNNEL, BreachKind


def judge(turn: Turn, clause: AttemptClause, attempted: tuple[str, ...]) -> None:
    """Judge the clause after attempts on the channels `attempted`, or after a rejection."""
    if turn.ended is not None and turn.ended.rejected is not None:
        _too_few(turn, clause)
    elif not attempted or turn.lead.stage in ENDED:
        return
    elif clause.when is None or clause.when.holds(turn.facts()):
        for channel in attempted:
            _too_many(turn, clause, channel)
        _used_up(turn, clause)


def _too_few(turn: Turn, clause: AttemptClause) -> None:
    ending = turn.ended
    assert ending is not None
    attempts = ending.attempts
    if clause.at_least is None or attempts.connected_at is not None:
        return
    made = log.counted(attempts)
    if made >= clause.at_least or (clause.when is not None and not clause.when.holds(ending.facts)):
        return
    because = (
        f"given back ({ending.rejected}) after {_times(made)}, never connected",
        f"the agreement asks for at least {clause.at_least}",
    )
    _breach(turn, clause, "too_few_attempts", made, clause.at_least, None, because)


def _too_many(turn: Turn, clause: AttemptClause, channel: str) -> None:
    attempts = turn.lead.cycle.attempts
    limits = [(None, clause.at_most), (channel, clause.per_channel.get(channel))]
    for which, limit in limits:
        if limit is None or (clause.name, which) in turn.lead.cycle.limits.breached:
            continue
        made = log.counted(attempts, which)
        if made <= limit:
            continue
        _remember(turn, breached=turn.lead.cycle.limits.breached | {(clause.name, which)})
        by = f" by {which}" if which else ""
        because = (
            f"{_times(made)}{by} of a lead that is not connected",
            f"the agreement allows at most {limit}{by}",
        )
        _breach(turn, clause, "too_many_attempts", made, limit, which, because)


def _breach(
    turn: Turn,
    clause: AttemptClause,
    kind: BreachKind,
    made: int,
    limit: int,
    channel: str | None,
    because: tuple[str, ...],
) -> None:
    lead = turn.lead
    owner = turn.ended.owner if turn.ended else lead.owner
    turn.decide(
        Breached(
            clause=clause.name,
            party=clause.party,
            owner=owner,
            team=turn.ended.team if turn.ended else lead.team,
            due=None,
            kind=kind,
            attempts=made,
            limit=limit,
            channel=channel,
            because=because,
        )
    )
    if clause.ladder:
        calendar = turn.book.calendar_of(clause, owner)
        waiting = ladders.rungs(clause.ladder, turn.now, calendar)
        waiting = ladders.climb(turn, clause, calendar, waiting)
        if waiting:
            alarm = Alarm(clause.name, calendar.name, waiting)
            lead.alarms = (*lead.alarms, pauses.begun(turn, alarm))


def _used_up(turn: Turn, clause: AttemptClause) -> None:
    """After the last allowed attempt, the lead has `recycle_after` to answer."""
    lead, limits = turn.lead, turn.lead.cycle.limits
    attempts = lead.cycle.attempts
    if clause.recycle_after is None or clause.at_most is None or clause.name in limits.used_up:
        return
    if attempts.connected_at is not None or log.counted(attempts) < clause.at_most:
        return
    calendar = turn.book.calendar_of(clause, lead.owner)
    last_at = log.nth_at(attempts, clause.at_most)
    at = calendar.add(last_at, clause.recycle_after)
    planned = pauses.held(turn, Recycling(clause.name, calendar.name, last_at, at))
    if planned.at < turn.now:
        planned = msgspec.structs.replace(planned, at=turn.now)
    _remember(
        turn,
        used_up=limits.used_up | {clause.name},
        recyclings=(*limits.recyclings, planned),
    )


def call_off(turn: Turn) -> None:
    """The lead was reached, or has ended: it is not recycled for want of an answer."""
    if turn.lead.cycle.limits.recyclings:
        _remember(turn, recyclings=())


def due_for_recycling(turn: Turn) -> bool:
    """Whether a lead whose attempts are used up is to be recycled now."""
    waiting = turn.lead.cycle.limits.recyclings
    left = tuple(each for each in waiting if each.left is not None or each.at > turn.now)
    if len(left) == len(waiting):
        return False
    _remember(turn, recyclings=left)
    stage = turn.lead.stage
    return stage in FUNNEL and rank(stage) < FUNNEL.index("opportunity")


def because_used_up(turn: Turn, attempts: Attempts) -> tuple[str, ...]:
    """Why the lead is recycled, in words."""
    return (f"{_times(log.total(attempts))}, and no answer since the last that is allowed",)


def _remember(turn: Turn, **changes: object) -> None:
    cycle = turn.lead.cycle
    revised: Limits = turn.revise_limits(cycle.limits, **changes)
    turn.lead.cycle = turn.revise(cycle, limits=revised)


def _times(count: int) -> str:
    return f"{count} attempt{'' if count == 1 else 's'}"
