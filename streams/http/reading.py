"""What routes that read have in common: the store is read in threads, and failures are told."""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Final, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

from streams.http.problems import Failure
from streams.storage import StorageError

P = ParamSpec("P")
T = TypeVar("T")

_THREADS: Final = 4
"""Reads at one moment: as many as have their connection to the store."""


class Reads:
    """Runs reads of the store in threads of their own, so that the event loop never waits."""

    def __init__(self) -> None:
        self._threads = CapacityLimiter(_THREADS)

    async def __call__(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `read`; raises `Failure` (503) if the storage failed."""
        try:
            call = partial(read, *args, **kwargs)
            return await to_thread.run_sync(call, limiter=self._threads)
        except StorageError as error:
            raise Failure(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "storage_failed",
                str(error),
                headers={"Retry-After": "5"},
            ) from None
