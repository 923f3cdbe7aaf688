"""Loading whole agreements: the sample, the smallest one, many faults at once."""

from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.agreement import AttemptClause, DeadlineClause
from rules.durations import Duration
from rules.loading import Loaded, load_agreement

ACME = Path(__file__).parents[3] / "rules" / "agreements" / "acme.yaml"
SHARED = Path(__file__).parents[3] / ".." / "shared" / "contract" / "acme.yaml"
HEAD = "agreement: Test\nversion: 1\ntimezone: Europe/Rome\n"


def acme():
    loaded = load_agreement(ACME.read_bytes(), "acme.yaml")
    assert loaded.agreement is not None
    return loaded.agreement


def test_the_sample_has_no_errors_and_no_warnings():
    assert load_agreement(ACME.read_bytes(), "acme.yaml").diagnostics == ()


def test_the_sample_is_the_contracts():
    if not SHARED.exists():
        pytest.skip("the contract's own sample is not beside this checkout")
    assert ACME.read_bytes() == SHARED.read_bytes()


def test_the_head_of_the_sample():
    agreement = acme()
    assert (agreement.name, agreement.version) == ("Acme 2026", 4)
    assert agreement.source == "/baton/acme-2026@4"
    assert agreement.digest == sha256(ACME.read_bytes()).hexdigest()
    assert (agreement.valid_from, agreement.valid_until) == (date(2026, 1, 1), date(2026, 12, 31))
    assert agreement.timezone.key == "Europe/Rome"


def test_the_samples_people_and_calendars():
    agreement = acme()
    lucia = agreement.people["lucia"]
    assert (lucia.name, lucia.slack, lucia.capacity, lucia.weight) == (
        "Lucia Sala",
        "U0LUCIA",
        25,
        2,
    )
    assert agreement.people["amy"].capacity is None
    office = agreement.calendars["office"]
    assert lucia.calendar is office
    assert office.is_open(datetime(2026, 3, 5, 16, 59, tzinfo=UTC))
    assert not office.is_open(datetime(2026, 3, 6, 16, 59, tzinfo=UTC))
    assert office.is_open(datetime(2026, 6, 2, 8, tzinfo=UTC)), "a dropped holiday"
    assert not office.is_open(datetime(2026, 12, 7, 9, tzinfo=UTC)), "an added holiday"
    assert not office.is_open(datetime(2026, 12, 24, 14, tzinfo=UTC)), "a special date"


def test_the_samples_temperature():
    rules = acme().temperature
    assert rules is not None
    assert rules.decided_by == ("horizon", "touches", "points")
    assert [(each.temperature, each.text) for each in rules.horizon] == [
        ("hot", "below 6"),
        ("warm", "at least 6 and at most 12"),
        ("cold", "above 12"),
    ]
    assert [each.matches(12) for each in rules.horizon] == [False, True, False]
    assert rules.touches is not None
    assert rules.touches.within is not None
    assert rules.touches.within.days == 180
    assert dict(rules.touches.levels[0].counts) == {"webinar.attended": 2, "ebook.downloaded": 1}
    assert rules.points is not None
    assert rules.points.levels == (("hot", 50), ("warm", 20), ("cold", 1))
    assert rules.points.touches["page.viewed"].at_most == 5
    assert rules.points.touches["email.clicked"].points == 3


def test_the_samples_clauses():
    clauses = {clause.name: clause for clause in acme().clauses}
    first = clauses["first contact, hot"]
    assert isinstance(first, DeadlineClause)
    assert first.within == Duration(15, "m")
    assert (first.calendar, first.warn) == ("owner", (0.5, 0.8))
    assert [step.do for step in first.ladder] == [None, "reassign", None]
    assert first.ladder[2].repeat == Duration(1, "d")
    nurture = clauses["nurture what came back"]
    assert isinstance(nurture, DeadlineClause)
    assert (nurture.ends.event, nurture.ends.count, nurture.ends.distinct) == (None, 3, "type")
    limit = clauses["no pestering"]
    assert isinstance(limit, AttemptClause)
    assert dict(limit.per_channel) == {"call": 3, "email": 2}
    assert limit.recycle_after == Duration(2, "d")
    assert limit.calendar == "owner"


def test_the_smallest_agreement_has_nothing_but_its_head():
    loaded = load_agreement(HEAD)
    assert loaded.diagnostics == ()
    agreement = loaded.agreement
    assert agreement is not None
    assert (agreement.clauses, agreement.stages, agreement.people) == ((), (), {})
    assert agreement.routing is None
    assert agreement.temperature is None
    assert agreement.rejection is None


def test_what_is_left_out_has_its_default():
    loaded = load_agreement(
        HEAD + "people:\n  ann: {}\nstages:\n  sql: {country: IT}\nrouting:\n"
        "  teams:\n    one: {members: [ann]}\n  rules:\n    - {team: one}\n"
        "clauses:\n  - {clause: c, by: anyone, starts: lead.assigned, ends: lead.attempted,"
        " within: 1h, warn: [80%, 50%]}\n"
    )
    assert loaded.diagnostics == ()
    agreement = loaded.agreement
    assert agreement is not None
    ann = agreement.people["ann"]
    assert (ann.name, ann.weight, ann.capacity, ann.calendar) == ("ann", 1, None, None)
    routing = agreement.routing
    assert routing is not None
    assert routing.at == "sql"
    assert routing.rules[0].name == "rule 1 (one)"
    assert routing.teams["one"].by == "round_robin"
    assert not routing.keep_account
    assert not routing.wait_for_hours
    clause = agreement.clauses[0]
    assert isinstance(clause, DeadlineClause)
    assert clause.calendar != "owner"
    assert clause.calendar.name == "always"
    assert clause.warn == (0.5, 0.8)


def test_text_stays_the_text_that_a_person_sees():
    loaded = load_agreement(
        "agreement: 2026\nversion: 1\ntimezone: Europe/Rome\n"
        "people:\n  no: {name: on}\n  ann: {name: 0123, slack: U0ANN}\n"
        "stages:\n  sql: {country: NO, phone: 0039, industry: [yes, 12:30]}\n"
    )
    assert loaded.diagnostics == ()
    agreement = loaded.agreement
    assert agreement is not None
    assert agreement.name == "2026"
    assert [person.name for person in agreement.people.values()] == ["on", "0123"]
    assert agreement.stages[0][1].text == (
        "country is NO and phone is 0039 and (industry is yes or 12:30)"
    )


SEVERAL_FAULTS = """\
agreement: Test
version: one
timezone: Europe/Roma
people:
  ann: {slack: U0ANN, calender: office, capacity: -1}
  bob: {}
calendars:
  office: {hours: {mon-fri: "09:00-9:30", sat: "10:00-10:00"}}
stages:
  mql: {temperature: hott, employees: {atleast: 5}}
  sql: {any: [{icp: yes}, {touched: [lead.atempted]}]}
routing:
  teams:
    one: {manager: anne, members: [ann, bo]}
  rules:
    - {name: a, when: {country: no, shoe: {at_least: 5, at_most: 4}}, team: on}
    - {team: one}
clauses:
  - {clause: c, by: sales, starts: lead.assigned, ends: lead.atempted, within: soon, escalate: lad}
  - {clause: c, starts: lead.assigned, ends: lead.attempted, within: 0h, by: sales}
"""


def test_all_faults_are_reported_at_once_and_in_order():
    loaded = load_agreement(SEVERAL_FAULTS, "f.yaml")
    assert loaded.agreement is None
    assert [(each.line, each.code.value) for each in loaded.diagnostics] == [
        (2, "wrong_type"),
        (3, "unknown_timezone"),
        (5, "unknown_key"),
        (5, "out_of_range"),
        (8, "bad_hours"),
        (8, "bad_hours"),
        (10, "no_effect"),
        (10, "unknown_word"),
        (10, "unknown_key"),
        (11, "no_effect"),
        (11, "wrong_type"),
        (11, "unknown_event"),
        (14, "undefined_person"),
        (14, "undefined_person"),
        (16, "impossible"),
        (16, "undefined_team"),
        (19, "unknown_event"),
        (19, "bad_duration"),
        (19, "undefined_ladder"),
        (20, "duplicate_name"),
        (20, "out_of_range"),
    ]


def test_a_typing_error_is_answered_with_the_word_that_was_meant():
    source = ACME.read_text("utf-8").replace("members: [marco, lucia]", "members: [marko, lucia]")
    loaded = load_agreement(source, "acme.yaml")
    assert [str(each) for each in loaded.diagnostics] == [
        "acme.yaml:68:37: error[undefined_person]: There is no person `marko`. "
        "Did you mean `marco`?"
    ]


def test_a_misspelt_touch_is_noticed_though_each_is_named_once():
    source = ACME.read_text("utf-8").replace("hot: {webinar.attended", "hot: {webinar.atended")
    loaded = load_agreement(source, "acme.yaml")
    assert [str(each) for each in loaded.diagnostics] == [
        "acme.yaml:45:11: warning[near_miss]: `webinar.atended` looks like `webinar.attended` at "
        "44:12, and each is named once. Is one of them a typing error?"
    ]


def said(extra: str) -> list[str]:
    """The sentences about an agreement of `HEAD` and `extra`."""
    return [each.sentence for each in load_agreement(f"{HEAD}{extra}").diagnostics]


def points(written: str) -> str:
    return f"temperature: {{points: {{touches: {written}, levels: {{warm: 20}}}}}}\n"


def within(duration: str, calendar: str) -> str:
    return (
        "parties: {sales: {}}\npeople: {bob: {calendar: sundays}}\n"
        'calendars: {sundays: {hours: {sun: "02:30-02:31"}}}\n'
        "clauses: [{clause: c, by: sales, starts: lead.captured, ends: deal.won, "
        f"within: {duration}, calendar: {calendar}}}]\n"
    )


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        (
            points("{page.viewed: {points: 0, at_most: 5}}"),
            "`page.viewed` earns 0 points, so it changes nothing: delete it or give it points.",
        ),
        (
            points("{page.viewed: {points: -1, at_most: 5}}"),
            "`page.viewed` takes points away, and `at_most` caps what is earned: delete it.",
        ),
        (
            points("{page.viewed: {points: 0.5, at_most: 1000}}"),
            "It takes over 1000 `page.viewed` at 0.5 to reach the cap of 1000, more than are kept "
            "of a lead. Lower `at_most`, or delete it: without a cap, any number counts.",
        ),
        (
            "temperature: {touches: {hot: {page.viewed: 999999999}}}\n",
            "`999999999` is too large: 1000 is the most, since each lead's last ones are kept.",
        ),
        (
            within("5000h", "sundays"),
            "`5000h` lasts more than ten years in the calendar `sundays`. Write a shorter time, "
            "or give the calendar more hours.",
        ),
        (
            within("600d", "owner"),
            "`600d` lasts more than ten years in the calendar `sundays`, by which `bob` works. "
            "Write a shorter time, or give the calendar more hours.",
        ),
        (
            within("36500d", "always"),
            "`36500d` is too long; `3652d` (10 years) is the most.",
        ),
        (
            within("9999999h", "sundays"),
            "`9999999h` is too long; `3652d` (10 years) is the most.",
        ),
    ],
)
def test_what_no_lead_could_hold_is_refused(written, sentence):
    assert sentence in said(written)


@pytest.mark.parametrize(
    "written",
    [
        points("{page.viewed: {points: -1}}"),
        points("{page.viewed: {points: 0.005, at_most: 5}}"),
        within("8h", "owner"),
        within("500d", "sundays"),
        within("87648h", "always"),
    ],
)
def test_the_most_that_can_be_held_is_taken(written):
    assert load_agreement(f"{HEAD}{written}").agreement is not None


def test_a_faulty_calendar_is_not_blamed_for_lasting_long():
    written = within("5000h", "sundays").replace("sun:", 'mon-fri: "9-18", sun:')
    loaded = load_agreement(f"{HEAD}{written}")
    assert [each.code.value for each in loaded.diagnostics] == ["bad_hours"]


def test_a_reserved_type_is_known_however_it_is_written():
    assert said(points("{Lead.Captured: 3}")) == [
        "`Lead.Captured` is none of the types under `lead.`. Did you mean `lead.captured`?"
    ]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_edit_of_the_sample_makes_loading_fail(data):
    lines = ACME.read_text("utf-8").split("\n")
    for _ in range(data.draw(st.integers(1, 3))):
        line = data.draw(st.integers(0, len(lines) - 1))
        column = data.draw(st.integers(0, len(lines[line])))
        cut = data.draw(st.integers(0, 12))
        put = data.draw(st.sampled_from(["", " ", "x", "[", "}", ": ", "- ", "null", "&a ", '"']))
        lines[line] = lines[line][:column] + put + lines[line][column + cut :]
    check_is_coherent(load_agreement("\n".join(lines)))


CHAPTERS = (
    "version",
    "summary",
    "valid",
    "parties",
    "people",
    "calendars",
    "ideal_customer",
    "temperature",
    "stages",
    "routing",
    "clauses",
    "escalations",
    "rejection",
)
KEYS = (
    *("any", "not", "like", "hot", "touches", "points", "horizon", "profile", "levels", "within"),
    *("rules", "teams", "members", "at", "when", "clause", "by", "starts", "ends", "attempts"),
    *("hours", "holidays", "country", "add", "tell", "after", "reasons", "touched", "sql"),
)
SCALARS = ("", "~", "x", "5", "-1", "no", "15m", "hot", "lead.won", '"50%"')


def flow(pairs: dict[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in pairs.items()) + "}"


VALUES = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda each: f"[{', '.join(each)}]"),
        st.dictionaries(st.sampled_from(KEYS), inner, max_size=4).map(flow),
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(path=st.sampled_from(CHAPTERS), value=VALUES)
def test_any_value_in_any_chapter_is_loaded_or_refused(path, value):
    check_is_coherent(load_agreement(f"{HEAD}{path}: {value}\n"))


def check_is_coherent(loaded: Loaded) -> None:
    errors = [each for each in loaded.diagnostics if each.severity == "error"]
    assert (loaded.agreement is None) == bool(errors)
    places = [(each.line, each.column) for each in loaded.diagnostics]
    assert places == sorted(places)
