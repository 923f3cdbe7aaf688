"""The servers of the tests are what tests take them for: durable, killable, and gone at the end."""

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import RequestTimedOutError

from tests.servers.jars import jars, java
from tests.servers.kafka import Broker
from tests.servers.lacking import LackingError, given_up
from tests.servers.loopback import answers
from tests.servers.postgres import Postgres
from tests.servers.process import Process, StartError, environment
from tests.servers.proxy import Proxy

ROOT: Final = Path(__file__).parents[2]
WAIT_S: Final = 60.0
WAIT_MS: Final = 60_000


def produce(address: str, topic: str, *values: bytes) -> None:
    """Send records, and wait for all acknowledgements."""
    producer = KafkaProducer(bootstrap_servers=address, acks="all")
    try:
        for sent in [producer.send(topic, value) for value in values]:
            sent.get(timeout=WAIT_S)
    finally:
        producer.close()


def read(address: str, topic: str, count: int) -> list[Any]:
    """The topic's first records."""
    consumer = KafkaConsumer(
        bootstrap_servers=address, auto_offset_reset="earliest", consumer_timeout_ms=WAIT_MS
    )
    try:
        consumer.assign([TopicPartition(topic, 0)])
        return [record for _, record in zip(range(count), consumer, strict=False)]
    finally:
        consumer.close()


@pytest.fixture
def proxied(postgres: Postgres, database: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy before PostgreSQL, and the URL of the test's database through it."""
    with Proxy(postgres.port) as proxy:
        yield proxy, postgres.url_of(database.rpartition("/")[2], port=proxy.port)


@pytest.mark.kafka
class TestBroker:
    def test_an_acknowledged_record_survives_kill(self, broker: Broker) -> None:
        broker.create_topic("survives")
        produce(broker.address, "survives", b"one")
        broker.kill()
        assert not answers(broker.port)
        broker.restart()
        produce(broker.address, "survives", b"two")
        assert [each.value for each in read(broker.address, "survives", 2)] == [b"one", b"two"]

    def test_each_test_finds_it_running_whatever_the_last_one_did(self, broker: Broker) -> None:
        broker.kill()

    def test_and_here_is_the_next_one(self, broker: Broker) -> None:
        assert broker.is_running
        assert answers(broker.port)

    @pytest.mark.parametrize(("by_the_log", "kind"), [(True, 1), (False, 0)])
    def test_records_have_the_stamp_of_the_log_where_asked(
        self, broker: Broker, by_the_log: bool, kind: int
    ) -> None:
        topic = f"stamped-{kind}"
        broker.create_topic(topic, log_append_time=by_the_log, retention_ms="-1")
        produce(broker.address, topic, b"one")
        assert [each.timestamp_type for each in read(broker.address, topic, 1)] == [kind]

    def test_a_frozen_one_answers_nothing_until_it_thaws(self, broker: Broker) -> None:
        with broker.admin(request_timeout_ms=500) as admin:
            admin.describe_cluster()
            broker.freeze()
            assert broker.is_running
            with pytest.raises(RequestTimedOutError):
                admin.describe_cluster()
            broker.thaw()
        broker.create_topic("thawed")

    def test_a_client_that_came_through_the_proxy_stays_on_it(self, broker: Broker) -> None:
        broker.create_topic("proxied")
        with broker.proxy() as proxy:
            producer = KafkaProducer(bootstrap_servers=proxy.address, acks="all")
            try:
                producer.send("proxied", b"one").get(timeout=WAIT_S)
                proxy.hold_answers()
                held = producer.send("proxied", b"two")
                proxy.await_held_answer()
                assert not held.is_done
                proxy.release_answers()
                held.get(timeout=WAIT_S)
                assert proxy.cut() > 0
                producer.send("proxied", b"three").get(timeout=WAIT_S)
            finally:
                producer.close()
        found = [each.value for each in read(broker.address, "proxied", 3)]
        assert found == [b"one", b"two", b"three"]

    def test_a_start_that_fails_shows_the_log(self, tmp_path: Path) -> None:
        broker = Broker(tmp_path, settings={"num.io.threads": "none"})
        with pytest.raises(StartError, match=r"num\.io\.threads"):
            broker.start()
        assert not broker.is_running


@pytest.mark.postgres
class TestPostgres:
    def test_what_was_committed_survives_kill_and_nothing_else_does(
        self, postgres: Postgres, database: str
    ) -> None:
        with psycopg.connect(database) as connection:
            connection.execute("CREATE TABLE lead (id text)")
            connection.execute("INSERT INTO lead VALUES ('committed')")
            connection.commit()
            connection.execute("INSERT INTO lead VALUES ('pending')")
            postgres.kill()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        assert not answers(postgres.port)
        postgres.restart()
        with psycopg.connect(database) as connection:
            assert connection.execute("SELECT id FROM lead").fetchall() == [("committed",)]
            assert connection.execute("SHOW fsync").fetchone() == ("on",)

    def test_it_can_be_restarted_by_a_thread_that_then_ends(self, postgres: Postgres) -> None:
        thread = threading.Thread(target=postgres.restart)
        thread.start()
        thread.join(WAIT_S)
        with psycopg.connect(postgres.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)

    def test_each_database_is_new(self, postgres: Postgres) -> None:
        for _ in range(2):
            url = postgres.create_database("anew")
            with psycopg.connect(url) as connection:
                connection.execute("CREATE TABLE lead (id text)")
        postgres.drop_database("anew")
        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            psycopg.connect(url)

    def test_connections_are_cut_on_one_database_or_all(
        self, postgres: Postgres, database: str
    ) -> None:
        with psycopg.connect(database) as here, psycopg.connect(postgres.url) as elsewhere:
            assert postgres.cut_connections(database.rpartition("/")[2]) == 1
            with pytest.raises(psycopg.errors.AdminShutdown):
                here.execute("SELECT 1")
            elsewhere.execute("SELECT 1")
            assert postgres.cut_connections() == 1
            with pytest.raises(psycopg.errors.AdminShutdown):
                elsewhere.execute("SELECT 1")

    def test_it_may_run_without_waiting_for_the_disk(self) -> None:
        with Postgres(is_durable=False) as postgres:
            postgres.start()
            with psycopg.connect(postgres.url) as connection:
                assert connection.execute("SHOW fsync").fetchone() == ("off",)
        assert not postgres.folder.exists()

    def test_a_start_that_fails_shows_the_log(self) -> None:
        with (
            Postgres(settings={"max_connections": "none"}) as postgres,
            pytest.raises(StartError, match="max_connections"),
        ):
            postgres.start()


@pytest.mark.postgres
class TestProxy:
    def test_a_commit_whose_answer_never_arrives(
        self, proxied: tuple[Proxy, str], database: str
    ) -> None:
        proxy, url = proxied
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE lead (id text)")
            connection.execute("INSERT INTO lead VALUES ('one')")
            proxy.hold_answers(after=b"COMMIT")
            failed: list[type[BaseException]] = []
            committing = threading.Thread(target=_commit, args=(connection, failed))
            committing.start()
            proxy.await_held_answer()
            assert committing.is_alive()
            assert proxy.cut() == 1
            committing.join(WAIT_S)
            assert failed == [psycopg.OperationalError]
        with psycopg.connect(database) as connection:
            assert connection.execute("SELECT id FROM lead").fetchall() == [("one",)]

    def test_an_answer_that_is_only_late(self, proxied: tuple[Proxy, str]) -> None:
        proxy, url = proxied
        with psycopg.connect(url) as connection:
            proxy.hold_answers(after=b"COMMIT")
            connection.execute("CREATE TABLE lead (id text)")
            failed: list[type[BaseException]] = []
            committing = threading.Thread(target=_commit, args=(connection, failed))
            committing.start()
            proxy.await_held_answer()
            proxy.release_answers()
            committing.join(WAIT_S)
            assert failed == []
            connection.execute("SELECT id FROM lead")

    def test_new_connections_are_refused_and_those_there_are_stay(
        self, proxied: tuple[Proxy, str]
    ) -> None:
        proxy, url = proxied
        with psycopg.connect(url) as connection:
            proxy.refuse()
            with pytest.raises(psycopg.OperationalError, match="refused"):
                psycopg.connect(url)
            connection.execute("SELECT 1")
        proxy.accept()
        psycopg.connect(url).close()

    def test_where_no_server_is_the_connection_ends(
        self, proxied: tuple[Proxy, str], postgres: Postgres
    ) -> None:
        _, url = proxied
        postgres.kill()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)


class TestEnd:
    def test_a_server_dies_with_a_session_that_is_killed(self, tmp_path: Path) -> None:
        script = (
            "import sys; from pathlib import Path\n"
            "from tests.servers.process import Process, environment\n"
            "folder = Path(sys.argv[1])\n"
            "server = Process(['sleep', '600'], folder / 'log', cwd=folder)\n"
            "server.start(lambda: True, 10.0, environment())\n"
            "print(server.pid, flush=True)\n"
            "sys.stdin.read()\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as session:
            assert session.stdout is not None
            server = os.pidfd_open(int(session.stdout.readline()))
            try:
                assert select.select([server], [], [], 0) == ([], [], [])
                session.kill()
                assert select.select([server], [], [], WAIT_S)[0] == [server]
            finally:
                os.close(server)

    def test_a_frozen_server_can_be_stopped(self, tmp_path: Path) -> None:
        server = Process(["sleep", "600"], tmp_path / "log", cwd=tmp_path)
        server.start(lambda: True, WAIT_S, environment())
        server.signal(signal.SIGSTOP)
        server.stop()
        assert not server.is_running

    def test_one_that_never_answers_is_given_up_and_ended(self, tmp_path: Path) -> None:
        server = Process(["sleep", "600"], tmp_path / "log", cwd=tmp_path)
        with pytest.raises(StartError, match=r"sleep did not answer within 0\.1 s"):
            server.start(lambda: False, 0.1, environment())
        assert not server.is_running


class TestLacking:
    @pytest.fixture(autouse=True)
    def bare(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """A machine without any programs."""
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.delenv("JAVA_HOME", raising=False)
        monkeypatch.setattr("tests.servers.jars.KAFKA", tmp_path / "kafka")
        monkeypatch.setattr("tests.servers.postgres.DEBIAN", tmp_path / "postgresql")
        java.cache_clear()
        yield
        java.cache_clear()

    def test_what_to_install_is_said(self) -> None:
        with pytest.raises(LackingError, match="apt-get install default-jre-headless"):
            java()
        with pytest.raises(LackingError, match="apt-get install maven"):
            jars()
        with pytest.raises(LackingError, match="apt-get install postgresql"):
            Postgres()

    def test_an_old_java_is_named(self, tmp_path: Path) -> None:
        old = tmp_path / "java"
        old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019' >&2\n")
        old.chmod(0o755)
        with pytest.raises(LackingError, match=r"version 11.* is too old"):
            java()

    def test_maven_without_a_network_is_a_lack_and_leaves_no_half_folder(
        self, tmp_path: Path
    ) -> None:
        maven = tmp_path / "mvn"
        maven.write_text("#!/bin/sh\necho '[ERROR] Unknown host repo.maven.apache.org'\nexit 1\n")
        maven.chmod(0o755)
        with pytest.raises(LackingError, match="Unknown host"):
            jars()
        assert [each.name for each in (tmp_path / "kafka").iterdir()] == ["lock"]

    def test_a_lack_skips_but_fails_in_ci(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CI", "")
        with pytest.raises(pytest.skip.Exception, match="no tea"):
            raise given_up(LackingError("There is no tea."))
        monkeypatch.setenv("CI", "true")
        with pytest.raises(pytest.fail.Exception, match="no tea"):
            raise given_up(LackingError("There is no tea."))


def _commit(connection: "psycopg.Connection[Any]", failed: list[type[BaseException]]) -> None:
    try:
        connection.commit()
    except psycopg.Error as error:
        failed.append(type(error))
