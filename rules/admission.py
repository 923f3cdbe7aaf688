"""What only the agreement can tell of an event: whether the names in it are its own.

A typing error in a person, a rejection reason or a clause must not pass in
silence, so such an event is refused (contract, section 2, 'Fine points'). A
chapter that the agreement lacks leaves its names unchecked.
"""

from dataclasses import dataclass
from typing import Final, Literal

from rules.agreement import Agreement
from rules.events import REP_EVENTS, Event
from rules.wording import did_you_mean, listed, printable

AdmissionReason = Literal["unknown_person", "unknown_reason", "unknown_clause"]


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that this agreement can't take; `field` is the path of the name at fault."""

    reason: AdmissionReason
    sentence: str
    field: str


_PEOPLE_IN: Final[dict[str, tuple[str, ...]]] = {
    "lead.accepted": ("by",),
    "lead.attempted": ("by",),
    "lead.qualified": ("by",),
    "lead.rejected": ("by",),
    "lead.reassigned": ("to", "by"),
    "lead.claimed": ("to", "by"),
    "lead.reopened": ("by",),
    "sla.acknowledged": ("by",),
    "lead.feedback": ("by",),
    "opportunity.opened": ("by",),
    "deal.won": ("by",),
    "deal.lost": ("by",),
    "deal.recorded": ("by",),
    "rep.away": (),
    "rep.back": (),
}
"""The fields of each listed type that name a person (contract, section 1)."""


def admit(agreement: Agreement, event: Event) -> Refused | None:
    """Why `agreement` can't take `event`, which the codec has found valid; None if it can."""
    fields = _PEOPLE_IN.get(event.type)
    if fields is None:
        return None
    if agreement.people:
        refused = _unknown_person(agreement, event, fields)
        if refused is not None:
            return refused
    if event.type == "lead.rejected":
        return _unknown_reason(agreement, event)
    if event.type == "sla.acknowledged":
        return _unknown_clause(agreement, event)
    return None


def _unknown_person(agreement: Agreement, event: Event, fields: tuple[str, ...]) -> Refused | None:
    people = agreement.people
    if event.type in REP_EVENTS:
        if event.subject in people:
            return None
        return _no_such_person(agreement, event.subject, "subject")
    for field in fields:
        name = event.data.get(field)
        if name is not None and name not in people:
            return _no_such_person(agreement, name, f"data.{field}")
    return None


def _no_such_person(agreement: Agreement, name: str, field: str) -> Refused:
    people = agreement.people
    by_full_name = [key for key, person in people.items() if person.name == name]
    guess = f" Did you mean `{by_full_name[0]}`?" if by_full_name else did_you_mean(name, people)
    return Refused(
        "unknown_person",
        f"{field} is '{printable(name)}', who is not among the people of the agreement."
        f"{guess} Write one of {listed(people)}, or add them to `people`.",
        field,
    )


def _unknown_reason(agreement: Agreement, event: Event) -> Refused | None:
    reason = event.data["reason"]
    if agreement.rejection is None or reason in agreement.rejection.reasons:
        return None
    reasons = agreement.rejection.reasons
    return Refused(
        "unknown_reason",
        f"data.reason is '{printable(reason)}', which the agreement does not list as a reason"
        f" for rejection.{did_you_mean(reason, reasons)} Write one of {listed(reasons)},"
        " or add it to `rejection.reasons`.",
        "data.reason",
    )


def _unknown_clause(agreement: Agreement, event: Event) -> Refused | None:
    name = event.data["clause"]
    names = [clause.name for clause in agreement.clauses]
    if not names or name in names:
        return None
    return Refused(
        "unknown_clause",
        f"data.clause is '{printable(name)}', which is no clause of the agreement."
        f"{did_you_mean(name, names)} Write one of {listed(names)}.",
        "data.clause",
    )
