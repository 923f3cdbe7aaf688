"""What one field must be: scalars, lists and operators, compiled to plain lambdas.

A test works on a value that is there; what a missing field means is decided by
`rules.loading.parts`. Text compares exactly, `true` is not `1`, and
`like` is a glob that tells upper from lower case.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from math import ceil, floor
from typing import Any, Final

from rules.wording import number, value_text

Check = Callable[[Any], bool]
Constant = str | int | float | bool
OPERATORS: Final = ("at_least", "above", "at_most", "below", "not", "like")
NUMERIC_OPERATORS: Final = ("at_least", "above", "at_most", "below")
LONGEST_LIKE: Final = 10_000
"""Longer texts match no glob; nobody writes one for them."""
_NUMBERS: Final = (int, float)


@dataclass(frozen=True, slots=True)
class ValueTest:
    """One test of a value: in words, as a callable, and the whole numbers where it may change."""

    words: str
    """Follows `is` or `is not`: `PL or IT`, `at least 50`."""
    check: Check
    boundaries: frozenset[int]
    constants: tuple[Constant, ...] | None = None
    """What it is compared with, if it is equality."""


def equals(constants: Sequence[Constant]) -> ValueTest:
    """The value is one of `constants`."""
    edges = {
        edge
        for each in constants
        if isinstance(each, _NUMBERS) and not isinstance(each, bool) and each == int(each)
        for edge in (int(each), int(each) + 1)
    }
    words = " or ".join(value_text(each) for each in constants)
    return ValueTest(words, _equality(constants), frozenset(edges), tuple(constants))


def _equality(constants: Sequence[Constant]) -> Check:
    texts = frozenset(each for each in constants if isinstance(each, str))
    booleans = frozenset(each for each in constants if isinstance(each, bool))
    numbers = frozenset(
        each for each in constants if isinstance(each, _NUMBERS) and not isinstance(each, bool)
    )
    if len(texts) == len(constants) == 1:
        (text,) = texts
        return lambda value: type(value) is str and value == text
    if len(texts) == len(constants):
        return lambda value: type(value) is str and value in texts
    return lambda value: (
        (type(value) is str and value in texts)
        or (type(value) is bool and value in booleans)
        or (type(value) in _NUMBERS and value in numbers)
    )


def compares(operator: str, bound: float) -> ValueTest:
    """The value is a number on the right side of `bound`."""
    checks: Mapping[str, Check] = {
        "at_least": lambda value: type(value) in _NUMBERS and value >= bound,
        "above": lambda value: type(value) in _NUMBERS and value > bound,
        "at_most": lambda value: type(value) in _NUMBERS and value <= bound,
        "below": lambda value: type(value) in _NUMBERS and value < bound,
    }
    edge = ceil(bound) if operator in ("at_least", "below") else floor(bound) + 1
    words = f"{operator.replace('_', ' ')} {number(bound)}"
    return ValueTest(words, checks[operator], frozenset({edge}))


def like(pattern: str) -> ValueTest:
    """The value is text that the glob `pattern` matches, upper and lower case apart."""
    return ValueTest(f"like {value_text(pattern)}", _glob(pattern), frozenset())


def _glob(pattern: str) -> Check:
    """The usual globs as text operations; others as a pattern compiled at first use.

    An agreement may have thousands, and compiling a pattern takes longer than
    everything else about its rule.
    """
    core = pattern.strip("*")
    if not any(sign in core for sign in "*?["):
        before, after = pattern.startswith("*"), pattern.endswith("*")
        if before and after:
            return lambda value: type(value) is str and core in value
        if after:
            return lambda value: type(value) is str and value.startswith(core)
        if before:
            return lambda value: type(value) is str and value.endswith(core)
        return lambda value: type(value) is str and value == core

    def check(value: Any) -> bool:
        return (
            type(value) is str
            and len(value) <= LONGEST_LIKE
            and _compiled(pattern).match(value) is not None
        )

    return check


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))


def every(tests: Sequence[ValueTest]) -> ValueTest:
    """All of `tests` pass."""
    if len(tests) == 1:
        return tests[0]
    checks = tuple(test.check for test in tests)
    boundaries = frozenset().union(*(test.boundaries for test in tests))
    words = " and ".join(test.words for test in tests)
    if len(checks) == 2:
        one, two = checks
        return ValueTest(words, lambda value: one(value) and two(value), boundaries)
    return ValueTest(words, lambda value: all(check(value) for check in checks), boundaries)
