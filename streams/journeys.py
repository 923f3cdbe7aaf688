"""What the people of the demonstration do: how prospects ripen, how reps work a lead.

Each function yields deeds in the order of their own time; what is drawn comes
from the generator that is passed in.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from rules.agreement import Agreement, Person
from streams.cast import AWAY_REASONS, CAMPAIGNS, EBOOKS, PAGES, REMARKS, WEBINARS, Prospect

SITE: Final = "/demo/site"
CRM: Final = "/demo/crm"


@dataclass(frozen=True, slots=True)
class Deed:
    """Something somebody does at `time_at`, of which the log hears at `received_at`."""

    type: str
    time_at: datetime
    received_at: datetime
    data: dict[str, Any] = field(default_factory=dict)
    source: str = SITE


def journey(prospect: Prospect, start_at: datetime, draw: random.Random) -> Iterator[Deed]:
    """What a prospect does by themselves, from the first contact on."""
    kinds = (_planner, _learner, _browser, _asker)
    kind = draw.choices(kinds, weights=(35, 25, 15, 25))[0]
    yield from kind(prospect, start_at, draw)


def _touch(kind: str, at: datetime, **data: Any) -> Deed:
    return Deed(kind, at, at + timedelta(seconds=2), data)


def _captured(prospect: Prospect, at: datetime, draw: random.Random, source: str) -> Deed:
    data = prospect.profile(draw.choice(CAMPAIGNS), source)
    return Deed("lead.captured", at, at + timedelta(seconds=1), data)


def _planner(prospect: Prospect, at: datetime, draw: random.Random) -> Iterator[Deed]:
    """Fills in the project planner, which asks for the horizon."""
    captured = _captured(prospect, at, draw, "project planner")
    captured.data["purchase_horizon_months"] = draw.choice((2, 3, 4, 5, 6, 9, 14))
    yield captured
    yield _touch("form.submitted", at, asset="/project-planner")
    yield from _pages(at + timedelta(minutes=3), draw, draw.randint(1, 3))


def _learner(prospect: Prospect, at: datetime, draw: random.Random) -> Iterator[Deed]:
    """Comes to a webinar, reads the e-book, comes to a second webinar."""
    first, second = draw.sample(WEBINARS, 2)
    yield _captured(prospect, at, draw, "webinar")
    yield _touch("webinar.registered", at, asset=first)
    at += timedelta(days=draw.randint(1, 3), minutes=draw.randint(0, 90))
    yield _touch("webinar.attended", at, asset=first)
    at += timedelta(minutes=draw.randint(70, 200))
    yield _touch("ebook.downloaded", at, asset=draw.choice(EBOOKS))
    if draw.random() < 0.7:
        at += timedelta(days=draw.randint(2, 6))
        yield _touch("webinar.attended", at, asset=second)


def _browser(prospect: Prospect, at: datetime, draw: random.Random) -> Iterator[Deed]:
    """Comes from a newsletter, looks around, and looks at the prices."""
    yield _captured(prospect, at, draw, "newsletter")
    yield _touch("email.clicked", at, asset="newsletter 12")
    yield from _pages(at + timedelta(minutes=1), draw, draw.randint(4, 9))
    at += timedelta(days=draw.randint(1, 2), minutes=draw.randint(0, 120))
    yield _touch("pricing.viewed", at, asset="/pricing")
    yield _touch("pricing.viewed", at + timedelta(minutes=6), asset="/quote")
    if draw.random() < 0.6:
        yield _touch("demo.requested", at + timedelta(minutes=9), asset="/demo")


def _asker(prospect: Prospect, at: datetime, draw: random.Random) -> Iterator[Deed]:
    """Asks to be contacted, straight away."""
    yield from _pages(at, draw, 2)
    at += timedelta(minutes=9)
    yield _captured(prospect, at, draw, "contact form")
    yield _touch(draw.choice(("demo.requested", "contact.requested")), at, asset="/contact")


def _pages(at: datetime, draw: random.Random, count: int) -> Iterator[Deed]:
    for _ in range(count):
        yield _touch("page.viewed", at, asset=draw.choice(PAGES))
        at += timedelta(minutes=draw.randint(1, 3))


def nurturing(since_at: datetime, draw: random.Random) -> Iterator[Deed]:
    """Marketing's work on a lead that came back; some leads let it pass by."""
    steps = (
        ("email.clicked", "newsletter 13"),
        ("webinar.attended", draw.choice(WEBINARS)),
        ("ebook.downloaded", draw.choice(EBOOKS)),
    )
    for kind, asset in steps[: draw.choice((1, 3, 3))]:
        since_at += timedelta(days=draw.randint(2, 5), minutes=draw.randint(0, 200))
        yield _touch(kind, since_at, asset=asset)


def working_a_lead(
    agreement: Agreement, rep: Person, since_at: datetime, draw: random.Random
) -> Iterator[Deed]:
    """How `rep` works a lead given to them at `since_at`, in their own working hours."""
    if draw.random() < 0.1:
        return  # overlooked: the ladder has to find somebody else
    minutes = draw.choices(
        (draw.randint(2, 12), draw.randint(16, 70), draw.randint(120, 360)), weights=(60, 22, 18)
    )[0]
    at = _later(rep, since_at, minutes)
    if draw.random() < 0.6:
        yield Deed("lead.accepted", at, at, {"by": rep.key}, CRM)
        at += timedelta(minutes=1)
    tries = draw.choices((1, 2, 3, 4, 6, 8), weights=(5, 15, 25, 25, 20, 10))[0]
    for number in range(1, tries + 1):
        connected = draw.random() < 0.3
        yield _attempt(rep, at, number, connected, draw)
        if connected:
            yield from _conversation(agreement, rep, at, draw)
            return
        if number == 1 and draw.random() < 0.1:
            until_at = at + timedelta(days=2)
            data = {"until": until_at, "reason": draw.choice(AWAY_REASONS), "by": rep.key}
            yield Deed("lead.paused", at, at + timedelta(minutes=1), data, CRM)
            at = until_at
        at = _later(rep, at, draw.randint(90, 420))
    if tries < 6:
        yield _rejected(agreement, rep, at, draw)


def _attempt(rep: Person, at: datetime, number: int, connected: bool, draw: random.Random) -> Deed:
    channel = ("call", "email", "call", "voicemail", "email", "message", "call")[(number - 1) % 7]
    if connected:
        channel, outcome = "call", "connected"
    else:
        outcome = {"call": "no_answer", "voicemail": "left_message"}.get(channel, "sent")
    # Some write it down only when they are back at their desk.
    minutes = draw.randint(20, 100) if draw.random() < 0.2 else 0
    data = {"channel": channel, "outcome": outcome, "by": rep.key}
    return Deed("lead.attempted", at, at + timedelta(minutes=minutes, seconds=40), data, CRM)


def _conversation(
    agreement: Agreement, rep: Person, at: datetime, draw: random.Random
) -> Iterator[Deed]:
    """What follows once the prospect was reached: qualified, then a deal or a rejection."""
    at += timedelta(minutes=draw.randint(12, 25))
    found = {
        "purchase_horizon_months": draw.choice((2, 3, 4, 5, 8, 15)),
        "product_fit": draw.random() < 0.8,
        "need": "plan orders without spreadsheets",
        "by": rep.key,
    }
    yield Deed("lead.qualified", at, at, found, CRM)
    if draw.random() < 0.35:
        yield _rejected(agreement, rep, at + timedelta(minutes=4), draw)
        return
    value = draw.randrange(8, 60) * 1000
    money = {"value": value, "currency": "EUR", "by": rep.key}
    at = _later(rep, at, draw.randint(60, 900))
    yield Deed("opportunity.opened", at, at, money, CRM)
    at = _later(rep, at, draw.randint(900, 3600))
    if draw.random() < 0.35:
        yield Deed("deal.lost", at, at, {**money, "reason": "price"}, CRM)
        return
    yield Deed("deal.won", at, at, money, CRM)
    at = _later(rep, at, draw.choice((20, 45, 240, 1100)))
    yield Deed("deal.recorded", at, at, money, CRM)


def _rejected(agreement: Agreement, rep: Person, at: datetime, draw: random.Random) -> Deed:
    reasons = agreement.rejection.reasons if agreement.rejection else tuple(REMARKS)
    reason = draw.choice(reasons)
    data = {"reason": reason, "by": rep.key}
    if reason in REMARKS:
        data["comment"] = REMARKS[reason]
    return Deed("lead.rejected", at, at, data, CRM)


def _later(rep: Person, at: datetime, minutes: int) -> datetime:
    """`minutes` of the rep's working time after `at`."""
    passed = timedelta(minutes=minutes)
    return at + passed if rep.calendar is None else rep.calendar.advance(at, passed)
