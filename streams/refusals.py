"""Why input was not taken: closed reason codes, sentences for people, dead letters.

The same code labels the metric, the dead letter and the HTTP problem document
(contract, sections 1 and 7).
"""

import codecs
import re
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from rules.admission import AdmissionReason, Refused
from rules.wording import printable

MAX_BYTES: Final = 256 * 1024
"""The most that one event may take up (contract, section 1)."""

Reason = (
    Literal[
        "too_large",
        "malformed_json",
        "too_deep",
        "not_finite",
        "not_unicode",
        "not_an_object",
        "missing_attribute",
        "invalid_attribute",
        "invalid_time",
        "unknown_type",
        "invalid_data",
        "no_value",
    ]
    | AdmissionReason
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Input that was not taken.

    `sentence` says what was found, where, and what to write instead; `field` is
    the path of what is at fault (`subject`, `data.employees`), None where it is
    the whole line.
    """

    reason: Reason
    sentence: str
    field: str | None = None


# JSON may hold these as they are, but a terminal would obey the controls and be
# reordered by the bidi marks. They occur only inside strings, where \u is at home.
_UNSAFE_ON_A_TERMINAL: Final = re.compile(
    "[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A refused line as it is kept: why it was refused, and its original bytes.

    `line` is its number in the file, from 1. The original is text where it is
    UTF-8 and base64 where not, so that it can be sent again after a fix; `cut`
    says that it was longer than 256 KiB and only its beginning was kept.
    """

    reason: Reason
    sentence: str
    field: str | None
    line: int | None = None
    original: str | None = None
    original_base64: bytes | None = None
    cut: bool = False

    def as_json(self) -> bytes:
        """One line of valid JSON, safe to print on a terminal."""
        encoded = msgspec.json.encode(self).decode()
        return _UNSAFE_ON_A_TERMINAL.sub(lambda c: f"\\u{ord(c[0]):04x}", encoded).encode()

    def original_bytes(self) -> bytes:
        """The line as it came in, as far as it was kept."""
        if self.original_base64 is not None:
            return self.original_base64
        return (self.original or "").encode()


def dead_letter(refusal: Refusal | Refused, original: bytes, line: int | None = None) -> DeadLetter:
    """Put a refused line, given with its refusal, into the form in which it is kept."""
    cut = len(original) > MAX_BYTES
    kept = original[:MAX_BYTES]
    text: str | None
    try:
        # The cut may run through a character: its first bytes are dropped then.
        text = codecs.getincrementaldecoder("utf-8")().decode(kept, final=not cut)
    except UnicodeDecodeError:
        text = None
    return DeadLetter(
        reason=refusal.reason,
        sentence=refusal.sentence,
        field=refusal.field,
        line=line,
        original=text,
        original_base64=kept if text is None else None,
        cut=cut,
    )


def shown(value: Any) -> str:
    """A value of unknown origin as a sentence shows it: short, on one line, harmless."""
    if isinstance(value, str):
        return f"'{_with_spaces_told_apart(printable(value, 60))}'" if value else "empty text"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return printable(str(value), 60)


def _with_spaces_told_apart(text: str) -> str:
    """Spaces other than the ordinary one escaped: in a refusal they may be what is wrong."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in text)
