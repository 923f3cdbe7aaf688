"""Stories for the model-based tests: agreements, and moves that are played against them.

A move says *when* in words such as 'at the next instant at which something is
due'; the reference, which knows those instants, turns moves into events.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from hypothesis import strategies as st

from rules.agreement import Agreement
from tests.model.agreements import AGREEMENTS

Gap = timedelta | Literal["next", "before next", "after next"]
"""How long after the move before; or at, just before or just after what is due next."""
Late = timedelta | Literal["before due", "at due"]
"""How much earlier its own time is; or just before, or at, the newest due time gone by."""

STARTS: Final = (
    datetime(2026, 3, 5, 8, 0, tzinfo=UTC),  # a Thursday; New York's clocks change on the 8th
    datetime(2026, 3, 27, 16, 30, tzinfo=UTC),  # the Friday before Europe's change
    datetime(2026, 10, 23, 10, 0, tzinfo=UTC),  # the Friday before Europe changes back
    datetime(2026, 1, 30, 15, 45, tzinfo=UTC),  # months are clipped from here
)
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
TOUCHES: Final = (
    "page.viewed",
    "email.clicked",
    "pricing.viewed",
    "webinar.registered",
    "webinar.attended",
    "ebook.downloaded",
    "demo.requested",
    "form.submitted",
)
LEADS: Final = ("lead-a", "lead-a", "lead-b", "lead-c")


@dataclass(frozen=True, slots=True)
class Move:
    """One event to come. `until` in its data is a time from then on; `repeats` an earlier move."""

    subject: str
    type: str
    data: dict[str, Any]
    gap: Gap
    late: Late
    repeats: int | None = None


def gaps() -> st.SearchStrategy[Gap]:
    spans = [timedelta(0), timedelta(0), MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 9 * HOUR, DAY]
    rare = [3 * DAY, 12 * DAY, 31 * DAY]
    words: list[Gap] = ["next", "before next", "after next"]
    return st.one_of(
        st.sampled_from([*spans, *rare, *words, *words]),
        st.integers(1, 7200).map(lambda seconds: timedelta(seconds=seconds)),
    )


def lateness() -> st.SearchStrategy[Late]:
    none = [timedelta(0)] * 6
    ahead = [-MINUTE, -HOUR]
    spans = [MINUTE, 30 * MINUTE, 2 * HOUR, DAY, 10 * DAY]
    return st.sampled_from([*none, *ahead, *spans, "before due", "before due", "at due"])


def profiles() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {},
        optional={
            "country": st.sampled_from(["IT", "PL", "DE", None]),
            "industry": st.sampled_from(["manufacturing", "logistics", "retail"]),
            "employees": st.sampled_from([10, 50, 120]),
            "email": st.sampled_from(["x@acme.example", "y@gmail.com", "z@other.example"]),
            "account": st.sampled_from(["acme.example", "other.example", None]),
            "job_title": st.sampled_from(["ceo", "clerk"]),
            "purchase_horizon_months": st.sampled_from([0, 1, 2, 3, 3.5, 6, 8, 14, None]),
            "source": st.sampled_from(["ads", "fair"]),
        },
    )


def touch_moves() -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    assets = st.fixed_dictionaries(
        {}, optional={"asset": st.sampled_from(["/pricing", "/quote", "spring", "guide"])}
    )
    return st.tuples(st.sampled_from(TOUCHES), assets)


def sales_moves(agreement: Agreement) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    person = st.sampled_from(sorted(agreement.people))
    rejection = agreement.rejection
    reasons = rejection.reasons if rejection else ("no_budget",)
    untils = st.sampled_from([None, MINUTE, HOUR, 5 * HOUR, 2 * DAY, -HOUR])

    def of(kind: str, **data: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.tuples(st.just(kind), st.fixed_dictionaries(data))

    attempt = of(
        "lead.attempted",
        channel=st.sampled_from(["call", "email", "voicemail"]),
        outcome=st.sampled_from(["no_answer", "left_message", "bounced", "connected"]),
        by=person,
    )
    qualified = st.tuples(st.just("lead.qualified"), profiles())
    clauses = st.sampled_from([clause.name for clause in agreement.clauses])
    return st.one_of(
        attempt,
        attempt,
        attempt,
        qualified,
        of("lead.accepted", by=person),
        of("lead.rejected", reason=st.sampled_from(reasons), by=person),
        of("lead.rejected", reason=st.sampled_from(reasons), by=person),
        of("lead.paused", until=untils),
        of("lead.resumed"),
        of("lead.reassigned", to=person, by=person),
        of("lead.claimed", by=person),
        of("lead.reopened", by=person),
        of("lead.reopened", by=person),
        of("sla.acknowledged", clause=clauses, by=person),
        of("lead.feedback", rating=st.integers(1, 5)),
        of("opportunity.opened"),
        of("deal.won", value=st.just(100)),
        of("deal.lost", reason=st.just("price")),
        of("deal.recorded"),
    )


@st.composite
def moves(draw: st.DrawFn, agreement: Agreement) -> Move:
    """One move; one in twelve is about a rep, one in twelve repeats an earlier one."""
    gap, late = draw(gaps()), draw(lateness())
    what = draw(st.integers(0, 23))
    if what < 2 and agreement.people:
        person = draw(st.sampled_from(sorted(agreement.people)))
        kind = draw(st.sampled_from(["rep.away", "rep.away", "rep.back"]))
        until = draw(st.sampled_from([None, MINUTE, 5 * HOUR, DAY, -HOUR]))
        data = {"until": until} if kind == "rep.away" else {}
        return Move(person, kind, data, gap, late)
    subject = draw(st.sampled_from(LEADS))
    if what < 4:
        return Move(subject, "", {}, gap, late, repeats=draw(st.integers(0, 20)))
    if what < 9:
        kind = draw(st.sampled_from(["lead.captured", "lead.updated"]))
        return Move(subject, kind, draw(profiles()), gap, late)
    kind, data = draw(touch_moves() if what < 15 else sales_moves(agreement))
    return Move(subject, kind, data, gap, late)


def agreement_texts() -> st.SearchStrategy[str]:
    return st.sampled_from(AGREEMENTS)


def openings(agreement: Agreement) -> st.SearchStrategy[list[Move]]:
    """The first moves of a lead or three that are likely to be handed over."""
    likely = {"country": "PL", "industry": "logistics", "employees": 80}
    kinds = [("lead.captured", likely), ("demo.requested", {}), ("ebook.downloaded", {})]
    kinds += [("webinar.attended", {"asset": "spring"}), ("lead.updated", {"country": "IT"})]
    kinds += [("lead.captured", {"purchase_horizon_months": 1})]

    def made(subject: str, picked: list[int], gap: timedelta) -> list[Move]:
        return [Move(subject, *kinds[index], gap, timedelta(0)) for index in picked]

    def joined(parts: list[list[Move]]) -> list[Move]:
        return [move for part in parts for move in part]

    picks = st.lists(st.integers(0, len(kinds) - 1), min_size=1, max_size=4, unique=True)
    gap = st.sampled_from([timedelta(0), MINUTE, HOUR])
    one = st.builds(made, st.sampled_from(LEADS), picks, gap)
    return st.lists(one, min_size=1, max_size=3).map(joined)


def stories(agreement: Agreement) -> st.SearchStrategy[tuple[datetime, list[Move]]]:
    """When a story begins, and its moves."""
    later = st.lists(moves(agreement), min_size=2, max_size=30)
    whole = st.tuples(openings(agreement), later).map(lambda parts: parts[0] + parts[1])
    return st.tuples(st.sampled_from(STARTS), whole)
