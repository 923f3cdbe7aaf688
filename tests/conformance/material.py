"""What the suite stores: events, and leads and decisions that the engine made of a feed."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

from rules.decisions import Decision
from rules.events import Event
from rules.lead.state import Lead
from rules.router.state import RouterState
from streams.codec import encode_event
from streams.engine import Engine
from streams.feed import Feed
from streams.replaying import known_at
from streams.storage import Accepted, Commit, Unfit
from tests.model.agreements import ACME
from tests.model.playing import loaded

START_AT: Final = datetime(2026, 3, 2, 8, tzinfo=UTC)
SECOND: Final = timedelta(seconds=1)
DIGEST: Final = "a" * 64
SOURCE: Final = "/baton/acme-2026@4"


def accepted(number: int | str, subject: str = "lead-1", source: str = "/site") -> Accepted:
    """An event to be appended, with unusual but valid text in it."""
    data = {"asset": "/prezzi è 🙂", "number": number}
    event = Event(f"e-{number}", source, "page.viewed", subject, START_AT, data)
    return Accepted(event, encode_event(event))


def many(first: int, count: int, subject: str = "lead-1") -> list[Accepted]:
    return [accepted(number, subject) for number in range(first, first + count)]


def work(
    leads: Iterable[Lead] = (),
    decisions: Sequence[Decision] = (),
    *,
    offset: int = 0,
    now: datetime = START_AT,
    agreement: str | None = DIGEST,
    unfit: Sequence[Unfit] = (),
) -> Commit:
    """One slice's outcome; leads that are decided about and not given are blank."""
    given = list(leads)
    named = {lead.id for lead in given}
    leads = given + [Lead(id=s) for s in {d.subject: None for d in decisions} if s not in named]
    return Commit(offset, now, leads, decisions, agreement, unfit, source=SOURCE)


@cache
def lived(seed: int = 3, leads: int = 30, days: int = 12) -> tuple[Engine, tuple[Decision, ...]]:
    """An engine after a feed, with everything that it decided."""
    agreement = loaded(ACME)
    feed = Feed(agreement, seed=seed, leads=leads, start_at=START_AT, days=days)
    engine, decisions = Engine(agreement), []
    while (event := feed.next_event()) is not None:
        for decision in engine.take(event, known_at(event)):
            decisions.append(decision)
            feed.saw(decision, known_at(event))
    return engine, tuple(decisions)


def plain(state: RouterState) -> RouterState:
    """The router's state in dictionaries of its own, to compare with."""
    return RouterState(
        reps=dict(state.reps),
        accounts=dict(state.accounts),
        turns={team: dict(row) for team, row in state.turns.items()},
        queue=dict(state.queue),
        given=state.given,
        arrived=state.arrived,
        wake_at=state.wake_at,
    )
