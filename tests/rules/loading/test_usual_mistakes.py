"""The usual mistakes of somebody who tunes rules, each named once and in its place."""

from pathlib import Path

import pytest

from rules.loading import load_agreement

ACME = Path(__file__).parents[3] / "rules" / "agreements" / "acme.yaml"
HEAD = "agreement: Test\nversion: 1\ntimezone: Europe/Rome\n"


@pytest.mark.parametrize(
    ("right", "wrong", "place", "said"),
    [
        ("within: 15m", "within 15m", "82:5", "syntax]: A `:` is missing after this key"),
        ("at: sql ", "at sql ", "66:3", "syntax]: A `:` is missing after this key"),
        ("- clause: first contact, hot", "- clause first", "77:5", "syntax]: A `:` is missing"),
        ("version: 4", "version:\u00a04", "3:9", "bad_character]: U+00A0 is a space that only"),
        (
            'tell: ["#sales-managers"]',
            "tell: [#sales-managers]",
            "127:27",
            'syntax]: Text that begins with `#` needs quotes: `"#sales-managers"`.',
        ),
        (
            'slack: "#marketing"}',
            "slack: #marketing}",
            "11:35",
            'syntax]: Text that begins with `#` needs quotes: `"#marketing"`.',
        ),
        ('fri: "09:00-13:00"', 'fri: "09:00-13:00', "24:54", "syntax]: The quote that opens here"),
        ('mon-fri: "08:00-16:00"', "mon-fri: '08:00-16:00", "29:22", "syntax]: The quote that"),
        ("  - clause: first contact\n", "    clause: first contact\n", "86:5", "duplicate_key]: "
         "`clause` is here a second time. A new entry of the list begins with `- clause:`."),
        ("    - {after: 30m", "    {after: 30m", "127:5", "syntax]: This line breaks off the list"),
        ("{at_least: 50}", "'>= 50'", "34:14", "not: write `{at_least: 50}`."),
        ("{at_least: 50}", ">= 50", "34:14", "a comparison is written `{at_least: 50}`"),
        ("{at_least: 50}", "< 10.5", "34:14", "not: write `{below: 10.5}`."),
        ("{at_least: 50}", "50+", "34:14", "not: write `{at_least: 50}`."),
        ("{at_least: 50}", "50-99", "34:14", "not: write `{at_least: 50, at_most: 99}`."),
        ("{at_least: 50}", "0123", "34:14", "not: write `123`, without zeros before it."),
        ("{at_least: 50}", "'50'", "34:14", "not: remove the quotes."),
        ("{at_least: 50}", "'many'", "34:14", "not: write digits such as `5` or `2.5`."),
        ("temperature: hot}", "temperature: 'hot, warm'}", "62:34", "list: `[hot, warm]`."),
        (
            "clause: first contact\n    by: sales",
            "clause: first contact",
            "86:5",
            "missing_key]: `first contact` lacks `by`: the party that promises it.",
        ),
        ("within: 15m", "within: 1w", "82:13", "Weeks are no unit: five working days are `5d`."),
        ("half_life: 30d", "half_life: 4 weeks", "54:16", "Weeks are no unit: one is `7d`."),
        (
            "industry: [manufacturing, logistics]",
            "industry: manufacturing, logistics",
            "33:13",
            "warning[comma_in_text]: The text `manufacturing, logistics` holds a comma.",
        ),
    ],
)  # fmt: skip
def test_a_usual_mistake_is_named_once_in_its_place(right, wrong, place, said):
    source = ACME.read_text("utf-8")
    assert right in source
    loaded = load_agreement(source.replace(right, wrong, 1), "acme.yaml")
    (only,) = [str(each) for each in loaded.diagnostics]
    assert only.startswith(f"acme.yaml:{place}: ")
    assert said in only


@pytest.mark.parametrize(
    "written",
    [
        'summary: "a quote\n  over lines"\nparties: x: z\n',
        "summary: 'it''s\n  over lines' # \"x\nparties: x: z\n",
        "summary: rock 'n roll, don't # it's\nparties: x: z\n",
        "summary: Objectif\u00a0: 100 # x\nparties: x: z\n",
        "parties: x: z # {a #note}\n",
    ],
)
def test_sound_text_is_not_taken_for_a_usual_mistake(written):
    (only,) = load_agreement(f"{HEAD}{written}").diagnostics
    assert only.code.value == "syntax"
    assert only.sentence.startswith("A `:` cannot stand here.")


def test_a_name_with_a_comma_is_one_text_in_quotes_or_in_a_list():
    written = 'stages: {sql: {any: [{company: "Acme, Inc."}, {company: {not: ["a, b", c]}}]}}\n'
    assert load_agreement(f"{HEAD}{written}").diagnostics == ()
