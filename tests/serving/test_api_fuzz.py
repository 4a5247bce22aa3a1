"""Requests made from the OpenAPI document, right ones and wrong ones, never lead to a mistake of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.serving.conftest import StartServer

# PARCELRAY_TEST_API_EXAMPLES=100 before a release; so many for each operation, beside those for each limit in it.
EXAMPLES = int(os.environ.get("PARCELRAY_TEST_API_EXAMPLES", "3"))

# The answer to a right request for the one has no end; the other makes the service unready on purpose, because the tiny
# model does not find the shipped test scans.
_LEFT_OUT = ("/v1/events", "/v1/monitor/run")


@pytest.mark.slow
@pytest.mark.timeout(600 + 60 * EXAMPLES)
def test_no_request_leads_to_a_server_error(
    start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARCELRAY_RETENTION_EVERY_S", "1")
    server = start_server(tmp_path / "data")
    program = Path(sys.executable).with_name("schemathesis")
    words = ["--checks", "not_a_server_error", "--max-examples", str(EXAMPLES), "--seed", "20261122"]
    words += ["--phases", "examples,coverage,fuzzing", "--generation-database", "none", "--continue-on-failure"]
    # Keys are another test's matter; without them every request gets behind the gate.
    words += ["--generation-with-security-parameters", "false", "--no-color", "--warnings", "off"]
    words += [word for path in _LEFT_OUT for word in ("--exclude-path", path)]
    done = subprocess.run(
        [str(program), "run", f"{server.url}/v1/openapi.json", *words],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    paths = server.client.get("/v1/openapi.json").json()["paths"]
    operations = sum(len(methods) for path, methods in paths.items() if path not in _LEFT_OUT)
    assert f"Tested: {operations}" in done.stdout, done.stdout
    assert server.client.get("/readyz").status_code == 200
    assert server.stop() == 0
