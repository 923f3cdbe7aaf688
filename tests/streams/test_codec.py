"""The border, line by line: what is taken, and what is refused with which code and sentence."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from rules.events import LISTED_EVENTS, Event
from streams.codec import MAX_AHEAD
from streams.envelope_faults import MAX_DEPTH
from streams.instants import parse_instant
from streams.refusals import MAX_BYTES
from tests.streams.border import line, refused, taken

MINIMAL: dict[str, dict[str, Any]] = {kind: {} for kind in LISTED_EVENTS} | {
    "lead.attempted": {"channel": "call"},
    "lead.rejected": {"reason": "timing"},
    "lead.reassigned": {"to": "marco"},
    "lead.claimed": {"by": "marco"},
    "sla.acknowledged": {"clause": "first contact"},
    "campaign.spend": {"amount": 1200.5},
}


def nested(levels: int) -> Any:
    value: Any = "core"
    for _ in range(levels):
        value = [value]
    return value


def test_a_touch_is_taken_whole() -> None:
    data = {"asset": "w1", "score": 2.5, "big": 10**30, "tags": [{"a": None}], "név": "😀"}
    event = taken(line(data, receivedat="2026-03-02T08:20:00Z", partner={"x": 1}))
    assert event == Event(
        id="e-1",
        source="/web",
        type="webinar.attended",
        subject="lead-1",
        time_at=datetime(2026, 3, 2, 8, 15, tzinfo=UTC),
        data=data,
        received_at=datetime(2026, 3, 2, 8, 20, tzinfo=UTC),
    )
    assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event


@pytest.mark.parametrize("data", [None, ..., {}])
def test_data_may_be_absent(data: Any) -> None:
    assert taken(line(data=data)).data == {}


@pytest.mark.parametrize("kind", sorted(LISTED_EVENTS))
def test_every_listed_type_is_taken_and_keeps_unknown_fields(kind: str) -> None:
    data = MINIMAL[kind] | {"extra": [1, None]}
    assert taken(line(data, type=kind)).data == data


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-03-02t09:15:00z", datetime(2026, 3, 2, 9, 15, tzinfo=UTC)),
        ("2026-03-02T09:15:00.5-03:30", datetime(2026, 3, 2, 12, 45, 0, 500_000, tzinfo=UTC)),
        (
            "2026-03-02T09:15:00.999999999Z",
            datetime(2026, 3, 2, 9, 15, 0, 999_999, tzinfo=UTC),
        ),
        ("1970-01-01T01:00:00+01:00", datetime(1970, 1, 1, tzinfo=UTC)),
        ("2100-12-31T23:59:59Z", datetime(2100, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_utc(written: str, meant: datetime) -> None:
    at = taken(line(time=written)).time_at
    assert at == meant
    assert at.tzinfo is UTC


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("2026-03-02T09:15:00", "has no offset"),
        ("2026-03-02", "is not an RFC 3339 instant"),
        ("2026-03-02T09:15Z", "is not an RFC 3339 instant"),
        ("2026-03-02 09:15:00Z", "is not an RFC 3339 instant"),
        ("20260302T091500.123Z", "is not an RFC 3339 instant"),
        ("2026-W10-1T09:15:00Z", "is not an RFC 3339 instant"),
        ("2026-03-02T09:15:00Z ", "is not an RFC 3339 instant"),
        ("yesterday", "is not an RFC 3339 instant"),
        ("", "is not an RFC 3339 instant"),
        ("2026-02-30T09:15:00Z", "is no date and time that exist"),
        ("2026-03-02T24:00:00Z", "is no date and time that exist"),
        ("2026-03-02T09:15:00+25:00", "is no date and time that exist"),
        ("2016-12-31T23:59:60Z", "is a leap second"),
        ("1969-12-31T23:59:59Z", "lies outside the years 1970 to 2100"),
        ("2101-01-01T00:00:00Z", "lies outside the years 1970 to 2100"),
        ("0001-01-01T00:00:00+23:59", "lies outside the years 1970 to 2100"),
        ("9999-12-31T23:59:59-23:59", "lies outside the years 1970 to 2100"),
        (1772439300, "is not text"),
    ],
)
@pytest.mark.parametrize("field", ["time", "receivedat"])
def test_absurd_times_are_refused(field: str, written: Any, why: str) -> None:
    refusal = refused(line(**{field: written}))
    assert (refusal.reason, refusal.field) == ("invalid_time", field)
    assert why in refusal.sentence
    assert refusal.sentence.startswith(f"{field} is ")
    assert "2026-03-02T09:15:00+01:00" in refusal.sentence


def test_a_time_may_be_a_day_ahead_of_the_stamp_and_no_more() -> None:
    stamp = datetime(2026, 3, 2, 9, tzinfo=UTC)
    limit = stamp + MAX_AHEAD
    taken(line(time=limit.isoformat(), receivedat=stamp.isoformat()))
    refusal = refused(
        line(time=(limit + timedelta(seconds=1)).isoformat(), receivedat=stamp.isoformat())
    )
    assert (refusal.reason, refusal.field) == ("invalid_time", "time")
    assert "24 hours after the log received" in refusal.sentence


@pytest.mark.parametrize("field", ["specversion", "id", "source", "type", "subject", "time"])
@pytest.mark.parametrize("value", [..., None])
def test_missing_attributes_are_named(field: str, value: Any) -> None:
    refusal = refused(line(**{field: value}))
    assert (refusal.reason, refusal.field) == ("missing_attribute", field)
    assert f"attribute {field} is missing" in refusal.sentence


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"specversion": 1.0}, "specversion"),
        ({"datacontenttype": "text/xml"}, "datacontenttype"),
        ({"datacontenttype": 5}, "datacontenttype"),
        ({"data_base64": "AAAA"}, "data_base64"),
    ],
)
def test_other_envelopes_are_refused(attributes: dict[str, Any], field: str) -> None:
    refusal = refused(line(**attributes))
    assert (refusal.reason, refusal.field) == ("invalid_attribute", field)
    assert refusal.sentence.startswith(field)


@pytest.mark.parametrize(
    "kind", ["application/json", "APPLICATION/JSON; charset=utf-8", "application/vnd.x+json", None]
)
def test_json_content_types_are_taken(kind: str | None) -> None:
    assert taken(line({"asset": "w1"}, datacontenttype=kind)).data == {"asset": "w1"}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "malformed_json"),
        (b"not json", "malformed_json"),
        (line()[:-1], "malformed_json"),
        (line() + b"}", "malformed_json"),
        (line() + line(), "malformed_json"),
        (line({"a": "tab"}).replace(b"tab", b"a\tb"), "malformed_json"),
        (line({"a": "x"}).replace(b'"x"', b"01"), "malformed_json"),
        (line({"a": "x"}).replace(b"x", b"\\x"), "malformed_json"),
        (line({"a": "x"}).replace(b"x", b"\\ud800"), "not_unicode"),
        (line({"a": "x"}).replace(b"x", b"\\udc00\\ud800"), "not_unicode"),
        (line(subject="x").replace(b'"x"', b'"\\ud83d"'), "not_unicode"),
        (line({"a": "x"}).replace(b"x", b"\xff"), "not_unicode"),
        (line({"a": "x"}).replace(b"x", b"\xed\xa0\x80"), "not_unicode"),
        (line().decode().encode("utf-16"), "not_unicode"),
        (b"[]", "not_an_object"),
        (b"null", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"[" * 100_000, "too_deep"),
        (b'{"data":' * 30_000, "too_deep"),
        (line({"a": "x" * MAX_BYTES}), "too_large"),
    ],
)
def test_lines_that_are_no_event(raw: bytes, reason: str) -> None:
    refusal = refused(raw)
    assert (refusal.reason, refusal.field) == (reason, None)


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e400"])
def test_numbers_that_are_not_finite_are_found_wherever_they_are(number: bytes) -> None:
    places = {
        "data.a": line({"a": "HERE"}),
        "data.b[1].c": line({"b": [0.5, {"c": "HERE"}]}),
        "partner": line(partner="HERE"),
        "data.employees": line({"employees": "HERE"}, type="lead.captured"),
    }
    for path, raw in places.items():
        refusal = refused(raw.replace(b'"HERE"', number))
        assert (refusal.reason, refusal.field) == ("not_finite", path)
        assert path in refusal.sentence


def test_a_number_of_thousands_of_digits_is_refused() -> None:
    assert refused(line({"a": "X"}).replace(b'"X"', b"9" * 5000)).reason == "not_finite"


def test_nesting_is_counted_from_the_event_itself() -> None:
    at_limit = nested(MAX_DEPTH - 2)
    assert taken(line({"a": at_limit})).data == {"a": at_limit}
    for raw in (line({"a": nested(MAX_DEPTH - 1)}), line(partner=nested(MAX_DEPTH))):
        refusal = refused(raw)
        assert refusal.reason == "too_deep"
        assert "32" in refusal.sentence
    wide = {"a": [{}] * 500, "b": "[{" * 500}
    assert taken(line(wide)).data == wide


def test_size_is_counted_in_bytes() -> None:
    overhead = len(line({"a": ""}))
    taken(line({"a": "x" * (MAX_BYTES - overhead)}))
    assert refused(line({"a": "x" * (MAX_BYTES - overhead + 1)})).reason == "too_large"


@pytest.mark.parametrize(
    ("kind", "data", "field", "says"),
    [
        ("lead.captured", {"employees": "many"}, "employees", "'many'; write a number"),
        ("lead.captured", {"employees": -1}, "employees", "at least 0"),
        ("lead.captured", {"employees": True}, "employees", "true; write a number"),
        ("lead.updated", {"employees": 10**19}, "employees", "10^18"),
        ("lead.updated", {"employees": 10**4000}, "employees", "10^18"),
        ("lead.captured", {"purchase_horizon_months": "4"}, "purchase_horizon_months", "'4'"),
        ("lead.captured", {"product_fit": "yes"}, "product_fit", "true or false"),
        ("lead.captured", {"product_fit": 1}, "product_fit", "true or false"),
        ("lead.captured", {"email": 5}, "email", "5; write text in quotes, or null to clear"),
        ("lead.captured", {"country": ["IT"]}, "country", "a list"),
        ("lead.captured", {"country": False}, "country", "false; write text"),
        ("lead.captured", {"origin": "Marketing"}, "origin", "'marketing' or 'sales'"),
        ("lead.qualified", {"employees": "x\u202ey"}, "employees", r"x\u202ey"),
        ("lead.accepted", {"by": ""}, "by", "empty text"),
        ("lead.accepted", {"by": {"name": "marco"}}, "by", "an object"),
        ("lead.attempted", {}, "channel", "missing from this lead.attempted"),
        ("lead.attempted", {"channel": None}, "channel", "'voicemail'"),
        ("lead.attempted", {"channel": "phone"}, "channel", "'phone'; write one of 'call'"),
        ("lead.attempted", {"channel": "call", "outcome": 1}, "outcome", "text"),
        ("lead.rejected", {}, "reason", "missing"),
        ("lead.rejected", {"reason": 4}, "reason", "4"),
        ("lead.paused", {"until": "2026-04-01"}, "until", "not an RFC 3339 instant"),
        ("lead.paused", {"until": "2026-04-01T09:00:00"}, "until", "no offset"),
        ("rep.away", {"until": 1775000000}, "until", "an instant with an offset"),
        ("lead.reassigned", {"by": "amy"}, "to", "missing"),
        ("lead.claimed", {"to": None}, "to", "data.by too"),
        ("sla.acknowledged", {"by": "amy"}, "clause", "missing"),
        ("lead.feedback", {"rating": 6}, "rating", "from 1 to 5"),
        ("lead.feedback", {"rating": 4.5}, "rating", "whole number"),
        ("deal.won", {"value": "100 €"}, "value", "without quotes"),
        ("deal.won", {"currency": 978}, "currency", "text"),
        ("campaign.spend", {"currency": "EUR"}, "amount", "missing"),
        ("campaign.spend", {"amount": None}, "amount", "null; write a number"),
        ("webinar.attended", {"asset": 5}, "asset", "5; write text"),
        ("webinar.attended", {"channel": ["x"]}, "channel", "a list"),
    ],
)
def test_wrong_data_is_named_by_its_path(
    kind: str, data: dict[str, Any], field: str, says: str
) -> None:
    refusal = refused(line(data, type=kind))
    assert (refusal.reason, refusal.field) == ("invalid_data", f"data.{field}")
    assert f"data.{field} is " in refusal.sentence
    assert says in refusal.sentence


@pytest.mark.parametrize("data", ["text", 5, [1], True])
def test_data_must_be_an_object(data: Any) -> None:
    refusal = refused(line(data))
    assert (refusal.reason, refusal.field) == ("invalid_data", "data")


def test_null_clears_profile_fields_and_otherwise_counts_as_left_out() -> None:
    profile = {"employees": None, "product_fit": None, "custom": None}
    assert taken(line(profile, type="lead.updated")).data == profile
    assert taken(line(profile | {"by": None}, type="lead.qualified")).data == profile
    attempt = {"channel": "call", "by": None, "outcome": None, "custom": None}
    assert taken(line(attempt, type="lead.attempted")).data == {"channel": "call", "custom": None}
    touch = {"asset": None, "campaign": "x", "custom": None}
    assert taken(line(touch)).data == {"campaign": "x", "custom": None}
    assert taken(line({"until": None}, type="rep.away")).data == {}


@pytest.mark.parametrize("kind", ["lead.paused", "lead.resumed", "rep.away", "rep.back"])
def test_until_becomes_an_instant(kind: str) -> None:
    event = taken(line({"until": "2026-04-01T09:00:00+02:00"}, type=kind))
    assert event.data == {"until": datetime(2026, 4, 1, 7, tzinfo=UTC)}


def test_until_elsewhere_is_a_field_like_any_other() -> None:
    assert taken(line({"until": "soon"}, type="lead.captured")).data == {"until": "soon"}


def test_whole_numbers_stay_whole() -> None:
    data = taken(
        line({"employees": 120, "purchase_horizon_months": 4.5}, type="lead.captured")
    ).data
    assert (type(data["employees"]), type(data["purchase_horizon_months"])) == (int, float)


def test_the_quick_look_at_a_time_admits_what_the_pattern_admits() -> None:
    assert parse_instant("2026-03-02T09:15:00+1:00") is None
    assert parse_instant("2026-03-02T09:15:00Zab") is None
    assert parse_instant("2026-03-02T09:15:00+01:000") is None
    assert parse_instant("2026-03-02T٠٩:15:00Z") is None
    assert parse_instant("2026-03-02T09:15:00-01:30") == datetime(
        2026, 3, 2, 9, 15, tzinfo=timezone(timedelta(hours=-1, minutes=-30))
    )
