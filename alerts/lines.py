"""One calm, readable line per decision, for a terminal or a log that people read.

`line` writes it, `tone` says how good or bad the news is, so that a console can
colour it. Names that came from outside are shown with hidden characters escaped.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from rules.agreement import Person
from rules.decisions import (
    Assigned,
    Breached,
    Cancelled,
    Decision,
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
from rules.vocabulary import Stage
from rules.wording import number, printable, span, value_text

Tone = Literal["good", "news", "quiet", "warning", "bad"]

LONGEST_REASON: Final = 90
LEAD_WIDTH: Final = 8
"""Lead ids are padded to this, so that short ones line up."""
_WORTH_SAYING: Final = timedelta(minutes=5)
_DETAILS: Final = (
    "name", "job_title", "company", "asset", "channel", "outcome", "reason", "comment",
)  # fmt: skip
"""Fields of an event's data that a line shows as they are, in this order."""
_GOOD_STAGES: Final[frozenset[Stage]] = frozenset({"opportunity", "customer"})


def line(decision: Decision, zone: ZoneInfo, people: Mapping[str, Person]) -> str:
    """`Mon 2 Mar 09:15  lead-17   assigned to Marco Neri (italy, ...): it was his turn ...`.

    Instants are shown in `zone`, people of the agreement by their full names.
    """
    sentence = headline(decision, zone, people)
    reasons = "; ".join(decision.data.because)
    if reasons:
        sentence += f": {printable(reasons, LONGEST_REASON)}"
    return f"{stamp(decision.time_at, zone)}  {lead_column(decision.subject)}  {sentence}"


def headline(decision: Decision, zone: ZoneInfo, people: Mapping[str, Person]) -> str:
    """What was decided, without when, about whom and why."""
    return _sentence(decision, zone, {key: person.name for key, person in people.items()})


def event_line(event: Event, zone: ZoneInfo, people: Mapping[str, Person]) -> str:
    """What happened, in the same columns: `Mon  2 Mar 09:12  lead-17   · webinar attended (...)`.

    It stands at the time at which the log took it, and says so where that was later.
    """
    known_at = shown_at(event)
    details = _details(event.data, {key: person.name for key, person in people.items()})
    shown = f" ({', '.join(details)})" if details else ""
    if known_at - event.time_at >= _WORTH_SAYING:
        shown += f", reported late: it was at {_due(event.time_at, known_at, zone)}"
    what = printable(event.type).replace(".", " ").replace("_", " ")
    return f"{stamp(known_at, zone)}  {lead_column(event.subject)}  · {what}{shown}"


def shown_at(each: Event | Decision) -> datetime:
    """The instant at which a line stands: of an event, when the log took it."""
    return (each.received_at or each.time_at) if isinstance(each, Event) else each.time_at


def _details(data: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    found = [value_text(data[key]) for key in _DETAILS if data.get(key) is not None]
    if (months := data.get("purchase_horizon_months")) is not None:
        found.append(f"wants to buy within {value_text(months)} months")
    if (value := data.get("value")) is not None:
        found.append(f"{value_text(value)} {value_text(data.get('currency') or '')}".strip())
    if (by := data.get("by")) is not None:
        found.append(f"by {_name(str(by), names)}")
    return found


def stamp(at: datetime, zone: ZoneInfo) -> str:
    """An instant at the head of a line, always of the same width: `Mon  2 Mar 09:15`."""
    local = at.astimezone(zone)
    return f"{local:%a} {local.day:>2} {local:%b %H:%M}"


def lead_column(subject: str) -> str:
    """A lead's id, escaped and padded."""
    return f"{printable(subject, 24):<{LEAD_WIDTH}}"


def tone(decision: Decision) -> Tone:
    """How good or bad the news is for the people who promised something."""
    match decision.data:
        case Met() | Retracted():
            return "good"
        case StageChanged(stage=stage) if stage in _GOOD_STAGES:
            return "good"
        case Breached() | Escalated():
            return "bad"
        case Warned() | Queued() | Recycled():
            return "warning"
        case Started() | Cancelled():
            return "quiet"
        case _:
            return "news"


def _sentence(decision: Decision, zone: ZoneInfo, names: Mapping[str, str]) -> str:
    data = decision.data
    match data:
        case TemperatureChanged():
            if data.temperature is None:
                return f"has no temperature any more (was {data.was or 'none'})"
            return f"is {data.temperature} now (was {data.was or 'without temperature'})"
        case StageChanged():
            return f"enters stage {data.stage} (was {data.was})"
        case Queued():
            return f"waits in the queue of {_where(data.team, data.rule)}"
        case Assigned():
            return _assigned(data, names)
        case Recycled():
            return f"goes back to nurturing ({printable(data.reason)}, {_tries(data.attempts)})"
        case _:
            return _promise(decision, zone, names)


def _promise(decision: Decision, zone: ZoneInfo, names: Mapping[str, str]) -> str:
    """What became of a clause."""
    data = decision.data
    match data:
        case Started():
            until = f"due {_due(data.due, decision.time_at, zone)}" if data.due else "paused"
            return f"promise running, {_clause(data.clause, data.owner, names)}: {until}"
        case Warned():
            due = _due(data.due, decision.time_at, zone)
            who = _clause(data.clause, data.owner, names)
            return (
                f"promise at risk, {who}: {number(data.at * 100)}% of the time is gone, due {due}"
            )
        case Met():
            late = data.due is not None and data.met_at >= data.due
            how = "kept late" if late else "kept"
            who = _clause(data.clause, data.owner, names)
            return f"promise {how}, {who}: after {span(data.working_s)}"
        case Breached():
            return _breached(data, decision.time_at, zone, names)
        case Escalated():
            told = ", ".join(_name(who, names) for who in data.tell)
            moved = " and reassigns the lead" if data.do == "reassign" else ""
            return f"escalation {data.step}, {printable(data.clause)}: tells {told}{moved}"
        case Cancelled():
            return f"promise no longer due, {printable(data.clause)}"
        case Retracted():
            return f"breach taken back, {printable(data.clause)}"
        case _:
            raise AssertionError(f"no sentence for {decision.type}")


def _assigned(data: Assigned, names: Mapping[str, str]) -> str:
    where = f" ({_where(data.team, data.rule)})" if data.team else ""
    was = f", until now with {_name(data.was, names)}" if data.was else ""
    return f"assigned to {_name(data.rep, names)}{where}{was}{_passed_over(data, names)}"


def _passed_over(data: Assigned, names: Mapping[str, str]) -> str:
    if not data.passed_over:
        return ""

    def one(each: PassedOver) -> str:
        return f"{_name(each.rep, names)} ({printable(each.why)})"

    return f", passing over {', '.join(map(one, data.passed_over))}"


def _breached(data: Breached, made_at: datetime, zone: ZoneInfo, names: Mapping[str, str]) -> str:
    who = _clause(data.clause, data.owner, names)
    if data.kind == "late":
        due = f"was due {_due(data.due, made_at, zone)}" if data.due else "is late"
        tried = f", {_tries(data.attempts)} so far" if data.attempts else ""
        return f"promise broken, {who}: {due}{tried}"
    bound = "at least" if data.kind == "too_few_attempts" else "at most"
    what = f"by {printable(data.channel)}" if data.channel else "in all"
    return f"promise broken, {who}: {_tries(data.attempts)} {what}, {bound} {data.limit} promised"


def _due(due: datetime, made_at: datetime, zone: ZoneInfo) -> str:
    """An instant without its date where that is the line's own."""
    local = due.astimezone(zone)
    if local.date() == made_at.astimezone(zone).date():
        return f"{local:%H:%M}"
    return f"{local:%a} {local.day} {local:%b %H:%M}"


def _clause(clause: str, owner: str | None, names: Mapping[str, str]) -> str:
    shown = printable(clause)
    return f"{shown} ({_name(owner, names)})" if owner else shown


def _name(key: str, names: Mapping[str, str]) -> str:
    return printable(names.get(key, key))


def _where(team: str, rule: str | None) -> str:
    return printable(team) if rule is None else f"{printable(team)}, rule {printable(rule)}"


def _tries(count: int) -> str:
    return "1 attempt" if count == 1 else f"{count} attempts"
