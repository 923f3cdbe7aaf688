"""Scenario files, read into typed values, and the agreements that they are played under."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict

from rules.agreement import Agreement
from rules.loading import load_agreement
from tests.scenarios.timeline import Line, Reader, read_yaml

HERE: Final = Path(__file__).parent
ACME: Final = HERE.parents[1] / "rules" / "agreements" / "acme.yaml"
SENTENCES: Final = HERE / "sentences.yaml"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Written(_Strict):
    """A scenario as it stands in its file; `README.md` says what each key means."""

    name: str
    shows: list[str]
    agreement: str | None = None
    changes: dict[str, Any] = {}
    file: str | None = None
    given: str = ""
    until: str | None = None
    since: str | None = None
    leads: list[str] = []
    clauses: list[str] = []
    expect: str = ""
    never: list[str] = []
    refused: str = ""
    said: str = ""


class _File(_Strict):
    about: str
    agreement: str = "acme"
    scenarios: list[Written]


class Sentence(_Strict):
    """A sentence that scenarios show."""

    id: str
    says: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario, with its timelines read. `until` and `since` are instants, in UTC."""

    place: str
    written: Written
    agreement: Agreement
    given: tuple[Line, ...]
    expect: tuple[Line, ...]
    refused: tuple[Line, ...]
    until: datetime | None
    since: datetime | None

    @property
    def types(self) -> frozenset[str]:
        """The decision types that are looked at: those expected, and those that never come."""
        return frozenset({line.word for line in self.expect} | set(self.written.never))


def written_scenarios() -> Iterator[tuple[str, str, Written]]:
    """Every scenario of the folder: its place, the agreement its file names, and itself."""
    for path in sorted(HERE.glob("*.yaml")):
        if path != SENTENCES:
            content = _File.model_validate(read_yaml(path.read_text("utf-8")))
            for each in content.scenarios:
                yield f"{path.stem}: {each.name}", content.agreement, each


def sentences() -> dict[str, list[Sentence]]:
    """The sentences that scenarios are to show, by where they stand."""
    content = read_yaml(SENTENCES.read_text("utf-8"))
    return {
        where: [Sentence.model_validate(each) for each in listed]
        for where, listed in content.items()
    }


def played(place: str, default: str, written: Written) -> Scenario:
    """The scenario, ready to be played."""
    agreement = agreement_of(written.agreement or default, yaml.safe_dump(written.changes))
    reader = Reader(agreement.timezone)
    given = reader.lines(written.given)
    if [line.at for line in given] != sorted(line.at for line in given):
        raise ValueError(f"{place}: the log takes events in the order of their times")
    until = reader.moment(written.until) if written.until else None
    first = given[0].at.astimezone(agreement.timezone).date() if given else None
    again = Reader(agreement.timezone, first)
    since = again.moment(written.since) if written.since else None
    return Scenario(
        place=place,
        written=written,
        agreement=agreement,
        given=given,
        expect=again.lines(written.expect),
        refused=Reader(agreement.timezone, first).lines(written.refused),
        until=until,
        since=since,
    )


@cache
def agreement_of(name: str, changes: str) -> Agreement:
    """The agreement called `name`, with `changes` merged into it; it must load."""
    path = ACME if name == "acme" else HERE / "agreements" / f"{name}.yaml"
    text = path.read_text("utf-8")
    changed = read_yaml(changes)
    if changed:
        text = yaml.safe_dump(_merged(read_yaml(text), changed), sort_keys=False)
    loaded = load_agreement(text, path.name)
    if loaded.agreement is None:
        raise ValueError("\n".join([str(each) for each in loaded.diagnostics] + [text]))
    return loaded.agreement


def _merged(base: Any, changes: Any) -> Any:
    """`base` with `changes`: mappings are merged, null takes out, anything else replaces."""
    if not isinstance(base, dict) or not isinstance(changes, dict):
        return changes
    merged = {**base, **{key: _merged(base.get(key), value) for key, value in changes.items()}}
    return {key: value for key, value in merged.items() if value is not None}
