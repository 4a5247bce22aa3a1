"""An exported model gets other thresholds, and knows what its site's scans look like."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.catalogue import Catalogue
from detector.detector import Detector
from parcelray import main


def test_a_model_is_refitted_to_a_catalogue(
    tiny_model_path: Path,
    make_shapes: Callable[..., Catalogue],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    catalogue = make_shapes(tmp_path / "c", count=360)
    out = tmp_path / "new.onnx"
    options = ["--catalogue", str(catalogue.folder), "--promise", "careful=false-alarm:0.2", "--no-calibration"]
    assert main(["export", str(tiny_model_path), "--out", str(out), *options]) == 0
    card = Detector.load(out).card
    assert list(card.thresholds) == ["careful"]
    assert card.operating_point == "careful"
    about = card.metrics["operating_points"]["careful"]
    assert (about["promise"], about["alpha"], about["guaranteed"]) == ("false-alarm", 0.2, True)
    assert f"exchangeable with the {about['parcels']}" in (tmp_path / "new.md").read_text()
    assert card.familiarity
    before, after = (path.read_bytes() for path in (tiny_model_path, out))
    assert before[:200] == after[:200]  # the network is the same

    rng = np.random.default_rng(0)
    cv2.imwrite(str(tmp_path / "noise.png"), rng.integers(180, 256, (96, 96, 3)))
    capsys.readouterr()
    assert main(["detect", str(tmp_path / "noise.png"), "--model", str(out), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["verdict"] != "clear"
    assert "unlike_training" in answer["reasons"]


def test_an_exported_model_alone_is_no_source(tiny_model_path: Path, tmp_path: Path) -> None:
    assert main(["export", str(tiny_model_path), "--out", str(tmp_path / "x.onnx")]) == 2
    assert not list(tmp_path.iterdir())
