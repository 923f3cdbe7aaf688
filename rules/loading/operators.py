"""What a field is compared with: constants and operators, checked against its kind."""

from collections.abc import Iterable
from typing import Final

from rules.loading.diagnostics import Code, Report
from rules.loading.fields import Kind
from rules.loading.leaves import digits_hint, kind_of
from rules.loading.scalars import boolean_meant, comparison_meant, is_ambiguous
from rules.loading.value_tests import (
    NUMERIC_OPERATORS,
    OPERATORS,
    Constant,
    ValueTest,
    compares,
    equals,
    every,
    like,
)
from rules.loading.yaml_tree import ListNode, MapNode, Node, Scalar
from rules.wording import did_you_mean, listed, number, printable

_CONFLICTS: Final = (
    ("at_least", "at_most", False),
    ("at_least", "below", True),
    ("above", "at_most", True),
    ("above", "below", True),
)
"""Lower bound, upper bound, and whether equal ones already exclude each other."""


class Operators:
    """Reads what `field` must be. `failed` once an error was reported about it."""

    def __init__(self, report: Report, field: str, kind: Kind, words: tuple[str, ...]) -> None:
        self.failed = False
        self._report = report
        self._field = field
        self._kind = kind
        self._words = words

    def equality(self, node: Node) -> ValueTest | None:
        """A scalar, or a list of which any will do; None after an error."""
        if isinstance(node, ListNode):
            if not node:
                self._fault(Code.EMPTY, node, "An empty list matches nothing. Name the values.")
                return None
            constants = [self._constant(each) for each in node]
        else:
            constants = [self._constant(node)]
            self._doubt_comma(node)
        sound = [each for each in constants if each is not None]
        return equals(sound) if len(sound) == len(constants) else None

    def comparison(self, mapping: MapNode) -> ValueTest | None:
        """The operators of `mapping` apart from `not`; None if there are none, or an error."""
        tests: list[ValueTest] = []
        bounds: dict[str, float] = {}
        for key, value in mapping.items():
            if key in NUMERIC_OPERATORS:
                bound = self._bound(key, value)
                if bound is not None:
                    bounds[key] = bound
                    tests.append(compares(key, bound))
            elif key == "like":
                pattern = self._pattern(value)
                if pattern is not None:
                    tests.append(like(pattern))
            elif key != "not":
                self._unknown(mapping, key)
        self._check_bounds(mapping, bounds)
        return every(tests) if tests and not self.failed else None

    def bounds(self, mapping: MapNode) -> dict[str, float]:
        """The numeric bounds of `mapping`, in which nothing else may stand."""
        found: dict[str, float] = {}
        for key, value in mapping.items():
            if key in NUMERIC_OPERATORS:
                bound = self._bound(key, value)
                if bound is not None:
                    found[key] = bound
            else:
                self._unknown(mapping, key, NUMERIC_OPERATORS)
        self._check_bounds(mapping, found)
        return found

    def _unknown(self, mapping: MapNode, key: str, known: Iterable[str] = OPERATORS) -> None:
        hint = did_you_mean(key, known) or f" Known here: {listed(known)}."
        sentence = f"`{printable(key)}` is no comparison.{hint}"
        self._report.add(Code.UNKNOWN_KEY, mapping.key_marks[key], sentence)
        self.failed = True

    def _check_bounds(self, mapping: MapNode, bounds: dict[str, float]) -> None:
        for low, high, equal_excludes in _CONFLICTS:
            if low in bounds and high in bounds:
                one, two = bounds[low], bounds[high]
                if one > two or (equal_excludes and one == two):
                    sentence = (
                        f"Nothing is both {low.replace('_', ' ')} {number(one)} and "
                        f"{high.replace('_', ' ')} {number(two)}."
                    )
                    self._report.add(Code.IMPOSSIBLE, mapping.key_marks[low], sentence)
                    self.failed = True

    def _bound(self, operator: str, node: Node) -> float | None:
        if self._kind not in ("number", "open"):
            sentence = f"`{self._field}` is not a number, so `{operator}` cannot be asked of it."
            self._fault(Code.WRONG_TYPE, node, sentence)
            return None
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return value
        hint = " Remove the quotes." if isinstance(node, Scalar) and node.quoted else ""
        sentence = f"`{operator}` takes a number such as `50`; {kind_of(node)} was read.{hint}"
        self._fault(Code.WRONG_TYPE, node, sentence)
        return None

    def _pattern(self, node: Node) -> str | None:
        if self._kind not in ("text", "open"):
            self._fault(Code.WRONG_TYPE, node, f"`{self._field}` is not free text for `like`.")
            return None
        if isinstance(node, Scalar) and node.value is not None and node.text:
            return node.text
        self._fault(Code.WRONG_TYPE, node, '`like` takes a pattern such as `"*director*"`.')
        return None

    def _constant(self, node: Node) -> Constant | None:
        """The constant at `node`, as the field's kind reads it; None after an error."""
        if not isinstance(node, Scalar):
            sentence = f"A single value is wanted here, not {kind_of(node)}."
            self._fault(Code.WRONG_TYPE, node, sentence)
            return None
        value = node.value
        if value is None:
            sentence = (
                f"Nothing is written for `{self._field}` to be compared with. To ask for "
                "leads without it, negate with `not`."
            )
            self._fault(Code.WRONG_TYPE, node, sentence)
            return None
        if self._kind == "text":
            return node.text
        if self._kind == "word":
            return self._word(node)
        if self._kind == "number":
            return self._number(node)
        if self._kind == "boolean":
            return self._boolean(node)
        if isinstance(value, str) and not node.quoted and is_ambiguous(node.text):
            self._warn_ambiguous(node)
        return value

    def _word(self, node: Scalar) -> str | None:
        if node.text in self._words:
            return node.text
        hint = did_you_mean(node.text, self._words)
        if "," in node.text:
            hint = f" Several of them are a list: `[{printable(node.text)}]`."
        sentence = f"`{self._field}` is one of {listed(self._words)}, never {kind_of(node)}.{hint}"
        self._fault(Code.UNKNOWN_WORD, node, sentence)
        return None

    def _number(self, node: Scalar) -> float | None:
        value = node.value
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return value
        meant = comparison_meant(node.text)
        hint = f"write `{meant}`" if meant else digits_hint(node)
        sentence = f"`{self._field}` is a number, and {kind_of(node)} is not: {hint}."
        self._fault(Code.WRONG_TYPE, node, sentence)
        return None

    def _boolean(self, node: Scalar) -> bool | None:
        value = node.value
        if isinstance(value, bool):
            return value
        meant = boolean_meant(node.text)
        hint = f"write `{meant}` without quotes" if meant else "write `true` or `false`"
        sentence = f"`{self._field}` is true or false, and {kind_of(node)} is text: {hint}."
        self._fault(Code.WRONG_TYPE, node, sentence)
        return None

    def _doubt_comma(self, node: Node) -> None:
        """Warn of a text that was probably meant as a list."""
        if not isinstance(node, Scalar) or node.quoted or self._kind not in ("text", "open"):
            return
        if "," in node.text and isinstance(node.value, str):
            shown = printable(node.text)
            sentence = (
                f"The text `{shown}` holds a comma. Several values are a list: `[{shown}]`; put "
                "it in quotes if it is one."
            )
            self._report.add(Code.COMMA_IN_TEXT, node.start, sentence)

    def _warn_ambiguous(self, node: Scalar) -> None:
        meant = boolean_meant(node.text)
        other = f", or write `{meant}`" if meant else ""
        sentence = (
            f"`{printable(node.text)}` is read as text here, though other programs read it "
            f"otherwise. Quote it if text is meant{other}."
        )
        self._report.add(Code.AMBIGUOUS_SCALAR, node.start, sentence)

    def _fault(self, code: Code, node: Node, sentence: str) -> None:
        self.failed = True
        if not (isinstance(node, Scalar) and node.broken):
            self._report.add(code, node.start, sentence)
