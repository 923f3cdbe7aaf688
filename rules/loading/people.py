"""The chapters `people` and `parties`."""

import re
from collections.abc import Mapping
from typing import Final

from rules.agreement import Party, Person
from rules.calendars import ALWAYS, Calendar
from rules.loading.diagnostics import Code
from rules.loading.reading import Reading
from rules.loading.shapes import AgreementShape, PersonShape, Shape
from rules.wording import printable

_MEMBER: Final = re.compile(r"[UW][A-Z0-9]{2,}", re.ASCII)
_CHANNEL: Final = re.compile(r"#[^\s#@,]{1,80}|[CGD][A-Z0-9]{2,}")


def is_channel(name: str) -> bool:
    """Whether `name` is a Slack channel: `#name` or its id."""
    return _CHANNEL.fullmatch(name) is not None


def read_people(
    shape: AgreementShape, calendars: Mapping[str, Calendar], reading: Reading
) -> dict[str, Person]:
    """Everyone the rules may name."""
    people: dict[str, Person] = {}
    for key, person in (shape.people or {}).items():
        reading.names.check_reserved("person", key, shape.key_place("people", key))
        _check_slack(person, person.slack, reading, channel=False)
        people[key] = Person(
            key=key,
            name=person.name or key,
            slack=person.slack,
            calendar=_calendar(person, calendars, reading),
            capacity=person.capacity,
            weight=person.weight,
        )
    return people


def _calendar(
    person: PersonShape, calendars: Mapping[str, Calendar], reading: Reading
) -> Calendar | None:
    name = person.calendar
    if name is None or name == "always":
        return None if name is None else ALWAYS
    if not reading.names.check("calendar", name, person.place("calendar"), ("always",)):
        return None
    return calendars.get(name)


def read_parties(shape: AgreementShape, reading: Reading) -> dict[str, Party]:
    """The sides of the agreement."""
    parties: dict[str, Party] = {}
    for key, party in (shape.parties or {}).items():
        if party.owner is not None:
            reading.names.check("person", party.owner, party.place("owner"))
        _check_slack(party, party.slack, reading, channel=True)
        parties[key] = Party(key, party.owner, party.slack)
    return parties


def _check_slack(shape: Shape, slack: str | None, reading: Reading, *, channel: bool) -> None:
    if slack is None or _MEMBER.fullmatch(slack) or (channel and is_channel(slack)):
        return
    wanted = "a channel such as `#sales`" if channel else "a member id such as `U024BE7LH`"
    sentence = f"`{printable(slack)}` is not {wanted}: Slack will not find it."
    reading.add(Code.BAD_SLACK, shape.place("slack"), sentence)
