"""Posting events to the running service: batches, retries, and what was refused.

Lines that are no events are found here, so that a batch is always sound JSON;
what only the agreement can tell is refused by the service, which takes a batch
whole or not at all: the events it names are taken out and the rest is sent again.
A batch that is sent twice does no harm, since the service knows its events.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, cast, get_args

import httpx
import msgspec

from rules.wording import printable
from streams.codec import decode
from streams.refusals import DeadLetter, Reason, Refusal, dead_letter
from streams.settings import Settings

MOST_EVENTS: Final = 500
MOST_BYTES: Final = 4 * 1024 * 1024
"""Of one batch; the service takes twice as much."""
PATIENCE: Final = 8
"""Attempts at one batch before giving up: about half a minute with the waits between them."""
_FIRST_WAIT_S: Final = 0.25
_LONGEST_WAIT_S: Final = 8.0
_TIMEOUT_S: Final = 30.0
_BATCH: Final = {"content-type": "application/cloudevents-batch+json"}
_REASONS: Final = frozenset(str(reason) for part in get_args(Reason) for reason in get_args(part))

Line = tuple[int, bytes]


def service_client(settings: Settings) -> httpx.Client:
    """A client of the running service; it bears the token and asks no proxy."""
    headers = {"user-agent": "baton"}
    if settings.token is not None:
        headers["authorization"] = f"Bearer {settings.token.get_secret_value()}"
    return httpx.Client(
        base_url=settings.service_url(), headers=headers, timeout=_TIMEOUT_S, trust_env=False
    )


class GivenUpError(Exception):
    """The service can't be reached or does not take anything; the sentence says what to do."""


@dataclass(slots=True)
class Count:
    """What became of the lines sent so far."""

    taken: int = 0
    known: int = 0
    refused: int = 0
    last_line: int = 0
    """The last line that is done with."""


@dataclass(slots=True)
class Sender:
    """Sends lines to the service behind `client`, whose base URL is the service's.

    `refuse` is given each line that can't be taken; `sleep` waits so many seconds.
    """

    client: httpx.Client
    refuse: Callable[[DeadLetter], object]
    sleep: Callable[[float], object]
    watch: Callable[[Count], object] = lambda count: None
    count: Count = field(default_factory=Count)

    def send(self, lines: Iterable[Line]) -> Count:
        """Send every line in order; `GivenUpError` if the service can't be made to answer."""
        for batch in _batches(self._sound(lines)):
            self._send(batch)
            self.count.last_line = max(self.count.last_line, batch[-1][0])
            self.watch(self.count)
        return self.count

    def _sound(self, lines: Iterable[Line]) -> Iterator[Line]:
        for number, line in lines:
            made = decode(line)
            if isinstance(made, Refusal):
                self._refuse(dead_letter(made, line, number))
            else:
                yield number, line

    def _refuse(self, letter: DeadLetter) -> None:
        self.count.refused += 1
        self.refuse(letter)

    def _send(self, batch: list[Line]) -> None:
        """Send a batch; each round of the loop sends fewer lines, or is the last."""
        while batch:
            answer = self._post(batch)
            if answer.status_code == httpx.codes.ACCEPTED:
                said = answer.json()
                self.count.taken += said["accepted"]
                self.count.known += said["duplicates"]
                return
            named = _named(answer, len(batch))
            if not named:
                raise GivenUpError(_refused_whole(answer))
            for at, letter in named.items():
                self._refuse(dead_letter(letter, batch[at][1], batch[at][0]))
            batch = [line for at, line in enumerate(batch) if at not in named]

    def _post(self, batch: list[Line]) -> httpx.Response:
        """The service's answer, other than that it is busy."""
        body = b"[" + b",".join(line for _, line in batch) + b"]"
        wait_s, why = _FIRST_WAIT_S, ""
        for attempt in range(PATIENCE):
            if attempt:
                self.sleep(wait_s * random.uniform(0.75, 1.25))
                wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
            try:
                answer = self.client.post("/events", content=body, headers=_BATCH)
            except httpx.TransportError as error:
                why = f"it can't be reached ({str(error) or type(error).__name__})"
                continue
            if answer.status_code not in (429, 502, 503, 504):
                return answer
            why = f"it answers {answer.status_code}: {_detail(answer)}"
            wait_s = max(wait_s, min(_retry_after_s(answer), _LONGEST_WAIT_S))
        raise GivenUpError(
            f"The service at {self.client.base_url} takes nothing: {why}. Is it running "
            "(`baton up`), and does BATON_LISTEN or BATON_URL say where?"
        )


def _batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    size = 0
    for number, line in lines:
        if batch and (len(batch) == MOST_EVENTS or size + len(line) > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((number, line))
        size += len(line) + 1
    if batch:
        yield batch


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _named(answer: httpx.Response, sent: int) -> dict[int, Refusal]:
    """Which events of the batch the problem document refuses, by their place, and why."""
    named = {}
    for each in _problem(answer).get("events") or ():
        at, reason = each.get("index"), each.get("reason")
        if isinstance(at, int) and 0 <= at < sent and reason in _REASONS:
            named[at] = Refusal(cast(Reason, reason), each.get("sentence", ""), each.get("field"))
    return named


def _detail(answer: httpx.Response) -> str:
    problem = _problem(answer)
    return printable(str(problem.get("detail") or problem.get("title") or answer.reason_phrase))


def _retry_after_s(answer: httpx.Response) -> float:
    written = answer.headers.get("retry-after", "")
    return float(written) if written.isascii() and written.isdigit() else 0.0


def _refused_whole(answer: httpx.Response) -> str:
    status = answer.status_code
    if status == httpx.codes.UNAUTHORIZED:
        return "The service demands a token. Set BATON_TOKEN to the one that it was started with."
    if status == httpx.codes.NOT_FOUND:
        return f"What answers at {answer.url} is not baton. Set BATON_URL to where the service is."
    return f"The service refused the events with status {status}: {_detail(answer)}."


def encode_count(count: Count) -> bytes:
    """The summary for machines."""
    return msgspec.json.encode(
        {"accepted": count.taken, "duplicates": count.known, "refused": count.refused}
    )
