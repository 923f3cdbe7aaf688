"""What an event is known by, as one number: an index of numbers is a third of one of names.

The upper half is of the subject alone, so that all of one lead's events are one
range of the index. Two names may share a number; whoever finds a number compares
the names. The lower half is one that nobody can make names to order for.
"""

from hashlib import blake2b
from typing import Final
from zlib import crc32

_LOWEST: Final = -(1 << 63)


def key(subject: str, source: str, event_id: str) -> int:
    """The number of an event's name, in the range of SQLite's integers."""
    rest = blake2b(f"{source}\0{event_id}".encode(), digest_size=4).digest()
    return _LOWEST + (crc32(subject.encode()) << 32) + int.from_bytes(rest, "big")


def keys_of(subject: str) -> tuple[int, int]:
    """The least and the greatest that events about `subject` have, and seldom any other."""
    first = _LOWEST + (crc32(subject.encode()) << 32)
    return first, first + (1 << 32) - 1
