"""How clients that wait for decisions learn that there are some.

News says that something is new, never what: whoever is told reads the store.
Nothing is queued, so that a slow client costs no memory.
"""

import asyncio


class News:
    """Told by the writer's thread, awaited on one event loop."""

    def __init__(self) -> None:
        self._edition = 0
        self._ended = False
        self._waiting: set[asyncio.Future[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def edition(self) -> int:
        """Grows whenever there is something new."""
        return self._edition

    @property
    def ended(self) -> bool:
        """Whether nothing will follow, because the service is stopping."""
        return self._ended

    def tell(self) -> None:
        """There are new decisions. From any thread."""
        self._edition += 1
        self._wake()

    def end(self) -> None:
        """Nothing follows: whoever waits is to leave. From any thread."""
        self._ended = True
        self.tell()

    async def beyond(self, edition: int, timeout_s: float) -> bool:
        """Wait until there is something newer than `edition`; False if there was not in time."""
        self._loop = asyncio.get_running_loop()
        waiter = self._loop.create_future()
        self._waiting.add(waiter)
        # Registered first and looked at afterwards: what is told in between is not missed.
        try:
            if self._edition > edition or self._ended:
                return True
            async with asyncio.timeout(timeout_s):
                await waiter
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(waiter)
        return True

    def _wake(self) -> None:
        loop = self._loop
        if loop is None or not self._waiting:
            return
        try:
            loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:
            # The event loop is closed, and with it everyone who waited.
            self._waiting.clear()

    def _deliver(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
