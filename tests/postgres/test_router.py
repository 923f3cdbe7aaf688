"""The router's own store: taking over, requests in, answers out, and what was taken when."""

from datetime import datetime, timedelta

import pytest

from rules.lead.state import Lead
from rules.requests import Answer, Availability, Freed, Seek, Stays, Waits
from rules.router.state import InQueue, Rep
from streams.postgres.connect import database_now
from streams.postgres.router import Routed, RouterStore, Taken, Waiting
from streams.storage import Commit, FencedError, Reply, StorageError
from tests.conformance.material import DIGEST, SECOND, START_AT, plain
from tests.postgres.conftest import Claiming, Opening

pytestmark = pytest.mark.postgres
NO_TIME = timedelta(0)
AN_HOUR = timedelta(hours=1)


def seek(lead: str, ticket: int = 1) -> Seek:
    return Seek(lead, ticket, "italy", "everybody", None, "e-1")


def waits(lead: str) -> Waits:
    return Waits(lead, 1, "italy", (), ("nobody is there",), "e-1")


def asking(offset: int, *asked: Seek | Freed | Availability, at: datetime = START_AT) -> Commit:
    """A slice in which leads ask; all of them are written."""
    leads = [Lead(id=each.lead) for each in asked if not isinstance(each, Availability)]
    return Commit(offset, at, leads, (), DIGEST, asked=asked)


def the_router(opening: Opening, lease: timedelta = AN_HOUR) -> RouterStore:
    router = RouterStore.take_over(opening(), "test", lease)
    assert router is not None
    return router


def test_requests_go_to_the_router_and_answers_to_the_leads_partition(
    claiming: Claiming, opening: Opening
) -> None:
    one, two = claiming(0), claiming(1)
    away = Availability("marco", True, START_AT, START_AT, "e-9")
    one.commit(asking(1, seek("a"), away, at=START_AT + SECOND))
    two.commit(asking(1, seek("b"), at=START_AT))
    one.commit(asking(2, Freed("a", None, None), at=START_AT + 2 * SECOND))
    router = the_router(opening)
    waiting = router.waiting(10)
    assert waiting == [
        Waiting(1, 1, START_AT, seek("b")),
        Waiting(0, 1, START_AT + SECOND, seek("a")),
        Waiting(0, 2, START_AT + SECOND, away),
        Waiting(0, 3, START_AT + 2 * SECOND, Freed("a", None, None)),
    ]
    assert router.waiting(2) == waiting[:2]
    taken = [Taken(each.at, (each.partition, each.number)) for each in waiting[:3]]
    stays = Stays("a", 1, (), None)
    answers: list[tuple[datetime, Answer]] = [
        (START_AT, waits("b")),
        (START_AT + SECOND, waits("a")),
        (START_AT + SECOND, stays),
    ]
    router.commit(Routed(START_AT + SECOND, DIGEST, taken, answers))
    assert router.waiting(10) == waiting[3:]
    first, second = one.replies(0, 10)
    assert first == Reply(1, START_AT + SECOND, waits("a"))
    assert second == Reply(2, START_AT + SECOND, stays)
    assert one.replies(1, 10) == [second]
    assert one.replies(0, 1) == [first]
    assert two.replies(0, 10) == [Reply(1, START_AT, waits("b"))]
    one.commit(Commit(2, START_AT, [], (), DIGEST, replied=2))
    assert one.replied() == claiming(0).replied() == 2


def test_numbers_have_no_gaps_over_restarts_and_failures(
    claiming: Claiming, opening: Opening
) -> None:
    for offset in range(1, 4):
        store = claiming(0)
        store.commit(asking(offset, seek("a", offset), seek("b", offset)))
        broken = claiming(0)
        with pytest.raises(FencedError):
            store.commit(asking(offset + 1, seek("a")))
        broken.commit(Commit(offset, START_AT, [], (), DIGEST))
    router = the_router(opening)
    assert [each.number for each in router.waiting(10)] == [1, 2, 3, 4, 5, 6]
    for first in (1, 3, 5):
        taken = [Taken(START_AT, (0, number)) for number in (first, first + 1)]
        router.commit(Routed(START_AT, DIGEST, taken, [(START_AT, waits("a"))]))
        router = router.resumed(opening())
    assert [each.number for each in claiming(0).replies(0, 9)] == [1, 2, 3]
    rows = opening().rows("SELECT seq, partition, number FROM router_inputs ORDER BY seq")
    assert rows == [(number, 0, number) for number in range(1, 7)]
    with pytest.raises(AssertionError, match="one after the other"):
        router.commit(Routed(START_AT, DIGEST, [Taken(START_AT, (0, 8))]))


def test_the_order_in_which_things_were_taken_is_written_down(
    claiming: Claiming, opening: Opening
) -> None:
    claiming(3).commit(asking(1, seek("a")))
    router = the_router(opening)
    taken = [Taken(START_AT, agreement=DIGEST), Taken(START_AT, (3, 1)), Taken(START_AT + SECOND)]
    router.commit(Routed(START_AT + SECOND, DIGEST, taken))
    assert opening().rows("SELECT * FROM router_inputs ORDER BY seq") == [
        (1, START_AT, None, None, DIGEST),
        (2, START_AT, 3, 1, None),
        (3, START_AT + SECOND, None, None, None),
    ]
    assert router.resumed(opening()).position() == (START_AT + SECOND, DIGEST)


def test_an_answer_follows_its_lead_to_another_partition(
    claiming: Claiming, opening: Opening
) -> None:
    claiming(0).commit(asking(1, seek("a")))
    two = claiming(1)
    assert two.lead("a") is not None
    two.commit(Commit(1, START_AT, [Lead(id="a", points=1)], (), DIGEST))
    router = the_router(opening)
    router.commit(Routed(START_AT, DIGEST, [Taken(START_AT, (0, 1))], [(START_AT, waits("a"))]))
    assert claiming(0).replies(0, 9) == []
    assert [each.answer for each in two.replies(0, 9)] == [waits("a")]


def test_others_stand_by_while_the_router_is_at_work(opening: Opening) -> None:
    router = the_router(opening)
    assert RouterStore.take_over(opening(), "other") is None
    router.release()
    other = RouterStore.take_over(opening(), "other")
    assert other is not None
    assert other.epoch == router.epoch + 1
    with pytest.raises(FencedError):
        router.renew()


def test_a_silent_router_is_replaced_and_what_it_does_later_is_not_kept(
    claiming: Claiming, opening: Opening
) -> None:
    claiming(0).commit(asking(1, seek("a")))
    frozen = the_router(opening, NO_TIME)
    frozen.state().reps["marco"] = Rep(open=1)
    other = the_router(opening)
    with pytest.raises(FencedError, match="Another process has become the router"):
        frozen.commit(Routed(START_AT, DIGEST, [Taken(START_AT, (0, 1))], [(START_AT, waits("a"))]))
    with pytest.raises(StorageError, match="has not been reopened"):
        frozen.commit(Routed(START_AT, DIGEST, []))
    with pytest.raises(FencedError):
        frozen.resumed(opening())
    assert claiming(0).replies(0, 9) == []
    assert other.resumed(opening()).state().reps == {}
    assert len(other.waiting(9)) == 1


def test_a_dead_routers_place_is_taken_within_its_lease(opening: Opening) -> None:
    lease = timedelta(seconds=1)
    dead = the_router(opening, lease)
    dead.renew()
    watch = opening()
    begun = database_now(watch)
    while (other := RouterStore.take_over(watch, "other", lease)) is None:
        pass
    assert other.epoch == dead.epoch + 1
    # Seconds more than it takes, for a machine that is busy.
    assert database_now(watch) - begun < lease + timedelta(seconds=5)


def test_its_rows_come_back_as_they_went(opening: Opening) -> None:
    router = the_router(opening)
    state = router.state()
    state.reps["marco"] = Rep(open=2, away=True, away_until=START_AT, last_given=7)
    state.accounts["acme.example"] = "marco"
    state.turns["italy"] = {"marco": 2, "lucia": -2}
    state.queue["b"] = InQueue(1, "b", 1, "italy", None)
    state.given, state.arrived, state.wake_at = 7, 1, START_AT
    expected = plain(state)
    router.commit(Routed(START_AT, DIGEST, []))
    again = router.resumed(opening())
    assert again.state().accounts["acme.example"] == "marco"
    assert plain(again.state()) == expected
    assert again.position() == (START_AT, DIGEST)
