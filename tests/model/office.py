"""The router: who can take a lead, and whose turn it is."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rules.agreement import Agreement, Team
from rules.calendars import ALWAYS, Calendar
from rules.events import Event
from rules.vocabulary import ENDED, FUNNEL
from tests.model.history import BEFORE_ALL, Lead, Moment


@dataclass(slots=True)
class Absence:
    """The newest word on somebody, by its own time."""

    said: Moment = BEFORE_ALL
    away: bool = False
    until_at: datetime | None = None


@dataclass(slots=True)
class Waiting:
    lead_id: str
    team: str
    rule: str | None


@dataclass(slots=True)
class Choice:
    """Who gets a lead, if anybody, and who could not."""

    rep: str | None
    team: str | None
    passed_over: list[str]


@dataclass(slots=True)
class Office:
    """The agreement's people, with everything that was ever assigned to them."""

    agreement: Agreement
    leads: dict[str, Lead]
    absences: dict[str, Absence] = field(default_factory=dict)
    assigned: list[tuple[str, str | None]] = field(default_factory=list)
    """Rep and account of every assignment, oldest first."""
    turns: dict[tuple[str, str], int] = field(default_factory=dict)
    """The smooth round robin's current weights, by team and rep."""
    queue: list[Waiting] = field(default_factory=list)

    # Availability

    def hear_rep(self, event: Event, no: int, now: datetime) -> None:
        until_at = event.data.get("until") if event.type == "rep.away" else None
        if until_at is not None and until_at <= now:
            return
        word = self.absences.get(event.subject, Absence())
        if (event.time_at, no) < word.said:
            return
        away = event.type == "rep.away"
        self.absences[event.subject] = Absence((event.time_at, no), away, until_at)

    def is_away(self, rep: str, now: datetime) -> bool:
        word = self.absences.get(rep, Absence())
        return word.away and (word.until_at is None or now < word.until_at)

    def open_leads(self, rep: str) -> int:
        return sum(
            lead.owner == rep and lead.stage not in ENDED and lead.stage != "nurturing"
            for lead in self.leads.values()
        )

    def can_take(self, rep: str, now: datetime) -> bool:
        person = self.agreement.people[rep]
        assert self.agreement.routing is not None
        if self.is_away(rep, now):
            return False
        if person.capacity is not None and self.open_leads(rep) >= person.capacity:
            return False
        at_work = (person.calendar or ALWAYS).is_open(now)
        return at_work or not self.agreement.routing.wait_for_hours

    # Choosing

    def account_rep(self, account: str | None) -> str | None:
        if account is None:
            return None
        return next((rep for rep, of in reversed(self.assigned) if of == account), None)

    def choose(self, lead: Lead, team_name: str, now: datetime) -> Choice:
        """The account's rep if eligible, otherwise somebody of the team."""
        routing = self.agreement.routing
        assert routing is not None
        kept = self.account_rep(lead.profile().get("account")) if routing.keep_account else None
        if kept is not None and self.can_take(kept, now):
            return Choice(kept, self.team_of(kept, team_name), [])
        choice = self.choose_in_team(routing.teams[team_name], now, frozenset())
        if kept is not None and kept not in choice.passed_over:
            choice.passed_over.append(kept)
        return choice

    def team_of(self, rep: str, first: str | None) -> str | None:
        """`first` if the rep is in it, otherwise the first team that has them."""
        teams = dict(self.agreement.routing.teams) if self.agreement.routing else {}
        if first in teams and rep in teams[first].members:
            return first
        return next((name for name, team in teams.items() if rep in team.members), None)

    def choose_in_team(self, team: Team, now: datetime, without: Iterable[str]) -> Choice:
        excluded = set(without)
        able = [rep for rep in team.members if rep not in excluded and self.can_take(rep, now)]
        if team.by == "round_robin":
            able = [rep for rep in able if self.agreement.people[rep].weight > 0]
        passed_over = [rep for rep in team.members if rep not in able]
        if not able:
            return Choice(None, team.name, passed_over)
        rep = self.next_in_turn(team, able) if team.by == "round_robin" else self.least(able)
        return Choice(rep, team.name, passed_over)

    def next_in_turn(self, team: Team, able: list[str]) -> str:
        """Smooth weighted round robin; the absent gain nothing while they are away."""
        weights = {rep: self.agreement.people[rep].weight for rep in able}
        for rep, weight in weights.items():
            self.turns[team.name, rep] = self.turns.get((team.name, rep), 0) + weight
        chosen = max(able, key=lambda rep: self.turns[team.name, rep])
        self.turns[team.name, chosen] -= sum(weights.values())
        return chosen

    def least(self, able: list[str]) -> str:
        def load(rep: str) -> tuple[int, float, int]:
            capacity = self.agreement.people[rep].capacity
            leads = self.open_leads(rep)
            latest = max((i for i, (who, _) in enumerate(self.assigned) if who == rep), default=-1)
            if capacity is None:
                return (0, leads, latest)
            return (1, leads / capacity, latest)

        return min(able, key=load)

    # The queue and what time does to it

    def is_queued(self, lead: Lead) -> bool:
        return any(waiting.lead_id == lead.id for waiting in self.queue)

    def leave_queue(self, lead: Lead) -> None:
        self.queue = [waiting for waiting in self.queue if waiting.lead_id != lead.id]

    def within_handoff(self, lead: Lead) -> bool:
        """Whether the lead has reached the handoff and is not beyond an opportunity."""
        routing = self.agreement.routing
        if routing is None or lead.stage not in FUNNEL:
            return False
        reached = FUNNEL.index(lead.stage)
        return FUNNEL.index(routing.at) <= reached <= FUNNEL.index("opportunity")

    def next_change(self, after: datetime) -> datetime | None:
        """When somebody may come to be able to take a queued lead by time alone."""
        if not self.queue:
            return None
        instants = [
            word.until_at
            for word in self.absences.values()
            if word.away and word.until_at is not None and word.until_at > after
        ]
        if self.agreement.routing is not None and self.agreement.routing.wait_for_hours:
            for person in self.agreement.people.values():
                opening_at = next_start(person.calendar, after) if person.calendar else None
                instants += [opening_at] if opening_at else []
        return min(instants, default=None)


def next_start(calendar: Calendar, after: datetime) -> datetime | None:
    """When the calendar next goes from closed to open, within a year."""
    for days in (8, 60, 366):
        for opens_at, _ in calendar.intervals(after, after + timedelta(days=days)):
            if opens_at > after:
                return opens_at
    return None
