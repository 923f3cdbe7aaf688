"""Handing the lead over: asking the router, and people moving or taking it themselves.

Contract, section 2, 'Routing'. The lead is the one authority on who owns it; the
router is told of whatever it did not choose itself.
"""

from rules.decisions import Assigned, PassedOver, Queued
from rules.lead.rulebook import rank
from rules.lead.state import Before, Pending
from rules.lead.turn import Turn
from rules.requests import Freed, Given, Move, Seek, Took, Waits
from rules.vocabulary import ENDED, FUNNEL


def account(turn: Turn) -> str | None:
    """The account by which the lead is kept with its rep, if the agreement keeps accounts."""
    routing = turn.book.agreement.routing
    if routing is None or not routing.keep_account:
        return None
    stated = turn.lead.profile.get("account")
    return stated if isinstance(stated, str) else None


def ticket(turn: Turn, clause: str | None = None, step: int = 0, told: int = 0) -> int:
    """Number a new request to the router and remember that it is open."""
    lead = turn.lead
    lead.ticket += 1
    lead.pending = (*lead.pending, Pending(lead.ticket, clause, step, told))
    return lead.ticket


def awaits_assignment(turn: Turn) -> bool:
    """Whether the router has yet to say who gets the lead."""
    return any(each.clause is None for each in turn.lead.pending)


def _at_handoff(turn: Turn) -> bool:
    """Whether the lead is at `routing.at` or beyond, and still an open lead of the funnel."""
    stage = turn.lead.stage
    if stage not in FUNNEL:
        return False
    return turn.book.route_rank <= rank(stage) <= FUNNEL.index("opportunity")


def seek(turn: Turn) -> None:
    """Route a lead that has just reached the handoff, or a later stage, unassigned."""
    lead, routing = turn.lead, turn.book.agreement.routing
    if routing is None or not turn.stage_reached or not _at_handoff(turn):
        return
    if lead.owner is not None or lead.queued or awaits_assignment(turn):
        return
    facts = turn.facts()
    for rule in routing.rules:
        if rule.when is None or rule.when.holds(facts):
            lead.rule, lead.team = rule.name, rule.team
            number, lead.sought = ticket(turn), account(turn)
            turn.request(Seek(lead.id, number, rule.team, rule.name, lead.sought, turn.cause))
            return


def seek_again(turn: Turn) -> None:
    """A queued lead's account has changed: somebody may already work it."""
    lead, now = turn.lead, account(turn)
    if lead.rule is None or lead.team is None or now == lead.sought:
        return
    if turn.book.agreement.routing is None:
        # An earlier agreement queued it: under this one nobody is sought.
        return
    lead.sought = now
    turn.request(Seek(lead.id, lead.ticket, lead.team, lead.rule, now, turn.cause))


def matched(turn: Turn) -> tuple[str, ...]:
    """Why the routing rule matched, if the agreement still has it."""
    routing, name = turn.book.agreement.routing, turn.lead.rule
    rule = next((r for r in routing.rules if r.name == name), None) if routing else None
    if rule is None:
        return ()
    if rule.when is None:
        return (f"rule {rule.name!r} takes every lead that no rule before it takes",)
    held = rule.when.holds(turn.facts())
    why = ", ".join(rule.when.reasons(turn.facts())) if held else rule.when.text
    return (f"rule {rule.name!r}: {why}",)


def given(turn: Turn, answer: Given) -> None:
    """The router chose somebody."""
    why = matched(turn)
    turn.lead.team = answer.team
    _assign(turn, answer.rep, answer.passed_over, (*why, *answer.because))


def moved(turn: Turn, answer: Given, clause: str) -> None:
    """The router chose somebody else, because a ladder asked for it."""
    why = f"taken from {turn.lead.owner} by the ladder of {clause!r}"
    turn.lead.team = answer.team
    _assign(turn, answer.rep, answer.passed_over, (why, *answer.because))


def waits(turn: Turn, answer: Waits) -> None:
    """Nobody can take the lead yet. Its rule and team are fixed from now on."""
    lead = turn.lead
    lead.queued = True
    turn.decide(Queued(team=answer.team, rule=lead.rule, because=(*matched(turn), *answer.because)))


def _assign(
    turn: Turn, rep: str, passed_over: tuple[PassedOver, ...], because: tuple[str, ...]
) -> None:
    lead, was = turn.lead, turn.lead.owner
    lead.owner = rep
    lead.queued = False
    if rep not in lead.cycle.owners:
        lead.cycle = turn.revise(lead.cycle, owners=(*lead.cycle.owners, rep))
    turn.decide(
        Assigned(
            rep=rep,
            team=lead.team,
            rule=lead.rule,
            was=was,
            passed_over=passed_over,
            because=because,
        )
    )


def _given_by_person(turn: Turn, rep: str, because: str) -> None:
    """A person decided who has the lead: the router only hears of it."""
    lead, was = turn.lead, turn.lead.owner
    lead.rule = None
    lead.team = turn.book.team_of(rep, lead.team)
    lead.pending = tuple(each for each in lead.pending if each.clause is not None)
    _assign(turn, rep, (), (because,))
    turn.request(Took(lead.id, rep, was, account(turn), turn.cause))


def reassign(turn: Turn, to: str, by: str | None) -> None:
    """`lead.reassigned`: a person moved the lead to `to`."""
    lead = turn.lead
    if lead.stage in ENDED or lead.stage == "nurturing" or to == lead.owner:
        return
    _given_by_person(turn, to, f"moved to {to}" + (f" by {by}" if by else ""))


def claim(turn: Turn, rep: str) -> None:
    """`lead.claimed`: a person took a lead that is nobody's; the first claim wins."""
    lead = turn.lead
    if lead.owner is not None or not (lead.queued or _at_handoff(turn)):
        return
    _given_by_person(turn, rep, f"claimed by {rep}")


def give_back(turn: Turn, before: Before, by: str | None) -> None:
    """A reopened lead is its owner's again, anew."""
    assert before.owner is not None
    lead = turn.lead
    lead.team, lead.rule = before.team, before.rule
    who = f" by {by}" if by else ""
    _assign(turn, before.owner, (), (f"reopened{who}: back to {before.owner}, who had it before",))
    turn.request(Took(lead.id, before.owner, None, account(turn), turn.cause))


def free(turn: Turn) -> None:
    """The lead is no open work any more: its rep has room again, its place in the queue goes."""
    lead = turn.lead
    open_by = lead.owner if lead.stage not in ENDED else None
    if open_by is not None or lead.queued or lead.pending:
        turn.request(Freed(lead.id, open_by, turn.cause))
    lead.queued = False
    lead.pending = ()
    lead.attempted = ()
    # A ladder that asked at this very instant has ended with the lead.
    turn.requests = [each for each in turn.requests if not isinstance(each, Move)]
