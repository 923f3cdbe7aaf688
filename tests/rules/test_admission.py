"""Names that only the agreement can know: people, reasons, clauses."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rules.admission import Refused, admit
from rules.agreement import Agreement, AttemptClause, Person, Rejection
from rules.events import LISTED_EVENTS, Event


def person(key: str, name: str) -> Person:
    return Person(key=key, name=name, slack=None, calendar=None, capacity=None, weight=1)


BARE = Agreement(
    name="Acme",
    version=1,
    digest="0" * 64,
    source="/baton/acme@1",
    summary="",
    valid_from=None,
    valid_until=None,
    timezone=ZoneInfo("UTC"),
    parties={},
    people={},
    calendars={},
    icp=None,
    temperature=None,
    stages=(),
    routing=None,
    clauses=(),
    rejection=None,
)
FULL = replace(
    BARE,
    people={"marco": person("marco", "Marco Neri"), "amy": person("amy", "Amy Conti")},
    clauses=(
        AttemptClause(
            name="enough attempts",
            party="sales",
            when=None,
            at_least=3,
            at_most=None,
            per_channel={},
            recycle_after=None,
            calendar="owner",
            ladder=(),
        ),
    ),
    rejection=Rejection(reasons=("no_budget", "bad_data"), disqualify=frozenset({"bad_data"})),
)


def event(kind: str, subject: str = "lead-1", **data: Any) -> Event:
    return Event("e-1", "crm", kind, subject, datetime(2026, 3, 2, 9, tzinfo=UTC), data)


GOOD = [
    event("lead.attempted", channel="call", by="marco"),
    event("lead.attempted", channel="call"),
    event("lead.rejected", reason="no_budget", by="amy"),
    event("lead.reassigned", to="amy", by="marco"),
    event("lead.claimed", by="marco"),
    event("sla.acknowledged", clause="enough attempts"),
    event("rep.away", subject="marco"),
    event("webinar.attended", by="nobody", to="nobody", reason="?", clause="?"),
    event("lead.captured", by="nobody", reason="?"),
    event("campaign.spend", subject="spring", amount=5),
]
BAD = [
    (event("lead.accepted", by="macro"), "unknown_person", "data.by", "Did you mean `marco`?"),
    (event("deal.won", by="Amy Conti"), "unknown_person", "data.by", "Did you mean `amy`?"),
    (event("lead.reassigned", to="zzz", by="amy"), "unknown_person", "data.to", "`marco` and"),
    (event("lead.claimed", to="amy", by="x\u202e"), "unknown_person", "data.by", r"'x\u202e'"),
    (event("rep.away", subject="lucia"), "unknown_person", "subject", "add them to `people`"),
    (event("rep.back", subject="amyy"), "unknown_person", "subject", "Did you mean `amy`?"),
    (
        event("lead.rejected", reason="nobudget", by="amy"),
        "unknown_reason",
        "data.reason",
        "Did you mean `no_budget`?",
    ),
    (
        event("sla.acknowledged", clause="enough attempt"),
        "unknown_clause",
        "data.clause",
        "Did you mean `enough attempts`?",
    ),
]


@pytest.mark.parametrize("good", GOOD, ids=lambda each: each.type)
def test_known_names_and_other_types_are_admitted(good: Event) -> None:
    assert admit(FULL, good) is None


@pytest.mark.parametrize(("bad", "reason", "field", "says"), BAD)
def test_unknown_names_are_refused(bad: Event, reason: str, field: str, says: str) -> None:
    refused = admit(FULL, bad)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.field) == (reason, field)
    assert refused.sentence.startswith(f"{field} is '")
    assert says in refused.sentence
    assert refused.sentence.isprintable()


@pytest.mark.parametrize("bad", [each[0] for each in BAD], ids=lambda each: each.type)
def test_a_chapter_that_is_absent_checks_nothing(bad: Event) -> None:
    assert admit(BARE, bad) is None


def test_a_long_list_of_people_is_cut_short() -> None:
    crowd = {f"rep{n}": person(f"rep{n}", f"Rep {n}") for n in range(300)}
    refused = admit(replace(BARE, people=crowd), event("lead.accepted", by="q" * 5000))
    assert refused is not None
    assert "and 288 more" in refused.sentence
    assert len(refused.sentence) < 500


@pytest.mark.parametrize("kind", sorted(LISTED_EVENTS - {"lead.captured", "lead.updated"}))
def test_every_listed_type_with_a_person_is_checked(kind: str) -> None:
    without_people = {"lead.paused", "lead.resumed", "campaign.spend"}
    refused = admit(FULL, event(kind, by="nobody", reason="no_budget", clause="enough attempts"))
    assert (refused is None) == (kind in without_people)
