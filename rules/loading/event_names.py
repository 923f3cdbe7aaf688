"""Event and decision types as an agreement names them (contract, sections 1 and 3)."""

import re
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Final

from rules.decisions import DATA_TYPES
from rules.events import (
    CAMPAIGN_EVENTS,
    LEAD_EVENTS,
    LISTED_EVENTS,
    REP_EVENTS,
    folded,
    is_reserved,
)
from rules.loading.diagnostics import Code, Mark, Report
from rules.wording import did_you_mean, printable

LEAD_DECISIONS: Final = frozenset(kind for kind in DATA_TYPES if kind.startswith("lead."))
"""Decisions that a clause may start or end at."""
_NEAR: Final = 0.9
_SLIP: Final = 2
"""Letters that a typing error adds or drops at most: `preaccepted` is no slip of `accepted`."""
_DIGITS: Final = re.compile(r"[0-9]+")
_MANY: Final = 500
"""Beyond this many touch types near misses are not looked for: it would take too long."""


@dataclass(slots=True)
class EventNames:
    """Checks the types that an agreement names, and remembers the touches among them."""

    report: Report
    _touches: dict[str, list[Mark]] = field(default_factory=dict)

    def touch(self, name: str, at: Mark) -> bool:
        """Whether `name` can be a touch; if not, that is reported."""
        if name in LISTED_EVENTS or name in DATA_TYPES:
            what = "a decision" if name in DATA_TYPES else "an event of its own"
            sentence = f"`{name}` is {what}, not a touch, and never counts here."
            self.report.add(Code.WRONG_EVENT, at, sentence)
            return False
        if is_reserved(name):
            return self._unknown(name, at)
        self._touches.setdefault(name, []).append(at)
        return True

    def trigger(self, name: str, at: Mark) -> bool:
        """Whether a clause can start or end at `name`; if not, that is reported."""
        if name in LEAD_EVENTS or name in LEAD_DECISIONS:
            return True
        if name in DATA_TYPES:
            sentence = f"`{name}` is a decision about a clause; no clause can wait for it."
            self.report.add(Code.WRONG_EVENT, at, sentence)
            return False
        if name in REP_EVENTS | CAMPAIGN_EVENTS:
            sentence = f"`{name}` is not about a lead; a clause can't wait for it."
            self.report.add(Code.WRONG_EVENT, at, sentence)
            return False
        return self.touch(name, at)

    def _unknown(self, name: str, at: Mark) -> bool:
        meant = folded(name)
        hint = did_you_mean(meant, LEAD_EVENTS | LEAD_DECISIONS)
        sentence = f"`{printable(name)}` is none of the types under `{meant.split('.')[0]}.`.{hint}"
        self.report.add(Code.UNKNOWN_EVENT, at, sentence)
        return False

    def report_near_misses(self) -> None:
        """Warn of a touch named once that looks like another that is named elsewhere."""
        if len(self._touches) > _MANY:
            return
        for name, marks in self._touches.items():
            if len(marks) > 1:
                continue
            near = [other for other in self._touches if _is_near(name, other)]
            sentence = self._doubt(name, marks[0], near)
            if sentence is not None:
                self.report.add(Code.NEAR_MISS, marks[0], sentence)

    def _doubt(self, name: str, at: Mark, near: list[str]) -> str | None:
        """What is doubtful about `name` at `at`; of two named once each the later one tells."""
        shown = f"`{printable(name)}`"
        often = next((each for each in near if len(self._touches[each]) > 1), None)
        if often is not None:
            return f"{shown} is named only here. Did you mean `{printable(often)}`?"
        before = next((each for each in near if self._touches[each][0] < at), None)
        if before is None:
            return None
        first = self._touches[before][0]
        return (
            f"{shown} looks like `{printable(before)}` at {first.line}:{first.column}, and each "
            "is named once. Is one of them a typing error?"
        )


def _is_near(one: str, other: str) -> bool:
    if one == other or _DIGITS.sub("", one) == _DIGITS.sub("", other):
        return False
    if abs(len(one) - len(other)) > _SLIP:
        return False
    matcher = SequenceMatcher(None, one, other)
    return (
        matcher.real_quick_ratio() >= _NEAR
        and matcher.quick_ratio() >= _NEAR
        and matcher.ratio() >= _NEAR
    )
