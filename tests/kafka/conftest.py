"""Topics of the test's own on the session's broker, and commands that are told of them."""

import itertools
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from streams.cli import main
from streams.kafka.connection import Connection, Topics
from streams.kafka.reading import reader
from streams.kafka.records import Outgoing
from streams.kafka.sending import Written, writer
from tests.servers.fixtures import broker, database, postgres, servers_in_order
from tests.servers.kafka import Broker
from tests.service.processes import environment

__all__ = ["broker", "database", "postgres", "servers_in_order"]

_prefixes: Final = itertools.count(1)

Baton = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def prefix() -> str:
    """What the names of the test's topics begin with."""
    return f"t{os.getpid()}-{next(_prefixes)}."


@pytest.fixture
def connection(broker: Broker, prefix: str) -> Connection:
    """The session's broker, without topics."""
    names = Topics(f"{prefix}activity", f"{prefix}decisions", f"{prefix}dead-letters")
    return Connection((broker.address,), names)


@pytest.fixture
def made(broker: Broker, connection: Connection) -> Connection:
    """The session's broker, with three topics; activity has four partitions."""
    for name, partitions in zip(connection.topics, (4, 2, 1), strict=True):
        broker.create_topic(name, partitions=partitions, log_append_time=True)
    return connection


@pytest.fixture
def baton(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Baton:
    """Runs a command in `tmp_path` to its end, with these settings and no others."""

    def run(
        *arguments: str, stdin: bytes | None = None, **settings: str
    ) -> "subprocess.CompletedProcess[str]":
        wanted = environment(**settings)
        monkeypatch.chdir(tmp_path)
        changed = {name: wanted.get(name) for name in os.environ.keys() | wanted.keys()}
        done = CliRunner().invoke(main, arguments, env=changed, input=stdin)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture
def on_kafka(baton: Baton, made: Connection, prefix: str) -> Baton:
    """Runs a command that is told of the test's topics."""

    def run(*arguments: str, **more: Any) -> "subprocess.CompletedProcess[str]":
        settings = {"brokers": ",".join(made.brokers), "topic_prefix": prefix}
        return baton(*arguments, **(settings | more))

    return run


def read_all(connection: Connection, topic: str) -> list[Any]:
    """All records of a topic; those of a partition in order."""
    from streams.kafka.reading import read_to_end

    with reader(connection) as consumer:
        return list(read_to_end(connection, consumer, topic))


@pytest.fixture
def put(made: Connection) -> Iterator[Callable[[str, Outgoing], None]]:
    """Writes a record to a topic, as any producer might."""
    with writer(made) as producer:

        def written(topic: str, record: Outgoing) -> None:
            topics = Written(made, producer, topic)
            topics.write(record)
            topics.finish()

        yield written
