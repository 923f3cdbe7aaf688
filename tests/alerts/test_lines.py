"""The one line that a decision or an event gets."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from rich.console import Console

from alerts.lines import event_line, line, stamp, tone
from rules.agreement import Person
from rules.decisions import (
    DATA_TYPES,
    Assigned,
    Breached,
    Cancelled,
    Decision,
    DecisionData,
    Escalated,
    Met,
    PassedOver,
    Queued,
    Recycled,
    Retracted,
    StageChanged,
    Started,
    TemperatureChanged,
    Warned,
)
from rules.events import Event

ROME = ZoneInfo("Europe/Rome")
AT = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
DUE = AT + timedelta(minutes=15)
PEOPLE = {
    key: Person(key, name, None, None, None, 1)
    for key, name in {"marco": "Marco Neri", "lucia": "Lucia Sala", "amy": "Amy Conti"}.items()
}
HOT = "first contact, hot"


def of(data: DecisionData, subject: str = "lead-17") -> str:
    return line(Decision(subject, 1, AT, None, data), ROME, PEOPLE)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (
            TemperatureChanged(
                temperature="hot", was=None, by="horizon", because=("3 months to go",)
            ),
            "is hot now (was without temperature): 3 months to go",
        ),
        (
            TemperatureChanged(temperature=None, was="warm", by=None, because=()),
            "has no temperature any more (was warm)",
        ),
        (
            StageChanged(stage="sql", was="mql", because=("icp is true", "temperature is hot")),
            "enters stage sql (was mql): icp is true; temperature is hot",
        ),
        (
            Queued(team="italy", rule="everyone else", because=("nobody is at work",)),
            "waits in the queue of italy, rule everyone else: nobody is at work",
        ),
        (
            Assigned(
                rep="marco",
                team="italy",
                rule="everyone else",
                was="lucia",
                passed_over=(PassedOver("lucia", "is away"),),
                because=("his turn",),
            ),
            "assigned to Marco Neri (italy, rule everyone else), until now with Lucia Sala,"
            " passing over Lucia Sala (is away): his turn",
        ),
        (
            Recycled(reason="timing", attempts=1, because=()),
            "goes back to nurturing (timing, 1 attempt)",
        ),
        (
            Started(
                clause=HOT, party="sales", owner="marco", due=DUE, calendar="office", because=()
            ),
            "promise running, first contact, hot (Marco Neri): due 09:30",
        ),
        (
            Started(
                clause=HOT, party="sales", owner=None, due=None, calendar="office", because=()
            ),
            "promise running, first contact, hot: paused",
        ),
        (
            Warned(clause=HOT, owner="marco", due=DUE + timedelta(days=1), at=0.8, because=()),
            "promise at risk, first contact, hot (Marco Neri): 80% of the time is gone,"
            " due Tue 3 Mar 09:30",
        ),
        (
            Met(clause=HOT, owner="marco", due=DUE, met_at=AT, working_s=480.0, because=()),
            "promise kept, first contact, hot (Marco Neri): after 8 min",
        ),
        (
            Met(clause=HOT, owner="marco", due=DUE, met_at=DUE, working_s=900.0, because=()),
            "promise kept late, first contact, hot (Marco Neri): after 15 min",
        ),
        (
            Breached(
                clause=HOT, party="sales", owner="marco", team="italy", due=AT, kind="late",
                attempts=0, limit=None, channel=None, because=(),
            ),
            "promise broken, first contact, hot (Marco Neri): was due 09:15",
        ),
        (
            Breached(
                clause=HOT, party="sales", owner="marco", team="italy", due=AT, kind="late",
                attempts=1, limit=None, channel=None, because=(),
            ),
            "promise broken, first contact, hot (Marco Neri): was due 09:15, 1 attempt so far",
        ),
        (
            Breached(
                clause="no pestering", party="sales", owner=None, team=None, due=None,
                kind="too_many_attempts", attempts=4, limit=3, channel="call", because=(),
            ),
            "promise broken, no pestering: 4 attempts by call, at most 3 promised",
        ),
        (
            Breached(
                clause="enough attempts", party="sales", owner=None, team=None, due=None,
                kind="too_few_attempts", attempts=1, limit=3, channel=None, because=(),
            ),
            "promise broken, enough attempts: 1 attempt in all, at least 3 promised",
        ),
        (
            Escalated(
                clause=HOT, step=2, tell=("amy", "#sales-managers"), do="reassign", because=()
            ),
            "escalation 2, first contact, hot: tells Amy Conti, #sales-managers"
            " and reassigns the lead",
        ),
        (Cancelled(clause=HOT, because=()), "promise no longer due, first contact, hot"),
        (
            Retracted(clause=HOT, evidence="e-1", because=("called at 09:20",)),
            "breach taken back, first contact, hot: called at 09:20",
        ),
    ],
)  # fmt: skip
def test_each_decision_reads_as_a_sentence(data: DecisionData, sentence: str) -> None:
    assert of(data) == f"Mon  2 Mar 09:15  lead-17   {sentence}"


def test_every_type_of_decision_has_a_line_and_a_tone() -> None:
    for kind in DATA_TYPES.values():
        decision = Decision("lead-1", 1, AT, None, _sample(kind))
        assert line(decision, ROME, PEOPLE).startswith("Mon  2 Mar 09:15  lead-1    ")
        assert tone(decision) in {"good", "news", "quiet", "warning", "bad"}


def _sample(kind: type[Any]) -> Any:
    values = {
        "temperature": "hot", "was": "warm" if kind is TemperatureChanged else "lead",
        "stage": "mql", "by": "points", "kind": "late", "passed_over": (), "tell": ("owner",),
        "do": None, "due": DUE, "met_at": AT, "at": 0.5, "working_s": 1.0, "attempts": 2,
        "limit": None, "step": 1, "because": ("so",),
    }  # fmt: skip
    return kind(**{name: values.get(name, "x") for name in kind.__struct_fields__})


def test_hostile_names_are_escaped_and_long_reasons_cut() -> None:
    shown = of(
        Assigned(
            rep="eve\x1b[2J",
            team="a\u202eb",
            rule="r\nr",
            was=None,
            passed_over=(),
            because=("x" * 500,),
        ),
        subject="lead\x00\u202e",
    )
    assert shown.isprintable()
    assert "\\u001b" in shown
    assert "\\u202e" in shown
    assert "\\u0000" in shown
    assert len(shown) < 250


def test_tones_follow_the_promise() -> None:
    breach = Breached(
        clause=HOT, party="sales", owner=None, team=None, due=AT, kind="late",
        attempts=0, limit=None, channel=None, because=(),
    )  # fmt: skip
    won = StageChanged(stage="customer", was="opportunity", because=())
    assert tone(Decision("a", 1, AT, None, breach)) == "bad"
    assert tone(Decision("a", 1, AT, None, won)) == "good"
    assert tone(Decision("a", 1, AT, None, Retracted(clause=HOT, evidence="e", because=()))) == (
        "good"
    )


def test_an_event_stands_where_the_log_took_it_and_says_when_it_was() -> None:
    event = Event(
        "e-1",
        "/crm",
        "lead.attempted",
        "lead-17",
        AT,
        {"channel": "call", "outcome": "no_answer", "by": "marco\u202e"},
        AT + timedelta(minutes=40),
    )
    assert event_line(event, ROME, PEOPLE) == (
        "Mon  2 Mar 09:55  lead-17   · lead attempted (call, no_answer, by marco\\u202e),"
        " reported late: it was at 09:15"
    )
    at_once = msgspec.structs.replace(event, received_at=AT, data={}, type="webinar.attended")
    assert event_line(at_once, ROME, PEOPLE) == "Mon  2 Mar 09:15  lead-17   · webinar attended"


def test_an_event_shows_horizon_money_and_who() -> None:
    data = {"purchase_horizon_months": 3, "value": 45000.0, "currency": "EUR", "by": "marco"}
    event = Event("e-1", "/crm", "opportunity.opened", "lead-17", AT, data)
    assert event_line(event, ROME, PEOPLE) == (
        "Mon  2 Mar 09:15  lead-17   · opportunity opened"
        " (wants to buy within 3 months, 45000 EUR, by Marco Neri)"
    )


def test_the_stamp_is_always_as_wide() -> None:
    assert len(stamp(AT, ROME)) == len(stamp(AT + timedelta(days=20), ROME))


def test_the_console_cuts_on_a_terminal_and_nowhere_else(acme: Any) -> None:
    from io import StringIO

    from alerts.console import print_line

    decision = Decision("lead-17", 1, AT, None, Cancelled(clause=HOT, because=("y" * 80,)))
    plain = StringIO()
    print_line(Console(file=plain, width=60), decision, acme)
    assert plain.getvalue() == line(decision, acme.timezone, acme.people) + "\n"
    terminal = StringIO()
    print_line(Console(file=terminal, width=60, force_terminal=True), decision, acme)
    assert "…" in terminal.getvalue()
    assert terminal.getvalue().count("\n") == 1
