"""100 clients that send half a request or read no answer, beside one that is honest."""

import json
import signal
import socket
import statistics
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import pytest

from streams.clock import steady_s
from tests.service.processes import WAIT_S, Start, Up, event

OF_EACH: Final = 20
LEADS: Final = 500
HONEST: Final = 100
"""Posts of the honest client, each followed by a question."""
USUAL_S: Final = 0.1
LONGEST_S: Final = 1.0
"""What the honest client waits, on a machine that is busy with other tests too."""
HEAD: Final = (
    "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/cloudevents+json"
)
SLOW: Final = {
    "half a head": f"{HEAD}\r\nX-Slow: lor",
    "half a body": f"{HEAD}\r\nContent-Length: 200000\r\n\r\n{'[' * 1_000}",
    "half a chunk": f"{HEAD}\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\n{'[' * 1_000}",
    "deaf to answers": "GET /decisions?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20,
    "deaf to a stream": "GET /decisions HTTP/1.1\r\nHost: localhost\r\n"
    "Accept: text/event-stream\r\n\r\n",
}


@pytest.fixture
def besieged(up: Start) -> Iterator[Up]:
    """A service that has much to answer, with 100 slow clients."""
    service = up(stop_s="2")
    service.post(*(event(n, "demo.requested", f"lead-{n}") for n in range(LEADS)))
    service.decided(3, f"lead-{LEADS - 1}")
    host, port = service.url.removeprefix("http://").split(":")
    with ExitStack() as clients:
        for request in [*SLOW.values()] * OF_EACH:
            client = clients.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.settimeout(WAIT_S)
            client.connect((host, int(port)))
            client.sendall(request.encode())
        yield service


def test_an_honest_client_gets_its_answers_at_once(besieged: Up) -> None:
    headers = {"content-type": "application/cloudevents+json"}
    waited_s = []
    for number in range(HONEST):
        body = json.dumps(event(LEADS + number, "page.viewed", "honest"))
        begun_s = steady_s()
        answer = besieged.client.post("/events", content=body, headers=headers)
        asked_s = steady_s()
        lead = besieged.client.get("/leads/lead-7")
        waited_s += [asked_s - begun_s, steady_s() - asked_s]
        assert (answer.status_code, lead.status_code) == (202, 200)
    assert statistics.median(waited_s) < USUAL_S
    assert max(waited_s) < LONGEST_S
    # Nobody's fault but theirs: nothing is logged as ours.
    assert {line["level"] for line in besieged.lines()} == {"info"}


def test_they_do_not_keep_it_from_stopping(besieged: Up) -> None:
    begun_s = steady_s()
    assert besieged.stop(signal.SIGTERM) == 0
    assert steady_s() - begun_s < WAIT_S / 4
    assert besieged.lines()[-1]["event"] == "stopped"
    assert {line["level"] for line in besieged.lines()} == {"info"}
