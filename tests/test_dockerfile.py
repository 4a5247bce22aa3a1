"""The Dockerfile's build steps, run without an engine: its COPY lines into an empty folder, then its pip install."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_build_stage_installs_a_detector_that_works_and_no_torch(tmp_path: Path) -> None:
    stage = (ROOT / "Dockerfile").read_text().split("\nFROM ")[1]
    source, environment = tmp_path / "src", tmp_path / "parcelray"
    for words in re.findall(r"^COPY (.+)$", stage, re.MULTILINE):
        *names, target = words.split()
        for name in names:
            into = source / target
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, into, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
            else:
                into.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, into)
    found = re.search(r"^RUN ((?:.*\\\n)*.*)$", stage, re.MULTILINE)
    assert found
    steps = found[1].replace("\\\n", " ").replace("/opt/parcelray", str(environment))
    steps = steps.replace("python -m venv", f"{sys.executable} -m venv")
    wheelhouse = ROOT / ".venv-test" / "wheelhouse"
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheelhouse)} if wheelhouse.is_dir() else {}
    subprocess.run(steps, shell=True, cwd=source, check=True, env={**os.environ, **offline}, stdout=subprocess.DEVNULL)

    listed = subprocess.run([environment / "bin" / "pip", "list", "--format=json"], check=True, capture_output=True)
    names_installed = {package["name"].lower() for package in json.loads(listed.stdout)}
    assert "parcelray" in names_installed
    assert not names_installed & {"torch", "torchvision", "numba", "ultralytics-opencv-headless"}

    sample = ROOT / "detector" / "samples" / "scan.png"
    command = [os.fspath(environment / "bin" / "parcelray"), "detect", "--json", os.fspath(sample)]
    answer = subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    assert json.loads(answer.stdout)["verdict"] == "alarm"
    served = subprocess.run([environment / "bin" / "parcelray", "serve", "--help"], check=True, capture_output=True)
    assert b"--port" in served.stdout
    missing = subprocess.run(
        [environment / "bin" / "parcelray", "train"], check=False, capture_output=True, cwd=tmp_path
    )
    assert missing.returncode == 2
    assert b"not part of this installation" in missing.stderr
