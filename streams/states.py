"""Leads of a store while they are worked on: what has changed, and who is due next."""

from collections.abc import Iterable
from datetime import datetime
from heapq import heappop, heappush
from typing import Final

from rules.events import Event
from rules.lead.state import Lead
from streams.storage import Store

_CHUNK: Final = 2_000
"""Wake-ups that are read from the store at a time."""

_Wake = tuple[datetime, str]


class StoredStates:
    """The store's leads, with those changed since the last commit before them.

    Wake-ups are held up to `_known_to` only and read on from the store when they
    run out, so that a million waiting leads take no memory. One that is outdated
    is recognised by the lead's own word and passed over.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changed: dict[str, Lead] = {}
        self._wakes: list[_Wake] = []
        self._known_to: _Wake | None = None
        self._all_known = False

    def lead(self, lead_id: str) -> Lead | None:
        """The lead as it stands now."""
        return self._changed.get(lead_id) or self._store.lead(lead_id)

    def keep(self, lead: Lead, was: Lead | None) -> None:
        """Put a lead's new state in the place of `was`."""
        self._changed[lead.id] = lead
        if lead.wake_at is not None and (was is None or lead.wake_at != was.wake_at):
            self._note((lead.wake_at, lead.id))

    def changed(self) -> Iterable[Lead]:
        """What the next commit has to write."""
        return self._changed.values()

    def committed(self) -> None:
        """The store has it all now."""
        self._changed = {}

    def repeats(self, event: Event, now: datetime) -> bool:
        """Never: the log has recognised repeats before it took them."""
        return False

    def due(self, at: datetime) -> _Wake | None:
        """The earliest wake-up up to `at` that still stands."""
        while True:
            while self._wakes and self._wakes[0][0] <= at:
                first = self._wakes[0]
                lead = self.lead(first[1])
                if lead is not None and lead.wake_at == first[0]:
                    return first
                heappop(self._wakes)
            if self._wakes or self._all_known or not self._read_on():
                return None

    def earliest(self) -> datetime | None:
        """The first wake-up that is known of, whether it still stands or not."""
        if not self._wakes and not self._all_known:
            self._read_on()
        return self._wakes[0][0] if self._wakes else None

    def _note(self, wake: _Wake) -> None:
        if self._all_known or (self._known_to is not None and wake <= self._known_to):
            heappush(self._wakes, wake)

    def _read_on(self) -> bool:
        """Read the next wake-ups of the store; whether there may be any."""
        before = self._known_to
        rows = self._store.due(before, _CHUNK)
        self._all_known = len(rows) < _CHUNK
        if rows:
            self._known_to = rows[-1]
        for wake in rows:
            heappush(self._wakes, wake)
        # Leads not yet committed are not in the store's index as they stand now.
        for lead in self._changed.values():
            if lead.wake_at is not None and (before is None or (lead.wake_at, lead.id) > before):
                self._note((lead.wake_at, lead.id))
        return bool(self._wakes)
