"""A schema in a database of the test's own, and partitions of it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from streams.postgres.claims import claim
from streams.postgres.connect import Session, open_session
from streams.postgres.schema import prepare
from streams.postgres.store import PartitionStore
from tests.servers.fixtures import broker, database, postgres, servers_in_order

__all__ = ["broker", "database", "postgres", "servers_in_order"]

Opening = Callable[[], Session]
Claiming = Callable[..., PartitionStore]


@pytest.fixture
def opening(database: str) -> Iterator[Opening]:
    """Opens sessions on the prepared schema, which are closed in the end."""
    with ExitStack() as stack:

        def opened() -> Session:
            return stack.enter_context(open_session(database, "test"))

        prepare(opened())
        yield opened


@pytest.fixture
def claiming(opening: Opening) -> Claiming:
    """Claims partitions, each on a connection of its own."""

    def claimed(partition: int = 0, topic_id: str = "topic-1") -> PartitionStore:
        session = opening()
        return PartitionStore(session, claim(session, partition, topic_id), cached=50)

    return claimed
