"""TLS and SASL against a broker that demands both, from both libraries."""

import asyncio
import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from streams.kafka.connection import Connection, read_connection
from streams.kafka.producing import Producing
from streams.kafka.reading import read_to_end, reader
from streams.kafka.records import Outgoing
from streams.kafka.topics import administration, create, plans
from streams.settings import load_settings
from tests.servers.kafka import Broker
from tests.servers.loopback import free_port

pytestmark = pytest.mark.kafka
USER: Final = "baton"
SECRET: Final = "correct-horse"
PLAIN: Final = "org.apache.kafka.common.security.plain.PlainLoginModule required"


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority, a broker's certificate and a client's, each signed by it."""
    folder = tmp_path_factory.mktemp("tls")
    openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=authority",
            "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
    for name in ("broker", "client"):
        openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.csr")  # fmt: skip
        (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-extfile", "names", "-out", f"{name}.pem",
                "-days", "2")  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def secured(authority: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a broker's listener that demands a certificate and a password."""
    port = free_port()
    folder = tmp_path_factory.mktemp("secured")
    chain = (authority / "broker.key").read_text() + (authority / "broker.pem").read_text()
    (authority / "broker-both.pem").write_text(chain)
    made = Broker(folder)
    listeners = f"PLAINTEXT://{made.address},SECURED://127.0.0.1:{port}"
    prefix = "listener.name.secured"
    made._settings.update(
        {
            "listeners": f"{listeners},CONTROLLER://127.0.0.1:{made._controller}",
            "advertised.listeners": f"{listeners},CONTROLLER://127.0.0.1:{made._controller}",
            "listener.security.protocol.map": (
                "PLAINTEXT:PLAINTEXT,SECURED:SASL_SSL,CONTROLLER:PLAINTEXT"
            ),
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
            f"{prefix}.ssl.keystore.type": "PEM",
            f"{prefix}.ssl.keystore.location": str(authority / "broker-both.pem"),
            f"{prefix}.ssl.truststore.type": "PEM",
            f"{prefix}.ssl.truststore.location": str(authority / "ca.pem"),
            f"{prefix}.ssl.client.auth": "required",
            f"{prefix}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
            f"{prefix}.plain.sasl.jaas.config": f'{PLAIN} user_{USER}="{SECRET}";',
            f"{prefix}.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
        }
    )
    with made:
        made.start()
        with made.admin() as admin:
            admin.alter_user_scram_credentials(
                [scram(USER, SECRET)],
            )
        yield f"127.0.0.1:{port}"


def scram(user: str, password: str) -> Any:
    from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

    return UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, password)


def connected(address: str, authority: Path, **changes: Any) -> Connection:
    given = {
        "brokers": address,
        "topic_prefix": "secure.",
        "kafka_security": "sasl_ssl",
        "kafka_ca": authority / "ca.pem",
        "kafka_certificate": authority / "client.pem",
        "kafka_key": authority / "client.key",
        "kafka_user": USER,
        "kafka_password": SECRET,
    }
    return read_connection(load_settings(given | changes))


async def write(connection: Connection, value: bytes) -> None:
    topic = Producing(connection, connection.topics.activity)
    running = asyncio.create_task(topic.run())
    async with asyncio.timeout(30):
        await topic.until_ready()
    await topic.append([Outgoing(b"lead-1", value)])
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_both_libraries_prove_who_they_are(secured: str, authority: Path, mechanism: str) -> None:
    connection = connected(
        secured, authority, kafka_mechanism=mechanism, topic_prefix=f"{mechanism}."
    )
    from datetime import timedelta

    with administration(connection) as admin:
        create(admin, plans(connection.topics, 1, 1, timedelta(days=35)))
    asyncio.run(write(connection, mechanism.encode()))
    with reader(connection) as consumer:
        found = list(read_to_end(connection, consumer, connection.topics.activity))
    assert [each.value for each in found] == [mechanism.encode()]


def test_a_wrong_password_is_said(secured: str, authority: Path) -> None:
    connection = connected(secured, authority, kafka_password="wrong-horse")

    async def refused() -> str:
        topic = Producing(connection, connection.topics.activity, patience_s=5)
        running = asyncio.create_task(topic.run())
        async with asyncio.timeout(30):
            while topic.failure is None or "reached yet" in str(topic.failure):
                await asyncio.sleep(0)
        told = str(topic.failure)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        return told

    told = asyncio.run(refused())
    assert "wrong-horse" not in told
    assert "user 'baton' is not believed" in told
