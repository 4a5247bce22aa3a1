"""The whole way: train in a process of its own, kill it, resume it, stop it, finish it, export, measure, load."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from datasets.catalogue import Catalogue
from detector.detector import Detector
from detector.images import decode
from detector.taxonomy import LABELS
from parcelray import main
from training.budget import Progress
from training.errors import WeightsError

pytestmark = pytest.mark.torch
ROOT = Path(__file__).parents[2]


def start(run: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "parcelray", "train", str(run), *options]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for_epoch(process: subprocess.Popen[str], out: Path, epochs: int) -> None:
    while Progress.load(out / "progress.json").epochs_done < epochs:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)


@pytest.fixture(scope="module")
def trained(shapes: Catalogue, tmp_path_factory: pytest.TempPathFactory, tiny_run: Callable[..., Path]) -> Path:
    """Return the folder of a run that was killed, resumed, stopped and resumed to its end."""
    folder = tmp_path_factory.mktemp("run")
    out = folder / "out"
    length = {"hours": 10.0, "epochs": None, "val_every": 2}
    run = tiny_run(folder, shapes.folder, name="smoke", imgsz=96, smallest_imgsz=64, **length)

    first = start(run)
    wait_for_epoch(first, out, 2)
    first.kill()
    first.communicate()
    killed_at = Progress.load(out / "progress.json").epochs_done
    assert not list((out / "weights").glob("*.pt.tmp"))

    second = start(run, "--resume")
    wait_for_epoch(second, out, killed_at + 2)
    second.send_signal(signal.SIGTERM)
    said, _ = second.communicate(timeout=60)
    assert second.returncode == 1, said
    assert "go on with --resume" in said
    stopped = Progress.load(out / "progress.json")
    assert stopped.epochs_done >= killed_at + 2

    third = start(run, "--resume", "--hours", str((stopped.elapsed_s + 15) / 3600))
    said, _ = third.communicate(timeout=120)
    assert third.returncode == 0, said
    assert Progress.load(out / "progress.json").epochs_done > stopped.epochs_done
    return out


def test_a_run_keeps_its_record_over_a_kill(trained: Path) -> None:
    done = Progress.load(trained / "progress.json").epochs_done
    with (trained / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {int(row["epoch"]) for row in rows} == set(range(1, done + 1))
    times = [float(row["time"]) for row in rows]
    assert times[-1] > times[0]
    assert all(np.isfinite(float(row["train/box_loss"])) for row in rows)
    assert sorted(path.name for path in (trained / "weights").iterdir()) == ["best.pt", "last.pt"]
    assert "Resuming training" in (trained / "train.log").read_text()


@pytest.fixture(scope="module")
def exported(trained: Path, shapes: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    options = ["--catalogue", str(shapes.folder), "--test-catalogue", str(shapes.folder)]
    options += ["--weights-out", str(folder / "slim.pt")]
    assert main(["export", str(trained), "--out", str(folder / "model.onnx"), *options]) == 0
    return folder


def test_the_exported_model_serves(exported: Path, shapes: Catalogue) -> None:
    detector = Detector.load(exported / "model.onnx")
    card = detector.card
    assert (card.name, card.classes, card.input_size_px, card.head) == ("smoke", LABELS, 96, "raw")
    assert card.data_version == shapes.version
    assert card.licence == "AGPL-3.0-or-later"
    assert card.metrics["parity"]["box_px"] < 0.05
    assert set(card.thresholds) == {"low-alarm", "balanced", "high-recall"}
    assert set(card.metrics["evaluations"]) == {"rendered: shapes, test"}
    image = shapes.images("test")[0]
    detector.detect(decode(shapes.path_of(image).read_bytes()))
    assert "## Measured on rendered: shapes, test" in (exported / "model.md").read_text()


def test_a_stranger_measures_it_and_the_card_takes_the_report(exported: Path, shapes: Catalogue) -> None:
    model = exported / "model.onnx"
    assert main(["evaluate", str(model), str(shapes.folder), "--split", "val", "--out", str(exported)]) == 0
    report = json.loads((exported / "evaluation.json").read_text())
    assert report["data"]["split"] == "val"
    assert main(["export", str(model), "--report", str(exported / "evaluation.json"), "--out", str(model)]) == 0
    again = Detector.load(model)
    assert set(again.card.metrics["evaluations"]) == {"rendered: shapes, test", "rendered: shapes, val"}


def test_kept_weights_are_those_of_the_run_and_start_another(
    exported: Path, trained: Path, shapes: Catalogue, tmp_path: Path
) -> None:
    from training.adapter import Trainer
    from training.config import parse_run
    from training.labelled import load_run_data
    from training.networks import load_network

    slim = exported / "slim.pt"
    assert slim.stat().st_size < 15e6
    assert str(trained).encode() not in slim.read_bytes()
    ours, theirs = (load_network(path).state_dict() for path in (slim, trained / "weights" / "best.pt"))
    assert all((ours[key] == theirs[key]).all() for key in theirs)

    settings = {"name": "next", "catalogues": [str(shapes.folder)], "out": str(tmp_path / "next"), "epochs": 1}
    run = parse_run({**settings, "imgsz": 96, "weights": str(slim), "plots": False})
    trainer = Trainer(run, load_run_data(run))
    trainer.setup_model()
    started = trainer.model.state_dict()
    assert all((started[key] == ours[key]).all() for key in ours)

    other = Trainer(parse_run({**run.as_dict(), "model": "yolo11s", "out": str(tmp_path / "s")}), trainer.run_data)
    with pytest.raises(WeightsError, match="tensors of the checkpoint fit"):
        other.setup_model()


def test_an_average_lies_between_its_sources(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    from training.networks import load_network, save_slim

    one, two = exported / "slim.pt", tmp_path / "two.pt"
    network = torch.load(one, weights_only=False)
    with torch.no_grad():
        for parameter in network["model"].parameters():
            parameter.mul_(1.5)
    torch.save(network, two)
    assert main(["average", str(tmp_path / "mean.pt"), str(one), str(two)]) == 0
    first, mean = (dict(load_network(path).named_parameters()) for path in (one, tmp_path / "mean.pt"))
    assert all(torch.allclose(mean[key], 1.25 * first[key], rtol=2e-3, atol=1e-6) for key in first)

    network["model"].model[0].conv.weight.data = torch.zeros(8, 3, 3, 3)
    torch.save(network, two)
    with pytest.raises(WeightsError, match="average runs of one 'model'"):
        save_slim([one, two], tmp_path / "mean.pt")
    assert main(["average", str(tmp_path / "mean.pt"), str(tmp_path / "nowhere")]) == 2
    assert "neither a weights file nor the folder of a run" in capsys.readouterr().err


def test_bytes_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    from training.networks import load_network

    (tmp_path / "x.pt").write_bytes(os.urandom(200))
    with pytest.raises(WeightsError, match="not weights of a ParcelRay run"):
        load_network(tmp_path / "x.pt")
    assert main(["export", str(tmp_path), "--out", str(tmp_path / "m.onnx")]) == 2
