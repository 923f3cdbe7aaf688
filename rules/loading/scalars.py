"""Scalars: what a word of the file stands for, by the rules of YAML 1.2 and nothing older.

Only `true` and `false` are booleans, only plain decimals are numbers. `no`,
`12:30`, `0123`, `0x1F` and `1_000` stay the text that a person sees, and quoted
text is always text.
"""

import re
from typing import Final

_NUMBER: Final = re.compile(
    r"[-+]?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,20})?(?:[eE][-+]?[0-9]{1,2})?|[-+]?\.[0-9]{1,20}",
    re.ASCII,
)
_WHOLE: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})", re.ASCII)
_ELSEWHERE: Final = re.compile(
    r"yes|no|on|off|y|n|true|false|null"
    r"|[-+]?0[0-9_]+|[-+]?0x[0-9a-f_]+|[-+]?0o[0-7]+|[-+]?0b[01_]+"
    r"|[-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?"
    r"|[-+]?[0-9]+(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
    r"|[-+]?\.inf|\.nan",
    re.ASCII | re.IGNORECASE,
)
_SIGNS: Final = {
    ">=": "at_least", "=>": "at_least", "≥": "at_least", "at least": "at_least", ">": "above",
    "<=": "at_most", "=<": "at_most", "≤": "at_most", "at most": "at_most", "<": "below",
    "above": "above", "over": "above", "more than": "above", "below": "below",
    "under": "below", "less than": "below",
}  # fmt: skip
_DECIMAL: Final = r"[0-9]{1,18}(?:\.[0-9]{1,20})?"
_COMPARISON: Final = re.compile(
    rf"({_DECIMAL}) ?[-–] ?({_DECIMAL})|({'|'.join(_SIGNS)}) ?({_DECIMAL})|({_DECIMAL}) ?\+"
)
_BOOLEAN_WORDS: Final = {
    **dict.fromkeys(("yes", "y", "on", "true"), "true"),
    **dict.fromkeys(("no", "n", "off", "false"), "false"),
}

ScalarValue = str | int | float | bool | None


def resolve(text: str, *, quoted: bool) -> ScalarValue:
    """What the scalar `text` stands for. Numbers beyond 18 digits stay text."""
    if quoted:
        return text
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if text[0].isdigit() or text[0] in "+-.":
        if _WHOLE.fullmatch(text):
            return int(text)
        if _NUMBER.fullmatch(text):
            return float(text)
    return text


def is_ambiguous(text: str) -> bool:
    """Whether other YAML readers take this plain text for a boolean, a number or a time."""
    return _ELSEWHERE.fullmatch(text) is not None


def boolean_meant(text: str) -> str | None:
    """`true` or `false` where `text` is another word for it, such as `yes` or `Off`."""
    return _BOOLEAN_WORDS.get(text.lower())


def comparison_meant(text: str) -> str | None:
    """`{at_least: 50}` where `text` is a usual way of writing it, such as `>= 50` or `50+`."""
    written = _COMPARISON.fullmatch(text)
    if written is None:
        return None
    low, high, sign, bound, least = written.groups()
    if low:
        return f"{{at_least: {low}, at_most: {high}}}"
    return f"{{at_least: {least}}}" if least else f"{{{_SIGNS[sign]}: {bound}}}"
