"""Dead letters: valid JSON, the original kept, nothing that a terminal would obey."""

import json

from streams.codec import decode
from streams.refusals import MAX_BYTES, Refusal, dead_letter


def refused(raw: bytes) -> Refusal:
    refusal = decode(raw)
    assert isinstance(refusal, Refusal), refusal
    return refusal


def test_a_dead_letter_keeps_the_original() -> None:
    raw = (
        '{"specversion":"1.0","id":"e-1","source":"/web","type":"lead.captured","subject":"lead-1",'
        '"time":"2026-03-02T09:15:00Z","data":{"employees":"mañana\u202e"}}'
    ).encode()
    letter = dead_letter(refused(raw), raw, line=7)
    kept = json.loads(letter.as_json())
    assert list(kept) == ["reason", "sentence", "field", "line", "original"]
    assert (kept["reason"], kept["field"], kept["line"]) == ("invalid_data", "data.employees", 7)
    assert kept["original"].encode() == raw == letter.original_bytes()


def test_a_dead_letter_of_other_bytes_is_base64() -> None:
    raw = b'{"id":"\xff"}'
    letter = dead_letter(refused(raw), raw)
    kept = json.loads(letter.as_json())
    assert kept["original_base64"] == "eyJpZCI6Iv8ifQ=="
    assert "original" not in kept
    assert "line" not in kept
    assert letter.original_bytes() == raw


def test_a_dead_letter_is_cut_between_characters() -> None:
    raw = b"x" + "é".encode() * MAX_BYTES
    letter = dead_letter(refused(raw), raw)
    kept = json.loads(letter.as_json())
    assert kept["cut"] is True
    assert kept["original"].encode() == raw[: MAX_BYTES - 1]


def test_a_dead_letter_cannot_command_a_terminal() -> None:
    raw = '{"id":"\x9b2J\u202e\u2028"}'.encode()
    printed = dead_letter(refused(raw), raw).as_json()
    assert printed.decode().isprintable()
    assert json.loads(printed)["original"].encode() == raw
