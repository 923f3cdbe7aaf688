"""The engine decides what a plain, slow reading of the public contract decides.

Repeatable, because a gate must be; `python -m tests.model.search` looks further.
"""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.model.agreements import AGREEMENTS
from tests.model.playing import account, loaded, shortest, told_apart
from tests.model.strategies import stories


@pytest.mark.parametrize("text", AGREEMENTS, ids=lambda text: loaded(text).name)
@settings(
    max_examples=120,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # a story is shortened below, by whole moves
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.data())
def test_the_engine_decides_what_the_reference_decides(text: str, data: st.DataObject) -> None:
    agreement = loaded(text)
    story = data.draw(stories(agreement))
    _, difference = told_apart(agreement, story)
    assert difference is None, account(agreement, shortest(agreement, story))
