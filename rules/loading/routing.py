"""The chapters `routing`, `rejection` and `stages` (contract, section 2)."""

from typing import Literal

from rules.agreement import Rejection, Routing, RoutingRule, Team
from rules.conditions import Condition
from rules.loading.diagnostics import Code
from rules.loading.fields import LEAD
from rules.loading.reading import Reading
from rules.loading.shapes import (
    AgreementShape,
    PersonShape,
    RejectionShape,
    RoutingShape,
    RuleShape,
    StagesShape,
    TeamShape,
)
from rules.vocabulary import CONDITIONAL_STAGES, Stage
from rules.wording import printable


def read_stages(shape: StagesShape, reading: Reading) -> tuple[tuple[Stage, Condition], ...]:
    """The stages that have a sound condition, in the funnel's order."""
    found = ((stage, reading.condition(shape, stage, LEAD)) for stage in CONDITIONAL_STAGES)
    return tuple((stage, condition) for stage, condition in found if condition is not None)


def read_routing(whole: AgreementShape, shape: RoutingShape, reading: Reading) -> Routing:
    """The handoff: teams and the rules that choose among them."""
    at = next(stage for stage in CONDITIONAL_STAGES if stage == shape.at)
    if at != "opportunity" and at not in reading.names.stages:
        where = shape.place("at") if shape.has("at") else whole.key_place("routing")
        sentence = (
            f"Leads are routed at the stage `{at}`, but no condition under `stages` leads to it. "
            f"Give `{at}` a condition, or route at another stage."
        )
        reading.add(Code.UNREACHABLE_STAGE, where, sentence)
    people = whole.people or {}
    teams = {name: _team(name, team, shape, people, reading) for name, team in shape.teams.items()}
    return Routing(
        at=at,
        teams=teams,
        rules=_rules(whole, shape, reading),
        keep_account=shape.keep == "account",
        wait_for_hours=shape.outside_hours == "wait",
    )


def _team(
    name: str,
    team: TeamShape,
    routing: RoutingShape,
    people: dict[str, PersonShape],
    reading: Reading,
) -> Team:
    if team.manager is not None:
        reading.names.check("person", team.manager, team.place("manager"))
    members = reading.unique(team, "members", team.members)
    for index, member in enumerate(team.members):
        reading.names.check("person", member, team.place("members", index))
    if not members and team.is_whole("members"):
        sentence = f"The team `{printable(name)}` has nobody in it. Name its members, or delete it."
        reading.add(Code.EMPTY_TEAM, team.place("members"), sentence)
    by: Literal["round_robin", "least_loaded"] = "round_robin"
    if team.by == "least_loaded":
        by = "least_loaded"
        _check_capacity(team, people, reading)
    elif members and all(each in people and people[each].weight == 0 for each in members):
        sentence = (
            f"Everyone in the team `{printable(name)}` has weight 0, so nobody's turn ever comes. "
            "Give somebody a weight of 1 or more."
        )
        if team.is_whole("members"):
            reading.add(Code.NO_WEIGHT, routing.key_place("teams", name), sentence)
    return Team(name, team.manager, members, by)


def _check_capacity(team: TeamShape, people: dict[str, PersonShape], reading: Reading) -> None:
    for index, member in enumerate(team.members):
        person = people.get(member)
        if person is not None and not person.has("capacity") and person.is_whole():
            sentence = (
                f"`{printable(member)}` has no `capacity`; their open leads are compared with "
                "the others' share of theirs."
            )
            reading.add(Code.NO_CAPACITY, team.place("members", index), sentence)


def _rules(whole: AgreementShape, shape: RoutingShape, reading: Reading) -> tuple[RoutingRule, ...]:
    rules: list[RoutingRule] = []
    first_with: dict[str, int] = {}
    takes_all: int | None = None
    for index, rule in enumerate(shape.rules):
        name = rule.name or f"rule {index + 1} ({rule.team})"
        if name in first_with:
            line = shape.rules[first_with[name]].place().line
            sentence = f"A rule `{printable(name)}` stands at line {line} already. Rename one."
            at = rule.place("name") if rule.name else rule.place()
            reading.add(Code.DUPLICATE_NAME, at, sentence)
        first_with.setdefault(name, index)
        if takes_all is not None:
            line = shape.rules[takes_all].place().line
            sentence = (
                f"This rule is never tried: the one at line {line} takes every lead. Move it up."
            )
            reading.add(Code.UNREACHABLE_RULE, rule.place(), sentence)
        elif not rule.has("when") and rule.is_whole():
            takes_all = index
        rules.append(_rule(name, rule, reading))
    if takes_all is None and shape.is_whole() and shape.is_whole("rules"):
        at = shape.key_place("rules") if shape.has("rules") else whole.key_place("routing")
        sentence = (
            "A lead that matches none of the rules is neither assigned nor queued. "
            "End with a rule without `when`."
        )
        reading.add(Code.NO_RULE_MAY_MATCH, at, sentence)
    return tuple(rules)


def _rule(name: str, rule: RuleShape, reading: Reading) -> RoutingRule:
    reading.names.check("team", rule.team, rule.place("team"))
    return RoutingRule(name, reading.condition(rule, "when", LEAD), rule.team)


def read_rejection(shape: RejectionShape, reading: Reading) -> Rejection:
    """Why leads come back, and which reasons end them."""
    reasons = reading.unique(shape, "reasons", shape.reasons)
    if not reasons and shape.is_whole("reasons"):
        sentence = "Without reasons nobody can give a lead back. Name some, or drop the chapter."
        reading.add(Code.EMPTY, shape.place("reasons"), sentence)
    ending = reading.unique(shape, "disqualify", shape.disqualify)
    for index, reason in enumerate(shape.disqualify):
        reading.names.check("reason", reason, shape.place("disqualify", index))
    return Rejection(reasons, frozenset(ending))
