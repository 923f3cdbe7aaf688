"""The interface's description (OpenAPI 3.1), made from what the code itself checks against."""

from typing import Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from rules.decisions import DATA_TYPES
from rules.events import LISTED_EVENTS, RESERVED_PREFIXES
from streams.envelope_faults import MAX_NAME, REQUIRED
from streams.event_data import data_schema
from streams.http.activity import Stored
from streams.http.binding import BATCHED, STRUCTURED
from streams.http.gate import OPEN
from streams.http.problems import PROBLEM_JSON, TITLES, Problem
from streams.http.service import Limits
from streams.instants import EXAMPLE

Schema = dict[str, Any]

_AT: Final = "#/components/schemas/"
DESCRIPTION: Final = """Executes a sales–marketing agreement against lead events.

Send what happens to `POST /events`; read what was decided from `GET /decisions`. Every answer
that is no success is a problem document (RFC 9457) whose `type` ends in a closed code.
"""


def problems(*statuses: int) -> dict[int | str, Schema]:
    """The `responses` of a route that may answer with these problem documents."""
    return {status: _problem(_WHEN[status]) for status in statuses}


def _problem(description: str) -> Schema:
    return {
        "description": description,
        "content": {PROBLEM_JSON: {"schema": {"$ref": _AT + "Problem"}}},
    }


_WHEN: Final = {
    400: "Events were refused; `events` names each with reason and field. Nothing was stored.",
    401: TITLES["unauthorized"],
    404: TITLES["not_found"],
    408: TITLES["request_timeout"],
    413: "Over 256 KiB for one event, or too many or too large for one batch",
    415: TITLES["unsupported_media_type"],
    421: TITLES["wrong_host"],
    422: TITLES["invalid_parameter"],
    503: "Too much is waiting, or the storage failed; `Retry-After` says when to come back",
}


def describe(app: FastAPI, limits: Limits) -> Schema:
    """The whole document of `app`."""
    described = get_openapi(
        title=app.title,
        version=app.version,
        description=DESCRIPTION,
        routes=app.routes,
    )
    described["paths"]["/events"] = {"post": _post_events()}
    components = described.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas.update(_answers())
    schemas.update(_events(limits))
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "BATON_TOKEN"}
    }
    described["security"] = [{"token": []}, {}]
    for path in OPEN:
        described["paths"][path]["get"]["security"] = []
    return described


def _answers() -> Schema:
    """Problems, and decisions with the data of each type."""
    kinds = list(DATA_TYPES.values())
    _, components = msgspec.json.schema_components(
        [Problem, Stored, *kinds], ref_template=_AT + "{name}"
    )
    decision_names: dict[str, str] = {}
    schemas: Schema = dict(components)
    for event_type, kind in DATA_TYPES.items():
        decision_names[event_type] = f"Decision{kind.__name__}"
        schemas[decision_names[event_type]] = _decision(event_type, _AT + kind.__name__)
    schemas["Decision"] = {
        "description": "A CloudEvent. `sequence` counts from 1 per lead; `cause` is the id of the "
        "event behind it, absent when time alone caused it.",
        "oneOf": [{"$ref": _AT + name} for name in decision_names.values()],
        "discriminator": {
            "propertyName": "type",
            "mapping": {kind: _AT + name for kind, name in decision_names.items()},
        },
    }
    schemas["DecisionsPage"] = {
        "type": "object",
        "properties": {
            "decisions": {"type": "array", "items": {"$ref": _AT + "Decision"}},
            "next": {"type": "integer", "description": "`after` for what follows this page"},
            "more": {"type": "boolean", "description": "whether some follow already"},
        },
        "required": ["decisions", "next", "more"],
    }
    return schemas


def _decision(event_type: str, data: str) -> Schema:
    text = {"type": "string"}
    return {
        "title": event_type,
        "type": "object",
        "properties": {
            "specversion": {"const": "1.0"},
            "id": text,
            "source": text,
            "type": {"const": event_type},
            "subject": text,
            "time": {"type": "string", "format": "date-time"},
            "sequence": {"type": "integer", "minimum": 1},
            "cause": text,
            "data": {"$ref": data},
        },
        "required": [
            "specversion", "id", "source", "type", "subject", "time", "sequence", "data",
        ],
    }  # fmt: skip


def _events(limits: Limits) -> Schema:
    """Every listed type, and touches."""
    schemas: Schema = {}
    names: list[str] = []
    for event_type in sorted(LISTED_EVENTS):
        data = data_schema(event_type)
        name = "".join(part.title() for part in event_type.replace("_", ".").split(".")) + "Event"
        if event_type == "lead.claimed":
            data["anyOf"] = [{"required": ["to"]}, {"required": ["by"]}]
        needs_data = "required" in data or "anyOf" in data
        schemas[name] = _event(event_type, {"const": event_type}, data, needs_data)
        names.append(name)
    listed = "|".join(prefix.rstrip(".") for prefix in RESERVED_PREFIXES)
    text = {"type": ["string", "null"]}
    touch = {
        "type": "object",
        "properties": {"asset": text, "campaign": text, "channel": text},
    }
    of_any_type = {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_NAME,
        "allOf": [{"pattern": _FIT}, {"not": {"pattern": rf"^({listed})\."}}],
    }
    schemas["Touch"] = _event("a touch: any other type", of_any_type, touch, needs_data=False)
    schemas["Event"] = {
        "description": "A CloudEvent 1.0. `(subject, source, id)` names it: seen again within 35 "
        "days, it changes nothing. `receivedat` is the service's own and dropped.",
        "anyOf": [{"$ref": _AT + name} for name in [*names, "Touch"]],
    }
    schemas["Batch"] = {
        "type": "array",
        "items": {"$ref": _AT + "Event"},
        "maxItems": limits.events,
    }
    return schemas


# The invisible characters that are refused, short of rare ones beyond U+FFFF.
_HIDDEN: Final = (
    r"\u0000-\u001f\u007f-\u009f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e"
    r"\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufdd0-\ufdef\ufeff\ufff0-\uffff"
)
_FIT: Final = rf"^[^\s{_HIDDEN}]([^{_HIDDEN}]*[^\s{_HIDDEN}])?$"


def _event(title: str, of_type: Schema, data: Schema, needs_data: bool) -> Schema:
    name = {"type": "string", "minLength": 1, "maxLength": MAX_NAME, "pattern": _FIT}
    properties: Schema = {
        "specversion": {"const": "1.0"},
        **{field: {**name, "description": REQUIRED[field]} for field in ("id", "source")},
        "type": of_type,
        "subject": {**name, "description": REQUIRED["subject"]},
        "time": {"type": "string", "format": "date-time", "examples": [EXAMPLE]},
        "data": {key: value for key, value in data.items() if key != "title"},
    }
    required = list(REQUIRED) + (["data"] if needs_data else [])
    return {"title": title, "type": "object", "properties": properties, "required": required}


def _post_events() -> Schema:
    plain = {"type": "string", "minLength": 1, "pattern": "^[!-~]+$"}
    schemas: Schema = {
        **dict.fromkeys(REQUIRED, plain),
        "specversion": {"const": "1.0"},
        "time": {"type": "string", "format": "date-time"},
    }
    attributes = [
        {
            "name": f"ce-{name}",
            "in": "header",
            "required": False,
            "description": f"In binary mode: {meaning}; %-encoded where not plain ASCII.",
            "schema": schemas[name],
        }
        for name, meaning in REQUIRED.items()
    ]
    answers = problems(400, 401, 408, 413, 415, 421, 503)
    return {
        "tags": ["events"],
        "operationId": "post_events",
        "summary": "Take in events",
        "description": "Answers only once all events of the request are on disk; if one can't be "
        "taken, none is.",
        "parameters": attributes,
        "requestBody": {
            "required": True,
            "content": {
                STRUCTURED: {"schema": {"$ref": _AT + "Event"}, "example": _EXAMPLE},
                BATCHED: {"schema": {"$ref": _AT + "Batch"}, "example": [_EXAMPLE]},
                "application/json": {
                    "schema": {"type": "object", "description": "the `data` of one event"}
                },
            },
        },
        "responses": {
            "202": {
                "description": "All events are on disk.",
                "content": {"application/json": {"schema": {"$ref": _AT + "Stored"}}},
                "links": {
                    "lead": {"operationId": "get_lead", "parameters": {"lead_id": _SUBJECT}},
                    "decisions": {
                        "operationId": "list_decisions",
                        "parameters": {"lead": _SUBJECT},
                    },
                },
            },
            **{str(status): answer for status, answer in answers.items()},
        },
    }


_SUBJECT: Final = "$request.body#/subject"
_EXAMPLE: Final = {
    "specversion": "1.0",
    "id": "evt-1",
    "source": "/website",
    "type": "demo.requested",
    "subject": "lead-17",
    "time": EXAMPLE,
    "data": {"asset": "/demo"},
}
