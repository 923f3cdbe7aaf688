"""Choosing a rep: who is eligible, why others are not, and whose turn it is.

Contract, section 2, 'Routing'. Round robin is the smooth weighted one: at each
choice every eligible member earns its weight, the one with most is chosen and
pays the sum of the weights. Who is not eligible earns nothing, so nobody is
compensated for absence.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from rules.agreement import Agreement, Person, Team
from rules.decisions import PassedOver
from rules.router.state import RouterState
from rules.wording import moment


@dataclass(frozen=True, slots=True)
class Choice:
    """Who was chosen and why; `turned` is the round robin's state afterwards, if it chose."""

    rep: str
    team: str | None
    because: str
    turned: dict[str, int] | None = None


def obstacle(
    agreement: Agreement, state: RouterState, rep: str, now: datetime, without: Collection[str]
) -> str | None:
    """Why `rep` cannot be given a lead now; None if nothing stands in the way."""
    if rep in without:
        return "has had this lead already"
    person, row = agreement.people.get(rep), state.rep(rep)
    if person is None:
        return "is not in the agreement any more"
    if row.away and (row.away_until is None or row.away_until > now):
        if row.away_until is None:
            return "is away"
        return f"is away until {moment(row.away_until, agreement.timezone)}"
    if person.capacity is not None and row.open >= person.capacity:
        return f"has {row.open} open leads of at most {person.capacity}"
    if agreement.routing is not None and agreement.routing.wait_for_hours:
        calendar = person.calendar
        if calendar is not None and not calendar.is_open(now):
            opens = calendar.next_opening(now)
            return f"is not at work until {moment(opens, agreement.timezone)}"
    return None


def sift(
    agreement: Agreement,
    state: RouterState,
    members: Sequence[str],
    now: datetime,
    without: Collection[str] = (),
) -> tuple[list[str], tuple[PassedOver, ...]]:
    """The members who can take a lead, and the others with the reason, both in file order."""
    eligible: list[str] = []
    passed: list[PassedOver] = []
    for rep in members:
        why = obstacle(agreement, state, rep, now, without)
        if why is None:
            eligible.append(rep)
        else:
            passed.append(PassedOver(rep, why))
    return eligible, tuple(passed)


def from_team(
    agreement: Agreement,
    state: RouterState,
    team: Team,
    now: datetime,
    without: Collection[str] = (),
) -> tuple[Choice | None, tuple[PassedOver, ...]]:
    """A member of the team, chosen as the team chooses, and who was passed over."""
    eligible, passed = sift(agreement, state, team.members, now, without)
    if team.by == "least_loaded":
        return _least_loaded(agreement, state, team, eligible), passed
    weightless = [rep for rep in eligible if agreement.people[rep].weight == 0]
    passed = (*passed, *(PassedOver(rep, "has weight 0") for rep in weightless))
    in_round = [rep for rep in eligible if rep not in weightless]
    return _round_robin(agreement, state, team, in_round), passed


def _round_robin(
    agreement: Agreement, state: RouterState, team: Team, eligible: list[str]
) -> Choice | None:
    if not eligible:
        return None
    turns = dict(state.turns.get(team.name, {}))
    weights = {rep: agreement.people[rep].weight for rep in eligible}
    for rep, weight in weights.items():
        turns[rep] = turns.get(rep, 0) + weight
    chosen = max(eligible, key=lambda rep: turns[rep])
    turns[chosen] -= sum(weights.values())
    share = f"{weights[chosen]} of {sum(weights.values())}"
    if len(eligible) == 1:
        because = f"{chosen} is the only one of team {team.name} who can take it"
    else:
        because = f"it is {chosen}'s turn in team {team.name} (round robin, gets {share} leads)"
    return Choice(chosen, team.name, because, turns)


def load(person: Person, open_leads: int) -> tuple[int, float]:
    """How loaded a rep is, comparable: open ÷ capacity; without a capacity, below everyone."""
    if person.capacity is None:
        return (0, float(open_leads))
    return (1, open_leads / person.capacity)


def _least_loaded(
    agreement: Agreement, state: RouterState, team: Team, eligible: list[str]
) -> Choice | None:
    if not eligible:
        return None
    # `min` keeps the first of equals, which is the file's order.
    chosen = min(
        eligible,
        key=lambda rep: (
            load(agreement.people[rep], state.rep(rep).open),
            state.rep(rep).last_given,
        ),
    )
    person, row = agreement.people[chosen], state.rep(chosen)
    of = f" of {person.capacity}" if person.capacity is not None else ""
    because = f"{chosen} is the least loaded of team {team.name} ({row.open}{of} open leads)"
    return Choice(chosen, team.name, because)
