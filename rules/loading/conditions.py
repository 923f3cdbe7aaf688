"""Conditions of the file, compiled (contract, section 2, 'Conditions').

A mapping of fields must hold in all of them; `any`, `all` and `not` combine.
Faults are reported where they stand, all of a condition's at once; a faulty
condition compiles to None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rules.conditions import Condition
from rules.loading.diagnostics import Code, Report
from rules.loading.event_names import EventNames
from rules.loading.fields import LEAD_ONLY, WORDS, Scope
from rules.loading.leaves import kind_of
from rules.loading.operators import Operators
from rules.loading.parts import (
    DERIVED,
    Part,
    all_of,
    any_of,
    field_part,
    negated,
    touched_part,
)
from rules.loading.value_tests import OPERATORS
from rules.loading.yaml_tree import ListNode, MapNode, Node, Scalar
from rules.wording import did_you_mean, listed, printable

COMBINING: Final = ("any", "all", "not")
_NEAR: Final = 0.85


@dataclass(frozen=True, slots=True)
class ConditionReader:
    """Compiles conditions; what is wrong with them goes to `report`."""

    report: Report
    events: EventNames
    absent: Mapping[str, str]
    """Fields that never have a value in this agreement, with the chapter that they lack."""

    def read(self, node: Node, scope: Scope) -> Condition | None:
        """The condition at `node`, or None if it has an error."""
        part = self._mapping(node, scope)
        return None if part is None else part.condition()

    def _mapping(self, node: Node, scope: Scope) -> Part | None:
        if not isinstance(node, MapNode):
            if not (isinstance(node, Scalar) and node.broken):
                sentence = f"A condition such as `{{country: PL}}` is wanted, not {kind_of(node)}."
                self.report.add(Code.WRONG_TYPE, node.start, sentence)
            return None
        if not node:
            sentence = "An empty condition says nothing. Name a field, or leave the condition out."
            self.report.add(Code.EMPTY, node.start, sentence)
            return None
        parts = [self._entry(node, key, value, scope) for key, value in node.items()]
        sound = [part for part in parts if part is not None]
        return all_of(sound) if len(sound) == len(parts) else None

    def _entry(self, mapping: MapNode, key: str, value: Node, scope: Scope) -> Part | None:
        if key in ("any", "all"):
            return self._combined(key, value, scope)
        if key == "not":
            part = self._mapping(value, scope)
            return None if part is None else negated(part)
        if not self._may_name(mapping, key, scope):
            return None
        if key == "touched" and not scope.of_data:
            return self._touched(value)
        return self._field(key, value, scope)

    def _combined(self, key: str, value: Node, scope: Scope) -> Part | None:
        if not isinstance(value, ListNode):
            sentence = f"`{key}` takes a list of conditions, `[{{...}}, {{...}}]`."
            self._fault(Code.WRONG_TYPE, value, sentence)
            return None
        if not value:
            self._fault(Code.EMPTY, value, f"`{key}` of no conditions says nothing.")
            return None
        parts = [self._mapping(each, scope) for each in value]
        sound = [part for part in parts if part is not None]
        if len(sound) < len(parts):
            return None
        return any_of(sound) if key == "any" else all_of(sound)

    def _may_name(self, mapping: MapNode, key: str, scope: Scope) -> bool:
        """Whether a condition in `scope` may name the field `key`; doubts are reported too."""
        at = mapping.key_marks[key]
        shown = printable(key)
        if key in OPERATORS:
            sentence = f"`{key}` needs a field before it, as in `employees: {{{key}: ...}}`."
            self.report.add(Code.UNKNOWN_KEY, at, sentence)
            return False
        if key in scope.forbidden:
            sentence = f"`{shown}` cannot be asked here: {scope.forbidden[key]}."
            self.report.add(Code.CIRCULAR, at, sentence)
            return False
        if scope.of_data and key in LEAD_ONLY:
            sentence = f"Only the event's own data is read here; `{shown}` belongs to the lead."
            self.report.add(Code.LEAD_FIELD_IN_DATA, at, sentence)
        elif not scope.of_data and key in self.absent:
            sentence = f"`{key}` never has a value: the chapter `{self.absent[key]}` is absent."
            self.report.add(Code.NO_EFFECT, at, sentence)
        elif key not in scope.known:
            hint = did_you_mean(key, (*scope.known, *COMBINING), cutoff=_NEAR)
            if hint:
                sentence = f"`{shown}` is a field of your own.{hint}"
                self.report.add(Code.NEAR_MISS, at, sentence)
        return True

    def _touched(self, value: Node) -> Part | None:
        if isinstance(value, MapNode) and list(value) == ["not"]:
            part = self._touched(value["not"])
            return None if part is None else negated(part)
        items = value if isinstance(value, ListNode) else [value]
        if not items:
            self._fault(Code.EMPTY, value, "Name at least one type of touch.")
            return None
        types: list[str] = []
        for item in items:
            if not isinstance(item, Scalar) or item.value is None:
                self._fault(Code.WRONG_TYPE, item, "`touched` takes types: `[demo.requested]`.")
            elif not item.broken and self.events.touch(item.text, item.start):
                types.append(item.text)
        return touched_part(types) if len(types) == len(items) else None

    def _field(self, field: str, value: Node, scope: Scope) -> Part | None:
        operators = Operators(self.report, field, scope.kind(field), WORDS.get(field, ()))
        derived = not scope.of_data and field in DERIVED
        if not isinstance(value, MapNode):
            test = operators.equality(value)
            return None if test is None else field_part(field, test, derived=derived)
        if not value:
            known = listed(OPERATORS)
            self._fault(Code.EMPTY, value, f"Say what `{printable(field)}` must be: {known}.")
            return None
        parts: list[Part] = []
        test = operators.comparison(value)
        if test is not None:
            parts.append(field_part(field, test, derived=derived))
        faulty = operators.failed
        if "not" in value:
            inner = self._field(field, value["not"], scope)
            faulty = faulty or inner is None
            if inner is not None:
                parts.append(negated(inner))
        return None if faulty else all_of(parts)

    def _fault(self, code: Code, node: Node, sentence: str) -> None:
        if not (isinstance(node, Scalar) and node.broken):
            self.report.add(code, node.start, sentence)
