"""Fuzzing from the interface's own description: no 5xx, and nothing that it doesn't describe."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.http.conftest import Serve
from tests.http.stand_in import StandIn

ROOT = Path(__file__).parents[2]
SECONDS = 100
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
)


@pytest.mark.parametrize("phases", ["examples,coverage,fuzzing", "stateful"])
def test_fuzzing_finds_nothing(serve: Serve, service: StandIn, phases: str, tmp_path: Path) -> None:
    with serve() as port:
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("schemathesis")),
                "run",
                f"http://127.0.0.1:{port}/openapi.json",
                f"--phases={phases}",
                f"--checks={','.join(CHECKS)}",
                "--max-examples=30",
                "--generation-database=none",
                "--seed=20260302",
                "--request-timeout=10",
                "--no-color",
            ],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            cwd=tmp_path,
            env=os.environ
            | {"SCHEMATHESIS_HOOKS": "tests.http.fuzz_hooks", "PYTHONPATH": str(ROOT)},
        )
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr
    if phases == "stateful":
        assert "0 covered" not in done.stdout, "no lead was found again that an event was about"
    assert service.stored > 0
