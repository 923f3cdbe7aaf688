"""One line at the border, for the tests of what is taken there and what is not."""

import json
from typing import Any

from rules.events import Event
from streams.codec import decode
from streams.refusals import Refusal


def line(data: Any = None, **attributes: Any) -> bytes:
    """A valid touch, with `attributes` in place of its own; one that is `...` is left out."""
    event = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/web",
        "type": "webinar.attended",
        "subject": "lead-1",
        "time": "2026-03-02T09:15:00+01:00",
        "data": data,
    } | attributes
    return json.dumps({key: value for key, value in event.items() if value is not ...}).encode()


def taken(raw: bytes) -> Event:
    event = decode(raw)
    assert isinstance(event, Event), event
    return event


def refused(raw: bytes) -> Refusal:
    refusal = decode(raw)
    assert isinstance(refusal, Refusal), refusal
    assert refusal.sentence.isprintable(), "a sentence is one harmless line"
    assert len(refusal.sentence) < 700
    return refusal
