"""Every implementation in turn: every store, and every log that is ours."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.places import PLACES, Place, PostgresPlace
from tests.servers.fixtures import broker, database, postgres, servers_in_order

__all__ = ["broker", "database", "postgres", "servers_in_order"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for a `place` on each; the store in PostgreSQL goes with Kafka's log."""
    if "place" not in metafunc.fixturenames:
        return
    places = [pytest.param(name) for name in sorted(PLACES)]
    if not metafunc.module.__name__.endswith("test_log"):
        places.append(pytest.param("postgres", marks=pytest.mark.postgres))
    metafunc.parametrize("place", places, indirect=True)


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A new, open place."""
    opened: Place
    if request.param == "postgres":
        # Asked for only here, so that the others need no server.
        opened = PostgresPlace(request.getfixturevalue("database"))
    else:
        opened = PLACES[request.param](tmp_path)
    yield opened
    opened.close()
