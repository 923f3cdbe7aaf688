"""`baton intake`: the HTTP interface in front of Kafka, as a process and as an application."""

import asyncio
import contextlib
import json
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from rules.agreement import Agreement
from streams import clock
from streams.http.app import create_app
from streams.kafka.connection import Connection
from streams.kafka.producing import Producing
from streams.kafka.service import IntakeService, ended
from streams.postgres import agreements
from streams.postgres.connect import open_session
from streams.postgres.schema import prepare
from streams.storage import StorageError
from tests.http.stand_in import StandIn
from tests.kafka.conftest import read_all
from tests.servers.kafka import Broker
from tests.servers.postgres import Postgres
from tests.service.processes import BATON, WAIT_S, environment, event

pytestmark = pytest.mark.kafka
BATCH = {"content-type": "application/cloudevents-batch+json"}


class Store(StandIn):
    """A store in memory, with the sample agreement in force, or none."""

    def __init__(self, agreement: Agreement, text: bytes) -> None:
        super().__init__(agreement)
        self.text: bytes | None = text
        self.clock_is_ahead = timedelta(0)

    def present(self) -> datetime:
        self._may_fail()
        return clock.now() + self.clock_is_ahead

    def newest(self) -> int:
        return len(self._decided)

    def in_force(self) -> str | None:
        return None if self.text is None else self.agreement.digest

    def agreement_text(self, digest: str) -> bytes | None:
        return self.text if digest == self.agreement.digest else None


class Read:
    """The store as the intake reads it: `agreement` is a method there."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.lead, self.leads, self.decisions = store.lead, store.leads, store.decisions
        self.present, self.newest, self.in_force = store.present, store.newest, store.in_force
        self.agreement = store.agreement_text


@pytest.fixture
def store(acme: Agreement, acme_path: Path) -> Store:
    return Store(acme, acme_path.read_bytes())


@contextlib.asynccontextmanager
async def serving(
    connection: Connection, store: Store, patience_s: float = 10.0
) -> AsyncIterator[tuple[IntakeService, httpx.AsyncClient]]:
    """The application, with everything that runs beside it."""
    activity = Producing(connection, connection.topics.activity, patience_s=patience_s)
    service = IntakeService(activity, Read(store))
    beside = [asyncio.create_task(service.follow()), asyncio.create_task(activity.run())]
    transport = httpx.ASGITransport(app=create_app(service))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        try:
            yield service, client
        finally:
            service.stop()
            for task in beside:
                await ended(task)


async def until(client: httpx.AsyncClient, status: int) -> httpx.Response:
    """The answer of `/readyz` as soon as it has that status."""
    async with asyncio.timeout(WAIT_S):
        while (answer := await client.get("/readyz")).status_code != status:
            await asyncio.sleep(0)
    return answer


def ids(connection: Connection) -> list[str]:
    records = read_all(connection, connection.topics.activity)
    return sorted(json.loads(each.value)["id"] for each in records)


def recent(number: int, kind: str = "page.viewed", **data: Any) -> dict[str, Any]:
    return event(number, kind, f"lead-{number}", **data) | {"time": clock.now().isoformat()}


def play(work: Callable[[], Any]) -> None:
    asyncio.run(work())


def test_what_is_answered_with_202_is_in_the_topic(made: Connection, store: Store) -> None:
    async def work() -> None:
        async with serving(made, store) as (_, client):
            await until(client, 200)
            many = [recent(number) for number in range(50)]
            answer = await client.post("/events", json=many, headers=BATCH)
            assert (answer.status_code, answer.json()) == (202, {"accepted": 50, "duplicates": 0})
            binary = {"ce-specversion": "1.0", "ce-id": "e-50", "ce-source": "/tests",
                      "ce-type": "page.viewed", "ce-subject": "lead-50",
                      "ce-time": clock.now().isoformat()}  # fmt: skip
            answer = await client.post("/events", json={"asset": "one"}, headers=binary)
            assert answer.status_code == 202

    play(work)
    assert ids(made) == sorted(f"e-{number}" for number in range(51))
    record = read_all(made, made.topics.activity)[0]
    assert record.key.decode() == json.loads(record.value)["subject"]
    assert ("content-type", b"application/cloudevents+json; charset=UTF-8") in record.headers


def test_of_a_refused_request_nothing_is_stored(made: Connection, store: Store) -> None:
    async def work() -> None:
        async with serving(made, store) as (_, client):
            await until(client, 200)
            mixed = [recent(1), recent(2, "lead.claimed", to="nobody")]
            answer = await client.post("/events", json=mixed, headers=BATCH)
            assert answer.status_code == 400
            assert answer.json()["events"][0]["reason"] == "unknown_person"

    play(work)
    assert ids(made) == []


def test_while_kafka_hangs_clients_are_told_to_come_back(
    made: Connection, store: Store, broker: Broker
) -> None:
    async def work() -> None:
        async with serving(made, store, patience_s=0.5) as (_, client):
            await until(client, 200)
            broker.freeze()
            unknown = await client.post("/events", json=[recent(1)], headers=BATCH)
            assert unknown.status_code == 503
            assert "It is not known what of this request was stored" in unknown.json()["detail"]
            at_once = await client.post("/events", json=[recent(2)], headers=BATCH)
            assert at_once.status_code == 503
            assert "nothing of this request was stored" in at_once.json()["detail"].lower()
            assert int(at_once.headers["retry-after"]) > 0
            assert "Kafka" in (await client.get("/readyz")).json()["detail"]
            assert (await client.get("/healthz")).status_code == 200
            broker.thaw()
            await until(client, 200)
            again = await client.post("/events", json=[recent(1)], headers=BATCH)
            assert again.status_code == 202

    play(work)
    assert set(ids(made)) == {"e-1"}


def test_before_an_agreement_is_in_force_nothing_is_taken(made: Connection, store: Store) -> None:
    async def work() -> None:
        text, store.text = store.text, None
        async with serving(made, store) as (_, client):
            async with asyncio.timeout(WAIT_S):
                while "No agreement is in force yet" not in (await client.get("/readyz")).text:
                    await asyncio.sleep(0)
            answer = await client.post("/events", json=[recent(1)], headers=BATCH)
            assert answer.status_code == 503
            assert (await client.get("/")).status_code == 503
            store.text = text
            await until(client, 200)
            assert (await client.get("/")).json()["agreement"] == store.agreement.name

    play(work)


def test_while_the_store_is_away_events_are_still_taken(made: Connection, store: Store) -> None:
    async def work() -> None:
        async with serving(made, store) as (_, client):
            await until(client, 200)
            store.reads_fail_with = StorageError("The database is away.")
            answer = await client.post("/events", json=[recent(1)], headers=BATCH)
            assert answer.status_code == 202
            assert (await client.get("/leads")).status_code == 503
            store.reads_fail_with = None
            assert (await client.get("/leads")).status_code == 200

    play(work)
    assert ids(made) == ["e-1"]


def test_the_present_is_the_store_s(made: Connection, store: Store) -> None:
    """A machine whose clock is two days slow must not refuse what happens today."""

    async def work() -> None:
        store.clock_is_ahead = timedelta(days=2)
        async with serving(made, store) as (service, client):
            await until(client, 200)
            later = recent(1) | {"time": (clock.now() + timedelta(days=2, hours=23)).isoformat()}
            answer = await client.post("/events", json=[later], headers=BATCH)
            assert answer.status_code == 202
            assert service.now() > clock.now() + timedelta(days=1)

    play(work)


def test_who_follows_decisions_hears_of_new_ones(made: Connection, store: Store) -> None:
    async def work() -> None:
        async with serving(made, store) as (service, client):
            await until(client, 200)
            edition = service.news.edition
            from streams.codec import decode
            from streams.storage import Accepted

            body = json.dumps(recent(1, "demo.requested")).encode()
            decoded = decode(body)
            await store.submit([Accepted(decoded, body)])  # type: ignore[arg-type]
            assert await service.news.beyond(edition, WAIT_S)
            found = (await client.get("/decisions")).json()["decisions"]
            assert found[0]["subject"] == "lead-1"

    play(work)


@pytest.fixture
def url_of_agreement(database: str, acme_path: Path, acme: Agreement) -> str:
    """A database in which the sample agreement is in force."""
    with open_session(database, "test") as session:
        prepare(session)
        agreements.keep(session, acme.digest, acme_path.read_bytes())
        agreements.activate(session, acme.digest)
    return database


class Process:
    """One `baton intake`."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.log = folder / "log"
        with self.log.open("w") as stderr:
            self.process = subprocess.Popen(
                [*BATON, "intake", "--listen", "127.0.0.1:0"],
                cwd=folder,
                env=environment(**settings) | {"PYTHONPATH": str(Path(__file__).parents[2])},
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()
        assert self.said, self.log.read_text()
        url = next(word for word in self.said.split() if word.startswith("http://"))
        self.client = httpx.Client(base_url=url, timeout=WAIT_S, trust_env=False)

    def until_ready(self) -> None:
        while self.client.get("/readyz").status_code != 200:
            assert self.process.poll() is None, self.log.read_text()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def intake(
    made: Connection, prefix: str, tmp_path: Path, url_of_agreement: str
) -> Iterator[Process]:
    process = Process(
        tmp_path, brokers=made.brokers[0], topic_prefix=prefix, database=url_of_agreement
    )
    yield process
    process.client.close()
    process.process.kill()
    process.process.communicate()


@pytest.mark.postgres
def test_the_process_takes_events_and_stops_in_order(intake: Process, made: Connection) -> None:
    intake.until_ready()
    many = [recent(number) for number in range(300)]
    answer = intake.client.post("/events", content=json.dumps(many), headers=BATCH)
    assert answer.json() == {"accepted": 300, "duplicates": 0}
    assert intake.client.get("/leads").json() == {"leads": [], "next": None}
    assert intake.client.get("/decisions").json()["decisions"] == []
    intake.client.close()
    intake.process.send_signal(signal.SIGTERM)
    assert intake.process.wait(WAIT_S) == 0
    assert len(ids(made)) == 300
    told = [line["event"] for line in intake.lines()]
    assert told[0] == "started"
    assert (told[-1], told.count("stopping")) == ("stopped", 1)
    assert "broker_failed" not in told


@pytest.mark.postgres
def test_servers_that_die_are_waited_for(
    intake: Process, made: Connection, broker: Broker, postgres: Postgres
) -> None:
    intake.until_ready()
    broker.kill()
    postgres.kill()
    answers = [
        intake.client.post("/events", content=json.dumps([recent(number)]), headers=BATCH)
        for number in range(2)
    ]
    assert {answer.status_code for answer in answers} == {503}
    postgres.start()
    broker.restart()
    intake.until_ready()
    while True:
        answer = intake.client.post("/events", content=json.dumps([recent(5)]), headers=BATCH)
        if answer.status_code == 202:
            break
    assert "e-5" in ids(made)
    while intake.client.get("/leads").status_code != 200:
        assert intake.process.poll() is None
