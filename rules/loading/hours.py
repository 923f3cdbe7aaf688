"""Opening hours and weekdays as agreements write them (contract, section 2)."""

import re
from typing import Annotated, Any, Final

from pydantic import PlainValidator

from rules.calendars import DAY_MINUTES, Ranges
from rules.loading.diagnostics import Code
from rules.loading.leaves import fail, kind_of, scalar
from rules.loading.yaml_tree import Scalar
from rules.wording import did_you_mean, printable

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_RANGE: Final = re.compile(r"([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})", re.ASCII)
_FORM: Final = "Write hours as in `09:00-13:00 14:00-18:00`"


def read_days(key: Any) -> tuple[int, ...]:
    """`mon` or `mon-fri` as weekday numbers from Monday = 0; `sat-mon` runs over the week's end."""
    written = str(key)
    ends = written.split("-")
    if len(ends) > 2 or any(each not in WEEKDAYS for each in ends):
        hint = did_you_mean(ends[0], WEEKDAYS)
        if "," in written or " " in written.strip():
            hint = " Give each day or range a line of its own."
        shown = printable(written)
        fail(Code.BAD_DAY, f"`{shown}` is not a day. Write `mon`, or a range: `mon-fri`.{hint}")
    first, last = WEEKDAYS.index(ends[0]), WEEKDAYS.index(ends[-1])
    return tuple((first + step) % 7 for step in range((last - first) % 7 + 1))


def read_open_hours(node: Any) -> Ranges:
    """Hours of a weekday; there must be some."""
    ranges = _ranges(scalar(node, "Hours such as `09:00-18:00`"))
    if not ranges:
        fail(Code.BAD_HOURS, "These hours are empty. Leave the day out if it is closed.")
    return ranges


def read_special_hours(node: Any) -> Ranges:
    """Hours of one date; nothing closes it."""
    if isinstance(node, Scalar) and not node.broken and node.value is None:
        return ()
    return _ranges(scalar(node, 'Hours such as `09:00-12:00`, or `""` for closed,'))


def _ranges(written: Scalar) -> Ranges:
    ranges: list[tuple[int, int]] = []
    for part in written.text.split():
        match = _RANGE.fullmatch(part)
        if match is None:
            fail(Code.BAD_HOURS, f"{kind_of(written)} is not hours. {_FORM}, up to `24:00`.")
        hours = [int(group) for group in match.groups()]
        opens, closes = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
        if max(hours[1], hours[3]) > 59 or max(opens, closes) > DAY_MINUTES:
            fail(Code.BAD_HOURS, f"`{part}` has a time that no clock shows, `00:00` to `24:00`.")
        if opens >= closes:
            if opens == closes:
                fail(Code.BAD_HOURS, f"`{part}` is empty: its end must be after its beginning.")
            sentence = (
                f"`{part}` ends before it begins. Hours past midnight are two: until `24:00`, "
                "and from `00:00` on the next day."
            )
            fail(Code.BAD_HOURS, sentence)
        if ranges and opens < ranges[-1][0]:
            fail(Code.BAD_HOURS, f"`{part}` stands after later hours. Put the hours in order.")
        if ranges and opens < ranges[-1][1]:
            fail(Code.BAD_HOURS, f"`{part}` overlaps with the hours before it.")
        ranges.append((opens, closes))
    return tuple(ranges)


Days = Annotated[tuple[int, ...], PlainValidator(read_days)]
OpenHours = Annotated[Ranges, PlainValidator(read_open_hours)]
SpecialHours = Annotated[Ranges, PlainValidator(read_special_hours)]
