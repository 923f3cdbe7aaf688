"""Who is let in: tokens, host names, and what every answer carries for browsers."""

from collections.abc import Iterator

import pytest

from streams.http.service import Access
from tests.http.conftest import Client
from tests.http.stand_in import StandIn, event
from tests.http.test_activity import STRUCTURED, problem

TOKEN = "s3cret-and-long-enough"
PATHS = ["/", "/leads", "/leads/x", "/decisions", "/docs", "/docs/start.js", "/openapi.json", "/no"]


@pytest.fixture
def guarded(service: StandIn) -> Iterator[Client]:
    made = Client(service, Access(token=TOKEN, hosts=None))
    yield made
    made.close()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": f"Bearer {TOKEN[:-1]}"},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": TOKEN},
        {"authorization": "Bearer \xff"},
        {"cookie": f"token={TOKEN}"},
    ],
)
def test_nobody_comes_in_without_the_token(
    guarded: Client, service: StandIn, headers: dict[str, str]
) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    sent = [*raw, (b"content-type", b"application/cloudevents+json")]
    answer = guarded("POST", "/events", json=event(), headers=sent)
    problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert TOKEN not in answer.text
    assert service.submissions == []
    for path in PATHS:
        problem(guarded("GET", path, headers=raw), 401, "unauthorized")


def test_the_token_is_not_taken_twice_or_from_the_address(guarded: Client) -> None:
    twice = [("authorization", f"Bearer {TOKEN}")] * 2
    problem(guarded("GET", "/leads", headers=twice), 401, "unauthorized")
    problem(guarded("GET", f"/leads?token={TOKEN}"), 401, "unauthorized")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
def test_the_token_lets_in(guarded: Client, scheme: str) -> None:
    token = {"authorization": f"{scheme} {TOKEN}"}
    assert guarded("POST", "/events", json=event(), headers=STRUCTURED | token).status_code == 202
    assert guarded("GET", "/leads/lead-1", headers=token).status_code == 200


def test_whoever_watches_needs_no_token(guarded: Client) -> None:
    assert guarded("GET", "/healthz").json() == {"status": "ok"}
    assert guarded("GET", "/readyz").json() == {"status": "ready", "behind": 0}
    problem(guarded("GET", "/healthz/x"), 401, "unauthorized")


@pytest.mark.parametrize(
    "base",
    [
        "http://localhost",
        "http://LOCALHOST:8080",
        "http://127.0.0.1:1",
        "http://127.0.0.2",
        "http://[::1]:8080",
        "http://baton.acme.example:8080",
    ],
)
def test_own_names_are_answered(service: StandIn, base: str) -> None:
    client = Client(service, Access(hosts=("Baton.acme.example",)))
    assert client("GET", "/healthz", base=base).status_code == 200
    client.close()


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "baton.acme.example.",
        "169.254.169.254",
        "[::2]",
        "[",
        "",
        "\xff",
    ],
)
def test_other_names_are_not(service: StandIn, host: str) -> None:
    client = Client(service, Access(hosts=("baton.acme.example",)))
    answer = client("GET", "/healthz", headers=[(b"host", host.encode("latin-1"))])
    problem(answer, 421, "wrong_host")
    client.close()


def test_pages_of_other_sites_learn_nothing(client: Client) -> None:
    origin = {"origin": "http://evil.example"}
    asked = {"access-control-request-method": "POST"}
    assert client("OPTIONS", "/events", headers=origin | asked).status_code == 405
    for answer in (
        client("GET", "/leads", headers=origin),
        client("OPTIONS", "/events", headers=origin | asked),
        client("POST", "/events", json=event(), headers=origin | STRUCTURED),
    ):
        assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/leads", 200),
        ("/no", 404),
        ("/docs", 200),
        ("/healthz", 200),
        ("/decisions?limit=0", 422),
        ("/leads/lead-1", 500),
        ("/decisions", 500),
    ],
)
def test_every_answer_is_sealed_for_browsers(
    client: Client, service: StandIn, path: str, status: int
) -> None:
    if status == 500:
        service.reads_fail_with = RuntimeError("a mistake of ours")
    answer = client("GET", path)
    assert answer.status_code == status
    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers
