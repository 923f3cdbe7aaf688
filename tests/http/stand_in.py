"""A service in memory: the real engine behind the HTTP interface, without a disk.

What goes wrong in a disk or a queue can be ordered (`fails_with`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rules.agreement import Agreement
from rules.lead.state import Lead
from streams.codec import encode
from streams.engine import Engine, Seen
from streams.http.news import News
from streams.http.service import LeadFilter
from streams.storage import Accepted, Record
from streams.writer import Health

START_AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class StandIn:
    """Log, engine, store and reader in one."""

    def __init__(self, agreement: Agreement) -> None:
        self.agreement = agreement
        self.news = News()
        self.at = START_AT
        self.fails_with: Exception | None = None
        self.reads_fail_with: Exception | None = None
        self.unready = False
        self.failure: str | None = None
        self.submissions: list[list[Accepted]] = []
        self._engine = Engine(agreement)
        self._seen = Seen()
        self._decided: list[tuple[str, bytes]] = []

    @property
    def reader(self) -> "StandIn":
        return self

    def now(self) -> datetime:
        return self.at

    def check_room(self, events: int) -> None:
        if self.fails_with is not None:
            raise self.fails_with

    async def submit(self, events: Sequence[Accepted]) -> list[Record]:
        self.check_room(len(events))
        self.submissions.append(list(events))
        records: list[Record] = []
        for accepted in events:
            if self._seen.repeats(accepted.event, self.at):
                continue
            for decision in self._engine.take(accepted.event, self.at):
                body = encode(decision, self.agreement.source)
                self._decided.append((decision.subject, body))
            records.append(Record(len(records) + 1, self.at, accepted.event))
        self.news.tell()
        return records

    def health(self) -> Health:
        return Health(
            ready=not self.unready and self.failure is None,
            behind=3 if self.unready else 0,
            waiting=0,
            failure=self.failure,
            now=self.at,
        )

    def lead(self, lead_id: str) -> Lead | None:
        self._may_fail()
        return self._engine.leads.get(lead_id)

    def leads(self, wanted: LeadFilter, after: str | None, limit: int) -> list[Lead]:
        self._may_fail()
        known = sorted(self._engine.leads.items())
        return [
            lead
            for lead_id, lead in known
            if (after is None or lead_id > after)
            and wanted.stage in (None, lead.stage)
            and wanted.temperature in (None, lead.temperature)
            and wanted.owner in (None, lead.owner)
        ][:limit]

    def decisions(self, after: int, limit: int, lead: str | None) -> list[tuple[int, bytes]]:
        self._may_fail()
        return [
            (number, body)
            for number, (subject, body) in enumerate(self._decided, 1)
            if number > after and lead in (None, subject)
        ][:limit]

    @property
    def stored(self) -> int:
        """How many events have been handed over."""
        return sum(map(len, self.submissions))

    def _may_fail(self) -> None:
        if self.reads_fail_with is not None:
            raise self.reads_fail_with


def event(number: object = 1, kind: str = "demo.requested", **changes: Any) -> dict[str, Any]:
    """A valid event; a change to `...` leaves the attribute out."""
    base = {
        "specversion": "1.0",
        "id": f"e-{number}",
        "source": "/web",
        "type": kind,
        "subject": "lead-1",
        "time": (START_AT - timedelta(minutes=1)).isoformat(),
    }
    return {name: value for name, value in (base | changes).items() if value is not ...}
