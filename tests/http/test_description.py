"""The interface's description, and the page that shows it: true to the code, and self-contained."""

import json
import re
from typing import Any

import jsonschema_rs
import pytest

from rules.decisions import DATA_TYPES
from rules.events import LISTED_EVENTS
from tests.http.conftest import Client
from tests.http.stand_in import event
from tests.http.test_activity import BATCHED, STRUCTURED
from tests.streams.test_codec import MINIMAL


@pytest.fixture
def described(client: Client) -> dict[str, Any]:
    document: dict[str, Any] = client("GET", "/openapi.json").json()
    return document


def validator(described: dict[str, Any], name: str) -> jsonschema_rs.Validator:
    root = {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
    return jsonschema_rs.validator_for(root)


def test_every_route_is_described(described: dict[str, Any]) -> None:
    assert {
        f"{method.upper()} {path}"
        for path, methods in described["paths"].items()
        for method in methods
    } == {
        "POST /events",
        "GET /leads/{lead_id}",
        "GET /leads",
        "GET /decisions",
        "GET /healthz",
        "GET /readyz",
        "GET /",
    }
    references = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(described)))
    assert references <= described["components"]["schemas"].keys()


def test_failures_are_described_as_problem_documents(described: dict[str, Any]) -> None:
    for methods in described["paths"].values():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                kinds = set(response["content"])
                if int(status) >= 400:
                    assert kinds == {"application/problem+json"}
                else:
                    assert "application/json" in kinds


@pytest.mark.parametrize("kind", sorted(LISTED_EVENTS))
def test_every_listed_type_is_described(
    kind: str, client: Client, described: dict[str, Any]
) -> None:
    fits = validator(described, "Event").is_valid
    data = MINIMAL[kind]
    assert fits(event(1, kind, data=data))
    assert not fits(event(1, kind, data="text"))
    assert not fits(event(1, kind, data=data, time=...))
    assert not fits(event(1, kind + "x", data=data))
    if data:
        assert not fits(event(1, kind, data={}))
    # Nothing is refused for its form that the description allows.
    answer = client("POST", "/events", json=event(1, kind, data=data), headers=STRUCTURED)
    assert answer.status_code == 202 or answer.json()["events"][0]["reason"].startswith("unknown")


def test_touches_are_described(described: dict[str, Any]) -> None:
    fits = validator(described, "Event").is_valid
    assert fits(event(1, "webinar.attended", data={"asset": "a", "any": [1]}))
    assert fits(event(1, "webinar.attended", data=...))
    assert not fits(event(1, "webinar.attended", data={"asset": 1}))


def test_answers_are_as_described(client: Client, described: dict[str, Any]) -> None:
    fit = {"country": "IT", "industry": "logistics", "employees": 80}
    events = [
        event(1, "lead.captured", data=fit | {"purchase_horizon_months": 3}),
        event(2, "lead.attempted", data={"channel": "call"}),
        event(3, "lead.rejected", data={"reason": "timing"}),
    ]
    client("POST", "/events", json=events, headers=BATCHED)
    page = client("GET", "/decisions").json()
    validator(described, "DecisionsPage").validate(page)
    assert len({each["type"] for each in page["decisions"]}) > 5
    validator(described, "LeadsPage").validate(client("GET", "/leads").json())
    refused = client("POST", "/events", json=event(4, "lead.no"), headers=STRUCTURED).json()
    validator(described, "Problem").validate(refused)
    validator(described, "Problem").validate(client("GET", "/leads?limit=x").json())


def test_decisions_of_every_type_are_told_apart(described: dict[str, Any]) -> None:
    mapping = described["components"]["schemas"]["Decision"]["discriminator"]["mapping"]
    assert mapping.keys() == DATA_TYPES.keys()


def test_the_page_asks_no_other_host(client: Client) -> None:
    page = client("GET", "/docs")
    assert page.status_code == 200
    assert not re.search(r"https?:|//[a-z]", page.text)
    policy = page.headers["content-security-policy"]
    assert "http" not in policy
    assert "script-src 'self';" in policy
    assert "connect-src 'self'" in policy
    files = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert len(files) == 3
    for file in files:
        assert client("GET", file).status_code == 200, file
    start = client("GET", "/docs/start.js").text
    assert "validatorUrl: null" in start
    assert not re.search(r"https?:", start)
