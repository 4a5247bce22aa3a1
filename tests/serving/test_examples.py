"""The integrator's page, word for word: its curl and Python parts against a running service."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
import pytest

if TYPE_CHECKING:
    from tests.serving.conftest import Server

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "serving" / "examples" / "README.md").read_text("utf-8")


def parts(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the sample files where the page expects them."""
    shutil.copytree(ROOT / "detector" / "samples", tmp_path / "detector" / "samples")
    return tmp_path


def run(place: Path, server: Server, *command: str) -> str:
    # `PYTHONPATH` stands for an installed package.
    environment = {**os.environ, "PARCELRAY_URL": server.url, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_curl_parts_get_answers(place: Path, server: Server) -> None:
    raw, multipart, dicos = parts("sh")
    scan = json.loads(run(place, server, "bash", "-ec", raw))
    assert (scan["item_id"], scan["scanner_id"], len(scan["views"])) == ("RR473124829CA", "scanner7", 1)
    assert json.loads(run(place, server, "bash", "-ec", raw))["id"] == scan["id"], "the key makes it one scan"
    scan = json.loads(run(place, server, "bash", "-ec", multipart))
    assert [view["name"] for view in scan["views"]] == ["top", "side"]
    assert (scan["lane"], scan["budget_ms"]) == ("3", 2000)
    run(place, server, "bash", "-ec", dicos)
    answer = json.loads((place / "answer.json").read_text())
    tdr = pydicom.dcmread(place / "report.dcs")
    assert tdr.Modality == "TDR"
    assert tdr.PatientID == answer["item_id"] == "RR473124829CA"


def test_the_python_part_gets_an_answer_and_a_report(place: Path, server: Server) -> None:
    (code,) = parts("python")
    said = run(place, server, sys.executable, "-W", "error", "-c", code)
    # The tiny model of the tests sees a light picture; the shipped one finds what lies in it.
    assert said.split()[0] in ("alarm", "clear", "refer")
    assert "refer:" not in said
    assert pydicom.dcmread(place / "report.dcs").PatientID == "RR473124829CA"


def test_the_hot_folder_part_has_options_that_exist() -> None:
    command = re.search(r"^parcelray (watch .*)$", PAGE, re.MULTILINE)
    assert command
    asked = subprocess.run(
        [sys.executable, "-m", "parcelray", "watch", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    options = re.findall(r"--[a-z-]+", PAGE[PAGE.index("## A hot folder") :])
    assert options
    assert not [option for option in options if option not in asked]
