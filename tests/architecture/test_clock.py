"""Nobody but `streams.clock` reads the clock: `now` is always passed in."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLOCK = ROOT / "streams" / "clock.py"
READS_THE_CLOCK = {
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
    "time.time",
    "time.time_ns",
    "time.localtime",
    "time.gmtime",
    "time.ctime",
    "time.strftime",
}


def clock_reads(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of every use of a function that reads the wall clock."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name] = alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            called = _qualified(node, names)
            if called in READS_THE_CLOCK:
                yield node.lineno, called


def _qualified(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_qualified(node.value, names)}.{node.attr}"
    return names.get(node.id, "") if isinstance(node, ast.Name) else ""


def test_only_the_clock_module_reads_the_clock() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for package in ("rules", "alerts", "streams")
        for path in sorted((ROOT / package).rglob("*.py"))
        if path != CLOCK
        for line, name in clock_reads(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


def test_the_clock_module_does_read_it() -> None:
    assert [name for _, name in clock_reads(ast.parse(CLOCK.read_text(encoding="utf-8")))] == [
        "datetime.datetime.now"
    ]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import datetime\ndatetime.datetime.now()", "datetime.datetime.now"),
        ("import datetime as dt\ndt.datetime.utcnow()", "datetime.datetime.utcnow"),
        ("from datetime import datetime as d\nd.now()", "datetime.datetime.now"),
        ("from datetime import date\ndate.today()", "datetime.date.today"),
        ("from time import time\nread = time", "time.time"),
        ("import time\nf(default_factory=time.time)", "time.time"),
    ],
)
def test_no_spelling_escapes(source: str, name: str) -> None:
    assert list(clock_reads(ast.parse(source))) == [(2, name)]


@pytest.mark.parametrize("source", ["import time\ntime.monotonic()", "now()", "self.clock.now()"])
def test_what_only_measures_or_is_passed_in_is_free(source: str) -> None:
    assert list(clock_reads(ast.parse(source))) == []
