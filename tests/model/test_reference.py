"""The reference itself, held against stories worked out by hand from the public contract."""

import math
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rules.events import Event
from tests.model.agreements import ACME
from tests.model.playing import loaded
from tests.model.reference import replayed
from tests.model.told import Told

ROME = ZoneInfo("Europe/Rome")
FITS: dict[str, Any] = {"industry": "logistics", "employees": 80, "country": "IT"}
SMALL = """
agreement: Small
version: 1
timezone: Europe/Rome
people:
  ann: {name: Ann, capacity: 1}
stages:
  sql: {touched: [demo.requested]}
routing:
  teams: {one: {members: [ann]}}
  rules: [{name: all, team: one}]
clauses:
  - {clause: call, by: sales, starts: lead.assigned, ends: lead.attempted, within: 2h}
"""


def at(text: str) -> datetime:
    """`03-02 10:15` as an instant of 2026 in Rome."""
    return datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=ROME)


def event(when: str, kind: str, subject: str = "lead", own: str = "", **data: Any) -> Event:
    identity = f"{subject} {kind} {when}"
    return Event(identity, "/hand", kind, subject, at(own or when), data, at(when))


def attempt(when: str, channel: str, outcome: str = "no_answer", own: str = "") -> Event:
    return event(when, "lead.attempted", own=own, channel=channel, outcome=outcome, by="lucia")


def told_of(agreement: str, until: str, *events: Event) -> list[Told]:
    return replayed(loaded(agreement), events, at(until))


def lines(told: list[Told], *names: str) -> list[str]:
    """Local time, type, and the values of those of `names` that the decision has."""
    return [
        " ".join(
            [f"{each.time_at.astimezone(ROME):%m-%d %H:%M:%S}", each.type]
            + [shown(each.data[name]) for name in names if name in each.data]
        )
        for each in told
    ]


def shown(value: Any) -> str:
    return f"{value.astimezone(ROME):%m-%d %H:%M}" if isinstance(value, datetime) else str(value)


def test_a_hot_lead_is_warned_about_breached_and_retracted_by_a_late_report() -> None:
    told = told_of(
        ACME,
        "03-02 10:25",
        event("03-02 09:00", "lead.captured", **FITS, purchase_horizon_months=8),
        event("03-02 10:00", "lead.qualified", purchase_horizon_months=3),
        attempt("03-02 10:20", "call", own="03-02 10:14"),
    )
    names = ("temperature", "stage", "rep", "clause", "owner", "due", "at", "kind", "working_s")
    hot = "first contact, hot"
    assert lines(told, *names) == [
        "03-02 09:00:00 lead.temperature_changed warm",
        "03-02 09:00:00 lead.stage_changed lead",
        "03-02 09:00:00 lead.stage_changed mql",
        "03-02 10:00:00 lead.temperature_changed hot",
        "03-02 10:00:00 lead.stage_changed sql",
        "03-02 10:00:00 lead.assigned lucia",  # twice marco's weight, so hers is the first
        f"03-02 10:00:00 sla.started {hot} lucia 03-02 10:15",
        f"03-02 10:07:30 sla.warned {hot} lucia 03-02 10:15 0.5",
        f"03-02 10:12:00 sla.warned {hot} lucia 03-02 10:15 0.8",
        f"03-02 10:15:00 sla.breached {hot} lucia 03-02 10:15 late",
        f"03-02 10:15:00 sla.escalated {hot}",
        f"03-02 10:20:00 sla.retracted {hot}",
        f"03-02 10:20:00 sla.met {hot} lucia 03-02 10:15 840.0",
    ]
    assert [each.sequence for each in told] == list(range(1, 14))
    assert told[9].cause is None
    assert told[11].data["evidence"] == told[11].cause == "lead lead.attempted 03-02 10:20"


def test_a_warm_lead_becomes_hot_by_itself_when_a_calendar_month_is_gone() -> None:
    told = told_of(
        ACME,
        "03-02 09:00",
        event("01-31 12:00", "lead.captured", **FITS, purchase_horizon_months=6),
    )
    names = ("temperature", "by", "stage", "rep", "clause", "due", "calendar")
    assert lines(told, *names)[3:] == [
        "02-28 12:00:00 lead.temperature_changed hot horizon",  # clipped at February's end
        "02-28 12:00:00 lead.stage_changed sql",
        "02-28 12:00:00 lead.assigned lucia",
        "02-28 12:00:00 sla.started first contact, hot 03-02 09:15 office",  # a Saturday
    ]


def test_giving_up_after_two_attempts_is_a_breach_and_recycles() -> None:
    told = told_of(
        ACME,
        "03-02 16:00",
        event("03-02 09:00", "lead.captured", **FITS, purchase_horizon_months=3),
        attempt("03-02 09:05", "call"),
        attempt("03-02 09:10", "email"),
        event("03-02 15:00", "lead.rejected", reason="timing", by="lucia"),
        event("03-02 15:30", "lead.updated", company="Riva"),
    )
    names = ("reason", "temperature", "stage", "clause", "owner", "kind", "attempts", "limit")
    assert lines(told, *names)[6:] == [
        "03-02 09:05:00 sla.met first contact, hot lucia",
        "03-02 15:00:00 lead.recycled timing 2",
        "03-02 15:00:00 lead.stage_changed nurturing",
        "03-02 15:00:00 lead.temperature_changed None",
        "03-02 15:00:00 sla.breached enough attempts lucia too_few_attempts 2 3",
        "03-02 15:00:00 sla.started nurture what came back None",
    ]


def test_used_up_attempts_recycle_two_working_days_after_the_last_allowed_one() -> None:
    channels = ["call", "call", "call", "email", "email", "message"]
    tries = [
        attempt(f"03-0{2 + index // 3} 1{index % 3}:00", channel)
        for index, channel in enumerate(channels)
    ]
    told = told_of(
        ACME,
        "03-05 12:00",
        event("03-02 09:50", "lead.captured", **FITS, purchase_horizon_months=3),
        *tries,
        attempt("03-03 15:00", "message"),
    )
    names = ("reason", "stage", "clause", "kind", "attempts", "limit", "channel")
    assert lines(told, *names)[8:] == [
        "03-03 15:00:00 sla.breached no pestering too_many_attempts 7 6 None",
        "03-05 12:00:00 lead.recycled attempts_used_up 7",  # 2d after Tuesday 12:00
        "03-05 12:00:00 lead.stage_changed nurturing",
        "03-05 12:00:00 lead.temperature_changed",
        "03-05 12:00:00 sla.started nurture what came back",
    ]


def test_a_full_team_queues_and_the_win_of_another_lead_frees_it() -> None:
    told = told_of(
        SMALL,
        "03-02 11:00",
        event("03-02 09:00", "demo.requested", subject="a"),
        event("03-02 09:10", "demo.requested", subject="b"),
        event("03-02 09:20", "demo.requested", subject="c"),
        event("03-02 10:00", "deal.won", subject="a"),
        event("03-02 10:30", "lead.claimed", subject="c", by="ann"),
        event("03-02 10:40", "lead.claimed", subject="c", by="ann"),
    )
    routed = [each for each in told if each.type in ("lead.queued", "lead.assigned")]
    assert [f"{each.subject} {each.type}" for each in routed] == [
        "a lead.assigned",
        "b lead.queued",
        "c lead.queued",
        "b lead.assigned",
        "c lead.assigned",
    ]
    assert routed[1].data == {"team": "one", "rule": "all"}
    assert routed[3].cause == "a deal.won 03-02 10:00"
    assert routed[3].data == {
        "rep": "ann", "team": "one", "rule": "all", "was": None, "passed_over": []
    }  # fmt: skip
    assert routed[4].data["rule"] is None


def test_a_paused_clock_keeps_its_remaining_working_time() -> None:
    told = told_of(
        SMALL,
        "03-02 15:00",
        event("03-02 09:00", "demo.requested"),
        event("03-02 09:30", "lead.paused", until=at("03-02 12:00")),
        event("03-02 11:00", "lead.resumed"),
        event("03-02 12:45", "lead.paused", own="03-02 12:15", until=at("03-02 12:20")),
    )
    assert lines(told, "stage", "rep", "clause", "due") == [
        "03-02 09:00:00 lead.stage_changed sql",
        "03-02 09:00:00 lead.assigned ann",
        "03-02 09:00:00 sla.started call 03-02 11:00",
        "03-02 12:30:00 sla.breached call 03-02 12:30",
    ]


def test_points_decay_to_another_temperature_at_the_very_moment() -> None:
    told = told_of(
        ACME,
        "03-10 09:00",
        event("03-02 09:00", "pricing.viewed", asset="/pricing"),
        event("03-02 09:00", "pricing.viewed", asset="/pricing"),
        event("03-02 09:01", "pricing.viewed", asset="/quote"),
    )
    assert lines(told, "temperature", "by", "stage")[:3] == [
        "03-02 09:00:00 lead.temperature_changed cold points",
        "03-02 09:00:00 lead.stage_changed lead",
        "03-02 09:01:00 lead.temperature_changed warm points",
    ]
    earned = 10 * 0.5 ** (1 / (30 * 24 * 60)) + 10  # the first is a minute old; one is a repeat
    days = 30 * math.log2(earned / 19.5)
    assert abs(told[3].time_at - at("03-02 09:01") - timedelta(days=days)) < timedelta(
        seconds=0.001
    )
    assert told[3].data == {"temperature": "cold", "was": "warm", "by": "points"}
