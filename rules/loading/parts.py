"""The parts that conditions are put together from.

A part knows whether it holds, and in which words it does or does not: the
reasons of a `not` are the denials of what it negates. A field that the lead
lacks satisfies nothing but `not` (contract, section 2, 'Conditions').
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from rules.conditions import Condition, Facts
from rules.loading.value_tests import ValueTest
from rules.wording import value_text

Phrases = Callable[[Facts], tuple[str, ...]]
Holds = Callable[[Facts], bool]
DERIVED: Final = ("temperature", "stage", "points", "icp")
"""Fields that the rules work out; all others are the profile's."""
NOTHING: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Part:
    """A condition under construction; `denials` says why it does not hold."""

    text: str
    opposite: str
    """The words for its not holding."""
    holds: Holds
    reasons: Phrases
    denials: Phrases
    fields: frozenset[str]
    touched: frozenset[str]
    boundaries: frozenset[int]

    def condition(self) -> Condition:
        return Condition(
            self.text, self.holds, self.reasons, self.fields, self.touched, self.boundaries
        )


def field_part(field: str, test: ValueTest, *, derived: bool) -> Part:
    """The lead has `field`, and its value passes `test`."""
    get: Callable[[Facts], Any] = (
        attrgetter(field) if derived else lambda facts: facts.profile.get(field)
    )

    words = f"({test.words})" if " and " in test.words else test.words

    def reasons(facts: Facts) -> tuple[str, ...]:
        shown = value_text(get(facts))
        return (f"{field} is {shown}" if test.constants else f"{field} is {shown} ({test.words})",)

    def denials(facts: Facts) -> tuple[str, ...]:
        value = get(facts)
        known = "there is none" if value is None else f"it is {value_text(value)}"
        return (f"{field} is not {words} ({known})",)

    boundaries = test.boundaries if derived and field == "points" else frozenset[int]()
    holds = _field_holds(field, test, derived=derived)
    return Part(
        text=f"{field} is {test.words}",
        opposite=f"{field} is not {words}",
        holds=holds,
        reasons=reasons,
        denials=denials,
        fields=frozenset({field}),
        touched=NOTHING,
        boundaries=boundaries,
    )


def _field_holds(field: str, test: ValueTest, *, derived: bool) -> Holds:
    """The quickest callable for the test; one comparison with text costs one look-up."""
    constants = test.constants or ()
    only = constants[0] if len(constants) == 1 else None
    check = test.check
    if derived:
        return _derived_holds(field, test)
    if isinstance(only, str):
        return lambda facts: facts.profile.get(field) == only
    if isinstance(only, bool):
        return lambda facts: facts.profile.get(field) is only

    def holds(facts: Facts) -> bool:
        value = facts.profile.get(field)
        return value is not None and check(value)

    return holds


def _derived_holds(field: str, test: ValueTest) -> Holds:
    check = test.check
    if test.constants is None or not all(isinstance(each, str) for each in test.constants):
        get = attrgetter(field)
        return lambda facts: check(get(facts))
    words = frozenset(str(each) for each in test.constants)
    if field == "temperature":
        return lambda facts: facts.temperature in words
    if field == "stage":
        return lambda facts: facts.stage in words
    get = attrgetter(field)
    return lambda facts: get(facts) in words


def touched_part(types: Sequence[str]) -> Part:
    """The lead touched at least one of `types` in this cycle."""
    asked = frozenset(types)
    words = " or ".join(types)

    def holds(facts: Facts) -> bool:
        return not asked.isdisjoint(facts.touched)

    def reasons(facts: Facts) -> tuple[str, ...]:
        return (f"touched {' and '.join(each for each in types if each in facts.touched)}",)

    def denials(_: Facts) -> tuple[str, ...]:
        return (f"not touched {words}",)

    return Part(
        text=f"touched {words}",
        opposite=f"not touched {words}",
        holds=holds,
        reasons=reasons,
        denials=denials,
        fields=NOTHING,
        touched=asked,
        boundaries=frozenset(),
    )


def negated(part: Part) -> Part:
    """`part` does not hold."""
    inner = part.holds
    return Part(
        text=part.opposite,
        opposite=part.text,
        holds=lambda facts: not inner(facts),
        reasons=part.denials,
        denials=part.reasons,
        fields=part.fields,
        touched=part.touched,
        boundaries=part.boundaries,
    )


def all_of(parts: Sequence[Part]) -> Part:
    """Every part holds."""
    if len(parts) == 1:
        return parts[0]

    def reasons(facts: Facts) -> tuple[str, ...]:
        return _phrases(part.reasons(facts) for part in parts)

    def denials(facts: Facts) -> tuple[str, ...]:
        return _phrases(part.denials(facts) for part in parts if not part.holds(facts))

    return _joined(parts, " and ", _all_hold([part.holds for part in parts]), reasons, denials)


def any_of(parts: Sequence[Part]) -> Part:
    """At least one part holds; the reasons name only those that do."""
    if len(parts) == 1:
        return parts[0]

    def reasons(facts: Facts) -> tuple[str, ...]:
        return _phrases(part.reasons(facts) for part in parts if part.holds(facts))

    def denials(facts: Facts) -> tuple[str, ...]:
        return _phrases(part.denials(facts) for part in parts)

    return _joined(parts, " or ", _any_holds([part.holds for part in parts]), reasons, denials)


def _all_hold(checks: Sequence[Holds]) -> Holds:
    if len(checks) == 2:
        one, two = checks
        return lambda facts: one(facts) and two(facts)
    if len(checks) == 3:
        one, two, three = checks
        return lambda facts: one(facts) and two(facts) and three(facts)

    def holds(facts: Facts) -> bool:
        for check in checks:  # noqa: SIM110 - a generator costs more than the checks
            if not check(facts):
                return False
        return True

    return holds


def _any_holds(checks: Sequence[Holds]) -> Holds:
    if len(checks) == 2:
        one, two = checks
        return lambda facts: one(facts) or two(facts)

    def holds(facts: Facts) -> bool:
        for check in checks:  # noqa: SIM110 - a generator costs more than the checks
            if check(facts):
                return True
        return False

    return holds


def _phrases(groups: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(phrase for group in groups for phrase in group))


def _joined(
    parts: Sequence[Part], word: str, holds: Holds, reasons: Phrases, denials: Phrases
) -> Part:
    text = _text(parts, word)
    return Part(
        text=text,
        opposite=f"not ({text})",
        holds=holds,
        reasons=reasons,
        denials=denials,
        fields=NOTHING.union(*(part.fields for part in parts)),
        touched=NOTHING.union(*(part.touched for part in parts)),
        boundaries=frozenset[int]().union(*(part.boundaries for part in parts)),
    )


def _text(parts: Sequence[Part], word: str) -> str:
    """The parts' words, with brackets around those that hold the other conjunction."""
    other = " or " if word == " and " else " and "
    return word.join(f"({part.text})" if other in part.text else part.text for part in parts)
