"""Leads of a store while they are worked on: what has changed, and who is due next."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime
from heapq import heappop, heappush
from itertools import islice, takewhile
from typing import Final

from rules.events import Event
from rules.lead.state import Lead
from streams.storage import Store

_CHUNK: Final = 2_000
"""Wake-ups that are read from the store at a time."""
_AHEAD: Final = 200
"""Leads that are read in one go when they are about to be woken."""

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
        self._stored: deque[_Wake] = deque()
        """Wake-ups as the store gave them, in order."""
        self._noted: list[_Wake] = []
        """A heap of those that came up since."""
        self._first: _Wake | None = None
        """The earliest of both."""
        self._known_to: _Wake | None = None
        self._all_known = False
        self._fetched_to: _Wake | None = None
        """Leads to be woken up to here have been read."""

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
        """Whether the event was taken within the last 35 days; if not, it is from now on."""
        return self._store.repeats(event, now)

    def due(self, at: datetime) -> _Wake | None:
        """The earliest wake-up up to `at` that still stands."""
        while True:
            first = self._first
            if first is None:
                if self._all_known or not self._read_on():
                    return None
            elif first[0] > at:
                return None
            else:
                if self._fetched_to is None or first > self._fetched_to:
                    self._fetch(at)
                lead = self.lead(first[1])
                if lead is not None and lead.wake_at == first[0]:
                    return first
                self._drop(first)

    def earliest(self) -> datetime | None:
        """The first wake-up that is known of, whether it still stands or not."""
        if self._first is None and not self._all_known:
            self._read_on()
        return self._first[0] if self._first is not None else None

    def _note(self, wake: _Wake) -> None:
        if self._all_known or (self._known_to is not None and wake <= self._known_to):
            heappush(self._noted, wake)
            if self._first is None or wake < self._first:
                self._first = wake

    def _drop(self, first: _Wake) -> None:
        """Take out the earliest wake-up, wherever it is, and find the next."""
        stored, noted = self._stored, self._noted
        if stored and stored[0] == first:
            stored.popleft()
        else:
            heappop(noted)
        if stored and noted:
            self._first = min(stored[0], noted[0])
        else:
            self._first = stored[0] if stored else noted[0] if noted else None

    def _fetch(self, at: datetime) -> None:
        """Have the leads that are woken next, up to `at`, read in one go."""
        soon = list(takewhile(lambda wake: wake[0] <= at, islice(self._stored, _AHEAD)))
        if soon:
            self._fetched_to = soon[-1]
            self._store.prefetch(lead_id for _, lead_id in soon)

    def _read_on(self) -> bool:
        """Read the next wake-ups of the store; whether there may be any."""
        before = self._known_to
        rows = self._store.due(before, _CHUNK)
        self._all_known = len(rows) < _CHUNK
        if rows:
            self._known_to = rows[-1]
            self._stored.extend(rows)
            self._first = rows[0] if self._first is None else min(self._first, rows[0])
        # Leads not yet committed are not in the store's index as they stand now.
        for lead in self._changed.values():
            if lead.wake_at is not None and (before is None or (lead.wake_at, lead.id) > before):
                self._note((lead.wake_at, lead.id))
        return self._first is not None
