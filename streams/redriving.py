"""Sending dead letters to the running service again."""

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, Final

import click
import msgspec

from streams import clock
from streams.keeping import open_beside
from streams.refusals import DeadLetter, Refusal, dead_letter
from streams.sending import Sender, service_client
from streams.settings import Settings
from streams.sqlite.dead_letters import KeptLetter, mark_redriven
from streams.sqlite.failures import transaction

_AT_ONCE: Final = 500


def redrive(
    settings: Settings, letters: Sequence[KeptLetter], sleep: Callable[[float], object]
) -> tuple[int, int]:
    """Send the letters' bytes; how many were taken and how many refused again.

    Those taken are marked as sent again, batch by batch. Raises `GivenUpError`
    when the service can't be made to answer, and `StorageError`.
    """
    taken = refused = 0
    with service_client(settings) as client, closing(open_beside(settings.store)) as connection:
        for first in range(0, len(letters), _AT_ONCE):
            batch = letters[first : first + _AT_ONCE]
            again: set[int] = set()

            def refuse(letter: DeadLetter, again: set[int] = again) -> None:
                assert letter.line is not None
                again.add(letter.line)
                click.echo(letter.as_json(), err=True)

            whole = [(each.id, each.body) for each in batch if not each.cut]
            for each in batch:
                if each.cut:
                    refuse(_cut(each))
            Sender(client, refuse, sleep).send(whole)
            sent = [each.id for each in batch if each.id not in again]
            with transaction(connection, "write to", settings.store):
                mark_redriven(connection, sent, clock.now())
            taken += len(sent)
            refused += len(again)
    return taken, refused


def _cut(letter: KeptLetter) -> DeadLetter:
    sentence = "Only its beginning was kept, because it was larger than an event may be."
    return dead_letter(Refusal("too_large", sentence), letter.body, letter.id)


def described(letter: KeptLetter) -> bytes:
    """The letter as one line of JSON, safe to print on a terminal."""
    kept = dead_letter(Refusal(letter.reason, letter.sentence, letter.field), letter.body)
    fields: dict[str, Any] = {"id": letter.id, "taken_at": letter.taken_at}
    if letter.redriven_at is not None:
        fields["redriven_at"] = letter.redriven_at
    head = msgspec.json.encode(fields)
    return head[:-1] + b"," + kept.as_json()[1:]
