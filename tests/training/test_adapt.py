"""Adaptation to a site: through the command line, killed on its way, and judged."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from datasets.catalogue import Catalogue
from datasets.encoding import encode_dual_energy
from detector.detector import SHIPPED_FLOAT32, Detector
from detector.taxonomy import LABELS
from parcelray import main
from training.adapt_report import verdict
from training.metrics import ScoredImage
from training.paired import recall_table

ROOT = Path(__file__).parents[2]
SMALL = ["--pixel-mm", "2", "3", "--insertions", "24", "--renders", "8", "--minutes", "0.1", "--imgsz", "96"]


def parcel_bytes(seed: int) -> bytes:
    """Return a raw scan of a carton with blocks of random thickness."""
    rng = np.random.default_rng(seed)
    attenuation = np.zeros((96, 128), np.float32)
    attenuation[8:88, 8:120] = 0.08
    for _ in range(8):
        row, column = rng.integers(8, 60), rng.integers(8, 90)
        attenuation[row : row + 25, column : column + 28] += rng.uniform(0.05, 0.5)
    noise = rng.normal(1.0, 0.005, (2, 96, 128)).astype(np.float32)
    return encode_dual_energy(np.exp(-np.stack([1.2 * attenuation, attenuation])) * noise)


def write_scans(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:03d}.tiff").write_bytes(parcel_bytes(number))
    (folder / "broken.tiff").write_bytes(parcel_bytes(0)[:500])
    (folder / "twice.tiff").write_bytes(parcel_bytes(0))
    return folder


def test_too_few_scans_are_refused_before_anything_is_made_and_may_be_added(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scans, out = write_scans(tmp_path / "scans", 20), tmp_path / "out"
    assert main(["adapt", str(out), "--benign", str(scans), *SMALL]) == 2
    said = capsys.readouterr()
    assert "left out: broken.tiff" in said.out
    assert "holds 20 usable benign scans (2 files left out); at least 100 are needed" in said.err
    assert [path.name for path in out.iterdir()] == ["adapt.json"]


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["adapt", str(tmp_path), "--benign", str(tmp_path), *SMALL]) == 2
    assert "choose a new folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.torch
@pytest.mark.timeout(900)
def test_a_killed_adaptation_goes_on_to_a_model_with_thresholds_of_the_site_and_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scans, out = write_scans(tmp_path / "scans", 104), tmp_path / "out"
    words = ["adapt", str(out), "--benign", str(scans), "--scanner", "hub-3", *SMALL]
    first = subprocess.Popen([sys.executable, "-m", "parcelray", *words, "--jobs", "1"], cwd=ROOT)
    while not list(out.glob("inserted/images/*.tiff")):
        assert first.poll() is None
        time.sleep(0.2)
    first.kill()
    first.wait()
    assert not (out / "inserted/catalogue.json").exists()
    made = {path: path.stat().st_mtime_ns for path in (out / "site/images").iterdir()}

    assert main([*words, "--jobs", "1"]) == 0
    assert "report" in capsys.readouterr().out
    assert made == {path: path.stat().st_mtime_ns for path in (out / "site/images").iterdir()}
    site, inserted, held = (Catalogue.load(out / name) for name in ("site", "inserted", "held-back"))
    assert len(site.records) == 104
    assert {record.split for record in inserted.records} <= {"train", "val"}
    kept_back = {record.parcel_id for record in site.images("test")}
    assert len(kept_back) >= 15
    assert {record.parcel_id for record in held.records} <= kept_back
    marks = {mark.label for record in held.records for mark in held.annotations_of(record)}
    assert marks <= {"handgun", "revolver", "long_gun"}
    assert not kept_back & {record.parcel_id for record in inserted.records}

    shipped, adapted = Detector.load(SHIPPED_FLOAT32).card, Detector.load(out / "model.onnx").card
    assert adapted.name == f"{shipped.name}-hub-3"
    assert (adapted.looks, adapted.input_size_px) == (shipped.looks, shipped.input_size_px)
    assert adapted.score_calibration == shipped.score_calibration
    assert adapted.thresholds != shipped.thresholds
    assert adapted.familiarity

    report = json.loads((out / "adaptation.json").read_text())
    assert [line.split(":")[0] for line in report["adaptation"]["left_out"]] == ["broken.tiff", "twice.tiff"]
    measured = report["held_back_scans"]["firearm_recall_at_false_alarms"]
    assert measured["without_threat"] == len(kept_back)
    assert {"2%", "5%", "10%", "20%", "mean"} <= set(measured)
    assert report["models"]["before"]["sha256"] != report["models"]["after"]["sha256"]
    assert report["verdict"]["advice"] in (out / "report.html").read_text().replace("&#39;", "'")

    assert main(words) == 0  # nothing is left to do
    assert json.loads((out / "adaptation.json").read_text()) == report
    capsys.readouterr()
    assert main([*words, "--insertions", "30"]) == 2
    assert "insertions was 24" in capsys.readouterr().err


def judged(make: Callable[..., ScoredImage], score_of_threats: float) -> list[ScoredImage]:
    """Return 60 scans with a handgun of this score, and 60 without, of scores up to .6."""
    handgun = LABELS.index("handgun")
    rng = np.random.default_rng(0)
    box = (0.0, 0.0, 9.0, 9.0)
    threats = [make(f"t{number}", [(box, handgun)], [(box, handgun, score_of_threats)]) for number in range(60)]
    return threats + [make(f"b{number}", [], [(box, handgun, float(rng.uniform(0, 0.6)))]) for number in range(60)]


def test_the_advice_follows_what_was_measured(scored: Callable[..., ScoredImage]) -> None:
    poor, good = judged(scored, 0.1), judged(scored, 0.9)
    better, same, worse = recall_table(poor, good), recall_table(poor, poor), recall_table(good, poor)
    assert better["5%"]["after"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert better["mean"]["difference"]["low"] > 0.5

    helped = verdict(better, same)
    assert (helped["helped"], helped["forgot"]) == (True, False)
    assert "Use model.onnx" in helped["advice"]
    assert verdict(better, worse)["forgot"]
    assert "for this one alone" in verdict(better, worse)["advice"]
    for table, said in ((same, "did not help"), (worse, "made it worse"), (recall_table([], []), "did not help")):
        assert not verdict(table, same)["helped"]
        assert said in verdict(table, same)["advice"]
        assert "Keep the shipped model" in verdict(table, same)["advice"]
