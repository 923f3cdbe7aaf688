"""Plays every scenario, and asserts that between them they show every sentence."""

from pathlib import Path
from typing import Final

import pytest

from rules.decisions import DATA_TYPES
from rules.loading import load_agreement
from tests.scenarios.playing import Played, as_bytes, faults, looked_at, play, shown
from tests.scenarios.scenario import Scenario, Written, played, sentences, written_scenarios

WRITTEN: Final = list(written_scenarios())
PLAYED: Final = [each for each in WRITTEN if each[2].file is None]
CHECKED: Final = [each for each in WRITTEN if each[2].file is not None]
FINE_POINTS: Final = Path(__file__).parents[2] / "docs" / "fine-points.md"


def told(scenario: Scenario, result: Played) -> str:
    """Everything that was decided and refused, for whoever has to find the fault."""
    lines = [shown(scenario, each) for each in result.decisions]
    lines += [f"refused[{each.reason}]: {each.sentence}" for each in result.refused]
    return "Decided in all:\n" + "\n".join(lines)


@pytest.mark.parametrize(
    ("place", "default", "written"), PLAYED, ids=[place for place, _, _ in PLAYED]
)
def test_what_was_expected_is_decided(place: str, default: str, written: Written) -> None:
    scenario = played(place, default, written)
    result = play(scenario)
    got = looked_at(scenario, result.decisions)
    problems = [
        f"expected {line.word} of {line.subject}: {fault}\n    {shown(scenario, decision)}"
        for line, decision in zip(scenario.expect, got, strict=False)
        for fault in faults(line, decision)
    ]
    problems += [
        f"expected, but not decided: {line.word} of {line.subject}"
        for line in scenario.expect[len(got) :]
    ]
    problems += [
        f"decided, but not expected:\n    {shown(scenario, each)}"
        for each in got[len(scenario.expect) :]
    ]
    assert not problems, "\n".join(["", *problems, told(scenario, result)])


@pytest.mark.parametrize(
    ("place", "default", "written"), PLAYED, ids=[place for place, _, _ in PLAYED]
)
def test_what_was_expected_is_refused(place: str, default: str, written: Written) -> None:
    scenario = played(place, default, written)
    refused = play(scenario).refused
    assert [each.reason for each in refused] == [line.word for line in scenario.refused]
    for line, letter in zip(scenario.refused, refused, strict=True):
        assert all(said in letter.sentence for said in line.because), letter.sentence


@pytest.mark.parametrize(
    ("place", "default", "written"), PLAYED, ids=[place for place, _, _ in PLAYED]
)
def test_a_restart_after_every_event_changes_nothing(
    place: str, default: str, written: Written
) -> None:
    scenario = played(place, default, written)
    at_once, interrupted = play(scenario), play(scenario, interrupted=True)
    assert as_bytes(scenario, interrupted.decisions) == as_bytes(scenario, at_once.decisions)


@pytest.mark.parametrize(
    ("place", "default", "written"), CHECKED, ids=[place for place, _, _ in CHECKED]
)
def test_what_is_said_of_a_file(place: str, default: str, written: Written) -> None:
    loaded = load_agreement(written.file or "", "agreement.yaml")
    said = [str(each) for each in loaded.diagnostics]
    wanted = written.said.splitlines()
    assert len(said) == len(wanted), "\n".join(said)
    for line, want in zip(said, wanted, strict=True):
        assert all(part in line for part in want.split(" … ")), f"{line}\n  is not {want}"


def test_every_sentence_is_shown() -> None:
    known = {each.id for group in sentences().values() for each in group}
    shows = {name for _, _, written in WRITTEN for name in written.shows}
    assert shows - known == set(), "scenarios show what is no sentence's id"
    assert known - shows == set(), "no scenario shows these sentences"


def test_sentences_are_named_once() -> None:
    names = [each.id for group in sentences().values() for each in group]
    assert len(names) == len(set(names))


def test_quoted_fine_points_are_those_of_the_documentation() -> None:
    text = FINE_POINTS.read_text("utf-8")
    gone = [each.says for each in sentences()["fine points"] if each.says not in text]
    assert gone == [], "docs/fine-points.md says otherwise now: change sentences.yaml after it"


def test_scenarios_are_named_once() -> None:
    names = [place for place, _, _ in WRITTEN]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("place", "default", "written"), PLAYED, ids=[place for place, _, _ in PLAYED]
)
def test_a_scenario_says_what_it_is_about(place: str, default: str, written: Written) -> None:
    scenario = played(place, default, written)
    assert written.shows
    assert scenario.expect or written.never or scenario.refused
    if scenario.expect:
        assert any(line.because for line in scenario.expect), "state the main reason"


def test_reasons_are_asserted_of_every_decision_type() -> None:
    reasoned = {
        line.word
        for place, default, written in PLAYED
        for line in played(place, default, written).expect
        if line.because
    }
    assert reasoned == set(DATA_TYPES)
