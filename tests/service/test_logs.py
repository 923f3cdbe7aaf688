"""The log: every line is known and documented, whichever library it comes from."""

import ast
import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from streams.logs import LINES, configure, log

ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """What the tests configure is undone."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def logged() -> set[str]:
    """The name of every line that the code logs."""
    return {
        str(node.args[0].value)
        for path in (ROOT / "streams").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LEVELS
        and ast.unparse(node.func.value) in ("log()", "_log")
        and isinstance(node.args[0], ast.Constant)
    }


def test_every_line_is_known_and_every_known_line_is_logged() -> None:
    assert logged() == LINES.keys()


def test_every_line_is_documented_with_its_meaning() -> None:
    text = (ROOT / "docs" / "operations.md").read_text().split("## What the log says", 1)[1]
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE)
    assert dict(rows) == LINES


def test_json_lines_say_when_what_and_how_grave() -> None:
    stream = io.StringIO()
    configure("info", None, stream)
    log().debug("started")
    log().info("ready", leads=3)
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["leads"]) == ("ready", "info", 3)
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line["at"])


def test_other_libraries_speak_up_only_when_something_is_wrong() -> None:
    stream = io.StringIO()
    configure("debug", "json", stream)
    logging.getLogger("uvicorn.error").info("Started server process")
    logging.getLogger("uvicorn.error").warning("Invalid %s", "request")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"]) == ("Invalid request", "warning")


def test_an_error_brings_its_traceback() -> None:
    stream = io.StringIO()
    configure("info", "json", stream)
    log().error("failed", exc_info=ValueError("odd"))
    assert "ValueError: odd" in json.loads(stream.getvalue())["exception"]


def test_on_a_console_it_is_one_plain_line() -> None:
    stream = io.StringIO()
    configure("info", "console", stream)
    log().info("ready", leads=3)
    assert re.fullmatch(r"\[info\s*\] ready .*leads=3\n", stream.getvalue())
