"""Whatever comes in: an event that round-trips or a refusal that reads well, never an exception."""

import json
import re
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from rules.admission import AdmissionReason
from rules.events import LISTED_EVENTS, Event
from streams.codec import decode, encode_event
from streams.instants import EARLIEST_AT, END_AT, instant_fault, parse_instant
from streams.refusals import Reason, Refusal, dead_letter

REASONS = {code for part in get_args(Reason) for code in (get_args(part) or (part,))} | set(
    get_args(AdmissionReason)
)

names = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=40)
instants = st.datetimes(
    min_value=EARLIEST_AT.replace(tzinfo=None),
    max_value=END_AT.replace(tzinfo=None, year=2100),
    timezones=st.timezones(),
    allow_imaginary=False,
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)
FIELDS = [
    "asset",
    "channel",
    "by",
    "to",
    "until",
    "reason",
    "employees",
    "origin",
    "rating",
    "value",
    "clause",
    "amount",
    "product_fit",
    "purchase_horizon_months",
    "email",
]
data = st.dictionaries(st.sampled_from(FIELDS) | st.text(), values, max_size=6)
types = st.sampled_from(sorted(LISTED_EVENTS)) | names


@st.composite
def envelopes(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": draw(names),
        "source": draw(names),
        "type": draw(types),
        "subject": draw(names),
        "time": draw(instants).isoformat(timespec="microseconds"),
        "data": draw(data),
    }


def judged(raw: bytes) -> Event | Refusal:
    result = decode(raw)
    if isinstance(result, Refusal):
        assert result.reason in REASONS
        assert result.sentence.isprintable()
        letter = dead_letter(result, raw)
        assert json.loads(letter.as_json())["reason"] == result.reason
        assert letter.original_bytes() == raw
    return result


@given(st.binary(max_size=200))
def test_no_bytes_break_the_border(raw: bytes) -> None:
    judged(raw)


@given(envelopes(), st.data())
def test_no_damage_to_an_event_breaks_the_border(
    event: dict[str, Any], choice: st.DataObject
) -> None:
    raw = bytearray(json.dumps(event, ensure_ascii=choice.draw(st.booleans())).encode())
    for _ in range(choice.draw(st.integers(1, 4))):
        at = choice.draw(st.integers(0, len(raw)))
        raw[at : at + choice.draw(st.integers(0, 6))] = choice.draw(st.binary(max_size=6))
    judged(bytes(raw))


@given(
    envelopes(), st.sampled_from(["id", "type", "subject", "time", "data", "receivedat"]), values
)
def test_no_value_in_any_place_breaks_the_border(
    event: dict[str, Any], field: str, value: Any
) -> None:
    judged(json.dumps(event | {field: value}).encode())


@given(envelopes())
def test_a_valid_event_keeps_all_that_it_says(event: dict[str, Any]) -> None:
    event["type"] = "x." + event["type"]
    for field in ("asset", "campaign", "channel"):
        event["data"].pop(field, None)
    taken = judged(json.dumps(event).encode())
    assert isinstance(taken, Event), taken
    assert [taken.id, taken.source, taken.type, taken.subject] == [
        event[field] for field in ("id", "source", "type", "subject")
    ]
    assert taken.data == event["data"]
    assert taken.time_at == parse_instant(event["time"])
    again = {**event, "time": taken.time_at.isoformat()}
    assert judged(json.dumps(again).encode()) == taken
    assert judged(encode_event(taken)) == taken


RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


@given(instants, st.data())
def test_only_rfc_3339_is_an_instant(at: Any, choice: st.DataObject) -> None:
    text = at.isoformat().replace("+00:00", "Z")
    where = choice.draw(st.integers(0, len(text)))
    put = choice.draw(st.text("0123456789TtZz:-+., W", max_size=2))
    spoilt = text[:where] + put + text[where + choice.draw(st.integers(0, 2)) :]
    if parse_instant(spoilt) is not None:
        assert RFC3339.fullmatch(spoilt)
    else:
        assert instant_fault(spoilt)
