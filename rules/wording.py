"""How values are written inside the sentences of `because` and of errors."""

import unicodedata
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

LONGEST: Final = 80
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that a reader cannot see or that reorder what they see."""


def printable(text: str, longest: int = LONGEST) -> str:
    """`text` on one line, cut to `longest`, with invisible and bidi characters escaped."""
    if text.isascii() and text.isprintable():
        shown = text
    else:
        shown = "".join(
            f"\\u{ord(c):04x}" if unicodedata.category(c) in _HIDDEN else c
            for c in text[: longest + 1]
        )
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def number(value: float) -> str:
    """A finite number without needless decimals, long ones shortened: `3`, `2.5`, `1e+300`."""
    if abs(value) >= 1e15:
        return printable(str(value), 24)
    return str(int(value)) if value == int(value) else f"{value:g}"


def value_text(value: Any) -> str:
    """A field's value as a sentence shows it."""
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, (list, tuple)):
        return " or ".join(value_text(each) for each in value)
    return printable(str(value))


def moment(at: datetime, zone: ZoneInfo) -> str:
    """An instant as a person in `zone` reads it: `Mon 2 Mar 2026 09:15`."""
    # Written out, because strftime takes ten times as long and every decision says when.
    local = at.astimezone(zone)
    day, month = _DAYS[local.weekday()], _MONTHS[local.month - 1]
    seconds = f":{local.second:02}" if local.second else ""
    clock = f"{local.hour:02}:{local.minute:02}{seconds}"
    return f"{day} {local.day} {month} {local.year} {clock}"


def span(seconds: float) -> str:
    """Elapsed time in words: `45 s`, `15 min`, `2 h 5 min`, `3 d 4 h`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes = rest // 60
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    shown = [f"{amount} {unit}" for amount, unit in parts if amount]
    return " ".join(shown[:2])
