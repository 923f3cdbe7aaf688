"""What is read: leads, decisions page by page and as they happen, and how the service is."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from streams.http.service import Limits
from streams.storage import StorageError
from tests.http.conftest import Client, Serve
from tests.http.stand_in import StandIn, event
from tests.http.test_activity import BATCHED, STRUCTURED, problem

FIT = {"country": "IT", "industry": "logistics", "employees": 80}


def fill(client: Client, leads: int) -> None:
    events = [event(number, subject=f"lead-{number:03}") for number in range(leads)]
    assert client("POST", "/events", json=events, headers=BATCHED).status_code == 202


def test_a_lead_is_told_as_it_stands(client: Client) -> None:
    events = [
        event(1, "lead.captured", data=FIT | {"purchase_horizon_months": 3, "custom": [1]}),
        event(2, "lead.attempted", data={"channel": "call", "outcome": "no_answer"}),
    ]
    client("POST", "/events", json=events, headers=BATCHED)
    lead = client("GET", "/leads/lead-1").json()
    assert lead.pop("wakes") is not None
    clauses = {each["clause"]: each for each in lead.pop("clauses")}
    assert lead == {
        "id": "lead-1",
        "stage": "sql",
        "temperature": "hot",
        "temperature_by": "horizon",
        "points": 0,
        "icp": True,
        "owner": "lucia",
        "team": "italy",
        "queued": False,
        "paused": False,
        "profile": FIT | {"purchase_horizon_months": 3, "custom": [1]},
        "attempts": {"total": 1, "connected": None},
        "sequence": len(client("GET", "/decisions?lead=lead-1").json()["decisions"]),
    }
    running = clauses["first contact, hot"]
    assert (running["state"], running["owner"]) == ("running", "lucia")
    assert running["due"] == "2026-03-02T09:15:00Z"


@pytest.mark.parametrize("name", ["a/b/../c", "%2F", "Zoë 😀", "?&#", "...", "x" * 512])
def test_a_lead_is_found_by_any_name(client: Client, name: str) -> None:
    client("POST", "/events", json=event(subject=name), headers=STRUCTURED)
    assert client("GET", f"/leads/{quote(name, safe='')}").json()["id"] == name
    found = client("GET", "/decisions", params={"lead": name}).json()["decisions"]
    assert {each["subject"] for each in found} == {name}


@pytest.mark.parametrize("name", ["nobody", "", "%00", "%FF", "%ED%A0%80", "x" * 5_000])
def test_an_unknown_lead_is_not_found(client: Client, name: str) -> None:
    problem(client("GET", f"/leads/{name}"), 404, "not_found")


def test_leads_are_paged_without_gap_or_repeat(client: Client) -> None:
    fill(client, 25)
    seen: list[str] = []
    after: dict[str, str] = {}
    sizes = []
    while True:
        page = client("GET", "/leads", params={"limit": "10", **after}).json()
        sizes.append(len(page["leads"]))
        seen += [lead["id"] for lead in page["leads"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert sizes == [10, 10, 5]
    assert seen == [f"lead-{number:03}" for number in range(25)]


def test_leads_are_filtered(client: Client) -> None:
    fill(client, 6)
    owners = {lead["owner"] for lead in client("GET", "/leads").json()["leads"]}
    assert owners == {"marco", "lucia"}
    for owner in owners:
        page = client("GET", "/leads", params={"owner": owner, "stage": "sql"}).json()
        assert {lead["owner"] for lead in page["leads"]} == {owner}
    assert client("GET", "/leads?stage=customer").json() == {"leads": [], "next": None}
    assert client("GET", "/leads?temperature=hot").json() == {"leads": [], "next": None}


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("/leads?limit=0", "limit"),
        ("/leads?limit=201", "limit"),
        ("/leads?limit=ten", "limit"),
        ("/leads?stage=lukewarm", "stage"),
        ("/leads?temperature=tepid", "temperature"),
        ("/leads?after=***", "after"),
        ("/leads?after=_w", "after"),
        ("/leads?after=%F0%9F%98%80", "after"),
        ("/decisions?limit=1001", "limit"),
        ("/decisions?after=-1", "after"),
        ("/decisions?after=9223372036854775808", "after"),
        ("/decisions?after=1e3", "after"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(
    client: Client, query: str, parameter: str
) -> None:
    document = problem(client("GET", query), 422, "invalid_parameter")
    assert [each["parameter"] for each in document["parameters"]] == [parameter]
    assert document["parameters"][0]["sentence"].startswith(f"{parameter} is ")


def test_decisions_are_paged_by_number(client: Client, service: StandIn) -> None:
    fill(client, 5)
    everything = [json.loads(body) for _, body in service.decisions(0, 1_000, None)]
    seen: list[Any] = []
    after = 0
    more = True
    while more:
        page = client("GET", "/decisions", params={"after": after, "limit": 4}).json()
        seen += page["decisions"]
        after, more = page["next"], page["more"]
    assert seen == everything
    assert after == len(everything)
    last = client("GET", "/decisions", params={"after": after}).json()
    assert last == {"decisions": [], "next": after, "more": False}


def test_a_failed_read_is_told(client: Client, service: StandIn) -> None:
    service.reads_fail_with = StorageError("The file can't be read; look at the disk.")
    for path in ("/leads", "/leads/x", "/decisions"):
        answer = client("GET", path)
        assert "can't be read" in problem(answer, 503, "storage_failed")["detail"]
        assert answer.headers["retry-after"]


def test_readiness_says_why_not(client: Client, service: StandIn) -> None:
    service.unready = True
    assert client("GET", "/healthz").status_code == 200
    assert "3 stored events" in problem(client("GET", "/readyz"), 503, "not_ready")["detail"]
    service.failure = "The disk is full."
    assert "The disk is full." in problem(client("GET", "/readyz"), 503, "not_ready")["detail"]


def test_what_is_not_there_or_not_done_is_told(client: Client) -> None:
    for path in ("/nope", "/events/", "/leads/a/../", "/docs/secret.js", "/docs/..%2fcore.py"):
        problem(client("GET", path), 404, "not_found")
    for method, path, allowed in (
        ("GET", "/events", "POST"),
        ("PUT", "/events", "POST"),
        ("POST", "/leads", "GET"),
        ("DELETE", "/leads/lead-1", "GET"),
        ("PATCH", "/decisions", "GET"),
    ):
        answer = client(method, path)
        problem(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == allowed
    assert client("GET", "/").json()["agreement"] == "Acme 2026"


class Stream:
    """Server-sent events, one by one."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.iter_lines()

    def next(self) -> tuple[int, Any]:
        """Number and decision of the next event; heartbeats are passed over."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if not line and fields:
                return int(fields["id"]), json.loads(fields["data"])
            name, _, value = line.partition(": ")
            if name:
                fields[name] = value
        raise EOFError

    def beat(self) -> str:
        """The next heartbeat."""
        return next(line for line in self._lines if line.startswith(":"))


@contextmanager
def following(port: int, query: str = "", **headers: str) -> Iterator[Stream]:
    url = f"http://127.0.0.1:{port}/decisions{query}"
    accept = {"accept": "text/event-stream"}
    with httpx.stream("GET", url, headers=accept | headers, timeout=10) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Stream(answer)


def post(port: int, *events: dict[str, Any]) -> None:
    answer = httpx.post(f"http://127.0.0.1:{port}/events", json=events, headers=BATCHED)
    assert answer.status_code == 202


def test_decisions_are_streamed_as_they_happen(serve: Serve, service: StandIn) -> None:
    with serve() as port:
        post(port, event(1))
        before = len(service.decisions(0, 1_000, None))
        with following(port) as stream:
            assert [stream.next()[0] for _ in range(before)] == list(range(1, before + 1))
            post(port, event(2, subject="lead-2"))
            number, decision = stream.next()
            assert (number, decision["subject"]) == (before + 1, "lead-2")


def test_a_stream_goes_on_where_it_was_cut_off(serve: Serve) -> None:
    with serve() as port:
        post(port, event(1), event(2, subject="lead-2"), event(3, subject="lead-3"))
        with following(port) as stream:
            stream.next()
            number, _ = stream.next()
        with following(port, "?after=0", **{"last-event-id": str(number)}) as stream:
            assert stream.next()[0] == number + 1
        with following(port, "?after=3") as stream:
            assert stream.next()[0] == 4
        for odd in ("x", "-1", "", "1e0"):
            with following(port, **{"last-event-id": odd}) as stream:
                assert stream.next()[0] == 1
        with following(port, "?lead=lead-3") as stream:
            assert stream.next()[1]["subject"] == "lead-3"


def test_a_silent_stream_shows_that_it_lives(serve: Serve) -> None:
    with serve(Limits(heartbeat_s=0.05)) as port, following(port) as stream:
        assert stream.beat().startswith(":")
        post(port, event(1))
        assert stream.next()[0] == 1


def test_streams_are_bounded_and_given_back(serve: Serve) -> None:
    with serve(Limits(streams=2)) as port:
        post(port, event(1))
        with following(port) as one, following(port) as two:
            one.next()
            two.next()
            answer = httpx.get(
                f"http://127.0.0.1:{port}/decisions", headers={"accept": "text/event-stream"}
            )
            problem(answer, 503, "busy")
        for _ in range(100):
            # Until the server has noticed that they left.
            with httpx.stream(
                "GET", f"http://127.0.0.1:{port}/decisions", headers={"accept": "text/event-stream"}
            ) as answer:
                if answer.status_code == 200:
                    break
        assert answer.status_code == 200


def test_streams_end_when_the_service_stops(serve: Serve) -> None:
    ended = threading.Event()
    with serve() as port:
        post(port, event(1))
        opened = threading.Event()

        def follow() -> None:
            with following(port) as stream:
                stream.next()
                opened.set()
                try:
                    while True:
                        stream.next()
                except EOFError:
                    ended.set()

        threading.Thread(target=follow, daemon=True).start()
        assert opened.wait(10)
    assert ended.wait(10)
