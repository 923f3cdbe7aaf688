"""Fuzzing from the interface's own description: no 5xx, and nothing that it doesn't describe."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.http.conftest import Serve
from tests.http.stand_in import StandIn

ROOT: Final = Path(__file__).parents[2]
LONGEST_S: Final = 300
"""For a machine that is busy with other things; alone it takes a tenth of it."""
CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
)


def fuzz(port: int, cwd: Path, *options: str) -> str:
    """What schemathesis prints; it must find nothing."""
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            f"http://127.0.0.1:{port}/openapi.json",
            f"--checks={','.join(CHECKS)}",
            "--max-examples=25",
            "--generation-database=none",
            "--seed=20260302",
            "--request-timeout=20",
            "--no-color",
            *options,
        ],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
        cwd=cwd,
        env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.http.fuzz_hooks", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr
    return done.stdout


# Coverage of everything that is wrong would be 3,000 requests more; fuzzing draws from them.
@pytest.mark.parametrize(
    "options", [("--phases=examples,coverage", "--mode=positive"), ("--phases=fuzzing",)]
)
def test_no_request_is_answered_otherwise_than_described(
    serve: Serve, service: StandIn, options: tuple[str, ...], tmp_path: Path
) -> None:
    with serve() as port:
        said = fuzz(port, tmp_path, *options)
    assert "7 selected / 7 total" in said
    assert service.stored > 0


def test_no_chain_of_requests_is_either(serve: Serve, service: StandIn, tmp_path: Path) -> None:
    with serve() as port:
        # Without the list of leads, chains begin with events that are sent.
        said = fuzz(port, tmp_path, "--phases=stateful", "--exclude-path=/leads")
    assert "2 covered / 2 selected" in said
    assert service.stored > 0
