"""Clients that post to a service which may die at any moment, and what they may count on."""

import json
import threading
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import httpx

from streams.recorded import stored
from streams.sqlite.reading import SqliteReader
from tests.chaos.undisturbed import undisturbed
from tests.service.processes import Up, event

_BATCH: Final = 5
_LEADS: Final = 7
_ALL: Final = 10_000_000
_WAIT_S: Final = 60.0


class Client(threading.Thread):
    """Posts batches, each as soon as the one before is answered, until it is stopped.

    A batch that was not answered with 202 is sent again, to whichever service runs next.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.confirmed: list[str] = []
        self.refused: list[tuple[int, dict[str, Any]]] = []
        self._sent = 0
        self._stopped = threading.Event()
        self._lock = threading.Condition()
        self._up: Up | None = None
        self._http: httpx.Client | None = None

    def serve(self, up: Up | None) -> None:
        """From now on this service runs, or none."""
        with self._lock:
            self._up = up
            self._lock.notify_all()

    def stop(self) -> None:
        """End after the present batch."""
        self._stopped.set()
        self.serve(None)
        self.join(_WAIT_S)

    def wait_for(self, count: int) -> None:
        """Until so many events have been confirmed."""
        with self._lock:
            assert self._lock.wait_for(lambda: len(self.confirmed) >= count, _WAIT_S), self.refused

    def wait_for_refusal(self) -> None:
        """Until the service has said no."""
        with self._lock:
            assert self._lock.wait_for(lambda: self.refused, _WAIT_S), "it takes everything"

    def run(self) -> None:
        """Post."""
        batch = self._next()
        while not self._stopped.is_set():
            up = self._service()
            if up is not None and self._posted(up, batch):
                batch = self._next()
        self._hang_up()

    def _service(self) -> Up | None:
        with self._lock:
            self._lock.wait_for(lambda: self._up is not None or self._stopped.is_set(), _WAIT_S)
            return self._up

    def _posted(self, up: Up, batch: list[dict[str, Any]]) -> bool:
        # A connection of its own: nobody closes it while a request is on its way.
        if self._http is not None and self._http.base_url != httpx.URL(up.url):
            self._hang_up()
        if self._http is None:
            self._http = httpx.Client(base_url=up.url, timeout=_WAIT_S, trust_env=False)
        headers = {"content-type": "application/cloudevents-batch+json"}
        try:
            answer = self._http.post("/events", content=json.dumps(batch), headers=headers)
        except httpx.HTTPError:
            self._hang_up()
            self._gone(up)
            return False
        if answer.status_code != 202:
            with self._lock:
                self.refused.append((answer.status_code, answer.json()))
                self._lock.notify_all()
            return False
        with self._lock:
            self.confirmed += [each["id"] for each in batch]
            self._lock.notify_all()
        return True

    def _hang_up(self) -> None:
        if self._http is not None:
            self._http.close()
            self._http = None

    def _gone(self, up: Up) -> None:
        with self._lock:
            if self._up is up:
                self._up = None

    def _next(self) -> list[dict[str, Any]]:
        numbers = range(self._sent, self._sent + _BATCH)
        self._sent += _BATCH
        return [self._event(number) for number in numbers]

    def _event(self, number: int) -> dict[str, Any]:
        kind = ("lead.captured", "demo.requested", "page.viewed", "lead.attempted")[number % 4]
        data: dict[str, Any] = {"channel": "call"} if kind == "lead.attempted" else {}
        if kind == "lead.captured":
            data = {"country": "PL" if number % 3 else "IT", "company": f"{self.name} {number}"}
        made = event(0, kind, f"lead-{self.name}-{number % _LEADS}", **data)
        return made | {"id": f"{self.name}-{number}"}


def judge(store: Path, clients: Sequence[Client]) -> int:
    """Raise if anything confirmed is missing or doubled, or decided otherwise than by replay.

    Returns how many decisions there are.
    """
    with SqliteReader(store) as reader:
        records = reader.records(0, _ALL)
        decisions = [body for _, body in reader.decisions(0, _ALL)]
        numbers = [number for number, _ in reader.decisions(0, _ALL)]
        standing = reader.standing()
        digests = {each.agreement for each in records if each.agreement is not None}
        agreements = {digest: stored(reader, digest) for digest in digests}
    ids = Counter(record.event.id for record in records if record.event is not None)
    for client in clients:
        lost = [each for each in client.confirmed if not ids[each]]
        assert not lost, f"confirmed and lost: {lost}"
    assert [each for each, times in ids.items() if times > 1] == []
    assert numbers == list(range(1, len(numbers) + 1))
    assert all(one.stamped_at <= other.stamped_at for one, other in pairwise(records))
    assert standing.offset == records[-1].offset, "something is not decided yet"
    assert standing.clock_at is not None
    expected, refused = undisturbed(records, agreements, standing.clock_at)
    assert not refused
    assert decisions == expected, "a replay of the log gives something else"
    return len(decisions)
