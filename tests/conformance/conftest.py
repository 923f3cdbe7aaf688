"""Every implementation in turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.places import PLACES, Place


@pytest.fixture(params=sorted(PLACES))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A new, open place."""
    opened = PLACES[request.param](tmp_path)
    yield opened
    opened.close()
