"""Sending batches to a service that is busy, away, or refuses some of them."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import pytest

from streams.refusals import DeadLetter
from streams.sending import MOST_BYTES, MOST_EVENTS, PATIENCE, GivenUpError, Sender
from tests.service.processes import event

Answer = Callable[[list[dict[str, object]]], httpx.Response]


@dataclass
class Service:
    """Answers requests as it is told to, in turn; from then on it takes everything."""

    answers: list[Answer | Exception] = field(default_factory=list)
    batches: list[list[str]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    refused: list[DeadLetter] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        events = json.loads(request.content)
        assert len(request.content) <= MOST_BYTES + 2
        self.batches.append([each["id"] for each in events])
        if not self.answers:
            return taken(events)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer(events)

    def sender(self) -> Sender:
        transport = httpx.MockTransport(self.answer)
        client = httpx.Client(base_url="http://service", transport=transport)
        return Sender(client, self.refused.append, self.slept.append)


def taken(events: list[dict[str, object]]) -> httpx.Response:
    return httpx.Response(202, json={"accepted": len(events), "duplicates": 0})


def busy(_: object) -> httpx.Response:
    return httpx.Response(503, json={"detail": "too much is waiting"}, headers={"retry-after": "4"})


def names(*places: int, reason: str = "unknown_person") -> Answer:
    """A refusal of the events at these places."""
    told = [
        {"index": place, "id": "x", "reason": reason, "sentence": "No.", "field": "data.by"}
        for place in places
    ]
    return lambda _: httpx.Response(400, json={"title": "refused", "status": 400, "events": told})


def lines(count: int) -> list[tuple[int, bytes]]:
    return [(n, json.dumps(event(n, "page.viewed")).encode()) for n in range(1, count + 1)]


def test_batches_are_of_a_bearable_size_and_in_order() -> None:
    service = Service()
    count = service.sender().send(lines(MOST_EVENTS + 1))
    assert [len(batch) for batch in service.batches] == [MOST_EVENTS, 1]
    assert (count.taken, count.last_line) == (MOST_EVENTS + 1, MOST_EVENTS + 1)
    large = [(n, json.dumps(event(n, "page.viewed", asset="x" * 200_000)).encode()) for n in (1,)]
    service.sender().send(large * 25)
    assert sum(len(batch) for batch in service.batches[2:]) == 25
    assert len(service.batches[2:]) == 2


def test_a_busy_service_is_waited_for_as_long_as_it_says() -> None:
    service = Service([busy, httpx.ConnectError("refused"), busy])
    assert service.sender().send(lines(3)).taken == 3
    assert service.batches == [["e-1", "e-2", "e-3"]] * 4
    first, second, third = service.slept
    assert 3 <= first <= 5
    assert second > first / 2
    assert third >= 3


def test_a_service_that_stays_away_is_given_up() -> None:
    service = Service([httpx.ConnectError("connection refused")] * PATIENCE)
    with pytest.raises(GivenUpError, match=r"can't be reached \(connection refused\)"):
        service.sender().send(lines(1))
    assert len(service.slept) == PATIENCE - 1


def test_what_the_service_names_is_taken_out_and_the_rest_sent_again() -> None:
    service = Service([names(0, 2), names(1)])
    count = service.sender().send(lines(5))
    assert service.batches == [
        ["e-1", "e-2", "e-3", "e-4", "e-5"],
        ["e-2", "e-4", "e-5"],
        ["e-2", "e-5"],
    ]
    assert [(each.line, each.reason, each.field) for each in service.refused] == [
        (1, "unknown_person", "data.by"),
        (3, "unknown_person", "data.by"),
        (4, "unknown_person", "data.by"),
    ]
    assert (count.taken, count.refused, count.last_line) == (2, 3, 5)


def test_a_line_that_is_no_event_is_not_sent() -> None:
    service = Service()
    count = service.sender().send([(1, b"[1,"), *lines(3)[1:], (4, b"{}],[{}")])
    assert service.batches == [["e-2", "e-3"]]
    assert [each.line for each in service.refused] == [1, 4]
    assert (count.taken, count.refused) == (2, 2)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "Set BATON_TOKEN to the one that it was started with"),
        (404, "is not baton. Set BATON_URL"),
        (421, "refused the events with status 421: wrong name"),
        (400, "refused the events with status 400: wrong name"),
    ],
)
def test_a_refusal_of_everything_is_said_and_not_repeated(status: int, said: str) -> None:
    service = Service([lambda _: httpx.Response(status, json={"detail": "wrong name"})])
    with pytest.raises(GivenUpError, match=said):
        service.sender().send(lines(2))
    assert len(service.batches) == 1


@pytest.mark.parametrize("named", [names(7), names(0, reason="because"), names(-1)])
def test_a_refusal_that_names_no_event_of_the_batch_ends_it(named: Answer) -> None:
    with pytest.raises(GivenUpError):
        Service([named]).sender().send(lines(2))
