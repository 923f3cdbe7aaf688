"""Where a lead stands, in words: what every source says of it and what it is waiting for.

Nothing is decided here; the sentences come from the functions that decide.
"""

from dataclasses import dataclass
from datetime import datetime

from rules.agreement import DeadlineClause
from rules.lead import attempts, deadlines, temperature
from rules.lead.rulebook import Rulebook
from rules.lead.state import Clock, Lead
from rules.lead.turn import Turn
from rules.wording import moment, span, value_text


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its lines."""

    title: str
    lines: tuple[str, ...]


def standing(book: Rulebook, lead: Lead, at: datetime) -> tuple[Section, ...]:
    """The lead at `at`, to which its time has been moved on."""
    turn = Turn.of(book, lead, at, None)
    sections = (
        Section("Profile", _profile(lead)),
        Section("Temperature", temperature.account(turn)),
        Section("Handoff", _handoff(book, lead)),
        Section("Attempts", _attempts(book, lead)),
        Section("Clauses", _clauses(turn, lead)),
    )
    return tuple(section for section in sections if section.lines)


def _profile(lead: Lead) -> tuple[str, ...]:
    return tuple(f"{name}: {value_text(value)}" for name, value in sorted(lead.profile.items()))


def _handoff(book: Rulebook, lead: Lead) -> tuple[str, ...]:
    lines = [f"stage {lead.stage}"]
    if lead.owner is not None:
        team = f" (team {lead.team})" if lead.team else ""
        lines.append(f"with {lead.owner}{team}")
    if lead.queued:
        lines.append(f"waits in the queue of team {lead.team}")
    if lead.paused:
        until = lead.pauses[-1].until_at
        zone = book.agreement.timezone
        lines.append(f"paused until {moment(until, zone) if until else 'it is resumed'}")
    return tuple(lines)


def _attempts(book: Rulebook, lead: Lead) -> tuple[str, ...]:
    made = lead.cycle.attempts
    total = attempts.total(made)
    if not total:
        return ()
    channels = sorted({each.channel for each in made.newest} | made.older.keys())
    shown = ", ".join(f"{attempts.tally(made, channel)} {channel}" for channel in channels)
    zone = book.agreement.timezone
    reached = made.connected_at
    return (
        f"{total} in this cycle: {shown}",
        f"connected on {moment(reached, zone)}" if reached else "not connected",
    )


def _clauses(turn: Turn, lead: Lead) -> tuple[str, ...]:
    lines: list[str] = []
    for clause in turn.book.clauses:
        clock = lead.clocks.get(clause.name)
        if clock is not None and isinstance(clause, DeadlineClause):
            lines.extend(_clock(turn, clause, clock))
    return tuple(lines)


def _clock(turn: Turn, clause: DeadlineClause, clock: Clock) -> tuple[str, ...]:
    zone = turn.book.agreement.timezone
    if clock.state == "armed":
        wants = clause.when.text if clause.when else ""
        return (f"{clause.name}: waits until {wants}",)
    assert clock.started_at is not None
    calendar = turn.book.calendar(clock.calendar)
    used = deadlines.working_time(turn, clause, clock, turn.now)
    head = f"{clause.name}: {clock.state}, its clock runs since {moment(clock.started_at, zone)}"
    if clock.due_at is None:
        return (f"{head} and stands still while the lead is paused",)
    is_ = "was" if clock.state == "overdue" else "is"
    how = deadlines.how_due(turn, clause, calendar, clock.started_at, clock.due_at)
    return (
        f"{head}, {is_} due on {moment(clock.due_at, zone)}",
        f"{span(used.total_seconds())} of {clause.within.words} used; {how}",
    )
