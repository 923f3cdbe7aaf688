"""Playing a scenario to the engine, and comparing what was decided with what was expected."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from rules.decisions import Decision, PassedOver
from rules.wording import moment
from streams.codec import encode
from streams.engine import Engine, decode_snapshot
from streams.refusals import DeadLetter
from streams.replaying import accept
from tests.scenarios.scenario import Scenario
from tests.scenarios.timeline import MOMENT_FIELDS, Line, Reader


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a scenario."""

    decisions: list[Decision]
    refused: list[DeadLetter]


def cloud_event(scenario: Scenario, line: Line, number: int) -> bytes:
    """The CloudEvent that a line of `given` stands for."""
    happened = line.note("happened")
    zone = scenario.agreement.timezone
    today = line.at.astimezone(zone).date()
    own_at = Reader(zone, today).moment(happened) if happened else line.at
    data = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in line.data.items()
    }
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": line.note("id") or f"event-{number}",
            "source": line.note("source") or "/scenario",
            "type": line.word,
            "subject": line.subject,
            "time": own_at,
            "receivedat": line.at,
            "data": data,
        }
    )


def play(scenario: Scenario, *, interrupted: bool = False) -> Played:
    """Play it; `interrupted` starts a new engine from the saved state after every event."""
    engine = Engine(scenario.agreement)
    decisions: list[Decision] = []
    refused: list[DeadLetter] = []
    for number, line in enumerate(scenario.given, 1):
        event = accept(scenario.agreement, cloud_event(scenario, line, number), number)
        if isinstance(event, DeadLetter):
            refused.append(event)
        else:
            decisions += engine.take(event, line.at)
        if interrupted:
            saved = decode_snapshot(engine.snapshot().encode())
            engine = Engine.resumed(scenario.agreement, saved)
    if scenario.until is not None:
        decisions += engine.run_until(scenario.until)
    return Played(decisions, refused)


def looked_at(scenario: Scenario, decisions: list[Decision]) -> list[Decision]:
    """The decisions that the scenario says something about, in order."""
    leads, clauses, since = scenario.written.leads, scenario.written.clauses, scenario.since
    return [
        each
        for each in decisions
        if each.type in scenario.types
        and (not leads or each.subject in leads)
        and (not clauses or getattr(each.data, "clause", clauses[0]) in clauses)
        and (since is None or each.time_at >= since)
    ]


def faults(line: Line, got: Decision) -> list[str]:
    """What of a decision is not as `line` says."""
    if (line.at, line.subject, line.word) != (got.time_at, got.subject, got.type):
        return ["another decision, lead or time"]
    found: list[str] = []
    data = msgspec.structs.asdict(got.data)
    for name, value in line.data.items():
        if name not in data:
            found.append(f"a {got.type} has no field {name}")
        elif not _matches(name, value, data[name]):
            found.append(f"{name} is not {value}")
    cause, sequence = line.note("cause"), line.note("sequence")
    if cause is not None and got.cause != cause:
        found.append(f"its cause is not {cause}")
    if line.note("time alone") is not None and got.cause is not None:
        found.append("it has a cause")
    if sequence is not None and got.sequence != int(sequence):
        found.append(f"its sequence is not {sequence}")
    found += [
        f"no reason says {said!r}"
        for said in line.because
        if not any(said in reason for reason in data["because"])
    ]
    return found


def _matches(name: str, wanted: Any, value: Any) -> bool:
    if name == "passed_over":
        shown = [f"{each.rep} {each.why}" for each in value if isinstance(each, PassedOver)]
        return len(shown) == len(wanted) and all(
            written.startswith(part) for written, part in zip(shown, wanted, strict=True)
        )
    if isinstance(value, tuple):
        return bool(list(value) == wanted)
    return bool(value == wanted)


def shown(scenario: Scenario, got: Decision) -> str:
    """A decision as a scenario would write it."""
    zone = scenario.agreement.timezone
    data = msgspec.structs.asdict(got.data)
    because = data.pop("because")
    fields = []
    for name, value in data.items():
        if name in MOMENT_FIELDS and value is not None:
            value = moment(value, zone)
        elif name == "passed_over":
            value = [f"{each.rep} {each.why}" for each in value]
        fields.append(f"{name}: {value}")
    notes = f"cause {got.cause}" if got.cause else "time alone"
    at = moment(got.time_at, zone) + (f".{got.time_at:%f}" if got.time_at.microsecond else "")
    first = f"{at} ({notes}, sequence {got.sequence})  {got.subject}  {got.type}  "
    return "\n".join([first + ", ".join(fields), *(f"      because {each}" for each in because)])


def as_bytes(scenario: Scenario, decisions: list[Decision]) -> list[bytes]:
    """The decisions as they leave the service."""
    return [encode(each, scenario.agreement.source) for each in decisions]
