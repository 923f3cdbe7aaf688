"""What readers are given: pages that join, whoever commits meanwhile."""

from collections.abc import Iterator
from itertools import product
from threading import Thread

import msgspec
import pytest

from rules.lead.state import Lead
from rules.vocabulary import Stage, Temperature
from streams.codec import encode
from streams.postgres.agreements import activate, active, keep
from streams.postgres.connect import open_session
from streams.postgres.outgoing import Outgoing
from streams.postgres.reading import _CHAIN, PostgresReader, Standing
from streams.postgres.schema import IN_TRANSACTION, prepare
from streams.storage import StorageError
from tests.conformance.material import DIGEST, SECOND, SOURCE, START_AT, lived, work
from tests.postgres.conftest import Claiming, Opening
from tests.postgres.material import decision
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.postgres
STAGES: tuple[Stage, ...] = ("lead", "mql", "sql")
HEATS: tuple[Temperature | None, ...] = ("warm", "hot", None)
OWNERS = ("marco", "lucia", None)
Wanted = tuple[str | None, str | None, str | None]


@pytest.fixture
def reader(opening: Opening, database: str) -> Iterator[PostgresReader]:
    opening()
    with PostgresReader(database) as opened:
        yield opened


def leads() -> list[Lead]:
    """Three leads of each stage, temperature and owner, not in the order of their ids."""
    kinds = list(product(STAGES, HEATS, OWNERS)) * 3
    return [
        Lead(id=f"lead-{number * 37 % 81:02}", stage=stage, temperature=heat, owner=owner)
        for number, (stage, heat, owner) in enumerate(kinds)
    ]


def test_leads_are_filtered_and_paged_by_id(claiming: Claiming, reader: PostgresReader) -> None:
    every = leads()
    claiming(0).commit(work(every[:40], offset=1))
    claiming(1).commit(work(every[40:], offset=1))
    assert reader.lead_count() == 81
    for wanted in product(("mql", None), ("hot", None), ("lucia", None)):
        expected = sorted(
            lead.id
            for lead in every
            if all(
                value in (None, mine)
                for value, mine in zip(
                    wanted, (lead.stage, lead.temperature, lead.owner), strict=True
                )
            )
        )
        seen: list[str] = []
        while page := reader.leads(wanted, seen[-1] if seen else None, 4):
            assert len(page) <= 4
            seen += [lead.id for lead in page]
        assert seen == expected
        assert len(expected) in (3, 9, 27, 81)
    assert reader.lead("nobody") is None
    assert reader.lead("lead-07") == next(each for each in every if each.id == "lead-07")


def test_decisions_are_paged_by_position_and_by_lead(
    claiming: Claiming, opening: Opening, reader: PostgresReader
) -> None:
    _, decisions = lived()
    assert reader.newest() == 0
    half = len(decisions) // 2
    one = claiming(0)
    one.commit(work(decisions=decisions[:half], offset=9, now=START_AT + SECOND))
    one.commit(work(decisions=decisions[half:], offset=10, now=START_AT + SECOND))
    bodies = [encode(each, SOURCE) for each in decisions]
    pages: list[tuple[int, bytes]] = []
    while page := reader.decisions(pages[-1][0] if pages else 0, 50):
        pages += page
    assert [body for _, body in pages] == bodies
    positions = [position for position, _ in pages]
    assert positions == sorted(set(positions))
    lead = decisions[0].subject
    own = [row for row, each in zip(pages, decisions, strict=True) if each.subject == lead]
    assert len(own) > 4
    assert reader.decisions(0, 2, lead) == own[:2]
    assert reader.decisions(own[1][0], 100, lead) == own[2:]
    assert reader.latest_decisions(lead, 3) == own[-3:]
    assert reader.decisions(0, 9, "nobody") == []
    assert reader.newest() == positions[-1]
    assert reader.standings() == [
        Standing(0, "topic-1", 1, 10, START_AT + SECOND, DIGEST, len(decisions), 0)
    ]
    assert [each.body for each in Outgoing(opening()).unsent(0, 9_999)] == bodies


def test_nothing_appears_behind_a_position_that_was_shown(
    claiming: Claiming, opening: Opening, reader: PostgresReader
) -> None:
    slow, fast = claiming(0), claiming(1)
    slow.commit(work([Lead(id="s")], [decision("s", 1)], offset=1))
    (first,) = reader.decisions(0, 9)
    with opening().transaction("write to") as connection:
        # An older transaction that is not over yet, of whomever.
        connection.execute("UPDATE positions SET base = base")
        fast.commit(work([Lead(id="f")], [decision("f", 1)], offset=1))
        assert reader.decisions(first[0], 9) == []
        assert reader.newest() == first[0]
        # Of one lead alone the order is known at once.
        assert len(reader.decisions(0, 9, "f")) == 1
    assert len(reader.decisions(first[0], 9)) == 1


def test_pages_join_while_partitions_commit_beside_each_other(
    claiming: Claiming, reader: PostgresReader
) -> None:
    commits, at_once = 12, 4
    stores = [claiming(partition) for partition in range(3)]

    def write(number: int) -> None:
        for offset in range(1, commits + 1):
            lead = f"lead-{number}"
            made = [decision(lead, (offset - 1) * at_once + n) for n in range(1, at_once + 1)]
            stores[number].commit(work([Lead(id=lead, points=offset)], made, offset=offset))

    threads = [Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    followed: list[tuple[int, bytes]] = []
    while len(followed) < 3 * commits * at_once:
        is_over = not any(thread.is_alive() for thread in threads)
        page = reader.decisions(followed[-1][0] if followed else 0, 7)
        followed += page
        assert page or not is_over, "something was skipped"
    assert followed == list(reader.decisions(0, 1_000))
    assert len(set(followed)) == 3 * commits * at_once
    for number in range(3):
        bodies = [body for _, body in followed if f'"lead-{number}"'.encode() in body]
        sequences = [msgspec.json.decode(body)["sequence"] for body in bodies]
        assert sequences == list(range(1, commits * at_once + 1))


def test_positions_go_on_where_a_dump_is_restored(
    claiming: Claiming, opening: Opening, database: str, reader: PostgresReader
) -> None:
    claiming().commit(work([Lead(id="a")], [decision("a", 1)], offset=1))
    session = opening()
    # As in a new cluster, whose transactions are numbered from the beginning.
    far = 1 << 40
    session.run(
        "UPDATE decisions SET position = position + %(far)s", {"far": far << IN_TRANSACTION}
    )
    session.run("UPDATE leads SET decision = decision + %(far)s", {"far": far << IN_TRANSACTION})
    with open_session(database, "test") as starting:
        prepare(starting)
        prepare(starting)
    claiming().commit(work([Lead(id="a", points=1)], [decision("a", 2)], offset=2))
    found = reader.decisions(0, 9)
    assert [msgspec.json.decode(body)["sequence"] for _, body in found] == [1, 2]
    assert list(found) == list(reader.decisions(0, 9, "a"))


def test_what_was_sent_is_not_sent_again(claiming: Claiming, opening: Opening) -> None:
    store, outgoing = claiming(2), Outgoing(opening())
    made = [decision("a", number) for number in range(1, 6)]
    store.commit(work([Lead(id="a")], made, offset=1))
    assert [each.seq for each in outgoing.unsent(2, 3)] == [1, 2, 3]
    assert outgoing.unsent(0, 3) == []
    outgoing.sent(2, 3)
    assert [each.seq for each in outgoing.unsent(2, 9)] == [4, 5]
    outgoing.sent(2, 1)
    assert [each.seq for each in outgoing.unsent(2, 9)] == [4, 5]


def test_the_agreement_put_in_force_last_holds(opening: Opening, reader: PostgresReader) -> None:
    session = opening()
    other = "b" * 64
    keep(session, DIGEST, b"one")
    keep(session, other, b"two")
    assert (active(session), reader.in_force()) == (None, None)
    first = activate(session, DIGEST)
    assert activate(session, DIGEST) == first
    assert activate(session, other).number == 2
    assert reader.in_force() == other
    assert (reader.agreement(other), reader.agreement("c" * 64)) == (b"two", None)
    assert first.at <= reader.present()


def test_lists_are_read_by_an_index(claiming: Claiming, opening: Opening) -> None:
    claiming().commit(work(leads(), [decision("lead-01")], offset=1))
    session = opening()
    for statement in (
        "SELECT state FROM leads WHERE id > 'a' AND stage = 'mql' ORDER BY id LIMIT 9",
        "SELECT state FROM leads WHERE id > 'a' AND owner = 'marco' ORDER BY id LIMIT 9",
        "SELECT state FROM leads WHERE id > 'a' ORDER BY id LIMIT 9",
        "SELECT wake_at FROM leads WHERE home = 0 AND wake_at IS NOT NULL"
        " AND (wake_at, id) > ('2026-01-01', 'a') ORDER BY wake_at, id LIMIT 9",
        "SELECT body FROM decisions WHERE position > 5 ORDER BY position LIMIT 9",
        "SELECT body FROM decisions WHERE partition = 0 AND seq > 5 ORDER BY seq LIMIT 9",
    ):
        plan = "\n".join(row[0] for row in session.rows(f"EXPLAIN {statement}"))
        assert "Index" in plan, plan
        assert "Sort  (" not in plan, plan
    chain = f"EXPLAIN {_CHAIN} SELECT body FROM chain"
    plan = "\n".join(row[0] for row in session.rows(chain, {"lead": "lead-01", "after": 0}))
    assert plan.count("Nested Loop") == 2, plan
    assert "Seq Scan" not in plan, plan


def test_there_must_be_a_store(database: str, postgres: Postgres) -> None:
    with pytest.raises(StorageError, match="Start `baton worker`"):
        PostgresReader(database)
    with pytest.raises(StorageError) as raised:
        PostgresReader(postgres.url_of("nowhere"))
    assert raised.value.reason == "unreachable"
