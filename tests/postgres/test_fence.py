"""One owner at a time: who has lost a partition writes nothing, whatever it was doing."""

from collections.abc import Iterator
from threading import Thread

import pytest

from rules.lead.state import Lead
from rules.router.state import Rep
from streams.postgres.claims import claim, resume
from streams.postgres.connect import Session, open_session
from streams.postgres.outgoing import Outgoing
from streams.postgres.schema import prepare
from streams.postgres.store import PartitionStore
from streams.storage import FencedError, StorageError
from tests.conformance.material import DIGEST, SECOND, START_AT, work
from tests.postgres.conftest import Claiming, Opening
from tests.postgres.material import decision, event
from tests.servers.postgres import Postgres
from tests.servers.proxy import Proxy

pytestmark = pytest.mark.postgres
WAIT_S = 20.0


def rows(session: Session) -> dict[str, int]:
    """How many rows there are of what a commit writes."""
    tables = ("leads", "decisions", "names", "requests", "dead_letters", "adoptions")
    return {table: session.rows(f"SELECT count(*) FROM {table}")[0][0] for table in tables}


def test_the_older_owner_fails_to_commit_and_nothing_of_it_is_there(
    claiming: Claiming, opening: Opening
) -> None:
    older = claiming()
    older.commit(work([Lead(id="a")], [decision("a")], offset=1))
    older.expect([event(1)])
    assert not older.repeats(event(1), START_AT)
    newer = claiming()
    assert newer.position() == (1, START_AT, DIGEST)
    before = rows(opening())
    with pytest.raises(FencedError, match="Partition 0 has been taken over"):
        older.commit(work([Lead(id="b")], [decision("b")], offset=2, agreement="b" * 64))
    assert rows(opening()) == before
    with pytest.raises(StorageError, match="has not been reopened"):
        older.commit(work(offset=2))
    newer.commit(work([Lead(id="b")], [decision("b")], offset=2))
    assert [each.seq for each in Outgoing(opening()).unsent(0, 9)] == [1, 2]


def test_who_was_overtaken_while_away_does_not_come_back(
    claiming: Claiming, opening: Opening
) -> None:
    older = claiming()
    newer = claiming()
    with pytest.raises(FencedError):
        resume(opening(), older.claim)
    newer.commit(work(offset=1))
    again = resume(opening(), newer.claim)
    assert (again.epoch, again.next_offset) == (newer.claim.epoch + 1, 1)
    with pytest.raises(FencedError):
        newer.commit(work(offset=2))


def test_partitions_do_not_disturb_each_other(claiming: Claiming) -> None:
    stores = [claiming(partition) for partition in range(3)]
    for offset in (1, 2):
        for number, store in enumerate(stores):
            leads = [Lead(id=f"lead-{number}", points=offset)]
            store.commit(work(leads, [decision(leads[0].id, offset)], offset=offset))
    assert [store.position()[0] for store in stores] == [2, 2, 2]


def test_another_topic_of_the_same_name_stops_the_partition(claiming: Claiming) -> None:
    claiming().commit(work(offset=7))
    with pytest.raises(StorageError, match="deleted and created anew") as raised:
        claiming(0, "topic-2")
    assert raised.value.reason == "not_ours"
    assert claiming().position()[0] == 7


def test_the_router_is_fenced_with_the_commit(claiming: Claiming) -> None:
    older = claiming(0)
    older.router().reps["marco"] = Rep(open=1)
    older.commit(work(offset=1))
    newer = claiming(1)
    assert newer.router().reps == {"marco": Rep(open=1)}
    older.router().reps["marco"] = Rep(open=2)
    with pytest.raises(FencedError, match="has become the router"):
        older.commit(work([Lead(id="a")], offset=2))
    newer.commit(work(offset=1))
    assert claiming(0).lead("a") is None
    assert claiming(2).router().reps == {"marco": Rep(open=1)}


@pytest.fixture
def proxied(postgres: Postgres, database: str) -> Iterator[tuple[Proxy, str]]:
    with Proxy(postgres.port) as proxy:
        url = postgres.url_of(database.rpartition("/")[2], port=proxy.port)
        with open_session(url, "test") as session:
            prepare(session)
        yield proxy, url


@pytest.mark.parametrize("answered", ["COMMIT", "UPDATE partitions"])
def test_a_commit_whose_answer_never_arrives_is_resolved_on_reopening(
    proxied: tuple[Proxy, str], answered: str
) -> None:
    proxy, url = proxied
    session = open_session(url, "test")
    store = PartitionStore(session, claim(session, 0, "topic-1"))
    store.commit(work([Lead(id="a")], [decision("a")], offset=1))
    failed: list[str] = []

    def commit() -> None:
        try:
            store.commit(work([Lead(id="a", points=1)], [decision("a", 2)], offset=2))
        except StorageError as error:
            failed.append(error.reason)

    proxy.hold_answers(after=answered.encode())
    committing = Thread(target=commit)
    committing.start()
    proxy.await_held_answer()
    proxy.cut()
    committing.join(WAIT_S)
    assert failed == ["unreachable"]
    with open_session(url, "test") as fresh:
        reopened = PartitionStore(fresh, resume(fresh, store.claim))
        is_in = answered == "COMMIT"
        assert reopened.position()[0] == (2 if is_in else 1)
        lead = reopened.lead("a")
        assert lead is not None
        assert lead.points == (1 if is_in else 0)
        # Going on from what is there, nothing is missing and nothing twice.
        if not is_in:
            reopened.commit(work([Lead(id="a", points=1)], [decision("a", 2)], offset=2))
        reopened.commit(work([Lead(id="a", points=2)], [decision("a", 3)], offset=3))
        assert [each.seq for each in Outgoing(fresh).unsent(0, 9)] == [1, 2, 3]


def test_a_claim_waits_for_a_commit_that_is_under_way(claiming: Claiming, opening: Opening) -> None:
    store = claiming()
    holder = opening()
    found: list[int] = []

    def claimed() -> None:
        found.append(claiming().position()[0])

    with holder.transaction("write to") as connection:
        # As a worker's commit does whose answer is lost on its way.
        connection.execute("UPDATE partitions SET next_offset = 5 WHERE partition = 0")
        claiming_thread = Thread(target=claimed)
        claiming_thread.start()
        watch = opening()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        while watch.rows(waiting) == [(0,)]:
            pass
        assert found == []
    claiming_thread.join(WAIT_S)
    assert found == [5]
    with pytest.raises(FencedError):
        store.commit(work(offset=1, now=START_AT + SECOND))


def test_a_silent_transaction_does_not_hold_the_partition(
    claiming: Claiming, opening: Opening
) -> None:
    claiming()
    frozen = opening()
    frozen.run("SET idle_in_transaction_session_timeout = '200ms'")
    frozen.connection.execute("BEGIN")
    frozen.connection.execute("UPDATE partitions SET next_offset = 5 WHERE partition = 0")
    # Waits until PostgreSQL has ended the frozen one's session.
    assert claiming().position()[0] == 0
    with pytest.raises(StorageError) as raised:
        frozen.rows("SELECT 1")
    assert raised.value.reason == "unreachable"
