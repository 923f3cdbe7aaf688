"""Doubts about an agreement that is otherwise sound: what nobody uses, whom nobody reaches.

They are looked for only where there is no error, since an error (a misspelt
name, a clause that could not be read) would raise doubts that it explains.
"""

from typing import Final

from rules.agreement import Agreement, Clause
from rules.loading.diagnostics import Code
from rules.loading.ladders import ROLES
from rules.loading.names import NameKind
from rules.loading.reading import Reading
from rules.loading.shapes import AgreementShape
from rules.wording import printable

_USABLE: Final[tuple[tuple[NameKind, tuple[str, ...]], ...]] = (
    ("calendar", ("calendars",)),
    ("ladder", ("escalations",)),
)


def report_doubts(shape: AgreementShape, agreement: Agreement, reading: Reading) -> None:
    """Warn of unused names, and of people and parties that cannot be told."""
    _report_unused(shape, reading)
    reading.events.report_near_misses()
    told = {name for clause in agreement.clauses for step in clause.ladder for name in step.tell}
    _report_untold(shape, agreement, told, reading)
    if any(person.slack for person in agreement.people.values()):
        _report_without_slack(shape, agreement, told, reading)


def _report_unused(shape: AgreementShape, reading: Reading) -> None:
    for kind, path in _USABLE:
        for name in reading.names.declared[kind]:
            if (kind, name) not in reading.names.used:
                sentence = f"Nothing uses the {kind} `{printable(name)}`."
                reading.add(Code.UNUSED, shape.key_place(*path, name), sentence)
    if shape.routing is not None:
        for name in shape.routing.teams:
            if ("team", name) not in reading.names.used:
                sentence = f"No rule leads to the team `{printable(name)}`."
                reading.add(Code.UNUSED, shape.routing.key_place("teams", name), sentence)


def _report_untold(
    shape: AgreementShape, agreement: Agreement, told: set[str], reading: Reading
) -> None:
    if "manager" in told and shape.routing is not None:
        for name, team in shape.routing.teams.items():
            if team.manager is None:
                sentence = (
                    f"A ladder tells the `manager`, but the team `{printable(name)}` has none."
                )
                reading.add(Code.NOBODY_TOLD, shape.routing.key_place("teams", name), sentence)
    for clause, written in zip(agreement.clauses, shape.clauses, strict=True):
        party = agreement.parties.get(clause.party)
        reachable = party is not None and (party.owner or party.slack)
        if not reachable and "party" in _told_by(clause):
            sentence = (
                f"The ladder tells the `party`, but `{printable(clause.party)}` has neither an "
                "`owner` nor a `slack` under `parties`."
            )
            reading.add(Code.NOBODY_TOLD, written.place("escalate"), sentence)


def _told_by(clause: Clause) -> set[str]:
    return {name for step in clause.ladder for name in step.tell}


def _report_without_slack(
    shape: AgreementShape, agreement: Agreement, told: set[str], reading: Reading
) -> None:
    """Warn of those whom a message is meant for and cannot reach, once each, where declared."""
    meant = {name for name in told if name not in ROLES and not name.startswith("#")}
    teams = agreement.routing.teams.values() if agreement.routing else ()
    if "owner" in told:
        meant.update(member for team in teams for member in team.members)
    if "manager" in told:
        meant.update(team.manager for team in teams if team.manager is not None)
    for party in agreement.parties.values():
        tells = any(
            clause.party == party.key and "party" in _told_by(clause)
            for clause in agreement.clauses
        )
        if tells and party.slack is None and party.owner is not None:
            meant.add(party.owner)
    for name in sorted(meant):
        if agreement.people[name].slack is None:
            sentence = f"`{printable(name)}` may be told something, but has no `slack`."
            reading.add(Code.NO_SLACK, shape.key_place("people", name), sentence)
