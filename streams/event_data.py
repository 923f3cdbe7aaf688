"""What the data of each listed event type must look like (contract, section 1).

Types are strict: text is not read as a number, nor 1 as true. Fields that the
contract does not name are kept as they are. `null` clears a profile field; any
other optional field that is null counts as left out.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, NotRequired

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from typing_extensions import TypedDict

from rules.events import LISTED_EVENTS
from streams.instants import EXAMPLE, instant_fault, parse_instant
from streams.refusals import Refusal, shown

LARGEST: Final = 10**18
"""No headcount, price or number of months is above this; a larger one is a mistake."""

Name = Annotated[str, StringConstraints(min_length=1)]
Amount = (
    Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
    | Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
)
Quantity = (
    Annotated[int, Field(ge=0, le=LARGEST)]
    | Annotated[float, Field(ge=0, le=LARGEST, allow_inf_nan=False)]
)
Channel = Literal["call", "voicemail", "email", "message", "meeting"]
_STRICT: Final = ConfigDict(strict=True, extra="allow")


class Profile(TypedDict):
    """`lead.captured`, `lead.updated`: the fields that have a known type."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]
    email: NotRequired[str | None]
    phone: NotRequired[str | None]
    name: NotRequired[str | None]
    company: NotRequired[str | None]
    account: NotRequired[str | None]
    job_title: NotRequired[str | None]
    industry: NotRequired[str | None]
    employees: NotRequired[Quantity | None]
    country: NotRequired[str | None]
    region: NotRequired[str | None]
    language: NotRequired[str | None]
    source: NotRequired[str | None]
    campaign: NotRequired[str | None]
    origin: NotRequired[Literal["marketing", "sales"] | None]
    purchase_horizon_months: NotRequired[Quantity | None]
    product_fit: NotRequired[bool | None]


class Qualified(Profile):
    """`lead.qualified`: its answers go into the profile, so they have the profile's types."""

    by: NotRequired[Name | None]


class ByPerson(TypedDict):
    """`lead.accepted`, `lead.reopened`."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]
    by: NotRequired[Name | None]


class Attempted(ByPerson):
    """`lead.attempted`."""

    channel: Channel
    outcome: NotRequired[str | None]


class Rejected(ByPerson):
    """`lead.rejected`."""

    reason: Name
    comment: NotRequired[str | None]


class Paused(TypedDict):
    """`lead.paused`, `lead.resumed`."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]
    until: NotRequired[str | None]
    reason: NotRequired[str | None]


class Reassigned(ByPerson):
    """`lead.reassigned`."""

    to: Name


class Claimed(ByPerson):
    """`lead.claimed`: by `to`, or else by `by`."""

    to: NotRequired[Name | None]


class Acknowledged(ByPerson):
    """`sla.acknowledged`."""

    clause: Name


class Feedback(ByPerson):
    """`lead.feedback`; `wanted` is whatever the form asks."""

    rating: NotRequired[Annotated[int, Field(ge=1, le=5)] | None]
    comment: NotRequired[str | None]


class Deal(ByPerson):
    """`opportunity.opened`, `deal.won`, `deal.lost`, `deal.recorded`."""

    value: NotRequired[Amount | None]
    currency: NotRequired[str | None]
    reason: NotRequired[str | None]


class Absence(TypedDict):
    """`rep.away`, `rep.back`."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]
    until: NotRequired[str | None]


class Spend(TypedDict):
    """`campaign.spend`."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]
    amount: Amount
    currency: NotRequired[str | None]


_MODELS: Final[dict[str, Any]] = {
    "lead.captured": Profile,
    "lead.updated": Profile,
    "lead.accepted": ByPerson,
    "lead.attempted": Attempted,
    "lead.qualified": Qualified,
    "lead.rejected": Rejected,
    "lead.paused": Paused,
    "lead.resumed": Paused,
    "lead.reassigned": Reassigned,
    "lead.claimed": Claimed,
    "lead.reopened": ByPerson,
    "sla.acknowledged": Acknowledged,
    "lead.feedback": Feedback,
    "opportunity.opened": Deal,
    "deal.won": Deal,
    "deal.lost": Deal,
    "deal.recorded": Deal,
    "rep.away": Absence,
    "rep.back": Absence,
    "campaign.spend": Spend,
}
assert _MODELS.keys() == LISTED_EVENTS, "a listed type lacks its model"

_ADAPTERS: Final = {model: TypeAdapter(model) for model in set(_MODELS.values())}
_VALIDATE: Final[dict[str, Callable[[Any], dict[str, Any]]]] = {
    kind: _ADAPTERS[model].validator.validate_python for kind, model in _MODELS.items()
}
_CLEARABLE: Final = frozenset(Profile.__annotations__)
_TOUCH_FIELDS: Final = ("asset", "campaign", "channel")

_TEXT: Final = "text in quotes"
_QUANTITY: Final = "a number of at least 0 (and at most 10^18), without quotes, such as 12"
_AMOUNT: Final = "a number (of at most 10^18), without quotes, such as 1250.5"
_EXPECTED: Final[dict[str, str]] = {
    "employees": _QUANTITY,
    "purchase_horizon_months": _QUANTITY,
    "product_fit": "true or false, without quotes",
    "origin": "'marketing' or 'sales'",
    "channel": "one of 'call', 'voicemail', 'email', 'message', 'meeting'",
    "rating": "a whole number from 1 to 5, without quotes",
    "value": _AMOUNT,
    "amount": _AMOUNT,
    "by": "the person's name in the agreement, or leave it out",
    "to": "the person's name in the agreement",
    "reason": "the reason as text in quotes",
    "clause": "the clause's name as the agreement writes it",
    "until": f"an instant with an offset, such as {EXAMPLE}",
}


def check_listed(event_type: str, data: dict[str, Any]) -> dict[str, Any] | Refusal:
    """The valid data of an event of a listed type, or what is wrong with it.

    Of the result, `until` is an aware UTC datetime where it is present.
    """
    try:
        valid = _VALIDATE[event_type](data)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False)[0]
        return _fault(event_type, fault)
    if None in valid.values():
        valid = _without_nulls(event_type, valid)
    if "until" in valid and _MODELS[event_type] in (Paused, Absence):
        until = parse_instant(valid["until"])
        if until is None:
            return _bad_until(valid["until"])
        valid["until"] = until
    elif event_type == "lead.claimed" and "to" not in valid and "by" not in valid:
        return Refusal(
            "invalid_data",
            "data.to is missing from this lead.claimed, and data.by too: write in one of them "
            "who took the lead.",
            "data.to",
        )
    return valid


def check_touch(data: dict[str, Any]) -> dict[str, Any] | Refusal:
    """The valid data of a touch, without known fields that are null, or what is wrong with it."""
    for field, value in data.items():
        if type(value) is not str and field in _TOUCH_FIELDS:
            return _touch_with_other_than_text(data)
    return data


def _touch_with_other_than_text(data: dict[str, Any]) -> dict[str, Any] | Refusal:
    for field in _TOUCH_FIELDS:
        value = data.get(field)
        if value is not None and not isinstance(value, str):
            return Refusal(
                "invalid_data",
                f"data.{field} is {shown(value)}; write {_TEXT}, or leave it out.",
                f"data.{field}",
            )
    return {
        field: value
        for field, value in data.items()
        if value is not None or field not in _TOUCH_FIELDS
    }


def _without_nulls(event_type: str, valid: dict[str, Any]) -> dict[str, Any]:
    """`valid` without known fields that are null, but for those which null clears."""
    model = _MODELS[event_type]
    dropped = set(model.__annotations__)
    if model in (Profile, Qualified):
        dropped -= _CLEARABLE
    return {key: value for key, value in valid.items() if value is not None or key not in dropped}


def _bad_until(text: str) -> Refusal:
    return Refusal(
        "invalid_data",
        f"data.until is {shown(text)}, which {instant_fault(text)}; write {_EXPECTED['until']}.",
        "data.until",
    )


def _fault(event_type: str, fault: ErrorDetails) -> Refusal:
    field = str(fault["loc"][0])
    path = f"data.{field}"
    expected = _EXPECTED.get(field, _TEXT)
    if fault["type"] == "missing":
        sentence = f"{path} is missing from this {event_type}; write {expected}."
    else:
        clear = ", or null to clear it" if field in _CLEARABLE and _clears(event_type) else ""
        sentence = f"{path} is {shown(fault['input'])}; write {expected}{clear}."
    return Refusal("invalid_data", sentence, path)


def _clears(event_type: str) -> bool:
    return _MODELS[event_type] in (Profile, Qualified)


def data_schema(event_type: str) -> dict[str, Any]:
    """The JSON Schema of a listed type's data; its own sub-schemas stand under `$defs`."""
    return _ADAPTERS[_MODELS[event_type]].json_schema()
