"""Files that mean harm, or were never agreements: an error each, and soon."""

import pytest

from rules.loading import load_agreement

BOMB = (
    "a: &a [x, x, x, x, x, x, x, x, x]\n"
    + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "agreement: *i\n"
)
HEAD = "agreement: Test\nversion: 1\ntimezone: Europe/Rome\n"


def first(source: bytes | str) -> tuple[str, int, int]:
    loaded = load_agreement(source)
    assert loaded.agreement is None
    found = next(each for each in loaded.diagnostics if each.severity == "error")
    return found.code.value, found.line, found.column


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(BOMB, ("missing_key", 1, 1), id="a bomb of aliases"),
        pytest.param("[" * 100_000, ("too_deep", 1, 33), id="brackets"),
        pytest.param("{a: " * 100_000, ("too_deep", 1, 129), id="braces"),
        pytest.param(
            "\n".join(" " * depth + "a:" for depth in range(200)),
            ("too_deep", 33, 33),
            id="indentation",
        ),
        pytest.param(b"x" * (4 * 1024 * 1024 + 1), ("too_large", 1, 1), id="bytes"),
        pytest.param("- a\n" * 250_000, ("too_large", 200_000, 3), id="values"),
        pytest.param(b"\x89PNG\r\n\x1a\n\x00\x00", ("bad_character", 1, 1), id="a picture"),
        pytest.param(b"agreement: caf\xe9\n", ("bad_character", 1, 15), id="latin-1"),
        pytest.param("agreement: Test\0\n", ("bad_character", 1, 16), id="a null character"),
        pytest.param("agreement: \ud800\n", ("bad_character", 1, 12), id="a lone surrogate"),
        pytest.param("agreement: a\u2028b\n", ("bad_character", 1, 13), id="a line separator"),
        pytest.param("agreement: {x\n", ("syntax", 1, 12), id="an open brace"),
        pytest.param("agreement: 'x\n", ("syntax", 1, 12), id="an open quote"),
        pytest.param(
            "a: [" + '"x", ' * 100_000 + "}\n", ("syntax", 1, 500_005), id="a line of quotes"
        ),
        pytest.param("a: [\n" + "#c]\n" * 900_000, ("syntax", 900_002, 1), id="comments"),
        pytest.param("- agreement\n- version\n", ("wrong_type", 1, 1), id="a list"),
        pytest.param("", ("wrong_type", 1, 1), id="nothing"),
        pytest.param("# only a comment\n", ("wrong_type", 1, 1), id="a comment"),
        pytest.param("just words", ("wrong_type", 1, 1), id="words"),
        pytest.param(b"\xff\xfea\x00:\x00", ("bad_character", 1, 1), id="utf-16"),
    ],
)
def test_a_hostile_file_is_refused(source, expected):
    assert first(source) == expected


def test_a_bomb_of_aliases_is_never_expanded():
    aliases = [each for each in load_agreement(BOMB).diagnostics if each.code == "alias"]
    assert len(aliases) == 9 + 8 * 9 + 1


def test_a_byte_order_mark_is_no_fault():
    assert load_agreement(b"\xef\xbb\xbf" + HEAD.encode()).diagnostics == ()


def test_lines_may_end_as_on_windows():
    assert load_agreement(HEAD.replace("\n", "\r\n")).diagnostics == ()


def test_an_object_is_never_made():
    source = HEAD + "summary: !!python/object/apply:os.system [true]\n"
    assert first(source) == ("tag", 4, 10)


def test_hidden_characters_are_never_repeated_in_a_sentence():
    loaded = load_agreement(HEAD + '"peo\\u202eple": {}\n')
    assert all(each.sentence.isprintable() for each in loaded.diagnostics)
    assert loaded.agreement is None


def test_numbers_beyond_reason_are_refused_and_not_computed():
    source = HEAD.replace("version: 1", f"version: {'9' * 10_000}")
    assert first(source) == ("wrong_type", 2, 10)
