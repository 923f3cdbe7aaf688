"""Every diagnostic code has a file that is bad in that way, and says exactly where.

The files in `bad/` are named for their fault and end with what is expected of
them, one `# expect: LINE:COLUMN code` for each diagnostic and none besides.
"""

import re
from pathlib import Path

import pytest

from rules.loading import Code, load_agreement
from rules.loading.diagnostics import MEANINGS, WARNINGS

FILES = sorted(Path(__file__).parent.glob("bad/*.bad.yaml"))
EXPECT = re.compile(r"^# expect: (\d+):(\d+) (\w+)$", re.MULTILINE)
NOT_IN_A_FILE = {Code.TOO_LARGE}
"""Its file would be too large to keep; `test_hostile_files` makes it."""


def expected(source: str) -> list[tuple[int, int, str]]:
    return [(int(line), int(column), code) for line, column, code in EXPECT.findall(source)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.removesuffix(".bad.yaml"))
def test_a_bad_file_gives_exactly_its_diagnostics(file):
    source = file.read_bytes()
    loaded = load_agreement(source, file.name)
    found = [(each.line, each.column, each.code.value) for each in loaded.diagnostics]
    assert found == expected(source.decode())
    assert found, "a bad file must say what is expected of it"
    errors = [each for each in loaded.diagnostics if each.severity == "error"]
    assert (loaded.agreement is None) == bool(errors)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.removesuffix(".bad.yaml"))
def test_a_diagnostic_is_one_readable_line(file):
    for each in load_agreement(file.read_bytes(), file.name).diagnostics:
        place = f"{file.name}:{each.line}:{each.column}"
        assert str(each) == f"{place}: {each.severity}[{each.code}]: {each.sentence}"
        assert each.sentence[-1] in ".?"
        assert each.sentence.isprintable()


def test_every_code_has_a_bad_file():
    covered = {code for file in FILES for _, _, code in expected(file.read_text("utf-8"))}
    assert {code.value for code in Code} - covered == {code.value for code in NOT_IN_A_FILE}


def test_every_code_is_explained_and_has_one_severity():
    assert set(MEANINGS) == set(Code)
    assert set(Code) > WARNINGS
    for file in FILES:
        for each in load_agreement(file.read_bytes()).diagnostics:
            assert each.severity == ("warning" if each.code in WARNINGS else "error")
