"""The service's log: one structured line per happening, on stderr.

It holds no personal data: no event's data, no lead, no token, no address of
a client. What is logged is one of `LINES`; a test holds the documentation to it.
"""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, Literal, TextIO, cast

import structlog
from structlog.typing import FilteringBoundLogger

from streams import clock

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["json", "console"]

LINES: Final[Mapping[str, str]] = {
    "started": "the process runs; its version and its store",
    "setting_ignored": "a `BATON_*` variable is none of the settings; `meant` is a likely one",
    "agreement_activated": "from here on this agreement decides",
    "ready": "events are taken; where, with how many leads",
    "storage_failed": "a transaction failed and nothing of it was kept; `problem` says what to do",
    "storage_recovered": "the storage works again; clients that were told to come back may",
    "broker_failed": "Kafka does not take what is sent there; `problem` says what to do",
    "broker_recovered": "Kafka takes it again; clients that were told to come back may",
    "clients_gone": "clients left before their answer; their events are kept all the same",
    "refused": "requests that were refused since the last such line, by the status of the answer",
    "stopping": "a signal came: nothing new is taken, what was accepted is finished",
    "stopped": "everything accepted is on disk",
    "stopped_late": "the time for stopping was used up; the rest is decided at the next start",
    "failed": "an error that nobody expected; please report it with its traceback",
}
"""Every line that baton itself logs, and what it means."""

_OF_OTHERS: Final = ("uvicorn", "uvicorn.error", "asyncio")
"""Libraries whose lines from `warning` on are worth having, in the same form."""


def configure(level: Level, form: Format | None, stream: TextIO | None = None) -> None:
    """Send the log of the whole process to `stream` (stderr), from `level` on."""
    out = stream or sys.stderr
    chosen = form or ("console" if out.isatty() else "json")
    least = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Any] = [_at, structlog.processors.add_log_level]
    last: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
        if chosen == "json"
        else [structlog.dev.ConsoleRenderer(colors=out.isatty(), pad_event_to=0)]
    )
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
            foreign_pre_chain=[_at, structlog.stdlib.add_log_level],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(least, logging.WARNING))
    for name in _OF_OTHERS:
        library = logging.getLogger(name)
        library.handlers[:] = []
        library.propagate = True
        library.setLevel(logging.NOTSET)
        library.disabled = False


def log() -> FilteringBoundLogger:
    """The logger that every part of the service uses."""
    return cast(FilteringBoundLogger, structlog.get_logger())


def _at(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {"at": clock.now().isoformat(timespec="milliseconds"), **line}
