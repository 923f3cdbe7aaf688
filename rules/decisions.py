"""Decisions: what the agreement made of an event (contract, section 3).

Each type is a struct whose fields are, to the name and order, the `data` of the
CloudEvent that leaves the service. `because` is written where the decision is
made, from the values it was made of.
"""

from datetime import datetime
from typing import Any, ClassVar, Literal

import msgspec

from rules.vocabulary import BreachKind, Stage, Temperature, TemperatureSource

Because = tuple[str, ...]


class _Data(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    TYPE: ClassVar[str]


class TemperatureChanged(_Data, frozen=True, kw_only=True, gc=False):
    TYPE: ClassVar[str] = "lead.temperature_changed"
    temperature: Temperature | None
    was: Temperature | None
    by: TemperatureSource | None
    because: Because


class StageChanged(_Data, frozen=True, kw_only=True, gc=False):
    TYPE: ClassVar[str] = "lead.stage_changed"
    stage: Stage
    was: Stage
    because: Because


class Queued(_Data, frozen=True, kw_only=True, gc=False):
    TYPE: ClassVar[str] = "lead.queued"
    team: str
    rule: str | None
    because: Because


class PassedOver(msgspec.Struct, frozen=True, gc=False):
    """Somebody who could not be given the lead, and why not."""

    rep: str
    why: str


class Assigned(_Data, frozen=True, kw_only=True, gc=False):
    TYPE: ClassVar[str] = "lead.assigned"
    rep: str
    team: str | None
    rule: str | None
    was: str | None
    passed_over: tuple[PassedOver, ...]
    because: Because


class Recycled(_Data, frozen=True, kw_only=True, gc=False):
    TYPE: ClassVar[str] = "lead.recycled"
    reason: str
    attempts: int
    because: Because


class Started(_Data, frozen=True, kw_only=True, gc=False):
    TYPE: ClassVar[str] = "sla.started"
    clause: str
    party: str
    owner: str | None
    due: datetime | None
    """None while the lead is paused without an end."""
    calendar: str
    because: Because


class Warned(_Data, frozen=True, kw_only=True, gc=False):
    TYPE: ClassVar[str] = "sla.warned"
    clause: str
    owner: str | None
    due: datetime
    at: float
    because: Because


class Met(_Data, frozen=True, kw_only=True, gc=False):
    TYPE: ClassVar[str] = "sla.met"
    clause: str
    owner: str | None
    due: datetime | None
    met_at: datetime
    working_s: float
    because: Because


class Breached(_Data, frozen=True, kw_only=True, gc=False):
    TYPE: ClassVar[str] = "sla.breached"
    clause: str
    party: str
    owner: str | None
    team: str | None
    due: datetime | None
    kind: BreachKind
    attempts: int
    limit: int | None
    channel: str | None
    """The channel whose own limit it is, with `too_many_attempts`."""
    because: Because


class Escalated(_Data, frozen=True, kw_only=True, gc=False):
    TYPE: ClassVar[str] = "sla.escalated"
    clause: str
    step: int
    tell: tuple[str, ...]
    do: Literal["reassign"] | None
    because: Because


class Cancelled(_Data, frozen=True, kw_only=True, gc=False):
    TYPE: ClassVar[str] = "sla.cancelled"
    clause: str
    because: Because


class Retracted(_Data, frozen=True, kw_only=True, gc=False):
    TYPE: ClassVar[str] = "sla.retracted"
    clause: str
    evidence: str
    because: Because


DecisionData = (
    TemperatureChanged
    | StageChanged
    | Queued
    | Assigned
    | Recycled
    | Started
    | Warned
    | Met
    | Breached
    | Escalated
    | Cancelled
    | Retracted
)
DATA_TYPES: dict[str, type[Any]] = {
    kind.TYPE: kind
    for kind in (
        TemperatureChanged,
        StageChanged,
        Queued,
        Assigned,
        Recycled,
        Started,
        Warned,
        Met,
        Breached,
        Escalated,
        Cancelled,
        Retracted,
    )
}


class Decision(msgspec.Struct, frozen=True, gc=False):
    """One decision about one lead.

    `time_at` is the log's time at which it was made, or, for what time alone
    causes, the instant at which it was due. `sequence` counts from 1 per lead.
    `cause` is the id of the event behind it, None when time alone caused it.
    """

    subject: str
    sequence: int
    time_at: datetime
    cause: str | None
    data: DecisionData

    @property
    def type(self) -> str:
        return self.data.TYPE
