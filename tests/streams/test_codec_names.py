"""The border's names and types: what makes one lead, or one event, look like another."""

from typing import Any

import pytest

from streams.envelope_faults import MAX_NAME
from tests.streams.border import line, refused, taken


@pytest.mark.parametrize("field", ["id", "source", "type", "subject"])
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("", "empty text"),
        (7, "7"),
        (True, "true"),
        (["a"], "a list"),
        ("x" * (MAX_NAME + 1), f"{MAX_NAME + 1} characters"),
        ("le\x00ad", r"le\u0000ad"),
        ("lead\n1", "(U+000A)"),
        ("lead\x7f", "(U+007F)"),
        ("lead\x9b31m", "(U+009B)"),
        ("lead\u202e1", "(U+202E)"),
        ("lead\u2066", "(U+2066)"),
        ("\u200elead", "(U+200E)"),
        ("\u061clead", "(U+061C)"),
        ("lead\ufffe", "(U+FFFE)"),
        ("lead\U0010ffff", "(U+10FFFF)"),
        ("lead\u200b1", "(U+200B)"),
        ("\ufefflead", "(U+FEFF)"),
        ("le\u00adad", "(U+00AD)"),
        ("lead\U000e0041", "(U+E0041)"),
        ("lead\u20281", "(U+2028)"),
        ("lead\u2800", "(U+2800) a blank character"),
        ("le\u3164ad", "(U+3164) a blank character"),
        ("lead\uffa0", "(U+FFA0) a blank character"),
        ("le\u034fad", "(U+034F) a blank character"),
        ("\u2800\u3164", "is blank"),
        (" ", "is blank"),
        ("\u00a0\u3000", "is blank"),
        ("\u200d", "is blank"),
    ],
)
def test_unfit_names_are_refused(field: str, value: Any, shown: str) -> None:
    refusal = refused(line(**{field: value}))
    assert (refusal.reason, refusal.field) == ("invalid_attribute", field)
    assert refusal.sentence.startswith(f"{field} is ")
    assert shown in refusal.sentence


@pytest.mark.parametrize("field", ["id", "subject"])
@pytest.mark.parametrize(
    ("value", "where"),
    [("lead 1 ", "ends in"), (" lead-1", "begins with"), ("lead-1\u00a0", "ends in")],
)
def test_a_name_in_outer_spaces_is_refused(field: str, value: str, where: str) -> None:
    refusal = refused(line(**{field: value}))
    assert (refusal.reason, refusal.field) == ("invalid_attribute", field)
    assert f"which {where} a space" in refusal.sentence


@pytest.mark.parametrize(
    "name", ["x" * MAX_NAME, "Zoë Ångström", "佐藤", "a b", "a\u00a0b", "👩‍💻", "می\u200cخواهم"]
)
def test_names_of_all_scripts_are_taken(name: str) -> None:
    assert taken(line(subject=name)).subject == name


@pytest.mark.parametrize(
    ("kind", "guess"),
    [
        ("lead.atempted", "`lead.attempted`"),
        ("lead.Captured", "`lead.captured`"),
        ("deal.one", "`deal.won`"),
        ("campaign.spent", "`campaign.spend`"),
        ("lead.assigned", "a decision, which only baton makes"),
        ("sla.breached", "a decision, which only baton makes"),
        ("opportunity.", "reserved"),
        ("Lead.captured", "`lead.captured`"),
        ("LEAD.REJECTED", "`lead.rejected`"),
        (" lead.captured", "`lead.captured`"),
        ("lead.captured ", "`lead.captured`"),
        ("\u3000Deal.Won", "`deal.won`"),
        ("ｌｅａｄ．captured", "`lead.captured`"),
        ("le\u200dad.captured", "`lead.captured`"),
        ("Sla.Breached", "none of the types under `sla.`"),
    ],
)
def test_a_typing_error_does_not_heat_a_lead(kind: str, guess: str) -> None:
    refusal = refused(line(type=kind))
    assert (refusal.reason, refusal.field) == ("unknown_type", "type")
    assert guess in refusal.sentence


@pytest.mark.parametrize("kind", ["leads.viewed", "lead", "replay.viewed", "web.lead.captured"])
def test_types_that_only_look_reserved_are_touches(kind: str) -> None:
    assert taken(line(type=kind)).type == kind
