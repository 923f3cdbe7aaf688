"""Scalars by the rules of YAML 1.2: what a person sees is what is read."""

import pytest

from rules.loading.scalars import is_ambiguous, resolve


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-12", -12),
        ("+3", 3),
        ("2.50", 2.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("no", "no"),
        ("Yes", "Yes"),
        ("on", "on"),
        ("True", "True"),
        ("NULL", "NULL"),
        ("0123", "0123"),
        ("00", "00"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("1.2.3", "1.2.3"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("-", "-"),
        (".", "."),
        ("1e999", "1e999"),
        ("2026-01-01", "2026-01-01"),
        ("٣", "٣"),
        ("9" * 40, "9" * 40),
    ],
)
def test_a_plain_scalar(text, value):
    read = resolve(text, quoted=False)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("text", ["true", "null", "", "12", "~"])
def test_quoted_is_always_text(text):
    assert resolve(text, quoted=True) == text


@pytest.mark.parametrize(
    ("text", "doubtful"),
    [
        ("no", True),
        ("ON", True),
        ("0123", True),
        ("1_000", True),
        ("12:30", True),
        ("0x1F", True),
        (".inf", True),
        ("north", False),
        ("hot", False),
        ("v1.2", False),
        ("2026-01-01", False),
    ],
)
def test_what_other_readers_would_take_for_something_else(text, doubtful):
    assert is_ambiguous(text) is doubtful
