"""How settings become a connection: every fault told, no secret shown, errors explained."""

import ssl
import subprocess
from pathlib import Path
from typing import Any

import aiokafka.errors
import kafka.errors
import pytest

from streams.kafka.connection import Connection, Topics, read_connection
from streams.settings import Settings, SettingsError, load_settings

SECRET = "correct horse"
TOPICS = Topics("baton.activity", "baton.decisions", "baton.dead-letters")


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory without `.env`, and no setting in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"BATON_{name.upper()}", raising=False)
    return tmp_path


@pytest.fixture
def certificate(bare: Path) -> Path:
    """A certificate and its key in one file."""
    file = bare / "client.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-subj", "/CN=client", "-keyout", "key.pem", "-out", "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    file.write_text((bare / "cert.pem").read_text() + (bare / "key.pem").read_text())
    return file


def connected(**given: Any) -> Connection:
    return read_connection(load_settings({"brokers": "kafka"} | given))


def faults(**given: Any) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        connected(**given)
    assert SECRET not in str(raised.value)
    return raised.value.faults


def test_brokers_are_read_with_the_usual_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_BROKERS", "kafka-1:9093, kafka-2,[::1]:9094,")
    assert load_settings().brokers == ("kafka-1:9093", "kafka-2:9092", "[::1]:9094")


@pytest.mark.parametrize(
    ("name", "written", "hint"),
    [
        ("BROKERS", "kafka:0", "write HOST:PORT with commas"),
        ("BROKERS", "http://kafka:9092", "write HOST:PORT with commas"),
        ("BROKERS", "kafka:99999", "write HOST:PORT with commas"),
        ("DATABASE", f"mysql://root:{SECRET}@db/baton", "can't be used; write where it is"),
        ("DATABASE_SCHEMA", "Baton; drop", "write small letters"),
        ("TOPIC_PREFIX", "a b", "write letters, digits"),
        ("KAFKA_SECURITY", "tls", "write plaintext, ssl"),
        ("KAFKA_MECHANISM", "GSSAPI", "write PLAIN"),
    ],
)
def test_what_can_not_be_used_is_said(
    monkeypatch: pytest.MonkeyPatch, name: str, written: str, hint: str
) -> None:
    monkeypatch.setenv(f"BATON_{name}", written)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    (fault,) = raised.value.faults
    assert fault.startswith(f"BATON_{name} ")
    assert hint in fault
    assert SECRET not in fault


def test_the_words_of_kafka_itself_are_understood() -> None:
    made = connected(
        kafka_security="SASL_SSL", kafka_mechanism="scram-sha-256", kafka_user="baton",
        kafka_password=SECRET,
    )  # fmt: skip
    given = made.arguments()
    assert given["security_protocol"] == "SASL_SSL"
    assert given["sasl_mechanism"] == "SCRAM-SHA-256"
    assert given["sasl_plain_password"] == SECRET
    assert isinstance(given["ssl_context"], ssl.SSLContext)
    assert given["ssl_context"].check_hostname


def test_nothing_is_said_of_tls_or_sasl_where_there_is_none() -> None:
    assert connected().arguments() == {
        "bootstrap_servers": ["kafka:9092"],
        "client_id": "baton",
        "security_protocol": "PLAINTEXT",
    }


def test_a_password_is_never_shown(bare: Path) -> None:
    (bare / "password").write_text(f"{SECRET}\n")
    made = connected(kafka_security="sasl_plaintext", kafka_user="baton",
                     kafka_password_file=bare / "password")  # fmt: skip
    assert made.arguments()["sasl_plain_password"] == SECRET
    assert SECRET not in repr(made)
    assert SECRET not in f"{made.arguments()}"


def test_every_fault_is_told_at_once(bare: Path) -> None:
    (bare / "no.pem").write_text("hello")
    told = faults(kafka_security="sasl_ssl", kafka_ca=bare / "no.pem",
                  kafka_key=bare / "key.pem", kafka_password=SECRET,
                  kafka_password_file=bare / "password")  # fmt: skip
    assert [fault.split()[0] for fault in told] == [
        "BATON_KAFKA_CA:",
        "BATON_KAFKA_KEY",
        "BATON_KAFKA_PASSWORD",
        "BATON_KAFKA_USER",
    ]


def test_what_would_not_be_encrypted_is_refused(bare: Path) -> None:
    (told,) = faults(kafka_ca=bare / "ca.pem")
    assert "nothing would be encrypted" in told
    (told,) = faults(kafka_user="baton", kafka_password=SECRET)
    assert "nobody would be told" in told


@pytest.mark.parametrize(
    ("written", "hint"), [(None, "No such file"), (b"\n", "is empty"), (b"\xff", "not UTF-8")]
)
def test_a_password_file_that_is_none_is_said(bare: Path, written: bytes | None, hint: str) -> None:
    if written is not None:
        (bare / "password").write_bytes(written)
    (told,) = faults(kafka_security="sasl_plaintext", kafka_user="baton",
                     kafka_password_file=bare / "password")  # fmt: skip
    assert hint in told


def test_a_certificate_of_our_own_is_taken(certificate: Path, bare: Path) -> None:
    both = connected(kafka_security="ssl", kafka_certificate=certificate, kafka_ca=certificate)
    assert both.tls is not None
    assert connected(kafka_security="ssl", kafka_certificate=bare / "cert.pem",
                     kafka_key=bare / "key.pem").tls is not None  # fmt: skip
    (told,) = faults(kafka_security="ssl", kafka_certificate=bare / "cert.pem")
    assert "BATON_KAFKA_CERTIFICATE" in told


PLAIN = Connection(("kafka:9092",), TOPICS)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (kafka.errors.KafkaTimeoutError("x"), "away"),
        (kafka.errors.KafkaConnectionError("x"), "away"),
        (aiokafka.errors.KafkaConnectionError("x"), "away"),
        (TimeoutError(), "away"),
        (ConnectionRefusedError("x"), "away"),
        (kafka.errors.UnknownTopicOrPartitionError(), "no_topic"),
        (aiokafka.errors.UnknownTopicOrPartitionError(), "no_topic"),
        (kafka.errors.SaslAuthenticationFailedError("x"), "refused"),
        (aiokafka.errors.AuthenticationFailedError("x"), "refused"),
        (kafka.errors.TopicAuthorizationFailedError(), "forbidden"),
        (aiokafka.errors.TopicAuthorizationFailedError(), "forbidden"),
        (aiokafka.errors.MessageSizeTooLargeError(), "too_large"),
        (aiokafka.errors.OutOfOrderSequenceNumber(), "failed"),
    ],
)
def test_an_error_of_either_library_is_explained(error: Exception, reason: str) -> None:
    told = PLAIN.explained(error)
    assert told.reason == reason
    assert str(told).endswith((".", "?"))
    assert PLAIN.explained(told) is told
