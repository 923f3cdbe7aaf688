"""The router's state as rows: one per rep, per account, per queued lead, per place in a round.

Rows are frozen; the state notes which ones changed, so that a store writes
those and no others.
"""

from collections.abc import Iterator
from datetime import datetime

import msgspec


class Rep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What the router knows of a person."""

    open: int = 0
    """Leads assigned, and not won, lost, rejected or recycled since."""
    away: bool = False
    away_until: datetime | None = None
    """With `away`: until when; None is until `rep.back`."""
    heard_at: datetime | None = None
    """The own time of the newest `rep.away` or `rep.back`."""
    last_given: int = 0
    """The number of the latest assignment to this rep; 0 is never."""


class InQueue(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A lead that nobody can take yet. Rule and team are fixed when it is queued."""

    number: int
    """Place in the order of arrival."""
    lead: str
    ticket: int
    team: str
    account: str | None


class RouterState(msgspec.Struct, kw_only=True):
    """All rows. `given` numbers assignments, `arrived` queued leads."""

    reps: dict[str, Rep] = {}
    accounts: dict[str, str] = {}
    """The latest rep of each account."""
    turns: dict[str, dict[str, int]] = {}
    """Per team, how much each member is owed by the smooth weighted round robin."""
    queue: dict[str, InQueue] = {}
    """By lead, oldest first."""
    given: int = 0
    arrived: int = 0
    wake_at: datetime | None = None

    def rep(self, key: str) -> Rep:
        """The rep's row, a fresh one for somebody not heard of before."""
        return self.reps.get(key) or Rep()

    def waiting(self) -> Iterator[InQueue]:
        """Queued leads, oldest first, unharmed by changes while they are walked."""
        return iter(list(self.queue.values()))
