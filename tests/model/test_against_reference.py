"""The engine decides what a plain, slow reading of the public contract decides."""

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from streams.engine import Engine
from tests.model.playing import as_told, event_line, first_difference, loaded, play
from tests.model.strategies import agreement_texts, stories


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_the_engine_decides_what_the_reference_decides(data: st.DataObject) -> None:
    agreement = loaded(data.draw(agreement_texts()))
    start_at, moves = data.draw(stories(agreement))
    played = play(agreement, start_at, moves)
    for event, now in played.events:
        note(event_line(event, now))
    engine = Engine(agreement)
    decisions = []
    for event, now in played.events:
        decisions += engine.take(event, now)
    decisions += engine.run_until(played.until_at)
    difference = first_difference(played.told, [as_told(each) for each in decisions])
    assert difference is None, f"{agreement.name}\n{difference}"
