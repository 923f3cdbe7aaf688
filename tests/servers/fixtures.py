"""Kafka and PostgreSQL for tests: started when the first test asks, ended with the session.

A folder of tests takes them into its `conftest.py`:

    from tests.servers.fixtures import broker, database, postgres, servers_in_order

and marks what needs them: `pytestmark = pytest.mark.kafka`, or `pytest.mark.postgres`. However
many folders do so, and however a test leaves a server behind, there is one of each per test process
(with pytest-xdist: per worker), and each test finds it running. Where one can't be had, marked
tests skip, saying what to install; with CI=true in the environment they fail.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

import pytest

from tests.servers.jars import jars, java
from tests.servers.kafka import Broker
from tests.servers.lacking import LackingError, given_up
from tests.servers.postgres import Postgres, installed

_T = TypeVar("_T")

# Not pytest's own cache of a session fixture: that is one per folder that takes it.
_BROKER: Final = pytest.StashKey[Broker]()
_POSTGRES: Final = pytest.StashKey[Postgres]()
_databases = itertools.count(1)


@pytest.fixture(scope="session")
def broker(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Broker:
    """The session's broker, running."""
    stash = pytestconfig.stash
    if _BROKER not in stash:
        started = _or_give_up(lambda: Broker(tmp_path_factory.mktemp("kafka")))
        pytestconfig.add_cleanup(started.stop)
        started.start()
        stash[_BROKER] = started
    return stash[_BROKER]


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> Postgres:
    """The session's PostgreSQL, running, with fsync on."""
    stash = pytestconfig.stash
    if _POSTGRES not in stash:
        started = _or_give_up(Postgres)
        pytestconfig.add_cleanup(started.close)
        started.start()
        stash[_POSTGRES] = started
    return stash[_POSTGRES]


@pytest.fixture
def database(postgres: Postgres, servers_in_order: None) -> Iterator[str]:
    """The URL of a database of the test's own, empty."""
    name = f"test_{next(_databases)}"
    yield postgres.create_database(name)
    if postgres.is_running:
        postgres.drop_database(name)


@pytest.fixture(autouse=True)
def servers_in_order(request: pytest.FixtureRequest) -> None:
    """Skip what can't run here, and give each test servers that run, whatever the last one did."""
    if request.node.get_closest_marker("kafka") is not None:
        _or_give_up(lambda: (java(), jars()))
    if request.node.get_closest_marker("postgres") is not None:
        _or_give_up(installed)
    stash = request.config.stash
    servers: list[Broker | Postgres] = []
    if "broker" in request.fixturenames and _BROKER in stash:
        stash[_BROKER].thaw()
        servers.append(stash[_BROKER])
    if "postgres" in request.fixturenames and _POSTGRES in stash:
        servers.append(stash[_POSTGRES])
    for server in servers:
        if not server.is_running:
            server.start()


def _or_give_up(make: Callable[[], _T]) -> _T:
    try:
        return make()
    except LackingError as error:
        lack = error
    raise given_up(lack)  # outside, or the report would show both
