"""The service in a process of its own, as the tests of its commands start it."""

from tests.service.conftest import small_disk, up

__all__ = ["small_disk", "up"]
