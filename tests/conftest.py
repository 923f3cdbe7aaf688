"""What tests share: where the checkout is, and the sample agreement."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from rules.agreement import Agreement

ROOT = Path(__file__).parents[1]

# The machine that runs the tests may be slow; an example that takes long is not a failure.
settings.register_profile(
    "baton",
    deadline=None,
    derandomize=False,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("baton")


@pytest.fixture(scope="session")
def acme_path() -> Path:
    """The sample agreement."""
    return ROOT / "rules" / "agreements" / "acme.yaml"


@pytest.fixture(scope="session")
def acme(acme_path: Path) -> Agreement:
    """The sample agreement, loaded."""
    from rules.loading import load_agreement

    loaded = load_agreement(acme_path.read_bytes(), "acme.yaml")
    assert loaded.agreement is not None, [str(each) for each in loaded.diagnostics]
    return loaded.agreement
