"""A believable feed for demonstrations: prospects who read and ask, reps who react.

What prospects do is planned from the seed. What reps do follows from the
decisions that the caller reports with `saw`: somebody who is given a lead calls
it after a while, sometimes too late, sometimes never, and writes it down, now
and then hours afterwards. The same seed and the same decisions give the same
events. Invariant: events leave in the order of `received_at`.
"""

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final

import msgspec

from rules.agreement import Agreement
from rules.decisions import Assigned, Decision, Recycled
from rules.events import Event
from streams.cast import Prospect, prospects
from streams.journeys import Deed, journey, nurturing, working_a_lead

_TAKEN_TWICE = 0.03
"""How many events arrive a second time."""
_CAPTURE_SHARE = 0.6
"""New leads come in during this part of the feed; the rest shows what becomes of them."""
_TO_MONDAY: Final = {6: 2, 7: 1}


@dataclass(frozen=True, slots=True, order=True)
class _Planned:
    """An event that will be received, unless the lead has changed hands by then."""

    received_at: datetime
    order: int
    event: Event
    turn: int | None
    """Which assignment of the lead it belongs to; None: it happens whoever has the lead."""


class Feed:
    """Events of `leads` prospects over `days` days from `start_at` (aware), by `agreement`.

    The people, calendars and rejection reasons are the agreement's own.
    """

    def __init__(
        self, agreement: Agreement, *, seed: int, leads: int, start_at: datetime, days: int
    ) -> None:
        self._agreement = agreement
        self._seed = seed
        self._end_at = start_at + timedelta(days=days)
        self._plan: list[_Planned] = []
        self._planned = 0
        self._written: dict[str, int] = {}
        self._turn: dict[str, int] = {}
        self._now = start_at.astimezone(UTC)
        draw = random.Random(seed)
        self.prospects = {each.lead: each for each in prospects(leads, draw)}
        for number, prospect in enumerate(self.prospects.values()):
            share = (number + draw.random()) / leads * _CAPTURE_SHARE
            self._start(prospect, start_at + timedelta(days=days) * share, draw)
        self._absences(start_at, days, draw)

    def next_at(self) -> datetime | None:
        """When the next event will be received; None when there are no more."""
        while self._plan and not self._still_true(self._plan[0]):
            heapq.heappop(self._plan)
        return self._plan[0].received_at if self._plan else None

    def next_event(self) -> Event | None:
        """The next event; None when there are no more."""
        if self.next_at() is None:
            return None
        event = heapq.heappop(self._plan).event
        assert event.received_at is not None
        self._now = event.received_at
        return event

    def saw(self, decision: Decision, now: datetime) -> None:
        """Let the people of the demonstration react to a decision that they see at `now`."""
        lead, data = decision.subject, decision.data
        if lead not in self.prospects or not isinstance(data, Assigned | Recycled):
            return
        turn = self._turn[lead] = self._turn.get(lead, 0) + 1
        draw = random.Random(f"{self._seed}/{lead}/{turn}")
        since_at = self._now = max(now, self._now)
        if isinstance(data, Recycled):
            self._add_all(lead, nurturing(since_at, draw), turn)
        elif (rep := self._agreement.people.get(data.rep)) is not None:
            self._add_all(lead, working_a_lead(self._agreement, rep, since_at, draw), turn)

    def _still_true(self, planned: _Planned) -> bool:
        return planned.turn is None or planned.turn == self._turn.get(planned.event.subject)

    def _start(self, prospect: Prospect, around_at: datetime, draw: random.Random) -> None:
        day = around_at.astimezone(self._agreement.timezone).date()
        day += timedelta(days=_TO_MONDAY.get(day.isoweekday(), 0))
        minute = int(draw.triangular(8 * 60, 20 * 60, 10 * 60 + 30))
        at = datetime.combine(day, time(minute // 60, minute % 60), self._agreement.timezone)
        at = max(at.astimezone(UTC), self._now)
        self._add_all(prospect.lead, journey(prospect, at, draw), None)

    def _absences(self, start_at: datetime, days: int, draw: random.Random) -> None:
        """One of the reps is away for three days."""
        routing = self._agreement.routing
        teams = routing.teams.values() if routing else ()
        members = sorted({member for team in teams for member in team.members})
        if not members:
            return
        at = start_at + timedelta(days=days * 0.3)
        until = at + timedelta(days=3)
        away = Deed("rep.away", at, at, {"until": until}, "/demo/calendar")
        self._add(draw.choice(members), away, None)

    def _add_all(self, subject: str, deeds: Iterator[Deed], turn: int | None) -> None:
        for deed in deeds:
            self._add(subject, deed, turn)

    def _add(self, subject: str, deed: Deed, turn: int | None) -> None:
        received_at = max(deed.received_at, deed.time_at, self._now)
        if received_at >= self._end_at:
            return
        number = self._written[subject] = self._written.get(subject, 0) + 1
        event = Event(
            id=f"{subject}-{number}",
            source=deed.source,
            type=deed.type,
            subject=subject,
            time_at=deed.time_at,
            data=deed.data,
            received_at=received_at,
        )
        self._push(event, turn)
        if random.Random(f"{self._seed}/{event.id}").random() < _TAKEN_TWICE:
            again_at = received_at + timedelta(minutes=2)
            self._push(msgspec.structs.replace(event, received_at=again_at), turn)

    def _push(self, event: Event, turn: int | None) -> None:
        assert event.received_at is not None
        self._planned += 1
        heapq.heappush(self._plan, _Planned(event.received_at, self._planned, event, turn))
