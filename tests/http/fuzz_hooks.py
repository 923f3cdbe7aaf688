"""What schemathesis can't know of events: instants that are believed, and the agreement's names.

Random ones would hardly let an event come further than its `time` or its `by`.
"""

from datetime import timedelta
from typing import Any, Final

import schemathesis
from hypothesis import strategies as st

from tests.http.stand_in import START_AT

_NAMES: Final = {
    "by": "marco",
    "to": "lucia",
    "reason": "timing",
    "clause": "first contact",
}
_instants = st.datetimes(
    min_value=(START_AT - timedelta(days=60)).replace(tzinfo=None),
    max_value=(START_AT + timedelta(hours=20)).replace(tzinfo=None),
)
schemathesis.openapi.format("date-time", _instants.map(lambda at: at.isoformat() + "Z"))


@schemathesis.hook
def map_body(_: Any, body: Any) -> Any:
    """Put names that the agreement knows in the place of random ones."""
    for event in body if isinstance(body, list) else [body]:
        data = event.get("data") if isinstance(event, dict) else None
        if isinstance(data, dict):
            data.update((name, _NAMES[name]) for name in _NAMES.keys() & data.keys())
    return body
