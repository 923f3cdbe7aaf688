"""Settings of the service: `BATON_*` from the environment or a `.env` file, flags over both.

Every fault is told at once, in a sentence that names the setting and says what to
write. A secret is never shown, in a fault no more than anywhere else.
"""

import ipaddress
import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX: Final = "BATON_"
ENV_FILE: Final = ".env"
LEAST_TOKEN: Final = 16
"""Characters of a token; shorter ones can be guessed."""
LEAST_RETENTION_DAYS: Final = 35
"""For as long an event is known by its name (contract, section 1)."""
_ALL_ADDRESSES: Final = "0.0.0.0"
KAFKA_PORT: Final = 9092
_TOPIC_PREFIX: Final = r"[a-zA-Z0-9._-]{0,100}"
_SCHEMA: Final = r"[a-z_][a-z0-9_]{0,62}"

KafkaSecurity = Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]
KafkaMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class Listen(NamedTuple):
    """Where the service listens. `port` 0 takes any that is free."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether nobody beyond this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def url(self) -> str:
        """Where a client on this machine finds what listens here."""
        host = "127.0.0.1" if self.host in (_ALL_ADDRESSES, "::") else self.host
        return f"http://{Listen(host, self.port)}"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_listen(text: str) -> Listen | None:
    """`HOST:PORT`, `[::1]:8080`, or `:8080` for all addresses; None if it is none of them."""
    host, colon, port = text.strip().rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        return None
    digits = port.isascii() and port.isdigit() and len(port) <= 5
    if not colon or not digits or int(port) > 65535 or not (host or _ALL_ADDRESSES).isprintable():
        return None
    return Listen(host or _ALL_ADDRESSES, int(port))


def parse_broker(text: str) -> str:
    """`HOST:PORT`, or `HOST` for port 9092, in full; `ValueError` if it is neither."""
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?", text)
    if found is None or not 0 < int(found[2] or KAFKA_PORT) <= 65535:
        raise ValueError("no broker")
    return f"{found[1]}:{found[2] or KAFKA_PORT}"


class Settings(BaseSettings):
    """What can be set; the descriptions are what the documentation says of each."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    agreement: Path | None = Field(
        None, description="The agreement's file. Without it, the one that is in force goes on."
    )
    store: Path = Field(Path("baton.db"), description="The one file in which everything is kept.")
    listen: Annotated[Listen, NoDecode] = Field(
        Listen("127.0.0.1", 8080),
        description="`HOST:PORT` to listen on; port 0 takes any that is free.",
    )
    token: SecretStr | None = Field(
        None, description="The bearer token. Demanded when listening beyond loopback."
    )
    hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Names under which the service is reached besides the address it listens on, "
        "with commas between them.",
    )
    url: str | None = Field(
        None, description="Where `baton send` finds the service, if not at `BATON_LISTEN`."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="`debug`, `info`, `warning` or `error`: the least that is logged."
    )
    log_format: Literal["json", "console"] | None = Field(
        None, description="`json` or `console`; unless set, console on a terminal, else json."
    )
    retention_days: int = Field(
        400,
        ge=LEAST_RETENTION_DAYS,
        le=36_500,
        description="Days for which events are kept after they were taken; what an open lead "
        "needs is kept longer. At least 35.",
    )
    stop_s: float = Field(
        10.0,
        gt=0,
        le=600,
        description="Seconds that a graceful stop may take. Requests that are half sent after 60% "
        "of it are dropped.",
    )
    brokers: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Kafka's brokers as `HOST:PORT`, with commas between them: what is sent goes "
        "there.",
    )
    database: SecretStr | None = Field(
        None,
        description="The PostgreSQL database with the state, as `postgresql://USER:PASSWORD@HOST:"
        "PORT/NAME`.",
    )
    database_schema: str = Field(
        "baton", pattern=f"^{_SCHEMA}$", description="The schema in it that is baton's own."
    )
    topic_prefix: str = Field(
        "baton.", pattern=f"^{_TOPIC_PREFIX}$", description="What the names of topics begin with."
    )
    kafka_security: KafkaSecurity = Field(
        "plaintext",
        description="`plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`: how brokers are spoken "
        "to.",
    )
    kafka_ca: Path | None = Field(
        None,
        description="A PEM file with the authorities that the brokers' certificates are from; "
        "without it, the system's.",
    )
    kafka_certificate: Path | None = Field(
        None, description="A PEM file with the client's own certificate, where brokers ask for one."
    )
    kafka_key: Path | None = Field(
        None, description="A PEM file with the key to it, where it is not in the same file."
    )
    kafka_mechanism: KafkaMechanism = Field(
        "SCRAM-SHA-512",
        description="`PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`: how the user is proved with "
        "SASL.",
    )
    kafka_user: str | None = Field(None, description="The user, with SASL.")
    kafka_password: SecretStr | None = Field(None, description="The user's password.")
    kafka_password_file: Path | None = Field(
        None, description="A file with the user's password, in place of `BATON_KAFKA_PASSWORD`."
    )

    @field_validator("listen", mode="before")
    @classmethod
    def _listen(cls, value: Any) -> Any:
        return (parse_listen(value) or value) if isinstance(value, str) else value

    @field_validator("hosts", mode="before")
    @classmethod
    def _hosts(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @field_validator("token")
    @classmethod
    def _token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            text = value.get_secret_value()
            if len(text) < LEAST_TOKEN or not text.isascii() or not text.isprintable():
                raise ValueError("too short")
            if " " in text:
                raise ValueError("a space")
        return value

    @field_validator("url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("no scheme")
        return value.rstrip("/") if value else value

    @field_validator("brokers", mode="before")
    @classmethod
    def _brokers(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = tuple(each.strip() for each in value.split(",") if each.strip())
        return tuple(parse_broker(each) for each in value)

    @field_validator("database")
    @classmethod
    def _database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            url = value.get_secret_value()
            if not url.startswith(("postgresql://", "postgres://")) or not url.isprintable():
                raise ValueError("no scheme")
        return value

    @field_validator("kafka_security", mode="before")
    @classmethod
    def _security(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("kafka_mechanism", mode="before")
    @classmethod
    def _mechanism(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    def service_url(self) -> str:
        """Where a client on this machine finds the service."""
        return self.url if self.url is not None else self.listen.url()


WRITE: Final[Mapping[str, str]] = {
    "agreement": "write the path of a file",
    "store": "write the path of a file",
    "listen": "write an address and a port from 0 to 65535, such as 127.0.0.1:8080 or [::1]:8080",
    "token": f"write at least {LEAST_TOKEN} printable ASCII characters without spaces; "
    "`openssl rand -hex 24` makes one",
    "hosts": "write host names with commas between them",
    "url": "write where the service is, such as http://127.0.0.1:8080",
    "log_level": "write debug, info, warning or error",
    "log_format": "write json or console",
    "retention_days": f"write a whole number of days from {LEAST_RETENTION_DAYS} to 36500",
    "stop_s": "write a number of seconds, above 0 and up to 600",
    "brokers": "write HOST:PORT with commas between them, such as kafka-1:9092,kafka-2:9092",
    "database": "write where it is, such as postgresql://baton@localhost:5432/baton",
    "database_schema": "write small letters, digits and _, 63 at most",
    "topic_prefix": "write letters, digits and . _ - only, 100 at most",
    "kafka_security": "write plaintext, ssl, sasl_plaintext or sasl_ssl",
    "kafka_ca": "write the path of a PEM file",
    "kafka_certificate": "write the path of a PEM file",
    "kafka_key": "write the path of a PEM file",
    "kafka_mechanism": "write PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
    "kafka_user": "write the user's name",
    "kafka_password": "write the user's password",
    "kafka_password_file": "write the path of a file",
}
_SECRET: Final = frozenset({"token", "database", "kafka_password"})


class SettingsError(Exception):
    """Settings that can't be used; `faults` are sentences, one for each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def load_settings(flags: Mapping[str, Any] | None = None) -> Settings:
    """The settings; `flags` (None: not given) come before the environment, that before `.env`.

    Raises `SettingsError` with every fault.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        places = {str(each["loc"][0]): each["input"] for each in error.errors()}
        raise SettingsError(
            [_fault(name, value, name in given) for name, value in places.items()]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"{ENV_FILE} can't be read: {error}."]) from None


def _fault(name: str, value: Any, by_flag: bool) -> str:
    where = f"--{name.replace('_', '-')}" if by_flag else f"{PREFIX}{name.upper()}"
    said = "can't be used" if name in _SECRET else f"is {str(value)!r}"
    return f"{where} {said}; {WRITE[name]}."


def beyond_loopback_fault(settings: Settings) -> str | None:
    """Why the service may not listen where it should: others reach it, and it has no token."""
    if settings.listen.loopback or settings.token is not None:
        return None
    return (
        f"{settings.listen} can be reached from other machines, and no token is set, so that "
        "anybody could read and change everything. Set BATON_TOKEN (`openssl rand -hex 24` makes "
        "one), or listen on 127.0.0.1."
    )


def misspelt(environment: Mapping[str, str] = os.environ) -> list[tuple[str, str]]:
    """Variables that look like a setting but are none, each with the setting that was meant."""
    known = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    found: list[tuple[str, str]] = []
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.85)
            found.extend((name, each) for each in near)
    return found
