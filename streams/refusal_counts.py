"""How many requests were refused, by status: counted, and logged now and then.

One line a minute at most, however many there are, and nothing of what was in them.
"""

import asyncio
from collections import Counter
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams.logs import log

EVERY_S: Final = 60.0
_REFUSED: Final = 400
"""Statuses from here on are no success."""


class RefusalCounts:
    """Counts the answers of `app` that are refusals."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._counts: Counter[int] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and look at the status of its answer."""

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= _REFUSED:
                self._counts[message["status"]] += 1
            await send(message)

        await self._app(scope, receive, send_counted)

    def tell(self) -> None:
        """Log what was counted since the last time, if anything was."""
        if self._counts:
            log().info("refused", requests={str(k): v for k, v in sorted(self._counts.items())})
            self._counts.clear()

    async def tell_now_and_then(self, every_s: float = EVERY_S) -> None:
        """Log it again and again, until cancelled; the rest is logged then."""
        try:
            while True:
                await asyncio.sleep(every_s)
                self.tell()
        finally:
            self.tell()
