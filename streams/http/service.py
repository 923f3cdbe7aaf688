"""What the HTTP interface needs of the service behind it, and the limits that it keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from rules.agreement import Agreement
from rules.lead.state import Lead
from rules.vocabulary import Stage, Temperature
from streams.http.news import News
from streams.storage import Accepted, Record
from streams.writer import Health


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one client may ask of the service."""

    events: int = 1_000
    """Events in one batch."""
    batch_bytes: int = 8 * 1024 * 1024
    held_bytes: int = 64 * 1024 * 1024
    """Of all bodies that are being read at one moment."""
    body_s: float = 20.0
    """Seconds that a body may take to arrive."""
    head_s: float = 10.0
    """Seconds that a request's head may take to arrive."""
    head_bytes: int = 64 * 1024
    idle_s: float = 30.0
    """Seconds in which a client must take what was sent to it, or ask for more."""
    connections: int = 1_000
    streams: int = 100
    """Clients that follow decisions at one moment."""
    heartbeat_s: float = 15.0
    """Seconds after which a silent stream says that it lives."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask.

    With `token`, all requests must bear it, `/healthz` and `/readyz` apart.
    `hosts` are the names (without port) under which the service may be asked
    besides `localhost` and loopback addresses; None where any name will do.
    """

    token: str | None = None
    hosts: tuple[str, ...] | None = ()


class LeadFilter(NamedTuple):
    """Which leads are asked for; None asks for any."""

    stage: Stage | None = None
    temperature: Temperature | None = None
    owner: str | None = None


class Reader(Protocol):
    """What has been committed. Called from several threads; raises `StorageError`."""

    def lead(self, lead_id: str) -> Lead | None:
        """The lead as last committed."""

    def leads(self, wanted: LeadFilter, after: str | None, limit: int) -> Sequence[Lead]:
        """Leads in an order that stays, those behind the lead `after`, no more than `limit`."""

    def decisions(self, after: int, limit: int, lead: str | None) -> Sequence[tuple[int, bytes]]:
        """Number and CloudEvent of decisions above `after`, in order, no more than `limit`."""


class Service(Protocol):
    """The service as the HTTP interface sees it."""

    @property
    def agreement(self) -> Agreement:
        """The agreement in force."""

    @property
    def reader(self) -> Reader:
        """What has been committed."""

    @property
    def news(self) -> News:
        """Tells when there are new decisions."""

    def now(self) -> datetime:
        """The log's present."""

    def check_room(self, events: int) -> None:
        """Raise `Busy` or `StorageError` if so many events would not be taken now."""

    async def submit(self, events: Sequence[Accepted]) -> list[Record]:
        """Make events durable, all or none; the records of those that were new.

        Raises `Busy` or `StorageError`: nothing of the call was kept then.
        """

    def health(self) -> Health:
        """How the writer is doing."""
