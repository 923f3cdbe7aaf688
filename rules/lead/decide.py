"""The lead aggregate's entry points: an event, a wake-up, an answer of the router.

Each returns the lead's new state, its decisions in order and its requests, and
changes nothing that it was given. What one event causes, in this order: profile,
touch or attempt; temperature; stages; rejection, win or loss; routing; clauses.
"""

from datetime import datetime

from rules.conditions import Facts
from rules.events import Event, is_touch
from rules.lead import (
    attempts,
    clocks,
    cycles,
    handoff,
    ladders,
    limits,
    past,
    pauses,
    profile,
    stages,
    temperature,
    timers,
    trails,
)
from rules.lead.adoption import adopt
from rules.lead.quiet import quiet
from rules.lead.rulebook import Rulebook
from rules.lead.state import Attempt, Lead, Trigger
from rules.lead.turn import Outcome, Turn
from rules.requests import Answer, Freed, Given, Stays, Waits
from rules.vocabulary import ENDED
from rules.wording import printable

_PROFILE_EVENTS = frozenset({"lead.captured", "lead.updated", "lead.qualified"})


def decide(book: Rulebook, lead: Lead | None, event: Event, now: datetime) -> Outcome:
    """What `event`, taken by the log at `now`, makes of `lead` (None: not seen before).

    The event is valid and admitted, and not a repeat: that is the loop's part.
    """
    if lead is None:
        lead = Lead(id=event.subject, agreement=book.key)
    kind = event.type
    touch = is_touch(kind)
    concerns = not touch or _concerns_clauses(book, lead, kind)
    known = lead.agreement == book.key
    if known and not concerns and not lead.resting and kind not in book.plans:
        return Outcome(lead, (), ())
    if event.time_at > now:
        # A source whose clock is ahead: nothing happened after it became known.
        event = Event(event.id, event.source, kind, event.subject, now, event.data)
    if known and not concerns:
        after = quiet(book, lead, event, now)
        if after is not None:
            return Outcome(after, (), ())
    turn = Turn.of(book, lead, now, event.id)
    adopt(turn)
    draft = turn.lead
    if draft.resting and _of_this_cycle(draft, event):
        draft.resting = False
        turn.facts_changed = True
    attempted = _take(turn, event)
    if turn.heat_changed or book.reads_points:
        temperature.update(turn)
    if turn.facts_changed:
        stages.climb(turn)
    _move(turn, event)
    if turn.stage_reached:
        handoff.seek(turn)
    if draft.queued and kind in _PROFILE_EVENTS:
        handoff.seek_again(turn)
    if kind in book.triggers or (touch and concerns):
        turn.triggers.insert(0, Trigger(kind, event.time_at, event.id, event.data))
    clocks.judge(turn, attempted)
    return _close(turn)


def _concerns_clauses(book: Rulebook, lead: Lead, kind: str) -> bool:
    """Whether a touch of this type starts or ends a clause, or counts for one of the lead's."""
    if kind in book.triggers:
        return True
    counting = book.counting.values()
    if not counting or not (lead.clocks or lead.past):
        return False
    for name in counting:
        if name in lead.clocks:
            return True
    return any(clock.clause in counting for clock in lead.past)


def _of_this_cycle(lead: Lead, event: Event) -> bool:
    started_at = lead.cycle.started_at
    return started_at is None or event.time_at >= started_at


def _take(turn: Turn, event: Event) -> str | None:
    """Write down what the event says; of an attempt that limits count, return the channel."""
    lead, kind = turn.lead, event.type
    if kind in _PROFILE_EVENTS:
        profile.apply(turn, event)
    elif not _of_this_cycle(lead, event):
        _take_into_past(turn, event)
    elif kind == "lead.attempted":
        connected_at = lead.cycle.attempts.connected_at
        _attempt(turn, event)
        if event.data.get("outcome") == "connected":
            limits.call_off(turn)
        if connected_at is None or event.time_at < connected_at:
            return str(event.data["channel"])
    elif is_touch(kind):
        _touch(turn, event)
    return None


def _take_into_past(turn: Turn, event: Event) -> None:
    """Something of the cycle before, which a reopening may bring back: it is written down there."""
    lead = turn.lead
    earlier = past.cycle(lead.before)
    if earlier is None:
        return
    present, lead.cycle = lead.cycle, earlier
    if _of_this_cycle(lead, event):
        if event.type == "lead.attempted":
            _attempt(turn, event)
        elif is_touch(event.type):
            _touch(turn, event)
    lead.before = past.with_cycle(lead.before, lead.cycle)
    lead.cycle = present


def _attempt(turn: Turn, event: Event) -> None:
    cycle, data = turn.lead.cycle, event.data
    made = Attempt(event.time_at, data["channel"], data.get("outcome") == "connected")
    turn.lead.cycle = turn.revise(cycle, attempts=attempts.record(cycle.attempts, made))


def _touch(turn: Turn, event: Event) -> None:
    plan = turn.book.plans.get(event.type)
    if plan is None:
        return
    cycle = turn.lead.cycle
    earns = plan.points is not None and (
        plan.points.when is None or plan.points.when.holds(Facts(event.data))
    )
    before = cycle.trails.get(event.type)
    trail = trails.record(before, plan, event, earns=earns, half_life_s=turn.book.half_life_s)
    turn.lead.cycle = turn.revise(cycle, trails={**cycle.trails, event.type: trail})
    turn.heat_changed = True
    if before is None:
        turn.facts_changed = True


def _move(turn: Turn, event: Event) -> None:
    """What the event does by itself: wins, losses, rejections, pauses, people's doings."""
    data = event.data
    by = data.get("by")
    said = f"{event.type}" + (f" by {by}" if by else "")
    match event.type:
        case "lead.rejected":
            _reject(turn, event, said)
        case "deal.won" | "deal.lost":
            _close_deal(turn, event, said)
        case "opportunity.opened":
            cycles.opened(turn, (said,))
        case "lead.paused":
            pauses.pause(turn, event.time_at, data.get("until"))
        case "lead.resumed":
            pauses.resume(turn, event.time_at)
        case "lead.reassigned":
            handoff.reassign(turn, data["to"], by)
        case "lead.claimed":
            handoff.claim(turn, data.get("to") or data["by"])
        case "lead.reopened":
            cycles.reopen(turn, by)
        case "sla.acknowledged":
            ladders.acknowledge(turn, data["clause"])
        case _:
            pass


def _close_deal(turn: Turn, event: Event, said: str) -> None:
    """A win makes a customer of any lead; a loss ends one that has not ended."""
    stage = turn.lead.stage
    if event.type == "deal.won":
        if stage != "customer":
            cycles.end(turn, "customer", "won", (said,))
    elif stage not in ENDED:
        reason = event.data.get("reason")
        why = f"{said}: {printable(str(reason))}" if reason else said
        cycles.end(turn, "lost", "lost", (why,))


def _reject(turn: Turn, event: Event, said: str) -> None:
    lead, reason = turn.lead, event.data["reason"]
    if lead.stage in ENDED or lead.stage == "nurturing":
        return
    rejection = turn.book.agreement.rejection
    because = (f"{said}: {reason}",)
    if rejection is not None and reason in rejection.disqualify:
        cycles.end(turn, "disqualified", "disqualified", because)
    else:
        cycles.recycle(turn, reason, event.time_at, because, rejected=True)


def wake(book: Rulebook, lead: Lead, at: datetime) -> Outcome:
    """What time alone does to `lead` at `at`, the very instant that was due."""
    turn = Turn.of(book, lead, at, None)
    adopt(turn)
    draft = turn.lead
    timers.fire(turn)
    until = pauses.until(turn)
    if until is not None and until <= at:
        pauses.go_on(turn, at)
    if turn.heat_changed or (draft.temperature_at is not None and draft.temperature_at <= at):
        temperature.update(turn)
        if turn.facts_changed:
            stages.climb(turn)
    if limits.due_for_recycling(turn):
        because = limits.because_used_up(turn, draft.cycle.attempts)
        cycles.recycle(turn, "attempts_used_up", at, because, rejected=False)
    handoff.seek(turn)
    clocks.judge(turn, None)
    return _close(turn)


def answer(book: Rulebook, lead: Lead, reply: Answer, now: datetime) -> Outcome:
    """What the router's `reply` makes of `lead`."""
    turn = Turn.of(book, lead, now, reply.cause)
    adopt(turn)
    asked = next((each for each in lead.pending if each.ticket == reply.ticket), None)
    queued = lead.queued and isinstance(reply, Given) and reply.ticket == lead.ticket
    if asked is None and not queued:
        # The lead ended or was claimed meanwhile: the router's choice is void.
        if isinstance(reply, Given) and reply.rep != lead.owner:
            turn.request(Freed(lead.id, reply.rep, reply.cause))
        return _close(turn)
    draft = turn.lead
    if turn.heat_changed:
        temperature.update(turn)
        stages.climb(turn)
    draft.pending = tuple(each for each in draft.pending if each is not asked)
    # Clauses were not judged while the lead waited for this answer.
    turn.facts_changed = True
    if isinstance(reply, Waits):
        handoff.waits(turn, reply)
    elif asked is not None and asked.clause is not None:
        clause = next((each for each in book.clauses if each.name == asked.clause), None)
        if clause is not None and asked.step <= len(clause.ladder):
            ladders.answered(turn, reply, clause, asked)
        elif isinstance(reply, Given):
            # The agreement lost that step meanwhile, but the router has moved the lead.
            handoff.moved(turn, reply, asked.clause)
    else:
        assert not isinstance(reply, Stays)
        handoff.given(turn, reply)
    clocks.judge(turn, None)
    return _close(turn)


def _close(turn: Turn) -> Outcome:
    timers.set_alarm(turn.lead, turn.was)
    return turn.outcome()
