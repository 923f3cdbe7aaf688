"""A lead with 50,000 touches at the real service: the last post costs no more than the first."""

import json
import statistics
from typing import Any, Final

import pytest

from streams.clock import steady_s
from tests.service.processes import Baton, Start, Up, event

BATCH: Final = 1_000
BATCHES: Final = 50
REASSIGNED: Final = 300
KINDS: Final = ("page.viewed", "email.clicked", "pricing.viewed", "webinar.attended", "ebook.read")
STORY_S: Final = 30.0
"""What its whole story may take on a machine that is busy with other tests too; alone it is 4."""


def touch(number: int) -> dict[str, Any]:
    return event(number, KINDS[number % len(KINDS)], asset=f"/{number}")


def waited_s(service: Up, *events: dict[str, Any]) -> float:
    """How long the answer took that these events are durable and then decided."""
    begun_s = steady_s()
    assert service.post(*events).status_code == 202
    while service.client.get("/readyz").json().get("behind") != 0:
        pass
    return steady_s() - begun_s


@pytest.fixture
def touched(up: Start) -> tuple[Up, list[float]]:
    """A service whose one lead was touched so often, and how long each batch took."""
    service = up()
    waited = [
        waited_s(service, *(touch(batch * BATCH + n) for n in range(BATCH)))
        for batch in range(BATCHES)
    ]
    return service, waited


def test_a_lead_with_50_000_touches_costs_what_any_lead_costs(
    touched: tuple[Up, list[float]], baton: Baton
) -> None:
    service, waited = touched
    first, last = statistics.median(waited[1:11]), statistics.median(waited[-10:])
    assert last < 3 * first, (first, last)
    lead = service.client.get("/leads/lead-1")
    assert len(lead.content) < 2_000
    # Much is decided about it: it goes from hand to hand.
    service.post(event(-1, "demo.requested"))
    reps = ("marco", "lucia")
    moved = (event(-2 - n, "lead.reassigned", to=reps[n % 2]) for n in range(REASSIGNED))
    service.post(*moved)
    found = paged(service, 100)
    assert len(found) > 2 * REASSIGNED
    assert [each["sequence"] for each in found] == list(range(1, len(found) + 1))
    begun_s = steady_s()
    told = baton("explain", "lead-1")
    assert steady_s() - begun_s < STORY_S
    assert told.stdout.count(" page viewed (") == BATCHES * BATCH / len(KINDS)
    assert told.stdout.count(", until now with ") == REASSIGNED
    story = json.loads(baton("explain", "lead-1", "--json").stdout)["story"]
    assert [each for each in story if "sequence" in each] == found
    assert len(story) == BATCHES * BATCH + REASSIGNED + 1 + len(found)


def paged(service: Up, limit: int) -> list[dict[str, Any]]:
    """Everything that was decided about the lead, page by page, once all is decided."""
    waited_s(service, event(-1_000_000, "page.viewed", "lead-2"))
    found: list[dict[str, Any]] = []
    page: dict[str, Any] = {"next": 0, "more": True}
    while page["more"]:
        asked = {"lead": "lead-1", "after": page["next"], "limit": limit}
        page = service.client.get("/decisions", params=asked).json()
        found += page["decisions"]
    return found
