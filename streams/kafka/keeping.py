"""Where `baton send` keeps what it could not send to Kafka: with the dead letters there."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from streams.kafka.connection import Connection
from streams.kafka.dead_letters import letter_record
from streams.kafka.sending import Written
from streams.refusals import DeadLetter


class KeptInTopic:
    """Keeps dead letters in the topic, and tells each on stderr as one line of JSON."""

    def __init__(self, connection: Connection, producer: Any) -> None:
        self._written = Written(connection, producer, connection.topics.dead_letters)

    def keep(self, letter: DeadLetter) -> None:
        """Keep one; it is confirmed after `flush`. Raises `BrokerError`."""
        click.echo(letter.as_json(), err=True)
        self._written.write(letter_record(letter))

    def flush(self) -> None:
        """Wait until all are kept; raises `BrokerError`."""
        self._written.finish()

    def where(self) -> str:
        """Where they are, to follow 'kept'."""
        return "as dead letters (`baton dead-letters list`)"


@contextmanager
def keep_in_topic(connection: Connection, producer: Any) -> Iterator[KeptInTopic]:
    """Keep dead letters in the topic; all of them are confirmed at the end."""
    kept = KeptInTopic(connection, producer)
    try:
        yield kept
    finally:
        kept.flush()
