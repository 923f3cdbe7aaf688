"""How Kafka's brokers are reached: the one place that turns settings into clients' arguments.

Both libraries (aiokafka in services, kafka-python in tools) take the same ones.
What goes wrong in either becomes a `BrokerError`, with a sentence for people.
"""

import logging
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from pydantic import SecretStr

from streams.settings import Settings, SettingsError

CLIENT_ID: Final = "baton"
BrokerReason = Literal["away", "refused", "forbidden", "no_topic", "too_large", "failed"]


class BrokerError(Exception):
    """Kafka could not be asked, or said no. The sentence says what to do."""

    def __init__(self, sentence: str, reason: BrokerReason = "failed") -> None:
        super().__init__(sentence)
        self.reason: BrokerReason = reason


class Topics(NamedTuple):
    """The names of the topics (contract, section 6)."""

    activity: str
    decisions: str
    dead_letters: str


def topics(settings: Settings) -> Topics:
    """The topics, by their prefix."""
    prefix = settings.topic_prefix
    return Topics(f"{prefix}activity", f"{prefix}decisions", f"{prefix}dead-letters")


class _Hidden(str):
    """Text that is not shown by accident: kafka-python logs its arguments while debugging."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'**********'"


@dataclass(frozen=True, slots=True)
class Sasl:
    """Who we are, and how that is proved."""

    mechanism: str
    user: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the brokers are, how they are spoken to, and the topics there."""

    brokers: tuple[str, ...]
    topics: Topics
    security: str = "plaintext"
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    sasl: Sasl | None = None

    def arguments(self) -> dict[str, Any]:
        """What every client of kafka-python and of aiokafka is made with."""
        given: dict[str, Any] = {
            "bootstrap_servers": list(self.brokers),
            "client_id": CLIENT_ID,
            "security_protocol": self.security.upper(),
        }
        if self.tls is not None:
            given["ssl_context"] = self.tls
        if self.sasl is not None:
            given["sasl_mechanism"] = self.sasl.mechanism
            given["sasl_plain_username"] = self.sasl.user
            given["sasl_plain_password"] = _Hidden(self.sasl.password.get_secret_value())
        return given

    def explained(self, error: BaseException) -> BrokerError:
        """What a library's error, or one of the network, means for people."""
        if isinstance(error, BrokerError):
            return error
        names = {each.__name__ for each in type(error).__mro__}
        said = str(error).strip() or type(error).__name__
        if names & _REFUSED:
            return BrokerError(self._refused(said), "refused")
        if any("AuthorizationFailed" in name for name in names):
            who = f"user '{self.sasl.user}'" if self.sasl is not None else "this client"
            return BrokerError(
                f"The brokers do not let {who} do this ({type(error).__name__}). Grant it on the "
                f"topics {', '.join(self.topics)}.",
                "forbidden",
            )
        if names & _NO_TOPIC:
            return self.no_topic()
        if names & _TOO_LARGE:
            return BrokerError(
                "The brokers take no record as large as this one. Raise max.message.bytes of the "
                "topic: `baton topics create --change` does.",
                "too_large",
            )
        if names & _AWAY:
            return BrokerError(self._unreachable(said), "away")
        return BrokerError(f"Kafka failed: {type(error).__name__}: {said}.")

    def no_topic(self, name: str | None = None) -> BrokerError:
        """There is no such topic."""
        which = f"no topic {name}" if name is not None else "not every topic that is needed"
        return BrokerError(
            f"There is {which} at {','.join(self.brokers)}. `baton topics create` makes it.",
            "no_topic",
        )

    def _unreachable(self, said: str) -> str:
        """Both libraries say no more than this also where a broker hangs up on whoever asks."""
        or_else, check = "", "BATON_BROKERS and BATON_KAFKA_SECURITY say where and how"
        if self.tls is not None:
            or_else += ", or the certificates do not fit"
            check += ", and is BATON_KAFKA_CA theirs"
        if self.sasl is not None:
            or_else += f", or user '{self.sasl.user}' is not believed"
            check += ", and are BATON_KAFKA_USER, its password and BATON_KAFKA_MECHANISM right"
        return (
            f"No broker of {','.join(self.brokers)} can be reached{or_else} ({said}). Is Kafka "
            f"running, do {check}?"
        )

    def _refused(self, said: str) -> str:
        if self.sasl is None:
            return (
                f"The brokers at {','.join(self.brokers)} want to know who asks ({said}). Set "
                "BATON_KAFKA_SECURITY, BATON_KAFKA_USER and BATON_KAFKA_PASSWORD."
            )
        return (
            f"The brokers at {','.join(self.brokers)} do not believe user '{self.sasl.user}' "
            f"({said}). Check BATON_KAFKA_USER, BATON_KAFKA_PASSWORD and BATON_KAFKA_MECHANISM."
        )


# By name: the two libraries have classes of their own, but call them alike.
_REFUSED: Final = frozenset(
    {
        "AuthenticationFailedError",
        "AuthenticationMethodNotSupported",
        "SaslAuthenticationFailed",
        "SaslAuthenticationFailedError",
        "UnsupportedSaslMechanismError",
        "IllegalSaslStateError",
    }
)
_NO_TOPIC: Final = frozenset(
    {"UnknownTopicOrPartitionError", "UnknownTopicIdError", "InvalidTopicError"}
)
_TOO_LARGE: Final = frozenset({"MessageSizeTooLargeError", "RecordListTooLargeError"})
_AWAY: Final = frozenset(
    {
        "KafkaConnectionError",
        "KafkaTimeoutError",
        "NoBrokersAvailable",
        "NodeNotReadyError",
        "RequestTimedOutError",
        "TimeoutError",
        "OSError",
        "LeaderNotAvailableError",
        "NotEnoughReplicasError",
        "NotEnoughReplicasAfterAppendError",
        "StaleMetadata",
    }
)


def read_connection(settings: Settings) -> Connection:
    """The connection that the settings speak of, its files read; at least one broker is named.

    Raises `SettingsError` with every fault.
    """
    assert settings.brokers, "the caller looks whether there is a Kafka"
    faults: list[str] = []
    tls = _tls(settings, faults)
    sasl = _sasl(settings, faults)
    if faults:
        raise SettingsError(faults)
    # Whatever fails in them comes as an error, which is told once and as a sentence.
    for library in ("kafka", "aiokafka"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    return Connection(settings.brokers, topics(settings), settings.kafka_security, tls, sasl)


def _tls(settings: Settings, faults: list[str]) -> ssl.SSLContext | None:
    if not settings.kafka_security.endswith("ssl"):
        faults.extend(
            f"BATON_{name.upper()} is set, but nothing would be encrypted; set "
            "BATON_KAFKA_SECURITY to ssl or sasl_ssl."
            for name in ("kafka_ca", "kafka_certificate", "kafka_key")
            if getattr(settings, name) is not None
        )
        return None
    context = ssl.create_default_context()
    if settings.kafka_ca is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _load(faults, "kafka_ca", settings.kafka_ca, lambda: _authorities(context, settings))
    if settings.kafka_certificate is not None:
        name = "kafka_key" if settings.kafka_key is not None else "kafka_certificate"
        file = settings.kafka_key or settings.kafka_certificate
        _load(faults, name, file, lambda: _own(context, settings))
    elif settings.kafka_key is not None:
        faults.append("BATON_KAFKA_KEY is set without BATON_KAFKA_CERTIFICATE; set both.")
    return context


def _authorities(context: ssl.SSLContext, settings: Settings) -> None:
    context.load_verify_locations(cafile=settings.kafka_ca)


def _own(context: ssl.SSLContext, settings: Settings) -> None:
    assert settings.kafka_certificate is not None
    # Nobody is there to type the password of an encrypted key: an empty one fails at once.
    context.load_cert_chain(settings.kafka_certificate, settings.kafka_key, password="")


def _load(faults: list[str], name: str, file: Path, load: Callable[[], None]) -> None:
    try:
        load()
    except ssl.SSLError as error:
        why = error.reason or str(error)
        faults.append(
            f"BATON_{name.upper()}: {file} is not what it should be ({why}); write the path of a "
            "PEM file, its key not encrypted."
        )
    except OSError as error:
        faults.append(f"BATON_{name.upper()}: {file} can't be read: {error.strerror}.")


def _sasl(settings: Settings, faults: list[str]) -> Sasl | None:
    user = settings.kafka_user
    if not settings.kafka_security.startswith("sasl"):
        if user is not None:
            faults.append(
                "BATON_KAFKA_USER is set, but nobody would be told; set BATON_KAFKA_SECURITY to "
                "sasl_ssl (or sasl_plaintext, where the network is trusted)."
            )
        return None
    password = _password(settings, faults)
    if user is None:
        faults.append("BATON_KAFKA_USER is not set, and SASL needs a user; set it.")
    if user is None or password is None:
        return None
    return Sasl(settings.kafka_mechanism, user, password)


def _password(settings: Settings, faults: list[str]) -> SecretStr | None:
    file = settings.kafka_password_file
    if settings.kafka_password is not None:
        if file is not None:
            faults.append(
                "BATON_KAFKA_PASSWORD and BATON_KAFKA_PASSWORD_FILE are both set; set one."
            )
        return settings.kafka_password
    if file is None:
        faults.append(
            "SASL needs a password; set BATON_KAFKA_PASSWORD, or BATON_KAFKA_PASSWORD_FILE."
        )
        return None
    try:
        text = file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        faults.append(f"BATON_KAFKA_PASSWORD_FILE: {file} can't be read: {why}.")
        return None
    if not text:
        faults.append(f"BATON_KAFKA_PASSWORD_FILE: {file} is empty.")
        return None
    return SecretStr(text)


@contextmanager
def told_by(connection: Connection) -> Iterator[None]:
    """What kafka-python raises inside comes out as `BrokerError`."""
    from kafka.errors import KafkaError

    try:
        yield
    except KafkaError as error:
        raise connection.explained(error) from error


def tool_client(connection: Connection, kind: Callable[..., Any], **more: Any) -> Any:
    """A client of kafka-python; raises as it does, and leaves nothing behind then.

    (By itself it goes on trying to connect in a thread that nobody can end any more.)
    """
    from kafka.net.compat import KafkaNetClient

    begun: list[Any] = []

    def network(**given: Any) -> Any:
        begun.append(KafkaNetClient(**given))
        return begun[-1]

    try:
        return kind(**connection.arguments(), **more, kafka_client=network)
    except BaseException:
        for each in begun:
            each.close()
        raise
