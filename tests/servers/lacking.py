"""What this machine lacks for a server: a reason to skip a test, or, in CI, to fail it."""

import os

import pytest


class LackingError(RuntimeError):
    """Something is not installed here; the message says what, and how to get it."""


def is_ci() -> bool:
    """Whether a lack is a failure: the environment says CI=true."""
    return os.environ.get("CI", "").lower() in {"1", "true"}


def given_up(lack: LackingError) -> BaseException:
    """What ends the test: failed in CI, where everything must be installed, else skipped."""
    if is_ci():
        return pytest.fail.Exception(f"{lack} (CI=true: nothing may be skipped.)", pytrace=False)
    return pytest.skip.Exception(str(lack))
