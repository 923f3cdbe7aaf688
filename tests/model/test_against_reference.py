"""The engine decides what a plain, slow reading of the public contract decides.

Repeatable, because a gate must be; `python -m tests.model.search` looks further.
"""

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.model.agreements import AGREEMENTS
from tests.model.playing import decided, event_line, first_difference, loaded, play
from tests.model.strategies import stories


@pytest.mark.parametrize("text", AGREEMENTS, ids=lambda text: loaded(text).name)
@settings(
    max_examples=120,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
)
@given(st.data())
def test_the_engine_decides_what_the_reference_decides(text: str, data: st.DataObject) -> None:
    agreement = loaded(text)
    start_at, moves = data.draw(stories(agreement))
    played = play(agreement, start_at, moves)
    for event, now in played.events:
        note(event_line(event, now))
    difference = first_difference(played.told, decided(agreement, played))
    assert difference is None, f"{agreement.name}\n{difference}"
