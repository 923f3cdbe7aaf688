"""Every store: all or nothing, and afterwards exactly what was committed."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.lead.state import Lead
from rules.router.state import InQueue, Rep
from streams.codec import encode
from streams.refusals import Refusal, dead_letter
from streams.storage import StorageError, Unfit
from tests.conformance.material import DIGEST, SECOND, SOURCE, START_AT, lived, many, plain, work
from tests.conformance.places import Place

replace = msgspec.structs.replace


def sleeper(name: str, seconds: int | None) -> Lead:
    return Lead(id=name, wake_at=None if seconds is None else START_AT + seconds * SECOND)


def test_a_new_store_is_empty(place: Place) -> None:
    assert place.store.position() == (0, None, None)
    assert place.store.lead("lead-1") is None
    assert place.store.due(None, 10) == []
    assert place.store.agreement(DIGEST) is None
    router = place.store.router()
    assert (router.reps, router.turns, router.queue) == ({}, {}, {})
    assert (router.given, router.arrived, router.wake_at) == (0, 0, None)
    assert "acme.example" not in router.accounts


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 40))
def test_leads_come_back_as_they_went(place: Place, seed: int) -> None:
    engine, _ = lived(seed, 12, 9)
    place.store.commit(work(engine.leads.values()))
    place.reopen(killed=True)
    place.store.prefetch(engine.leads)
    for lead_id, lead in engine.leads.items():
        assert place.store.lead(lead_id) == lead


def test_everything_of_a_commit_outlives_the_process(place: Place) -> None:
    engine, decisions = lived()
    letter = dead_letter(Refusal("invalid_data", "It is wrong.", "data"), b'{"a": "\xff"}')
    place.store.commit(
        work(
            engine.leads.values(), decisions, offset=77, now=START_AT + SECOND,
            unfit=[Unfit(77, letter)],
        )
    )  # fmt: skip
    for killed in (False, True):
        place.reopen(killed=killed)
        assert place.store.position() == (77, START_AT + SECOND, DIGEST)
        assert [place.store.lead(lead_id) for lead_id in engine.leads] == list(
            engine.leads.values()
        )
        assert list(place.decisions()) == [
            (number, each.subject, encode(each, SOURCE)) for number, each in enumerate(decisions, 1)
        ]
        assert place.letters() == [b'{"a": "\xff"}']


def test_decisions_are_numbered_on_over_commits_and_restarts(place: Place) -> None:
    _, decisions = lived()
    place.store.commit(work(decisions=decisions[:5]))
    place.store.commit(work(decisions=decisions[5:6]))
    place.reopen()
    place.store.commit(work(decisions=decisions[6:9]))
    assert [number for number, _, _ in place.decisions()] == list(range(1, 10))


def test_a_lead_is_replaced_field_by_field(place: Place) -> None:
    lead = Lead(id="lead-1", wake_at=START_AT, stage="lead", temperature="warm", owner="marco")
    changes: list[Lead] = [
        lead,
        replace(lead, points=7),
        replace(lead, wake_at=START_AT + SECOND),
        replace(lead, temperature="hot"),
        replace(lead, temperature=None, owner=None, wake_at=None),
        replace(lead, stage="lost", wake_at=None),
        lead,
    ]
    for state in changes:
        place.store.commit(work([state, Lead(id="another")]))
        assert place.store.lead("lead-1") == state
        place.reopen()
        assert place.store.lead("lead-1") == state
        due = [] if state.wake_at is None else [(state.wake_at, "lead-1")]
        assert place.store.due(None, 10) == due


def test_a_failed_commit_changes_nothing(place: Place) -> None:
    engine, decisions = lived()
    leads = list(engine.leads.values())
    place.store.commit(work(leads[:2], decisions[:3], offset=3))
    place.store.router().reps["marco"] = Rep(open=1)
    place.store.commit(work(offset=4))
    place.break_disk()
    place.store.router().reps["marco"] = Rep(open=2)
    many = [replace(lead, id=f"{lead.id}/{copy}") for lead in leads for copy in range(40)]
    changed = replace(leads[0], points=leads[0].points + 1)
    with pytest.raises(StorageError):
        place.store.commit(work([changed, *many], decisions[3:], offset=9))
    place.mend_disk()
    place.recover()
    assert place.store.position() == (4, START_AT, DIGEST)
    assert place.store.lead(leads[0].id) == leads[0]
    assert place.store.lead(many[0].id) is None
    assert len(place.decisions()) == 3
    assert place.store.router().reps == {"marco": Rep(open=1)}
    place.store.commit(work([changed, *many], decisions[3:], offset=9))
    assert [number for number, _, _ in place.decisions()] == list(range(1, len(decisions) + 1))
    assert place.store.lead(leads[0].id) == changed


def test_a_commit_that_breaks_off_halfway_changes_nothing(place: Place) -> None:
    _, decisions = lived()
    place.store.router().reps["marco"] = Rep(open=1)
    faulty = replace(decisions[1], data=None)
    with pytest.raises(AttributeError):
        place.store.commit(work([Lead(id="lead-1")], [decisions[0], faulty], offset=9))
    place.recover()
    assert place.store.position() == (0, None, None)
    assert place.store.lead("lead-1") is None
    assert place.decisions() == []
    assert place.store.router().reps == {}


def test_wake_ups_come_by_instant_and_then_by_lead(place: Place) -> None:
    leads = [
        sleeper("c", 5), sleeper("b", 5), sleeper("é", 5), sleeper("a", 9), sleeper("z", 1),
        sleeper("never", None),
    ]  # fmt: skip
    place.store.commit(work(leads))
    due = place.store.due(None, 10)
    expected = [(1, "z"), (5, "b"), (5, "c"), (5, "é"), (9, "a")]
    assert due == [(START_AT + seconds * SECOND, name) for seconds, name in expected]
    assert place.store.due(None, 2) == due[:2]
    assert place.store.due(due[1], 2) == due[2:4]
    assert place.store.due((START_AT + 5 * SECOND, ""), 1) == due[1:2]
    assert place.store.due(due[-1], 2) == []


def test_wake_ups_follow_their_leads(place: Place) -> None:
    place.store.commit(work([sleeper("a", 1), sleeper("b", 2)]))
    place.store.commit(work([sleeper("a", 3), sleeper("b", None)]))
    assert place.store.due(None, 10) == [(START_AT + 3 * SECOND, "a")]


def test_many_wake_ups_are_read_in_pages(place: Place) -> None:
    leads = [sleeper(f"lead-{number:04}", number % 50) for number in range(1_000)]
    place.store.commit(work(leads))
    seen, after = [], None
    while page := place.store.due(after, 64):
        seen += page
        after = page[-1]
    assert seen == sorted((lead.wake_at, lead.id) for lead in leads if lead.wake_at)


def test_prefetching_changes_nothing_that_is_seen(place: Place) -> None:
    engine, _ = lived()
    place.store.commit(work(engine.leads.values()))
    place.reopen()
    place.store.prefetch([*engine.leads, "nobody", "'; --", 'a"b\\'])
    assert place.store.lead("nobody") is None
    assert {lead_id: place.store.lead(lead_id) for lead_id in engine.leads} == engine.leads
    place.store.prefetch(iter(()))


def test_a_lead_committed_is_not_shadowed_by_one_prefetched(place: Place) -> None:
    leads = [Lead(id=f"lead-{number}") for number in range(30)]
    place.store.commit(work(leads))
    place.store.prefetch([lead.id for lead in leads])
    place.store.commit(work([replace(lead, points=5) for lead in leads]))
    assert {place.store.lead(lead.id).points for lead in leads} == {5}  # type: ignore[union-attr]


def test_agreements_are_kept_by_digest(place: Place) -> None:
    place.store.keep_agreement(DIGEST, b"agreement: \xc3\xa8\r\n")
    place.store.keep_agreement(DIGEST, b"agreement: \xc3\xa8\r\n")
    place.reopen(killed=True)
    assert place.store.agreement(DIGEST) == b"agreement: \xc3\xa8\r\n"
    assert place.store.agreement("b" * 64) is None


def test_the_router_comes_back_as_it_went(place: Place) -> None:
    engine, _ = lived()
    made, router = engine.router.state, place.store.router()
    for rep, row in made.reps.items():
        router.reps[rep] = row
    for account, rep in made.accounts.items():
        router.accounts[account] = rep
    for team, turns in made.turns.items():
        router.turns[team] = turns
    for number, lead in enumerate(("z", "a", "m"), 1):
        router.queue[lead] = InQueue(number, lead, number, "italy", None)
    router.given, router.arrived = made.given, 3
    router.wake_at = START_AT + timedelta(microseconds=1)
    expected = plain(router)
    place.store.commit(work())
    place.reopen(killed=True)
    again = place.store.router()
    assert all(again.accounts[account] == rep for account, rep in made.accounts.items())
    assert plain(again) == expected
    assert list(again.queue) == ["z", "a", "m"]


def test_rows_of_the_router_change_and_go(place: Place) -> None:
    router = place.store.router()
    router.reps["marco"] = Rep(open=1, away=True, away_until=START_AT, heard_at=START_AT)
    router.turns["italy"] = {"marco": 2, "lucia": -2}
    router.queue["a"] = InQueue(1, "a", 1, "italy", "acme.example")
    router.queue["b"] = InQueue(2, "b", 1, "italy", None)
    router.accounts["acme.example"] = "marco"
    place.store.commit(work())
    router.reps["marco"] = Rep(open=2, last_given=9)
    router.turns["italy"] = {"lucia": 5}
    del router.queue["a"]
    assert router.queue.pop("nobody", None) is None
    assert router.queue.pop("b") == InQueue(2, "b", 1, "italy", None)
    router.queue["b"] = InQueue(3, "b", 2, "poland", None)
    router.accounts["acme.example"] = "lucia"
    expected = plain(router)
    place.store.commit(work())
    place.reopen()
    assert place.store.router().accounts["acme.example"] == "lucia"
    assert plain(place.store.router()) == expected


def test_what_the_router_did_and_undid_between_commits_leaves_nothing(place: Place) -> None:
    router = place.store.router()
    router.queue["a"] = InQueue(1, "a", 1, "italy", None)
    del router.queue["a"]
    place.store.commit(work())
    place.reopen()
    assert place.store.router().queue == {}


def test_ten_thousand_accounts(place: Place) -> None:
    router = place.store.router()
    for number in range(10_000):
        router.accounts[f"firm-{number}.example"] = f"rep-{number % 7}"
    place.store.commit(work())
    place.reopen()
    accounts = place.store.router().accounts
    assert accounts.get("firm-9999.example") == "rep-3"
    assert "firm-0.example" in accounts
    assert accounts.get("nobody.example") is None
    assert "nobody.example" not in accounts
    assert None not in accounts
    with pytest.raises(KeyError):
        accounts["nobody.example"]
    accounts["firm-0.example"] = "rep-x"
    del accounts["firm-2.example"]
    assert "firm-2.example" not in accounts
    place.store.commit(work())
    place.reopen()
    assert place.store.router().accounts.get("firm-0.example") == "rep-x"
    assert place.store.router().accounts.get("firm-1.example") == "rep-1"
    assert place.store.router().accounts.get("firm-2.example") is None


def test_clock_and_agreement_move_on_without_anything_else(place: Place) -> None:
    place.store.commit(work(now=START_AT, agreement=None))
    assert place.store.position() == (0, START_AT, None)
    place.store.commit(work(offset=5, now=START_AT + SECOND))
    place.reopen()
    assert place.store.position() == (5, START_AT + SECOND, DIGEST)


def test_an_event_that_was_unfit_may_be_sent_again(place: Place) -> None:
    first, second = place.log.append(many(1, 2), START_AT)
    letter = dead_letter(Refusal("invalid_data", "It is wrong.", "data"), first.body)
    place.store.commit(work(offset=second.offset, unfit=[Unfit(first.offset, letter)]))
    place.reopen(killed=True)
    assert place.letters() == [first.body]
    again = place.log.append(many(1, 2), START_AT + SECOND)
    assert [(each.offset, each.body) for each in again] == [(second.offset + 1, first.body)]
    assert place.log.append(many(1, 2), START_AT + SECOND) == []
