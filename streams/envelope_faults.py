"""Why a line is no event: the sentences for what `streams.codec` finds wrong with it.

Nothing here runs for a valid event, apart from a look at names with unusual characters.
"""

import re
import unicodedata
from collections.abc import Iterable
from math import isfinite
from typing import Any, Final

from pydantic import ValidationError

from rules.decisions import DATA_TYPES
from rules.events import LISTED_EVENTS, RESERVED_PREFIXES, folded
from rules.wording import did_you_mean, printable
from streams.instants import EXAMPLE, instant_fault
from streams.refusals import Refusal, shown

MAX_DEPTH: Final = 32
"""How deep objects and lists may nest, the event itself being the first (contract, section 1)."""
MAX_NAME: Final = 512
"""Characters in `id`, `source`, `type` and `subject`: far above any real one, and short enough
for every index and key that they end up in."""

REQUIRED: Final = {
    "specversion": '"1.0"',
    "id": "what names this event at its source",
    "source": "where the event comes from, such as /website",
    "type": "what happened, such as webinar.attended",
    "subject": "whom the event is about, such as the lead's id",
    "time": f"when it happened, such as {EXAMPLE}",
}
_NAMES: Final = ("id", "source", "type", "subject")
# Control characters and noncharacters are barred by CloudEvents; what formats text
# unseen (bidi marks, zero-width spaces, soft hyphens, tags) and line separators by
# us, since they make one lead's name look like another's.
_BARRED: Final = frozenset({"Cc", "Cf", "Zl", "Zp"})
_JOINERS: Final = "\u200c\u200d"
"""Zero-width too, but Persian, Indian scripts and emoji are not written without them."""
_BLANKS: Final = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Letters and signs by their category that show nothing: fillers, the empty Braille cell."""
_JSON_TYPE: Final = re.compile(
    r"\s*[a-z]+/(?:[a-z0-9.+_-]+\+)?json\s*(?:;.*)?", re.IGNORECASE | re.DOTALL
)


def envelope_fault(line: bytes, error: ValidationError) -> Refusal:
    """Why the envelope of `line` was found invalid: the first fault of `error`."""
    fault = error.errors(include_url=False)[0]
    if fault["type"] == "json_invalid":
        return _parse_fault(line, str(fault["ctx"]["error"]))
    if not fault["loc"]:
        return Refusal(
            "not_an_object",
            f"The line holds {shown(fault['input'])}; write one CloudEvent, a JSON object in "
            "braces.",
        )
    field = str(fault["loc"][0])
    found = fault["input"]
    if fault["type"] == "missing" or (found is None and field in REQUIRED):
        return Refusal(
            "missing_attribute",
            f"The attribute {field} is missing; write {REQUIRED[field]}.",
            field,
        )
    if field == "data":
        return Refusal(
            "invalid_data",
            f"data is {shown(found)}; write an object of fields in braces, or leave it out.",
            field,
        )
    if field in ("time", "receivedat"):
        return invalid_time(field, found)
    if fault["type"] == "string_too_long":
        return Refusal(
            "invalid_attribute",
            f"{field} is {len(found)} characters long; write at most {MAX_NAME}.",
            field,
        )
    expected = REQUIRED.get(field, "application/json")
    return Refusal(
        "invalid_attribute",
        f"{field} is {shown(found)}; write as text {expected}.",
        field,
    )


_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def _parse_fault(line: bytes, said: str) -> Refusal:
    """Why `line` is not JSON, with the parser's own words for where."""
    said = said.replace(" at line 1 column", " at column")  # the only line there is
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return Refusal(
            "not_unicode",
            f"Byte {error.start + 1} of the line is not UTF-8; save or send the events as UTF-8.",
        )
    if ("escape" in said or "surrogate" in said) and _SURROGATE.search(line):
        return Refusal(
            "not_unicode",
            f"The line holds half of a surrogate pair ({said}), which is no character; write the "
            "character itself, or both halves.",
        )
    if "recursion limit" in said:
        return _TOO_DEEP
    if "number out of range" in said:
        return _not_finite(None)
    return Refusal(
        "malformed_json",
        f"The line is not valid JSON: {said}; write one complete CloudEvent on each line.",
    )


_TOO_DEEP: Final = Refusal(
    "too_deep",
    f"The event nests objects and lists more than {MAX_DEPTH} deep; flatten `data`.",
)


def too_deep_or_not_finite(envelope: dict[str, Any]) -> Refusal:
    """Which of the two it is, and where; the walk is bounded by the parser's own limit of depth."""
    if _depth(envelope) > MAX_DEPTH:
        return _TOO_DEEP
    return _not_finite(_non_finite_path(envelope))


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    elif not isinstance(value, list):
        return 0
    return 1 + max(map(_depth, value), default=0)


def _not_finite(path: str | None) -> Refusal:
    return Refusal(
        "not_finite",
        f"{path or 'A number'} is not a number that can be held (NaN, infinite or far too large); "
        "write an ordinary number, or leave it out.",
        path,
    )


def _non_finite_path(value: Any, path: str = "") -> str | None:
    """Where in `value` the first number is that is not finite."""
    if isinstance(value, float):
        return None if isfinite(value) else path
    steps: Iterable[tuple[str, Any]] = ()
    if isinstance(value, dict):
        steps = ((f"{path}.{printable(key)}".lstrip("."), each) for key, each in value.items())
    elif isinstance(value, list):
        steps = ((f"{path}[{index}]", each) for index, each in enumerate(value))
    paths = (_non_finite_path(each, step) for step, each in steps)
    return next((found for found in paths if found is not None), None)


def unfit_name(envelope: dict[str, Any]) -> Refusal | None:
    """Why the first unfit context attribute can't be taken; None if all of them can.

    They hold no character that nobody sees, are not blank, and what names the
    lead and the event neither begins nor ends in a space.
    """
    for field in _NAMES:
        name: str = envelope[field]
        if all(each.isspace() or each in _JOINERS or each in _BLANKS for each in name):
            return _unfit(field, name, f"is blank; write as text {REQUIRED[field]}.")
        for place, character in enumerate(name, 1):
            if _is_barred(character):
                kind = "blank" if character in _BLANKS else "control or formatting"
                why = (
                    f"has as character {place} (U+{ord(character):04X}) a {kind} character, "
                    "which nobody sees; leave it out."
                )
                return _unfit(field, name, why)
        if field in ("id", "subject") and name != name.strip():
            where = "begins with" if name[0].isspace() else "ends in"
            return _unfit(field, name, f"{where} a space, which nobody sees; leave it out.")
    return None


def _is_barred(character: str) -> bool:
    if character in _JOINERS:
        return False
    if character in _BLANKS:
        return True
    code = ord(character)
    is_noncharacter = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    return is_noncharacter or unicodedata.category(character) in _BARRED


def _unfit(field: str, name: str, why: str) -> Refusal:
    return Refusal("invalid_attribute", f"{field} is {shown(name)}, which {why}", field)


def invalid_time(field: str, found: Any) -> Refusal:
    """What is wrong with `found` as an instant."""
    why = instant_fault(found) if isinstance(found, str) else "is not text"
    return Refusal(
        "invalid_time",
        f"{field} is {shown(found)}, which {why}; write an instant from 1970 to 2100 with an "
        f"offset, such as {EXAMPLE}.",
        field,
    )


def ahead(time: str, stamp: str) -> Refusal:
    """An event from further in the future than a wrong clock explains."""
    return Refusal(
        "invalid_time",
        f"time is {shown(time)}, more than 24 hours after the log received the event at "
        f"{shown(stamp)}; correct the clock of the source, or the event's time.",
        "time",
    )


def not_json(envelope: dict[str, Any]) -> Refusal | None:
    """Data that says it is something other than JSON; None if it doesn't."""
    if envelope.get("data_base64") is not None:
        return Refusal(
            "invalid_attribute",
            "data_base64 is binary data; write the event's fields as an object in `data`.",
            "data_base64",
        )
    content_type = envelope.get("datacontenttype")
    if content_type is None or _JSON_TYPE.fullmatch(content_type):
        return None
    return Refusal(
        "invalid_attribute",
        f"datacontenttype is {shown(content_type)}; write application/json, or leave it out.",
        "datacontenttype",
    )


def unknown_type(event_type: str) -> Refusal:
    """An unlisted type under a reserved prefix: a typing error, or a decision sent back."""
    meant = folded(event_type)
    prefix = meant.split(".", 1)[0]
    if event_type in DATA_TYPES:
        why = "is a decision, which only baton makes"
    else:
        why = f"is none of the types under `{prefix}.`, which are reserved"
    return Refusal(
        "unknown_type",
        f"type is {shown(event_type)}, which {why}.{did_you_mean(meant, LISTED_EVENTS)} "
        "Write a listed type, or for a touch of your own one outside "
        f"{' '.join(f'`{each}`' for each in RESERVED_PREFIXES)}.",
        "type",
    )
