"""What a lead asks of the router, and what the router answers.

The two aggregates never call each other: requests and answers are values that
the processing loop carries between them, in one turn on one machine, as rows of
an inbox when distributed. A `ticket` numbers a lead's requests, so that an
answer that comes too late is recognised.
"""

from datetime import datetime

import msgspec

from rules.decisions import PassedOver


class Seek(msgspec.Struct, frozen=True, tag="seek", gc=False):
    """A lead wants a rep of `team`, which `rule` chose for it."""

    lead: str
    ticket: int
    team: str
    rule: str
    account: str | None
    cause: str | None


class Move(msgspec.Struct, frozen=True, tag="move", gc=False):
    """A ladder wants the lead taken from `rep` by somebody who has not had it."""

    lead: str
    ticket: int
    team: str | None
    rep: str | None
    without: tuple[str, ...]
    account: str | None
    cause: str | None


class Took(msgspec.Struct, frozen=True, tag="took", gc=False):
    """A person was given the lead by a person; `was` had it until then."""

    lead: str
    rep: str
    was: str | None
    account: str | None
    cause: str | None


class Freed(msgspec.Struct, frozen=True, tag="freed", gc=False):
    """The lead is nobody's open work any more, and waits in no queue."""

    lead: str
    rep: str | None
    cause: str | None


Request = Seek | Move | Took | Freed


class Given(msgspec.Struct, frozen=True, tag="given", gc=False):
    """The router's choice. `cause` is the event that made it possible, if any did."""

    lead: str
    ticket: int
    rep: str
    team: str | None
    passed_over: tuple[PassedOver, ...]
    because: tuple[str, ...]
    cause: str | None


class Waits(msgspec.Struct, frozen=True, tag="waits", gc=False):
    """Nobody can take the lead now: it is queued."""

    lead: str
    ticket: int
    team: str
    passed_over: tuple[PassedOver, ...]
    because: tuple[str, ...]
    cause: str | None


class Stays(msgspec.Struct, frozen=True, tag="stays", gc=False):
    """Nobody else can take the lead: it stays where it is."""

    lead: str
    ticket: int
    because: tuple[str, ...]
    cause: str | None


Answer = Given | Waits | Stays


class Availability(msgspec.Struct, frozen=True, tag="availability", gc=False):
    """`rep.away` or `rep.back`, by the person's name in the agreement."""

    rep: str
    away: bool
    until_at: datetime | None
    time_at: datetime
    cause: str
