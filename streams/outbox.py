"""Routing where the router is elsewhere: what it is to be told is collected, and answered later."""

from datetime import datetime
from typing import Final

from rules.requests import Answer, Availability, Request

_NOTHING_YET: Final[list[Answer]] = []


class Outbox:
    """`streams.processing.Routing` that only collects; its answers come back as `Reply`s."""

    wake_at: datetime | None = None

    def __init__(self) -> None:
        self.collected: list[Request | Availability] = []

    def take(self, request: Request, now: datetime) -> list[Answer]:
        """Keep the request for the next commit."""
        self.collected.append(request)
        return _NOTHING_YET

    def hear(self, news: Availability, now: datetime) -> list[Answer]:
        """Keep the news for the next commit."""
        self.collected.append(news)
        return _NOTHING_YET

    def wake(self, now: datetime) -> list[Answer]:
        """Never: the router sees to its own time."""
        raise AssertionError("a router that is elsewhere is not woken from here")
