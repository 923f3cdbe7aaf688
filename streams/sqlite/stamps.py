"""Instants as the file keeps them: whole microseconds since 1970, UTC.

Whole numbers keep every microsecond of an aware datetime and sort as time does.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US: Final = 86_400_000_000
_SECOND_US: Final = 1_000_000


def to_us(at: datetime) -> int:
    """Microseconds since 1970 of an aware instant; exact."""
    since = at - _EPOCH
    return since.days * _DAY_US + since.seconds * _SECOND_US + since.microseconds


def from_us(us: int) -> datetime:
    """The aware UTC instant of so many microseconds since 1970."""
    return _EPOCH + timedelta(0, 0, us)


def maybe_us(at: datetime | None) -> int | None:
    """`to_us`, or None for None."""
    return None if at is None else to_us(at)


def maybe_at(us: int | None) -> datetime | None:
    """`from_us`, or None for None."""
    return None if us is None else from_us(us)
