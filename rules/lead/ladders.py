"""Escalation: the steps of a ladder after a breach, their repeats and reassignments.

Contract, section 2, 'Escalation': steps run in the clause's calendar after the
breach; `at_most` counts all tellings of a step, each repeat is measured from
the last.
"""

from datetime import datetime

import msgspec

from rules.agreement import Clause, Step
from rules.calendars import Calendar
from rules.decisions import Escalated
from rules.lead import handoff
from rules.lead.state import Alarm, Clock, Pending, Rung
from rules.lead.turn import Turn
from rules.requests import Given, Move, Stays
from rules.vocabulary import ENDED


def rungs(ladder: tuple[Step, ...], breached_at: datetime, calendar: Calendar) -> tuple[Rung, ...]:
    """When each step of a ladder is first told."""
    return tuple(
        Rung(number, _after(step, breached_at, calendar), breached_at)
        for number, step in enumerate(ladder, 1)
    )


def _after(step: Step, breached_at: datetime, calendar: Calendar) -> datetime:
    # A step at 0m is told with the breach, also when that falls on closing time.
    return calendar.add(breached_at, step.after) if step.after.amount else breached_at


def anew(rung: Rung, ladder: tuple[Step, ...], at: datetime, calendar: Calendar) -> Rung:
    """A rung of which no time was used before `at`: it has all of it from there, days as days."""
    if rung.step > len(ladder):
        return rung
    step = ladder[rung.step - 1]
    wait = step.repeat if rung.told else step.after
    if wait is None:
        return rung
    later_at = calendar.add(max(at, rung.since_at), wait)
    return msgspec.structs.replace(rung, at=max(rung.at, later_at))


def climb(
    turn: Turn, clause: Clause, calendar: Calendar, waiting: tuple[Rung, ...]
) -> tuple[Rung, ...]:
    """Tell every rung that is due, and give back those still to come."""
    left: list[Rung] = []
    for rung in waiting:
        if rung.at > turn.now or rung.step > len(clause.ladder):
            left.append(rung)
            continue
        step = clause.ladder[rung.step - 1]
        _tell(turn, clause, step, rung)
        told = rung.told + 1
        if step.repeat is not None and (step.at_most is None or told < step.at_most):
            left.append(Rung(rung.step, calendar.add(rung.at, step.repeat), rung.at, told))
    return tuple(left)


def _tell(turn: Turn, clause: Clause, step: Step, rung: Rung) -> None:
    lead = turn.lead
    why = _why(clause, step, rung)
    if step.do == "reassign":
        moving = any(each.clause is not None for each in lead.pending)
        if lead.owner is None or lead.stage in ENDED:
            why = (*why, "nobody has the lead, so it is not reassigned")
        elif moving:
            why = (*why, "it is being reassigned already")
        else:
            number = handoff.ticket(turn, clause.name, rung.step, rung.told)
            turn.request(
                Move(
                    lead.id,
                    number,
                    lead.team,
                    lead.owner,
                    lead.cycle.owners,
                    handoff.account(turn),
                    turn.cause,
                )
            )
            return
    _escalate(turn, clause, rung.step, why)


def _why(clause: Clause, step: Step, rung: Rung) -> tuple[str, ...]:
    if rung.told and step.repeat is not None:
        of = f" of at most {step.at_most}" if step.at_most is not None else ""
        return (f"told again after {step.repeat.words}, for the {_nth(rung.told + 1)} time{of}",)
    if not step.after.amount:
        return ("told at once when the promise is broken",)
    return (f"{step.after.words} after the breach it is neither kept nor acknowledged",)


def _nth(n: int) -> str:
    suffix = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{suffix}"


def _escalate(turn: Turn, clause: Clause, number: int, because: tuple[str, ...]) -> None:
    step = clause.ladder[number - 1]
    turn.decide(
        Escalated(clause=clause.name, step=number, tell=step.tell, do=step.do, because=because)
    )


def answered(turn: Turn, answer: Given | Stays, clause: Clause, asked: Pending) -> None:
    """The router's answer to a ladder's reassignment: tell it, and hand the lead over."""
    number = asked.step
    why = _why(clause, clause.ladder[number - 1], Rung(number, turn.now, turn.now, asked.told))
    if isinstance(answer, Stays):
        _escalate(turn, clause, number, (*why, *answer.because))
        return
    outcome = f"reassigned from {turn.lead.owner} to {answer.rep}"
    _escalate(turn, clause, number, (*why, outcome))
    handoff.moved(turn, answer, clause.name)


def acknowledge(turn: Turn, clause: str) -> None:
    """`sla.acknowledged`: that breach's ladder goes no further."""
    lead = turn.lead
    clock = lead.clocks.get(clause)
    if clock is not None and clock.state == "overdue":
        lead.clocks = {**lead.clocks, clause: msgspec.structs.replace(clock, rungs=())}
    lead.alarms = tuple(alarm for alarm in lead.alarms if alarm.clause != clause)


def next_rung(ladder: Clock | Alarm) -> datetime | None:
    """When the ladder's next rung is due."""
    return min((rung.at for rung in ladder.rungs), default=None)
