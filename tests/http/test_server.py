"""A real server on a loopback port: slow, half-sent, oversized and simultaneous requests."""

import asyncio
import json
import socket
from contextlib import suppress

import httpx
import pytest

from streams.clock import steady_s
from streams.http.service import Limits
from tests.http.conftest import Serve
from tests.http.stand_in import StandIn, event

IMPATIENT = Limits(head_s=1.0, body_s=1.0, head_bytes=4_096, idle_s=1.0)
SOON_S = 10
STRUCTURED = {"content-type": "application/cloudevents+json"}
BODY = json.dumps(event()).encode()


def head(length: object = len(BODY), *more: str, first: str = "POST /events HTTP/1.1") -> bytes:
    lines = [
        first,
        "Host: localhost",
        "Content-Type: application/cloudevents+json",
        f"Content-Length: {length}" if length is not None else "Transfer-Encoding: chunked",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


class Line:
    """A raw connection."""

    def __init__(self, port: int, *, buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(SOON_S)
        self.socket.connect(("127.0.0.1", port))

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, raw: bytes) -> None:
        with suppress(ConnectionError):
            self.socket.sendall(raw)

    def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        parts = []
        with suppress(ConnectionError):
            while part := self.socket.recv(65_536):
                parts.append(part)
        return b"".join(parts)


def status(raw: bytes) -> int:
    return int(raw.split(b" ", 2)[1]) if raw else 0


def assert_serves(port: int) -> None:
    answer = httpx.post(f"http://127.0.0.1:{port}/events", content=BODY, headers=STRUCTURED)
    assert answer.status_code == 202


HALVES = {
    "half a request line": (b"POST /eve", 408),
    "half a header": (b"POST /events HTTP/1.1\r\nHost: loc", 408),
    "no end of the head": (head()[:-2], 408),
    "no body": (head(), 408),
    "half a body": (head() + BODY[:40], 408),
    "half a chunk": (head(None) + b"40\r\n{", 408),
    "nothing": (b"", 0),
}


@pytest.mark.parametrize("name", HALVES)
def test_who_stops_in_the_middle_is_let_go(name: str, serve: Serve, service: StandIn) -> None:
    sent, expected = HALVES[name]
    with serve(IMPATIENT) as port, Line(port) as line:
        line.send(sent)
        answer = line.rest()
        assert status(answer) == expected
        assert expected == 0 or b"problem+json" in answer
        assert service.submissions == []
        assert_serves(port)


@pytest.mark.parametrize("name", HALVES)
def test_who_leaves_in_the_middle_leaves_nothing_behind(
    name: str, serve: Serve, service: StandIn
) -> None:
    with serve(IMPATIENT) as port:
        with Line(port) as line:
            line.send(HALVES[name][0])
        assert_serves(port)
        assert service.stored == 1


UNFIT = {
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
    "no version": (b"GET /\r\n\r\n", 421),
    "a negative length": (head(-1), 400),
    "a length in words": (head("many"), 400),
    "two lengths": (head(5, "Content-Length: 6"), 400),
    "a length and chunks": (head(5, "Transfer-Encoding: chunked"), 400),
    "a chunk of nonsense": (head(None) + b"zz\r\n", 400),
    "a header without a colon": (head(5, "nonsense"), 400),
    "a null in a header": (head(5, "X: a\0b"), 400),
    "an absurd length": (head("9" * 15), 413),
    "over 256 KiB": (head(262_145), 413),
    "chunks over 256 KiB": (
        head(None, "Connection: close") + b"50000\r\n" + b"x" * 0x50000 + b"\r\n0\r\n\r\n",
        413,
    ),
    "two hosts": (head(5, "Host: localhost"), 421),
    "no host": (b"POST /events HTTP/1.0\r\n\r\n", 421),
    "another host": (b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
    "an endless header": (head(5, "X: " + "x" * 400_000), 431),
    "endless headers": (head(5, *(f"X-{n}: {'y' * 100}" for n in range(5_000))), 431),
    "an endless path": (head(5, first=f"GET /{'x' * 400_000} HTTP/1.1"), 431),
}


@pytest.mark.parametrize("name", UNFIT)
def test_what_is_unfit_is_refused_with_a_problem(name: str, serve: Serve, service: StandIn) -> None:
    sent, expected = UNFIT[name]
    with serve(IMPATIENT) as port, Line(port) as line:
        line.send(sent)
        # The last of many small parts may find the door closed; the answer was given before.
        answer = line.rest()
        assert status(answer) == expected, answer[:300]
        assert b"application/problem+json" in answer
        assert b"x-content-type-options: nosniff" in answer
        document = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert document["status"] == expected
        assert service.submissions == []
        assert_serves(port)


def test_a_client_that_asks_first_need_not_send(serve: Serve) -> None:
    with serve() as port, Line(port) as line:
        line.send(head(300_000, "Expect: 100-continue"))
        assert status(line.socket.recv(65_536)) == 413
    with serve() as port, Line(port) as line:
        line.send(head(len(BODY), "Expect: 100-continue"))
        assert line.socket.recv(65_536).startswith(b"HTTP/1.1 100 ")
        line.send(BODY)
        assert status(line.socket.recv(65_536)) == 202


def test_a_client_that_sends_too_much_still_reads_why(serve: Serve) -> None:
    with serve() as port:
        answer = httpx.post(
            f"http://127.0.0.1:{port}/events", content=b"x" * 3_000_000, headers=STRUCTURED
        )
    assert answer.status_code == 413


def test_requests_in_a_row_are_answered_in_their_order(serve: Serve, service: StandIn) -> None:
    with serve() as port, Line(port) as line:
        line.send((head() + BODY) * 3 + head(len(BODY), "Connection: close") + BODY)
        answer = line.rest()
    assert answer.count(b"HTTP/1.1 202 ") == 4
    assert answer.count(b'"accepted":1') == 1
    assert service.stored == 4


def test_bytes_that_trickle_in_time_are_taken(serve: Serve) -> None:
    with serve(Limits(body_s=SOON_S)) as port, Line(port) as line:
        for byte in head() + BODY:
            line.send(bytes([byte]))
        assert status(line.socket.recv(65_536)) == 202


def test_100_clients_at_once_lose_nothing(serve: Serve, service: StandIn) -> None:
    async def post(client: httpx.AsyncClient, number: int) -> list[int]:
        statuses = []
        for turn in range(2):
            name = f"{number}-{turn}"
            body = event(name, subject=f"lead-{number}")
            answer = await client.post("/events", json=body, headers=STRUCTURED)
            statuses.append(answer.status_code)
        return statuses

    async def everyone(port: int) -> list[list[int]]:
        limits = httpx.Limits(max_connections=100)
        base = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=base, limits=limits, timeout=30) as client:
            return await asyncio.gather(*(post(client, number) for number in range(100)))

    with serve() as port:
        assert asyncio.run(everyone(port)) == [[202] * 2] * 100
        leads = httpx.get(f"http://127.0.0.1:{port}/leads", params={"limit": 200}).json()["leads"]
    assert len({each.event.id for sent in service.submissions for each in sent}) == 200
    assert len(leads) == 100


def test_clients_beyond_the_limit_are_told_to_come_back(serve: Serve) -> None:
    with serve(Limits(connections=3, head_s=SOON_S)) as port:
        lines = [Line(port) for _ in range(4)]
        answer = lines[3].rest()
        assert status(answer) == 503
        assert b"retry-after: 2" in answer.lower()
        lines[0].socket.shutdown(socket.SHUT_RDWR)
        for line in lines:
            line.socket.close()


def asked(path: str, *more: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *more, "", ""]).encode()


DEAF = {
    "to one answer": asked("/decisions?limit=1000"),
    "to the last answer": asked("/decisions?limit=1000", "Connection: close"),
    "to many answers": asked("/decisions?limit=1000") * 20,
    "to a stream": asked("/decisions", "Accept: text/event-stream"),
}


@pytest.mark.parametrize("name", DEAF)
def test_who_reads_no_answer_is_let_go(
    name: str, serve: Serve, service: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    # More than the system takes off the service's hands.
    page = [(n, json.dumps({"n": n, "x": "x" * 20_000}).encode()) for n in range(1, 1_001)]
    service.decisions = lambda after, limit, lead: page[after:][:limit]  # type: ignore[method-assign]
    limits = Limits(connections=2, idle_s=0.3)
    with serve(limits) as port, Line(port, buffer=4_096) as one, Line(port, buffer=4_096) as two:
        for line in (one, two):
            line.send(DEAF[name])
        # Both places are taken until they are let go.
        until_s = steady_s() + SOON_S
        while httpx.get(f"http://127.0.0.1:{port}/healthz").status_code != 200:
            assert steady_s() < until_s, "they keep their connections"
        assert_serves(port)
        received = len(one.rest())
    assert received < 20 * 20_000_000
    assert caplog.records == []


def test_who_reads_slowly_gets_it_all(serve: Serve, service: StandIn) -> None:
    page = [(n, json.dumps({"n": n, "x": "x" * 20_000}).encode()) for n in range(1, 501)]
    service.decisions = lambda after, limit, lead: page[after:][:limit]  # type: ignore[method-assign]
    with serve(Limits(idle_s=1.5)) as port, Line(port, buffer=65_536) as line:
        line.send(asked("/decisions?limit=1000", "Connection: close"))
        answer = b""
        while part := line.socket.recv(32_768):
            answer += part
    document = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert [each["n"] for each in document["decisions"]] == list(range(1, 501))
