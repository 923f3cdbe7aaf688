"""The router at work: requests of leads and the availability of reps in, answers out.

Whatever may have made room (a lead that ended, a rep who is back, an opening
hour) is followed by a walk through the queue, oldest first. The router holds no
clock: `wake_at` says when time alone may let a queued lead be taken.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime

import msgspec

from rules.agreement import Agreement
from rules.decisions import PassedOver
from rules.requests import (
    Answer,
    Availability,
    Freed,
    Given,
    Move,
    Request,
    Seek,
    Stays,
    Took,
    Waits,
)
from rules.router import choose
from rules.router.choose import Choice
from rules.router.state import InQueue, RouterState


@dataclass(slots=True)
class Router:
    """The one writer of `state`. Every method returns the answers for leads, in order."""

    agreement: Agreement
    state: RouterState

    @property
    def wake_at(self) -> datetime | None:
        """When time alone may next let a queued lead be taken."""
        return self.state.wake_at

    def take(self, request: Request, now: datetime) -> list[Answer]:
        """Answer a lead's request, and give queued leads whatever room it made."""
        match request:
            case Seek():
                sought = self._seek(request, now)
                answers: list[Answer] = [] if sought is None else [sought]
                if isinstance(sought, Given) and request.account is not None:
                    answers += self._drain(request.cause, now)
            case Move():
                moved = self._move(request, now)
                answers = [moved]
                if isinstance(moved, Given):
                    answers += self._drain(request.cause, now)
            case Took():
                self._took(request)
                answers = self._drain(request.cause, now)
            case Freed():
                self._freed(request)
                answers = self._drain(request.cause, now) if request.rep else []
        self._rest(now)
        return answers

    def hear(self, news: Availability, now: datetime) -> list[Answer]:
        """A rep goes away or is back. The newest by its own time is believed."""
        row = self.state.rep(news.rep)
        over = news.away and news.until_at is not None and news.until_at <= now
        if over or (row.heard_at is not None and news.time_at < row.heard_at):
            return []
        self._put(news.rep, away=news.away, away_until=news.until_at, heard_at=news.time_at)
        answers = [] if news.away else self._drain(news.cause, now)
        self._rest(now)
        return answers

    def wake(self, now: datetime) -> list[Answer]:
        """Time alone may have made somebody eligible: an absence that ended, an opening."""
        answers = self._drain(None, now)
        self._rest(now)
        return answers

    def _put(self, rep: str, **changes: object) -> None:
        self.state.reps[rep] = msgspec.structs.replace(self.state.rep(rep), **changes)

    def _give(self, rep: str, account: str | None) -> None:
        """Note that `rep` has one more lead, and that the account is theirs."""
        state = self.state
        state.given += 1
        self._put(rep, open=state.rep(rep).open + 1, last_given=state.given)
        if account is not None:
            state.accounts[account] = rep

    def _release(self, rep: str) -> None:
        self._put(rep, open=max(0, self.state.rep(rep).open - 1))

    def _pick(
        self, team: str, account: str | None, now: datetime
    ) -> tuple[Choice | None, tuple[PassedOver, ...]]:
        """The account's latest rep if eligible, otherwise somebody of the team."""
        routing = self.agreement.routing
        if routing is None:
            # Asked under an earlier agreement: whoever waits under this one waits on.
            return None, ()
        holder = self.state.accounts.get(account) if account is not None else None
        passed: tuple[PassedOver, ...] = ()
        if holder is not None:
            why = choose.obstacle(self.agreement, self.state, holder, now, ())
            if why is None:
                because = f"{holder} already works the account {account}"
                return Choice(holder, routing.team_of(holder, team), because), ()
            passed = (PassedOver(holder, why),)
        if team not in routing.teams:
            return None, passed
        choice, others = choose.from_team(self.agreement, self.state, routing.teams[team], now)
        return choice, (*passed, *(each for each in others if each.rep != holder))

    def _settle(self, choice: Choice, account: str | None) -> None:
        if choice.turned is not None and choice.team is not None:
            self.state.turns[choice.team] = choice.turned
        self._give(choice.rep, account)

    def _seek(self, request: Seek, now: datetime) -> Answer | None:
        """A rep for the lead, or a place in the queue; None if it keeps the one that it has."""
        known = self.state.queue.get(request.lead)
        choice, passed = self._pick(request.team, request.account, now)
        if choice is None:
            state = self.state
            if known is None:
                state.arrived += 1
            number = state.arrived if known is None else known.number
            state.queue[request.lead] = InQueue(
                number, request.lead, request.ticket, request.team, request.account
            )
            if known is not None:
                return None
            because = _nobody(request.team, passed)
            return Waits(request.lead, request.ticket, request.team, passed, because, request.cause)
        self.state.queue.pop(request.lead, None)
        self._settle(choice, request.account)
        return Given(
            request.lead, request.ticket, choice.rep, choice.team, passed,
            (choice.because,), request.cause,
        )  # fmt: skip

    def _move(self, request: Move, now: datetime) -> Answer:
        routing = self.agreement.routing
        team = routing.teams.get(request.team) if routing and request.team is not None else None
        if team is None:
            why = ("it has no team to be reassigned in, so it stays where it is",)
            return Stays(request.lead, request.ticket, why, request.cause)
        choice, passed = choose.from_team(
            self.agreement, self.state, team, now, without=request.without
        )
        if choice is None:
            why = (f"nobody else of team {team.name} can take it, so it stays where it is",)
            return Stays(request.lead, request.ticket, (*why, *_each(passed)), request.cause)
        if request.rep is not None:
            self._release(request.rep)
        self._settle(choice, request.account)
        return Given(
            request.lead, request.ticket, choice.rep, choice.team, passed,
            (choice.because,), request.cause,
        )  # fmt: skip

    def _took(self, request: Took) -> None:
        self.state.queue.pop(request.lead, None)
        if request.was is not None:
            self._release(request.was)
        self._give(request.rep, request.account)

    def _freed(self, request: Freed) -> None:
        self.state.queue.pop(request.lead, None)
        if request.rep is not None:
            self._release(request.rep)

    def _drain(self, cause: str | None, now: datetime) -> list[Answer]:
        """Give queued leads to whoever can take them now, oldest first.

        An assignment may make room, or its rep the holder of an account that a
        queued lead is of.
        """
        answers: list[Answer] = []
        if self.agreement.routing is None:
            # Leads that an earlier agreement queued: under this one nobody is given any.
            return answers
        stuck: set[str] = set()
        older: dict[str, deque[InQueue]] = {}
        for waiting in self.state.waiting():
            account = waiting.account
            # Without an account of its own a lead fares like the one before it.
            given = None
            if waiting.team not in stuck or account in self.state.accounts:
                given = self._unqueue(waiting, cause, now)
            if given is None:
                stuck.add(waiting.team)
                if account is not None:
                    older.setdefault(account, deque()).append(waiting)
                continue
            answers.append(given)
            if account in older:
                answers += self._follow(older[account], cause, now)
        return answers

    def _follow(self, older: deque[InQueue], cause: str | None, now: datetime) -> list[Answer]:
        """Those who waited before: their account has another rep now, maybe one for them."""
        answers: list[Answer] = []
        while older:
            given = self._unqueue(older[0], cause, now)
            if given is None:
                break
            answers.append(given)
            older.popleft()
        return answers

    def _unqueue(self, waiting: InQueue, cause: str | None, now: datetime) -> Given | None:
        """Give a queued lead to whoever can take it; None if nobody can."""
        choice, passed = self._pick(waiting.team, waiting.account, now)
        if choice is None:
            return None
        del self.state.queue[waiting.lead]
        self._settle(choice, waiting.account)
        because = (choice.because, "it waited in the queue until somebody could take it")
        return Given(waiting.lead, waiting.ticket, choice.rep, choice.team, passed, because, cause)

    def _rest(self, now: datetime) -> None:
        """Work out when time alone may next let a queued lead be taken."""
        state, routing = self.state, self.agreement.routing
        state.wake_at = None
        if not state.queue or routing is None:
            return
        names = {waiting.team for waiting in state.queue.values()}
        teams = [team for name, team in routing.teams.items() if name in names]
        reps = {rep for team in teams for rep in team.members}
        for waiting in state.queue.values():
            holder = state.accounts.get(waiting.account) if waiting.account else None
            if holder is not None:
                reps.add(holder)
        moments = [at for rep in reps for at in self._becomes_eligible(rep, now)]
        state.wake_at = min(moments, default=None)

    def _becomes_eligible(self, rep: str, now: datetime) -> list[datetime]:
        row, person = self.state.rep(rep), self.agreement.people.get(rep)
        moments: list[datetime] = []
        if row.away and row.away_until is not None and row.away_until > now:
            moments.append(row.away_until)
        routing = self.agreement.routing
        calendar = person.calendar if person is not None else None
        if calendar is not None and routing is not None and routing.wait_for_hours:
            opens = calendar.next_opening(now)
            if opens > now:
                moments.append(opens)
        return moments


def _each(passed: tuple[PassedOver, ...]) -> tuple[str, ...]:
    return tuple(f"{each.rep} {each.why}" for each in passed)


def _nobody(team: str, passed: tuple[PassedOver, ...]) -> tuple[str, ...]:
    return (f"nobody of team {team} can take it now", *_each(passed))
