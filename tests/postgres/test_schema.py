"""Making the schema, refusing what is not ours, and what failures tell people."""

from collections.abc import Callable
from threading import Thread

import psycopg
import pytest

from streams.postgres import connect, schema
from streams.postgres.connect import Session, database_now, open_session
from streams.postgres.failures import translated
from streams.postgres.schema import MIGRATIONS, check, prepare
from streams.storage import StorageError
from tests.conformance.material import work
from tests.postgres.conftest import Claiming, Opening
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.postgres


def test_processes_may_start_at_the_same_time(database: str) -> None:
    failed: list[BaseException] = []

    def start() -> None:
        try:
            with open_session(database, "test") as session:
                prepare(session)
                check(session)
        except BaseException as error:
            failed.append(error)

    threads = [Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with open_session(database, "test") as session:
        assert session.rows("SELECT version FROM migrations") == [(len(MIGRATIONS),)]


def test_a_step_that_fails_leaves_the_schema_as_it_was(database: str) -> None:
    with open_session(database, "test") as session:
        prepare(session)
        second = ("CREATE TABLE more (id text)", "SELECT 1 / 0")
        with pytest.raises(psycopg.errors.DivisionByZero):
            prepare(session, (*MIGRATIONS, second))
        assert session.rows("SELECT to_regclass('more')") == [(None,)]
        prepare(session, (*MIGRATIONS, second[:1]))
        assert session.rows("SELECT to_regclass('more')::text") == [("more",)]
        with pytest.raises(StorageError, match="Install that version") as raised:
            prepare(session)
        assert raised.value.reason == "too_new"
        with pytest.raises(StorageError):
            check(session)


def test_a_schema_of_another_program_is_left_alone(database: str) -> None:
    with open_session(database, "test") as session:
        session.run("CREATE SCHEMA baton")
        session.run("CREATE TABLE songs (id text)")
        with pytest.raises(StorageError) as raised:
            prepare(session)
        assert raised.value.reason == "not_ours"
        assert session.rows("SELECT count(*) FROM pg_tables WHERE schemaname = 'baton'") == [(1,)]
    with open_session(database, "test", 'bat"on 2') as session:
        prepare(session)
        check(session)


def test_a_user_who_owns_the_schema_alone_is_enough(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS plain")
        connection.execute("CREATE ROLE plain LOGIN PASSWORD 'hush'")
        connection.execute("CREATE SCHEMA baton AUTHORIZATION plain")
    url = psycopg.conninfo.make_conninfo(database, user="plain", password="hush")
    with open_session(url, "test") as session:
        prepare(session)
        check(session)
    with open_session(url, "test", "another") as session:
        with pytest.raises(StorageError) as raised:
            prepare(session)
        assert raised.value.reason == "read_only"


def test_sessions_are_set_so_that_nobody_waits_for_ever(opening: Opening) -> None:
    session = opening()
    for name, value in connect._SERVER.items():
        shown = session.rows(f"SHOW {name}")[0][0]
        assert shown == value, name
    ((name,),) = session.rows("SHOW application_name")
    assert name == "baton test"
    assert abs((database_now(session) - database_now(opening())).total_seconds()) < 5


def test_what_is_confirmed_is_durable_however_the_database_is_set_up(
    database: str, postgres: Postgres
) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        name = database.rpartition("/")[2]
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with open_session(database, "test") as session:
        assert session.rows("SHOW synchronous_commit") == [("on",)]


def test_a_server_that_dies_is_told_and_everything_confirmed_is_there(
    claiming: Claiming, database: str, postgres: Postgres
) -> None:
    store = claiming()
    store.commit(work(offset=3))
    postgres.kill()
    with pytest.raises(StorageError, match="can't be reached") as raised:
        store.commit(work(offset=4))
    assert raised.value.reason == "unreachable"
    with pytest.raises(StorageError, match="BATON_DATABASE"):
        open_session(database, "test")
    postgres.restart()
    assert claiming().position()[0] == 3


def _locked(session: Session) -> None:
    session.run("SET lock_timeout = '50ms'")
    session.run("UPDATE router SET given = given")


def _slow(session: Session) -> None:
    session.run("SET statement_timeout = '50ms'")
    session.rows("SELECT pg_sleep(60)")


def _read_only(session: Session) -> None:
    session.run("SET default_transaction_read_only = on")
    session.run("UPDATE router SET given = given")


def _cut(session: Session) -> None:
    session.rows("SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.mark.parametrize(
    ("fail", "reason"),
    [(_locked, "locked"), (_slow, "locked"), (_read_only, "read_only"), (_cut, "unreachable")],
)
def test_failures_of_the_outside_world_have_a_reason_and_a_sentence(
    opening: Opening, fail: Callable[[Session], None], reason: str
) -> None:
    with opening().transaction("write to") as connection:
        connection.execute("UPDATE router SET given = given")
        with pytest.raises(StorageError, match=r"^Could not .* the database test_\d+ on") as raised:
            fail(opening())
    assert raised.value.reason == reason


def test_wrong_statements_crash(opening: Opening) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        opening().rows("SELECT * FROM nothing")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (psycopg.errors.DiskFull, "full"),
        (psycopg.errors.TooManyConnections, "unreachable"),
        (psycopg.errors.CannotConnectNow, "unreachable"),
        (psycopg.errors.DeadlockDetected, "locked"),
        (psycopg.errors.DataCorrupted, "damaged"),
        (psycopg.errors.IoError, "io"),
        (psycopg.errors.InvalidPassword, "not_openable"),
        (psycopg.errors.UniqueViolation, None),
    ],
)
def test_codes_are_understood(kind: type[psycopg.Error], reason: str | None) -> None:
    failure = translated(kind("what\nit says."), "read", "it")
    assert (failure.reason if failure else None) == reason
    assert failure is None or str(failure).endswith("(what it says).")


def test_no_secret_is_told(postgres: Postgres) -> None:
    for url in (postgres.url_of("nowhere"), "postgresql://u:hush@127.0.0.1:1/x", "nonsense://hush"):
        with pytest.raises(StorageError) as raised:
            open_session(url, "test")
        assert "hush" not in str(raised.value)
        assert postgres._password not in str(raised.value)
    assert schema.MIGRATIONS
