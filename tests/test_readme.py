"""The README's first command, word for word, in a copy of the tracked files: from nothing to a served sample scan."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
START_LIMIT_S = 240


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git tracks, as a stranger's clone has it."""
    folder = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in listed.decode().split("\0"):
        source = ROOT / name
        if name and source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    return folder


@pytest.fixture(scope="module")
def served(clone: Path) -> Iterator[str]:
    """What the command printed once the service was up."""
    wheelhouse = ROOT / ".venv-test" / "wheelhouse"
    # The wheels that scripts/test kept stand in for the package index, so that this test also runs offline.
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheelhouse)} if wheelhouse.is_dir() else {}
    log = clone / "serve.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            ["./scripts/serve", "--port", str(free_port())],
            cwd=clone,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A machine that runs tests is busy.
            env={**os.environ, **offline, "PYTHONUNBUFFERED": "1", "PARCELRAY_BUDGET_MS": "10000"},
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + START_LIMIT_S
        while "curl " not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield log.read_text()
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def curl_line(printed: str) -> str:
    found = re.search(r"^\s*(curl .+)$", printed, re.MULTILINE)
    assert found, printed
    return found[1]


def wait_until_ready(address: str, clone: Path) -> None:
    command = ["curl", "--silent", "--fail", "--retry", "50", "--retry-delay", "1", "--retry-all-errors"]
    subprocess.run([*command, f"{address}/readyz"], check=True, cwd=clone, stdout=subprocess.DEVNULL)


@pytest.mark.slow
def test_the_printed_curl_line_answers_with_boxes(served: str, clone: Path) -> None:
    line = curl_line(served)
    address = re.search(r"http://[\d.]+:\d+", line)
    assert address
    wait_until_ready(address[0], clone)
    done = subprocess.run(shlex.split(line), cwd=clone, check=True, capture_output=True)
    answer = json.loads(done.stdout)
    assert answer["verdict"] == "alarm"
    assert answer["views"][0]["detections"], "the sample scan holds objects that the shipped model finds"


@pytest.mark.slow
def test_a_serving_install_has_no_torch(served: str, clone: Path) -> None:
    assert served
    listed = subprocess.run(
        [".venv-serve/bin/python", "-m", "pip", "list", "--format=json"], cwd=clone, check=True, capture_output=True
    )
    names = {package["name"].lower() for package in json.loads(listed.stdout)}
    assert "parcelray" in names
    assert not names & {"torch", "torchvision", "ultralytics", "ultralytics-opencv-headless", "numba"}


def test_readme_names_the_two_commands() -> None:
    for command in ("./scripts/serve", "./scripts/test"):
        assert re.search(rf"^{re.escape(command)}$", README, re.MULTILINE), (
            f"README should give {command} on its own line"
        )
        assert os.access(ROOT / command, os.X_OK)


def test_every_local_link_in_the_readme_exists() -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", README)
    assert targets
    assert not [target for target in targets if not (ROOT / target).exists()]
