"""Forgetting what is old: rows in small steps, tables as a whole."""

from datetime import timedelta

import pytest

from rules.lead.state import Lead
from streams.postgres.connect import Session
from streams.postgres.outgoing import Outgoing
from streams.postgres.retention import LEAST, Sweep
from streams.postgres.router import Routed, RouterStore, Taken
from streams.postgres.stretches import stretches
from streams.storage import Commit, ConflictError
from tests.conformance.material import DIGEST, SECOND, START_AT, work
from tests.postgres.conftest import Claiming, Opening
from tests.postgres.material import decision, event
from tests.postgres.test_router import seek, waits

pytestmark = pytest.mark.postgres
DAY = timedelta(days=1)
KEEP = 100 * DAY


def swept(session: Session, at_days: int, limit: int = 3) -> tuple[int, int, int]:
    """Decisions, tables and rows of routing that a whole sweep deletes."""
    sweep = Sweep(session, START_AT + at_days * DAY, KEEP)
    total = [0, 0, 0]
    for _ in range(1_000):
        done = sweep.step(limit)
        total = [sum(pair) for pair in zip(total, done[:3], strict=True)]
        if not done.more:
            return total[0], total[1], total[2]
    raise AssertionError("the sweep does not end")


def told(session: Session) -> list[int]:
    return [row[0] for row in session.rows("SELECT seq FROM decisions ORDER BY seq")]


def test_old_decisions_go_and_their_months_with_them(claiming: Claiming, opening: Opening) -> None:
    store, session = claiming(), opening()
    for day in range(0, 60, 3):
        made = [decision("a", day + 1, START_AT + day * DAY)]
        store.commit(work([Lead(id="a")], made, offset=day + 1))
    Outgoing(session).sent(0, 20)
    assert swept(session, 99) == (0, 0, 0)
    # What is exactly as old as the retention stays.
    assert swept(session, 145) == (15, 1, 0)
    assert told(session) == [16, 17, 18, 19, 20]
    assert [each.from_at.month for each in stretches(session, "decisions")] == [4, 5]
    assert swept(session, 145) == (0, 0, 0)
    # Somebody is so far behind that the month is needed once more.
    late = work([Lead(id="a", points=1)], [decision("a", 99)], offset=99)
    with pytest.raises(ConflictError):
        store.commit(late)
    claiming().commit(late)
    assert told(session)[-1] == 21


def test_what_an_open_lead_needs_and_what_was_not_sent_stays(
    claiming: Claiming, opening: Opening
) -> None:
    leads = [
        Lead(id="owned", stage="sql", owner="marco"),
        Lead(id="waiting", stage="lead", wake_at=START_AT),
        Lead(id="idle", stage="contact"),
        Lead(id="won", stage="customer", owner="marco", wake_at=START_AT),
        Lead(id="lost", stage="lost", owner="marco"),
    ]
    store, session = claiming(), opening()
    store.commit(work(leads, [decision(lead.id) for lead in leads], offset=5))
    Outgoing(session).sent(0, 4)
    # With the month that was made ahead and is empty.
    assert swept(session, 500) == (2, 1, 0)
    assert told(session) == [1, 2, 5]
    assert [claiming().lead(lead.id) for lead in leads] == leads
    # Not open any more, and sent.
    claiming().commit(work([Lead(id="owned", stage="lost")], offset=5))
    Outgoing(session).sent(0, 5)
    assert swept(session, 500) == (2, 0, 0)
    assert told(session) == [2]


def test_names_are_forgotten_after_35_days(claiming: Claiming, opening: Opening) -> None:
    store, session = claiming(), opening()
    for day in range(50):
        at = START_AT + day * DAY
        assert not store.repeats(event(day, at=at), at)
        store.commit(work(offset=day + 1, now=at))
    made = len(stretches(session, "names"))
    assert swept(session, 34)[1] == 0
    # START_AT is a Monday, and so is the 49th day after: two weeks have ended 35 days before.
    assert swept(session, 49)[1] == 2
    assert len(stretches(session, "names")) == made - 2
    assert session.rows("SELECT count(*) FROM names") == [(36,)]
    at = START_AT + 49 * DAY
    assert store.repeats(event(15, at=at), at)
    assert not store.repeats(event(14, at=at), at)
    with pytest.raises(ValueError, match="35 days"):
        Sweep(session, START_AT, LEAST - SECOND)


def test_names_of_a_week_that_was_dropped_are_not_lost(
    claiming: Claiming, opening: Opening
) -> None:
    store, session = claiming(), opening()
    assert not store.repeats(event(1), START_AT)
    store.commit(work(offset=1))
    assert swept(session, 100)[1] == 2
    assert not store.repeats(event(2), START_AT)
    with pytest.raises(ConflictError):
        store.commit(work([Lead(id="a")], offset=2))
    again = claiming()
    assert again.position()[0] == 1
    assert not again.repeats(event(2), START_AT)
    again.commit(work([Lead(id="a")], offset=2))
    assert claiming().repeats(event(2), START_AT)


def test_a_week_whose_dropping_was_interrupted_is_dropped(
    claiming: Claiming, opening: Opening
) -> None:
    store, session = claiming(), opening()
    assert not store.repeats(event(1), START_AT)
    store.commit(work(offset=1))
    first = stretches(session, "names")[0]
    session.run(
        "UPDATE pg_inherits SET inhdetachpending = true WHERE inhrelid = %s::regclass",
        (first.name,),
    )
    assert swept(session, 100)[1] == 2
    assert session.rows("SELECT to_regclass(%s)", (first.name,)) == [(None,)]


def test_a_week_that_was_detached_and_not_dropped_is_dropped(
    claiming: Claiming, opening: Opening
) -> None:
    store, session = claiming(), opening()
    assert not store.repeats(event(1), START_AT)
    store.commit(work(offset=1))
    first = stretches(session, "names")[0]
    session.run(f"ALTER TABLE names DETACH PARTITION {first.name}")
    assert swept(session, 1)[1] == 0
    assert session.rows("SELECT to_regclass(%s)", (first.name,)) == [(None,)]


def test_what_both_sides_have_taken_goes(claiming: Claiming, opening: Opening) -> None:
    store, session = claiming(), opening()
    asked = [seek("a"), seek("b"), seek("c")]
    leads = [Lead(id=each.lead) for each in asked]
    store.commit(Commit(1, START_AT, leads, (), DIGEST, asked=asked))
    router = RouterStore.take_over(opening(), "test")
    assert router is not None
    taken = [Taken(START_AT, (0, 1)), Taken(START_AT, (0, 2))]
    answers = [(START_AT, waits("a")), (START_AT, waits("b"))]
    router.commit(Routed(START_AT, DIGEST, taken, answers))
    store.commit(Commit(1, START_AT, [], (), DIGEST, replied=1))
    assert swept(session, 100) == (0, 0, 0)
    # Two requests, one answer, two inputs.
    assert swept(session, 101) == (0, 0, 5)
    assert [each.number for each in router.waiting(9)] == [3]
    assert [each.number for each in claiming().replies(0, 9)] == [2]
