"""The documentation is true: examples are run, tables and commands held against the code."""

import importlib
import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

import click
import msgspec
import pytest
from click.testing import CliRunner

from rules.agreement import Agreement
from rules.decisions import DATA_TYPES, TemperatureChanged
from rules.events import LISTED_EVENTS, Event
from rules.loading import Code, load_agreement
from rules.loading.diagnostics import MEANINGS, WARNINGS
from rules.loading.shapes import Shape
from streams import refusals
from streams.cli import COMMANDS, main
from streams.codec import decode, encode
from streams.engine import Engine
from streams.event_data import Profile
from streams.mapping.faults import RowReason
from streams.replaying import accept, known_at

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"
PAGES: Final = [*sorted(DOCS.glob("*.md")), *(ROOT / n for n in ("README.md", "CHANGELOG.md"))]
BASE: Final = """\
agreement: Sample
version: 1
timezone: Europe/Rome
parties: {marketing: {owner: joan}, sales: {owner: amy}}
people: {joan: {}, amy: {}, marco: {}, lucia: {}, piotr: {}}
calendars: {office: {hours: {mon-fri: "09:00-18:00"}}}
ideal_customer: {employees: {at_least: 50}}
temperature: {points: {touches: {webinar.attended: 20}, levels: {cold: 1, warm: 20, hot: 50}}}
stages: {sql: {temperature: hot}}
routing: {teams: {all: {manager: amy, members: [marco]}}, rules: [{team: all}]}
escalations: {ladder: [{after: 0m, tell: [manager]}]}
"""
"""The least that the fragments of docs/agreement.md need around them."""


class Block(NamedTuple):
    """A fenced block: its info string, its text, and where it stands."""

    info: str
    text: str
    where: str


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(match[1], match[2], f"{page.name}:{text[: match.start()].count(chr(10)) + 1}")
        for match in re.finditer(r"^```(.*)\n((?:.*\n)*?)```$", text, re.MULTILINE)
    ]


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def of_kind(page: str, info: str) -> list[Block]:
    found = [block for block in blocks(DOCS / page) if block.info == info]
    assert found, f"docs/{page} has no block marked {info!r}"
    return found


def in_place(fragment: str) -> str:
    """`BASE` with the fragment's chapters in place of its own."""
    chapters: dict[str, str] = {}
    for text in (BASE, fragment):
        parts = re.split(r"^(?=[a-z_]+:)", text, flags=re.MULTILINE)
        chapters.update((part.split(":")[0], part) for part in parts if part.strip())
    return "".join(part.rstrip() + "\n" for part in chapters.values())


def table(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table after a line that is `heading`, without its head."""
    text = (DOCS / page).read_text(encoding="utf-8").split(f"\n{heading}\n", 1)[1]
    rows = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert rows is not None
    lines = rows[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def where(block: Block) -> str:
    return block.where


# --- the agreement's page


@pytest.mark.parametrize(
    "block", [*of_kind("agreement.md", "yaml"), *of_kind("../README.md", "yaml")], ids=where
)
def test_an_example_of_the_agreement_loads(block: Block) -> None:
    loaded = load_agreement(in_place(block.text), "agreement.yaml")
    assert loaded.agreement is not None, [str(each) for each in loaded.diagnostics]
    assert {each.code for each in loaded.diagnostics} <= {Code.UNUSED}


def mistakes() -> list[tuple[Block, Block]]:
    found = blocks(DOCS / "agreement.md")
    return [(block, after) for block, after in pairwise(found) if block.info == "yaml mistake"]


@pytest.mark.parametrize(
    ("mistake", "said"), mistakes(), ids=[mistake.where for mistake, _ in mistakes()]
)
def test_a_mistake_is_reported_as_the_page_says(mistake: Block, said: Block) -> None:
    loaded = load_agreement(in_place(mistake.text), "agreement.yaml")
    found = [
        f"{each.severity}[{each.code}]: {each.sentence}"
        for each in loaded.diagnostics
        if each.code != Code.UNUSED
    ]
    assert found == said.text.splitlines()


def test_every_diagnostic_is_in_the_table_with_its_meaning() -> None:
    assert table("agreement.md", "## What check reports") == [
        [f"`{code}`", "warning" if code in WARNINGS else "error", MEANINGS[code]] for code in Code
    ]


def test_every_key_of_the_agreement_is_on_its_page() -> None:
    text = (DOCS / "agreement.md").read_text(encoding="utf-8")
    keys = {
        field.alias or name
        for shape in Shape.__subclasses__()
        for name, field in shape.model_fields.items()
    }
    assert {key for key in keys if not re.search(rf"\b{key}\b", text)} == set()


def test_the_arithmetic_of_points_is_what_the_engine_says(acme: Agreement) -> None:
    start_at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    touches: list[tuple[str, dict[str, Any]]] = [
        *[("page.viewed", {})] * 7,
        ("email.clicked", {}),
        ("pricing.viewed", {"asset": "/pricing"}),
        ("pricing.viewed", {"asset": "/quote"}),
    ]
    minutes = (0, 1, 2, 3, 4, 5, 6, 10, 20, 30)
    engine = Engine(acme)
    decisions = []
    for minute, (kind, data) in zip(minutes, touches, strict=True):
        at = start_at + timedelta(minutes=minute)
        decisions += engine.take(Event(f"e{minute}", "/web", kind, "lead-1", at, data), at)
    decisions += engine.run_until(datetime(2026, 6, 1, tzinfo=UTC))
    changes = [each for each in decisions if isinstance(each.data, TemperatureChanged)]
    told = ["".join(f"{line}\n" for line in each.data.because) for each in changes]
    assert told[1:] == [block.text for block in of_kind("agreement.md", "text because")]
    local = changes[-1].time_at.astimezone(acme.timezone)
    page = (DOCS / "agreement.md").read_text(encoding="utf-8")
    assert f"on {local.day} March at {local:%H:%M}" in page


@pytest.mark.parametrize("block", of_kind("agreement.md", "console"), ids=where)
def test_a_command_prints_what_the_page_shows(
    block: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    command, shown = block.text.split("\n", 1)
    result = CliRunner().invoke(main, shlex.split(command.removeprefix("$ baton ")))
    assert result.exit_code == 0, result.output
    assert [line.rstrip() for line in result.stdout.splitlines()] == shown.splitlines()


# --- events and decisions


def test_every_event_type_and_its_fields_are_in_the_table() -> None:
    rows = table("events.md", "## Types")
    assert {name for row in rows[:-1] for name in words(row[0])} == LISTED_EVENTS
    page = (DOCS / "events.md").read_text(encoding="utf-8")
    assert {field for field in Profile.__annotations__ if f"`{field}`" not in page} == set()


def test_every_decision_type_is_in_the_table_with_its_fields() -> None:
    text = (DOCS / "events.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in text.split("| type | data, besides `because`", 1)[1].splitlines()[2:]
        if line.startswith("|")
    ]
    documented = {words(row[0])[0]: words(row[1]) for row in rows}
    assert documented == {
        kind: [field.name for field in msgspec.structs.fields(data) if field.name != "because"]
        for kind, data in DATA_TYPES.items()
    }


def test_every_reason_for_refusing_an_event_is_in_the_table() -> None:
    known = {word for part in get_args(refusals.Reason) for word in get_args(part)}
    rows = table("events.md", "## What can't be taken")
    assert {name for row in rows for name in words(row[0])} == known


def test_every_reason_for_refusing_a_row_is_in_the_table() -> None:
    rows = table("import.md", "## Rows that can't be taken")
    assert {name for row in rows for name in words(row[0])} == set(get_args(RowReason))


def test_the_example_event_gives_the_decision_shown(acme: Agreement) -> None:
    (shown,) = of_kind("events.md", "json event")
    event = decode(json.dumps(json.loads(shown.text)).encode())
    assert isinstance(event, Event)
    decisions = Engine(acme).take(event, known_at(event))
    (decision,) = of_kind("events.md", "json decision")
    assert json.loads(decision.text) == json.loads(encode(decisions[1], acme.source))


def test_the_example_dead_letter_is_what_its_line_becomes(acme: Agreement) -> None:
    (shown,) = of_kind("events.md", "json dead letter")
    expected = json.loads(shown.text)
    letter = accept(acme, expected["original"].encode(), expected["line"])
    assert isinstance(letter, refusals.DeadLetter)
    assert json.loads(letter.as_json()) == expected


# --- every page


def commands(page: Path) -> list[str]:
    """What stands in code and begins with `baton` or `make`."""
    found = [block for block in blocks(page) if block.info in ("sh", "console")]
    lines = [line.strip().removeprefix("$ ") for block in found for line in block.text.splitlines()]
    spans = words(prose(page))
    told = (each.removeprefix(".venv/bin/").partition("#")[0].strip() for each in (*lines, *spans))
    return [each for each in told if re.match(r"(baton|make) ", each)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_is_named_exists(page: Path) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    for told in commands(page):
        program, name, *rest = told.split()
        if program == "make":
            assert name in targets, told
        elif name != "--help":
            assert name in COMMANDS, told
            module = importlib.import_module(COMMANDS[name].module)
            assert isinstance(module.command, click.Command)
            known = {option for each in module.command.params for option in each.opts}
            assert {word for word in rest if word.startswith("-") and len(word) > 1} <= known, told


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def links(page: Path) -> list[str]:
    return [each for each in re.findall(r"\]\(([^)\s]+)\)", prose(page)) if "://" not in each]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in map(slug, headings), f"{page.name}: {link}"


def test_every_page_is_in_the_index() -> None:
    listed = set(links(DOCS / "README.md"))
    assert {page.name for page in DOCS.glob("*.md")} - {"README.md"} <= listed


def test_the_modules_that_the_architecture_names_exist() -> None:
    paths = [
        span
        for span in words(prose(DOCS / "architecture.md"))
        if re.fullmatch(r"(rules|alerts|streams|tests)/[\w/.]*", span)
    ]
    assert len(paths) > 10
    assert [path for path in paths if not (ROOT / path).exists()] == []
