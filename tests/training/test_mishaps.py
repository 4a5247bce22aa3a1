"""Mishaps of real runs: damaged images, kills, a full disk."""

from __future__ import annotations

import csv
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from datasets.catalogue import Catalogue
from training.budget import Progress
from training.config import parse_run
from training.labelled import load_run_data

pytestmark = pytest.mark.torch
ROOT = Path(__file__).parents[2]
Make = Callable[..., Catalogue]
WriteRun = Callable[..., Path]


def start(run: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "parcelray", "train", str(run), *options]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_damaged_images_are_named_and_left_out(make_shapes: Make, tmp_path: Path, tiny_run: WriteRun) -> None:
    catalogue = make_shapes(tmp_path / "c")
    broken, missing, resized, *_ = (catalogue.path_of(record) for record in catalogue.images("train"))
    broken.write_bytes(broken.read_bytes()[:-40])
    missing.unlink()
    cv2.imwrite(str(resized), np.zeros((48, 48, 3), np.uint8))
    run = tiny_run(tmp_path / "r", catalogue.folder, epochs=1)
    data = load_run_data(parse_run(yaml.safe_load(run.read_text())))
    assert set(data.skipped) == {str(broken), str(missing), str(resized)}
    assert "48 x 48 pixels, the catalogue says 96 x 96" in data.skipped[str(resized)]
    assert len(data.train[0].images) == len(catalogue.images("train")) - 3

    process = start(run)
    said, _ = process.communicate(timeout=200)
    assert process.returncode == 0, said
    log = (tmp_path / "r" / "out" / "train.log").read_text()
    for path in (broken, missing, resized):
        assert f"skipped {path}" in log
    assert len(yaml.safe_load((tmp_path / "r" / "out" / "data.yaml").read_text())["skipped"]) == 3


@pytest.mark.timeout(900)
def test_a_killed_run_ends_like_one_that_was_not(make_shapes: Make, tmp_path: Path, tiny_run: WriteRun) -> None:
    shapes = make_shapes(tmp_path / "c", count=72)
    weights = str(ROOT / "training" / "weights" / "parcelray-nano-9.pt")
    values = {"imgsz": 96, "batch": 8, "nbs": 8, "epochs": 14, "epoch_images": 48, "val_every": 14, "val_images": 24}
    ends = []
    for name, kills in (("whole", 0), ("killed", 2)):
        run = tiny_run(tmp_path / name, shapes.folder, lr0=0.002, weights=weights, **values)
        for kill in range(kills):
            process = start(run, "--go-on")
            while Progress.load(tmp_path / name / "out" / "progress.json").epochs_done < 4 * (kill + 1):
                assert process.poll() is None, process.communicate()[0]
                time.sleep(0.05)
            time.sleep(random.random())  # somewhere in an epoch, or while a checkpoint is written
            process.kill()
            process.communicate()
        process = start(run, "--go-on")
        said, _ = process.communicate(timeout=250)
        assert process.returncode == 0, said
        with (tmp_path / name / "out" / "results.csv").open() as file:
            ends.append({key.strip(): float(value) for key, value in list(csv.DictReader(file))[-1].items()})
    whole, killed = ends
    # Three whole runs of 14 epochs with other seeds: mAP50 0.995 each, box loss 0.85 to 0.92, class loss 0.66 to 0.72.
    assert killed["metrics/mAP50(B)"] == pytest.approx(whole["metrics/mAP50(B)"], abs=0.05)
    assert killed["train/box_loss"] == pytest.approx(whole["train/box_loss"], abs=0.2)
    assert killed["train/cls_loss"] == pytest.approx(whole["train/cls_loss"], abs=0.3)


def test_a_full_disk_ends_the_run_with_the_last_checkpoint_whole(
    shapes: Catalogue, tmp_path: Path, tiny_run: WriteRun
) -> None:
    from training.networks import load_network

    run, out = tiny_run(tmp_path, shapes.folder, epochs=200), tmp_path / "out"
    process = start(run)
    while Progress.load(out / "progress.json").epochs_done < 1:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    # From now on every write of a checkpoint finds a full disk.
    while process.poll() is None and not (out / "weights" / "last.partial").is_symlink():
        try:
            (out / "weights" / "last.partial").symlink_to("/dev/full")
        except FileExistsError:
            time.sleep(0.01)
    said, _ = process.communicate(timeout=200)
    assert process.returncode == 2, said
    assert "No space left on device" in said
    assert "free disk space, then go on with --resume" in said
    assert "Traceback" not in said
    load_network(out / "weights" / "last.pt")
    assert not list((out / "weights").glob("*.partial"))


def test_fresh_renders_are_trained_on_and_go_on_after_a_kill(
    shapes: Catalogue, tmp_path: Path, tiny_run: WriteRun
) -> None:
    fresh = {"recipe": "train", "parcels": 4, "share": 0.5, "seed": 5}
    run, out = tiny_run(tmp_path, shapes.folder, epochs=10_000, fresh=fresh), tmp_path / "out"
    process = start(run)
    while not (out / "fresh/0001/catalogue.json").exists() or not (out / "weights/last.pt").exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    process.kill()
    process.communicate()
    begun = max(int(folder.name) for folder in (out / "fresh").glob("[0-9]*"))

    process = start(run, "--resume")
    while not (out / f"fresh/{begun + 1:04d}/catalogue.json").exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    seen = Progress.load(out / "progress.json").epochs_done
    while Progress.load(out / "progress.json").epochs_done < seen + 3:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    process.terminate()
    said, _ = process.communicate(timeout=200)
    assert process.returncode == 1, said
    log = (out / "train.log").read_text()
    assert f"fresh renders: batch {begun}, 4 images" in log or f"fresh renders: batch {begun + 1}" in log
    assert len(list((out / "fresh").glob("[0-9]*"))) <= 3, "batches that were used are deleted"


def test_a_recipe_that_cannot_be_rendered_ends_the_run_with_its_message(
    shapes: Catalogue, tmp_path: Path, tiny_run: WriteRun
) -> None:
    process = start(tiny_run(tmp_path, shapes.folder, fresh={"recipe": "no-such-recipe"}))
    said, _ = process.communicate(timeout=200)
    assert process.returncode == 2
    assert "the next batch cannot be rendered" in said
    assert "no-such-recipe" in said
    assert "Traceback" not in said
