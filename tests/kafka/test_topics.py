"""`baton topics`: what it makes, what it tells of differences, what it refuses."""

import json
from datetime import timedelta

import pytest
from kafka.errors import KafkaTimeoutError

from streams.kafka.connection import Connection, Topics
from streams.kafka.topics import (
    Difference,
    Found,
    Plan,
    administration,
    change,
    create,
    differences,
    find,
    plans,
    settled,
)
from tests.kafka.conftest import Baton
from tests.servers.kafka import Broker

NAMES = Topics("baton.activity", "baton.decisions", "baton.dead-letters")


def plan(partitions: int | None = 16, replication: int = 3) -> Plan:
    return plans(NAMES, partitions, replication, timedelta(days=400))[0]


def found(partitions: int = 16, replication: int = 3, **settings: str) -> Found:
    given = {key.replace("_", "."): value for key, value in settings.items()}
    return Found("baton.activity", "id", partitions, replication, 3, 0,
                 {**plan().settings, **given})  # fmt: skip


def kinds(told: list[Difference]) -> list[str]:
    return [each.kind for each in told]


def test_what_is_as_planned_differs_in_nothing() -> None:
    assert differences(plan(), found()) == []
    assert differences(plan(None), found(5)) == []


def test_one_broker_alone_must_not_be_able_to_lose_what_was_confirmed() -> None:
    assert plan(replication=3).settings["min.insync.replicas"] == "2"
    assert plan(replication=2).settings["min.insync.replicas"] == "1"
    assert plan(replication=1).settings["min.insync.replicas"] == "1"


def test_dead_letters_have_one_order() -> None:
    *_, letters = plans(NAMES, 16, 3, timedelta(days=400))
    assert letters.partitions is None


def test_more_than_was_planned_is_no_difference() -> None:
    more = found(retention_ms="-1", min_insync_replicas="3", max_message_bytes="9000000")
    assert differences(plan(), more) == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("message_timestamp_type", "CreateTime"),
        ("cleanup_policy", "compact"),
        ("retention_ms", "604800000"),
        ("min_insync_replicas", "1"),
        ("max_message_bytes", "1000"),
    ],
)
def test_a_setting_that_does_harm_is_told_with_what_it_does(setting: str, value: str) -> None:
    (told,) = differences(plan(), found(16, 3, **{setting: value}))
    key = setting.replace("_", ".")
    assert told.setting == (key, plan().settings[key])
    assert told.sentence.startswith(f"baton.activity has {key} {value} instead of ")
    assert told.sentence.endswith(".")
    assert told.sentence.count(". ") == 1


def test_partitions_are_never_to_be_taken_away() -> None:
    (told,) = differences(plan(8), found(16))
    assert (told.kind, told.can_be_changed) == ("shrink", False)
    assert "would have to lose 8" in told.sentence


@pytest.mark.parametrize(("has", "wanted", "moved"), [(16, 32, 50), (16, 24, 67), (1, 16, 94)])
def test_how_many_leads_move_is_said(has: int, wanted: int, moved: int) -> None:
    (told,) = differences(plan(wanted), found(has))
    assert told.kind == "partitions"
    assert f"{moved} of 100 leads move" in told.sentence
    assert "`baton lag`" in told.sentence


def test_too_few_copies_are_told() -> None:
    assert kinds(differences(plan(), found(replication=1))) == ["replication"]


real = pytest.mark.kafka


@real
def test_topics_are_made_once(connection: Connection, prefix: str, baton: Baton) -> None:
    settings = {"brokers": connection.brokers[0], "topic_prefix": prefix}
    lacking = baton("topics", "describe", **settings)
    assert lacking.returncode == 1
    assert lacking.stdout.count("is not there") == 3
    done = baton("topics", "create", "--partitions", "3", **settings)
    assert (done.returncode, done.stdout) == (
        0,
        f"{prefix}activity is made: 3 partitions on 1 broker.\n"
        f"{prefix}decisions is made: 3 partitions on 1 broker.\n"
        f"{prefix}dead-letters is made: 1 partition on 1 broker.\n",
    )
    assert "In earnest, run three or more" in done.stderr
    again = baton("topics", "create", "--partitions", "3", **settings)
    assert again.returncode == 0
    assert again.stdout.count("is there as it should be") == 3
    rows = [
        json.loads(line)
        for line in baton("topics", "describe", "--json", **settings).stdout.splitlines()
    ]
    assert [row["partitions"] for row in rows] == [3, 3, 1]
    assert {row["settings"]["message.timestamp.type"] for row in rows} == {"LogAppendTime"}
    assert {row["settings"]["retention.ms"] for row in rows} == {str(400 * 86_400_000)}
    assert len({row["id"] for row in rows}) == 3
    told = baton("topics", "describe", **settings)
    assert told.returncode == 0
    assert f"{prefix}activity: 3 partitions on 1 broker, at least 1 in sync, kept for 400 days" in (
        told.stdout
    )


@real
def test_shrinking_is_refused_and_changes_nothing(on_kafka: Baton, made: Connection) -> None:
    refused = on_kafka("topics", "create", "--partitions", "3", "--change")
    assert refused.returncode == 2
    assert "would have to lose 1" in refused.stderr
    with administration(made) as admin:
        assert find(admin, made.topics)[made.topics.decisions].partitions == 2


@real
def test_raising_is_explained_and_done_when_wanted(
    on_kafka: Baton, made: Connection, broker: Broker
) -> None:
    told = on_kafka("topics", "create", "--partitions", "8")
    assert told.returncode == 1
    assert "has 4 partitions instead of 8" in told.stdout
    assert "50 of 100 leads move" in told.stdout
    assert "`baton topics create --change` changes that." in told.stderr
    with administration(made) as admin:
        assert find(admin, made.topics)[made.topics.activity].partitions == 4
    done = on_kafka("topics", "create", "--partitions", "8", "--change")
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("is changed: 8 partitions") == 2
    with administration(made) as admin:
        assert find(admin, made.topics)[made.topics.activity].partitions == 8


@real
def test_settings_that_differ_are_set_when_wanted(broker: Broker, connection: Connection) -> None:
    name = connection.topics.activity
    broker.create_topic(name, partitions=2, retention_ms="1000")
    planned = plans(connection.topics, 2, 1, timedelta(days=35))[0]
    with administration(connection) as admin:
        was = find(admin, [name])[name]
        assert kinds(differences(planned, was)) == ["setting", "setting"]
        change(admin, planned, was)
        assert differences(planned, settled(admin, [planned])[name]) == []
        create(admin, [])


def test_without_brokers_it_is_said_what_to_set(baton: Baton) -> None:
    for command in (("topics", "describe"), ("lag",), ("intake",)):
        refused = baton(*command)
        assert refused.returncode == 2
        assert "BATON_BROKERS does not say where Kafka is" in refused.stderr


def test_brokers_that_are_not_there_are_said(baton: Baton, monkeypatch: pytest.MonkeyPatch) -> None:
    # The library itself leaves sockets open then, which the test session would not forgive.
    def unreachable(**_: object) -> None:
        raise KafkaTimeoutError("Unable to bootstrap from 127.0.0.1:1")

    monkeypatch.setattr("streams.kafka.topics.KafkaAdminClient", unreachable)
    refused = baton("topics", "describe", brokers="127.0.0.1:1")
    assert refused.returncode == 2
    assert "No broker of 127.0.0.1:1 can be reached" in refused.stderr
    assert "Traceback" not in refused.stderr
