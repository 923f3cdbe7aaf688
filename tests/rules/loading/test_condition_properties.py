"""Compiled conditions against a plain interpreter of the same text."""

import json
from fnmatch import fnmatchcase
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.conditions import Facts
from tests.rules.loading.compiling import compiled

TEXTS = ["IT", "PL", "ceo", "Sales"]
VALUES = st.one_of(
    st.sampled_from(TEXTS),
    st.integers(-2, 4),
    st.booleans(),
    st.sampled_from([0.5, 1.0, 2.5]),
)
TOUCHES = ["demo.requested", "page.viewed", "form.submitted"]


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def same(value: Any, wanted: Any) -> bool:
    if is_number(value) and is_number(wanted):
        return bool(value == wanted)
    return type(value) is type(wanted) and bool(value == wanted)


def test_value(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return all(test_operator(value, name, bound) for name, bound in wanted.items())
    if isinstance(wanted, list):
        return any(test_value(value, each) for each in wanted)
    return value is not None and same(value, wanted)


def test_operator(value: Any, name: str, bound: Any) -> bool:
    if name == "not":
        return not test_value(value, bound)
    if name == "like":
        return isinstance(value, str) and fnmatchcase(value, bound)
    if not is_number(value):
        return False
    return bool(
        {
            "at_least": value >= bound,
            "above": value > bound,
            "at_most": value <= bound,
            "below": value < bound,
        }[name]
    )


test_value.__test__ = test_operator.__test__ = False  # type: ignore[attr-defined]


def interpret(condition: dict[str, Any], facts: Facts) -> bool:
    """The contract's words about conditions, one by one."""
    for key, wanted in condition.items():
        if key == "any":
            holds = any(interpret(each, facts) for each in wanted)
        elif key == "all":
            holds = all(interpret(each, facts) for each in wanted)
        elif key == "not":
            holds = not interpret(wanted, facts)
        elif key == "touched":
            holds = any(each in facts.touched for each in wanted)
        elif key in ("temperature", "stage", "points", "icp"):
            holds = test_value(getattr(facts, key), wanted)
        else:
            holds = test_value(facts.profile.get(key), wanted)
        if not holds:
            return False
    return True


def operators(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.sampled_from(["at_least", "above", "at_most", "below"]).flatmap(
            lambda name: st.integers(-3, 5).map(lambda bound: {name: bound})
        ),
        st.sampled_from(["*", "*a*", "P*", "?L", "[IP]*", "Sales"]).map(lambda p: {"like": p}),
        st.one_of(values, st.lists(values, min_size=1, max_size=3)).map(lambda v: {"not": v}),
        st.tuples(st.integers(-3, 0), st.integers(1, 5), values).map(
            lambda t: {"at_least": t[0], "at_most": t[1], "not": t[2]}
        ),
    )


FIELDS = st.one_of(
    st.tuples(
        st.sampled_from(["one", "two", "three"]),
        st.one_of(VALUES, st.lists(VALUES, min_size=1, max_size=3), operators(VALUES)),
    ),
    st.tuples(st.just("country"), st.sampled_from(TEXTS)),
    st.tuples(st.just("country"), st.sampled_from(TEXTS).map(lambda text: {"not": text})),
    st.tuples(st.just("temperature"), st.sampled_from(["hot", ["warm", "cold"], {"not": "hot"}])),
    st.tuples(st.just("stage"), st.sampled_from(["mql", ["lead", "sql"]])),
    st.tuples(st.just("points"), st.sampled_from([3, {"above": 2}, {"at_most": 3}, {"not": 0}])),
    st.tuples(st.just("icp"), st.booleans()),
    st.tuples(st.just("touched"), st.lists(st.sampled_from(TOUCHES), min_size=1, max_size=2)),
)
CONDITIONS = st.recursive(
    st.lists(FIELDS, min_size=1, max_size=3).map(dict),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map(lambda each: {"any": each}),
        st.lists(inner, min_size=1, max_size=4).map(lambda each: {"all": each}),
        inner.map(lambda each: {"not": each}),
        st.tuples(FIELDS, inner).map(lambda each: {each[0][0]: each[0][1], "any": [each[1]]}),
    ),
    max_leaves=6,
)
FACTS = st.builds(
    Facts,
    profile=st.dictionaries(
        st.sampled_from(["one", "two", "three", "country"]),
        st.one_of(VALUES, st.none(), st.just(["IT"]), st.just({"a": 1})),
    ),
    temperature=st.sampled_from([None, "cold", "warm", "hot"]),
    stage=st.sampled_from(["contact", "lead", "mql", "sql"]),
    points=st.integers(-1, 5),
    icp=st.booleans(),
    touched=st.frozensets(st.sampled_from(TOUCHES)),
)


@settings(max_examples=300, deadline=None)
@given(condition=CONDITIONS, facts=st.lists(FACTS, min_size=1, max_size=5))
def test_a_compiled_condition_says_what_its_text_says(condition, facts):
    found = compiled(json.dumps(condition))
    for each in facts:
        holds = found.holds(each)
        assert holds is interpret(condition, each)
        if holds:
            reasons = found.reasons(each)
            assert reasons
            assert all(reason and reason.isprintable() for reason in reasons)
            assert len(set(reasons)) == len(reasons)
