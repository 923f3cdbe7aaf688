"""What conditions mean: truth tables, and the reasons that they give."""

from itertools import pairwise

import pytest

from rules.conditions import Facts
from rules.loading.fields import DATA
from tests.rules.loading.compiling import compiled

ANN = Facts(
    profile={
        "country": "PL",
        "employees": 120,
        "product_fit": True,
        "job_title": "Head of Sales",
        "seats": 1,
        "vip": True,
        "tags": ["a", "b"],
        "nothing": None,
    },
    temperature="warm",
    stage="mql",
    points=12,
    icp=True,
    touched=frozenset({"demo.requested", "page.viewed"}),
)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("{country: PL}", True),
        ("{country: pl}", False),
        ("{country: [IT, PL]}", True),
        ("{country: {not: PL}}", False),
        ("{country: {not: [IT, DE]}}", True),
        ("{country: {like: 'P*'}}", True),
        ("{country: {like: 'p*'}}", False),
        ("{country: {like: '[OP]L'}}", True),
        ("{job_title: {like: '*of*'}}", True),
        ("{job_title: {like: '*Sales'}}", True),
        ("{job_title: {like: 'Head'}}", False),
        ("{employees: 120}", True),
        ("{employees: 120.0}", True),
        ("{employees: {at_least: 120}}", True),
        ("{employees: {above: 120}}", False),
        ("{employees: {at_most: 120}}", True),
        ("{employees: {below: 120}}", False),
        ("{employees: {at_least: 100, below: 200}}", True),
        ("{employees: {at_least: 100, not: 120}}", False),
        ("{product_fit: true}", True),
        ("{product_fit: false}", False),
        ("{product_fit: {not: false}}", True),
        ("{seats: true}", False),
        ("{seats: 1}", True),
        ("{vip: 1}", False),
        ("{vip: {at_least: 1}}", False),
        ("{vip: true}", True),
        ("{vip: [1, x]}", False),
        ("{vip: [1, true]}", True),
        ("{tags: a}", False),
        ("{tags: [a, b]}", False),
        ("{tags: {like: '*'}}", False),
        ("{missing: x}", False),
        ("{missing: {at_least: 0}}", False),
        ("{missing: {like: '*'}}", False),
        ("{missing: {not: x}}", True),
        ("{missing: {at_most: 5, not: 3}}", False),
        ("{not: {missing: x}}", True),
        ("{nothing: x}", False),
        ("{nothing: {not: x}}", True),
        ("{temperature: warm}", True),
        ("{temperature: [cold, hot]}", False),
        ("{temperature: {not: hot}}", True),
        ("{stage: mql}", True),
        ("{points: {at_least: 12}}", True),
        ("{points: 12}", True),
        ("{points: {below: 12}}", False),
        ("{icp: true}", True),
        ("{icp: false}", False),
        ("{touched: [demo.requested, form.submitted]}", True),
        ("{touched: form.submitted}", False),
        ("{touched: {not: [form.submitted]}}", True),
        ("{country: PL, icp: true}", True),
        ("{country: PL, icp: false}", False),
        ("{any: [{country: IT}, {country: PL}]}", True),
        ("{any: [{country: IT}, {country: DE}]}", False),
        ("{all: [{country: PL}, {points: 12}, {stage: mql}, {icp: true}]}", True),
        ("{all: [{country: PL}, {country: IT}]}", False),
        ("{not: {any: [{country: IT}, {country: DE}]}}", True),
        ("{not: {country: PL, icp: false}}", True),
        ("{country: PL, any: [{icp: false}, {points: 12}], not: {stage: lead}}", True),
    ],
)
def test_whether_a_condition_holds(text, holds):
    assert compiled(text).holds(ANN) is holds


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("{country: [IT, PL]}", ("country is PL",)),
        ("{employees: {at_least: 50}}", ("employees is 120 (at least 50)",)),
        (
            "{employees: {at_least: 50, below: 500}}",
            ("employees is 120 (at least 50 and below 500)",),
        ),
        ("{job_title: {like: '*Sales'}}", ("job_title is Head of Sales (like *Sales)",)),
        ("{temperature: {not: hot}}", ("temperature is not hot (it is warm)",)),
        ("{region: {not: north}}", ("region is not north (there is none)",)),
        (
            "{touched: [demo.requested, form.submitted, page.viewed]}",
            ("touched demo.requested and page.viewed",),
        ),
        ("{touched: {not: form.submitted}}", ("not touched form.submitted",)),
        ("{icp: true, points: {above: 5}}", ("icp is true", "points is 12 (above 5)")),
        ("{any: [{country: IT}, {country: PL}, {icp: true}]}", ("country is PL", "icp is true")),
        ("{not: {country: IT}}", ("country is not IT (it is PL)",)),
        ("{not: {country: PL, icp: false}}", ("icp is not false (it is true)",)),
        (
            "{not: {any: [{country: IT}, {stage: sql}]}}",
            ("country is not IT (it is PL)", "stage is not sql (it is mql)"),
        ),
        ("{not: {not: {country: PL}}}", ("country is PL",)),
        (
            "{not: {employees: {at_least: 1, below: 50}}}",
            ("employees is not (at least 1 and below 50) (it is 120)",),
        ),
    ],
)
def test_the_reasons_are_what_held_with_the_leads_own_values(text, reasons):
    condition = compiled(text)
    assert condition.holds(ANN)
    assert condition.reasons(ANN) == reasons


def test_hostile_values_are_shown_harmlessly():
    facts = Facts(profile={"country": "P\u202eL\n" + "x" * 500})
    (reason,) = compiled("{country: {not: IT}}").reasons(facts)
    assert reason.isprintable()
    assert len(reason) < 150


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{country: [IT, PL]}", "country is IT or PL"),
        ("{temperature: {not: hot}}", "temperature is not hot"),
        (
            "{icp: true, any: [{country: IT}, {points: {at_least: 5}}]}",
            "icp is true and (country is IT or points is at least 5)",
        ),
        ("{not: {country: PL, icp: true}}", "not (country is PL and icp is true)"),
        ("{touched: [a.b, c.d]}", "touched a.b or c.d"),
    ],
)
def test_a_condition_in_words(text, words):
    assert compiled(text).text == words


def test_what_a_condition_reads():
    condition = compiled(
        "{country: IT, any: [{temperature: hot}, {not: {touched: [a.b]}}], points: {above: 3}}"
    )
    assert condition.fields == {"country", "temperature", "points"}
    assert condition.touched == {"a.b"}


@pytest.mark.parametrize(
    ("text", "boundaries"),
    [
        ("{points: {at_least: 10}}", {10}),
        ("{points: {at_least: 9.5}}", {10}),
        ("{points: {below: 10}}", {10}),
        ("{points: {below: 9.5}}", {10}),
        ("{points: {above: 10}}", {11}),
        ("{points: {at_most: 10}}", {11}),
        ("{points: {at_most: 9.5}}", {10}),
        ("{points: 10}", {10, 11}),
        ("{points: {not: [1, 5]}}", {1, 2, 5, 6}),
        ("{any: [{points: {above: 3}}, {not: {points: {below: 8}}}]}", {4, 8}),
        ("{employees: {at_least: 10}}", set()),
    ],
)
def test_the_points_at_which_the_answer_may_change(text, boundaries):
    condition = compiled(text)
    assert condition.point_boundaries == boundaries
    answers = [condition.holds(Facts(profile={}, points=points)) for points in range(-2, 30)]
    changes = {
        points
        for points, (before, after) in enumerate(pairwise(answers), start=-1)
        if before != after
    }
    assert changes <= boundaries


def test_a_condition_over_an_events_data_reads_nothing_else():
    facts = Facts(profile={"channel": "call", "stage": "second"}, stage="mql", touched={"a.b"})
    assert compiled("{channel: call}", DATA).holds(facts)
    assert compiled("{stage: second}", DATA).holds(facts)
    assert not compiled("{touched: a.b}", DATA).holds(facts)
