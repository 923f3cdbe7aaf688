"""`baton lag`: how far behind in records and in time, and what workers can't go on with."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from streams.kafka.connection import Connection
from streams.kafka.lag import BEYOND, CUT, RECREATED, Lag, Position, lags
from streams.kafka.reading import reader
from streams.kafka.records import Outgoing, stamp_of
from streams.kafka.topics import administration, find
from streams.postgres.claims import claim
from streams.postgres.connect import open_session
from streams.postgres.schema import prepare
from tests.kafka.conftest import Baton, read_all
from tests.servers.kafka import Broker

pytestmark = pytest.mark.kafka
NOW = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass
class Known:
    """What the store knows."""

    known: Mapping[int, Position]

    def positions(self) -> Mapping[int, Position]:
        return self.known


def topic_id(made: Connection) -> str:
    with administration(made) as admin:
        return find(admin, [made.topics.activity])[made.topics.activity].topic_id


def lag(made: Connection, known: Mapping[int, Position], now: datetime = NOW) -> list[Lag]:
    with reader(made) as consumer:
        return lags(made, consumer, Known(known), now)


@pytest.fixture
def five(made: Connection, put: Callable[[str, Outgoing], None]) -> int:
    """Five records in one partition; its number."""
    for number in range(5):
        put(made.topics.activity, Outgoing(b"lead-1", f"{number}".encode()))
    return int(read_all(made, made.topics.activity)[0].partition)


def test_where_nothing_was_taken_everything_waits(made: Connection, five: int) -> None:
    told = {each.partition: each for each in lag(made, {})}
    assert [each.behind for each in told.values()].count(0) == 3
    assert (told[five].behind, told[five].next_offset, told[five].end_offset) == (5, None, 5)


def test_how_long_the_oldest_waits_is_counted_from_its_stamp(made: Connection, five: int) -> None:
    stamped_at = stamp_of(read_all(made, made.topics.activity)[3].timestamp)
    known = {five: Position(topic_id(made), 3)}
    told = lag(made, known, stamped_at + timedelta(seconds=90))[five]
    assert (told.behind, told.behind_s, told.problem) == (2, 90.0, None)


def test_where_all_was_taken_nothing_waits(made: Connection, five: int) -> None:
    told = lag(made, {five: Position(topic_id(made), 5)})[five]
    assert (told.behind, told.behind_s, told.problem) == (0, 0.0, None)


def test_what_workers_can_not_go_on_with_is_told(
    made: Connection, five: int, broker: Broker
) -> None:
    mine = topic_id(made)
    assert lag(made, {five: Position(mine, 6)})[five].problem == BEYOND
    assert lag(made, {five: Position("another", 3)})[five].problem == RECREATED
    with administration(made) as admin:
        from kafka import TopicPartition

        admin.delete_records({TopicPartition(made.topics.activity, five): 4})
    told = lag(made, {five: Position(mine, 3)})[five]
    assert (told.problem, told.behind) == (CUT, 1)


@pytest.mark.postgres
def test_the_command_ends_by_what_was_asked(
    on_kafka: Baton, made: Connection, five: int, database: str
) -> None:
    away = on_kafka("lag", database=database)
    assert away.returncode == 2
    assert "baton worker" in away.stderr
    with open_session(database, "test") as session:
        prepare(session)
        claim(session, five, topic_id(made))
    assert on_kafka("lag", database=database).returncode == 0
    rows = [
        json.loads(line)
        for line in on_kafka("lag", "--json", database=database).stdout.splitlines()
    ]
    assert [(row["partition"], row["behind"]) for row in rows] == [
        (number, 5 if number == five else 0) for number in range(4)
    ]
    assert on_kafka("lag", "--most", "5", database=database).returncode == 0
    beyond = on_kafka("lag", "--most", "4", database=database)
    assert beyond.returncode == 1
    assert f"{five:>5}  end 5, next 0, 5 behind, for " in beyond.stdout


def test_without_a_database_it_is_said(on_kafka: Baton) -> None:
    refused = on_kafka("lag")
    assert refused.returncode == 2
    assert "BATON_DATABASE does not say where the state is" in refused.stderr


def test_a_password_in_the_database_s_address_is_not_shown(on_kafka: Baton) -> None:
    refused = on_kafka("lag", database="postgresql://baton:swordfish@127.0.0.1:1/baton")
    assert refused.returncode == 2
    assert "swordfish" not in refused.stderr + refused.stdout
