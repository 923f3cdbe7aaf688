"""Moves played against the reference and the engine, and their decisions compared."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import msgspec

from rules.agreement import Agreement
from rules.decisions import Decision
from rules.events import Event
from rules.loading import load_agreement
from streams.engine import Engine
from tests.model.reference import Reference
from tests.model.strategies import Gap, Late, Move
from tests.model.told import Told

ROUGHLY = timedelta(milliseconds=1)
"""How far apart instants may be that come from points decaying."""
CLEAR = timedelta(milliseconds=5)
AFTERWARDS = timedelta(days=40)


@cache
def loaded(text: str) -> Agreement:
    """The agreement in `text`, which must be faultless."""
    result = load_agreement(text, "model.yaml")
    assert result.agreement is not None, "\n".join(str(each) for each in result.diagnostics)
    return result.agreement


@dataclass(slots=True)
class Played:
    """The events that a story's moves came to, each with the log's time, and what was told."""

    events: list[tuple[Event, datetime]]
    until_at: datetime
    told: list[Told]


class Player:
    """Turns moves into events, asking the reference when things are due."""

    def __init__(self, agreement: Agreement, start_at: datetime) -> None:
        self.reference = Reference(agreement)
        self.now = start_at
        self.events: list[tuple[Event, datetime]] = []
        self.told: list[Told] = []

    def move(self, move: Move) -> None:
        self.now = self.moved(move.gap)
        if move.repeats is not None:
            if not self.events:
                return
            event = self.events[move.repeats % len(self.events)][0]
        else:
            event = self.event(move)
        self.events.append((event, self.now))
        self.told += self.reference.take(event, self.now)

    def event(self, move: Move) -> Event:
        data = dict(move.data)
        if isinstance(data.get("until"), timedelta):
            data["until"] = self.now + data["until"]
        identity = f"e{len(self.events) + 1}"
        time_at = self.own_time(move.late)
        return Event(identity, "/model", move.type, move.subject, time_at, data, self.now)

    def moved(self, gap: Gap) -> datetime:
        if isinstance(gap, timedelta):
            return self.now + gap
        wakes: list[datetime | None] = [
            self.reference.wake(lead) for lead in self.reference.leads.values()
        ]
        office_at = self.reference.office.next_change(self.now)
        due: list[datetime] = [at for at in (*wakes, office_at) if at is not None and at > self.now]
        if not due:
            return self.now + timedelta(hours=1)
        at = min(due)
        if at.microsecond:  # a decay: how many microseconds it takes is nobody's business
            at = at.replace(microsecond=0) + timedelta(seconds=1)
        if gap == "before next":
            return max(self.now, at - CLEAR)
        return at + CLEAR if gap == "after next" else at

    def own_time(self, late: Late) -> datetime:
        if isinstance(late, timedelta):
            return self.now - late
        dues: list[datetime | None] = [
            told.data["due"] for told in self.told if told.type == "sla.breached"
        ]
        gone = [due for due in dues if due is not None]
        if not gone:
            return self.now
        return gone[-1] if late == "at due" else gone[-1] - timedelta(seconds=1)


def play(agreement: Agreement, start_at: datetime, moves: list[Move]) -> Played:
    player = Player(agreement, start_at)
    for move in moves:
        player.move(move)
    until_at = player.now + AFTERWARDS
    told = player.told + player.reference.run_until(until_at)
    return Played(player.events, until_at, told)


def decided(agreement: Agreement, played: Played) -> list[Told]:
    """What the engine decides about the same events."""
    engine = Engine(agreement)
    decisions = [each for event, now in played.events for each in engine.take(event, now)]
    return [as_told(each) for each in decisions + engine.run_until(played.until_at)]


Story = tuple[datetime, list[Move]]


def told_apart(agreement: Agreement, story: Story) -> tuple[Played, str | None]:
    """The story as played, and the first decision that differs, if any does."""
    played = play(agreement, *story)
    return played, first_difference(played.told, decided(agreement, played))


def shortest(agreement: Agreement, story: Story) -> Story:
    """The story without the moves that the difference can do without."""
    start_at, moves = story
    index = 0
    while index < len(moves):
        fewer = moves[:index] + moves[index + 1 :]
        if told_apart(agreement, (start_at, fewer))[1] is not None:
            moves, index = fewer, 0
        else:
            index += 1
    return (start_at, moves)


def account(agreement: Agreement, story: Story) -> str:
    """What happened, event by event, and where engine and reference part."""
    played, difference = told_apart(agreement, story)
    happened = [event_line(event, now) for event, now in played.events]
    return "\n".join([agreement.name, *happened, str(difference)])


def as_told(decision: Decision) -> Told:
    """A decision of the engine in the reference's words."""
    data: dict[str, Any] = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in msgspec.structs.asdict(decision.data).items()
        if name != "because"
    }
    if "passed_over" in data:
        data["passed_over"] = sorted(each.rep for each in data["passed_over"])
    return Told(
        decision.subject, decision.sequence, decision.time_at, decision.cause, decision.type, data
    )


def same(one: Any, other: Any) -> bool:
    """Equal; numbers roughly so, and instants to a millisecond."""
    if isinstance(one, datetime) and isinstance(other, datetime):
        return abs(one - other) <= ROUGHLY
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= 0.002
    return bool(one == other) and type(one) is type(other)


def agrees(expected: Told, got: Told) -> bool:
    return (
        (expected.subject, expected.sequence, expected.cause, expected.type)
        == (got.subject, got.sequence, got.cause, got.type)
        and same(expected.time_at, got.time_at)
        and expected.data.keys() == got.data.keys()
        and all(same(value, got.data[name]) for name, value in expected.data.items())
    )


def first_difference(expected: list[Told], got: list[Told]) -> str | None:
    """The first decision of a lead that differs, with what led up to it; None if none does."""
    for subject in sorted({told.subject for told in (*expected, *got)}):
        ours = [told for told in expected if told.subject == subject]
        theirs = [told for told in got if told.subject == subject]
        for index in range(max(len(ours), len(theirs))):
            one = ours[index] if index < len(ours) else None
            other = theirs[index] if index < len(theirs) else None
            if one is None or other is None or not agrees(one, other):
                before = "\n".join(f"  {line(told)}" for told in ours[max(0, index - 6) : index])
                return f"{before}\nexpected {line(one)}\ngot      {line(other)}"
    return None


def line(told: Told | None) -> str:
    if told is None:
        return "nothing"
    data = " ".join(f"{name}={shown(value)}" for name, value in told.data.items())
    head = f"{told.subject} #{told.sequence} {shown(told.time_at)} {told.cause} {told.type}"
    return f"{head}: {data}"


def shown(value: Any) -> str:
    return f"{value:%a %Y-%m-%dT%H:%M:%S.%fZ}" if isinstance(value, datetime) else repr(value)


def event_line(event: Event, now: datetime) -> str:
    data = " ".join(f"{name}={shown(value)}" for name, value in event.data.items())
    late = "" if event.time_at == now else f" (own time {shown(event.time_at)})"
    return f"{shown(now)} {event.id} {event.subject} {event.type}{late}: {data}"
