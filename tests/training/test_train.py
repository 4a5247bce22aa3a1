"""Runs that are refused before torch is imported, and the data of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from datasets.catalogue import Catalogue
from datasets.errors import ResearchOnlyError
from parcelray import main
from training.budget import Progress
from training.config import RunConfig, parse_run
from training.errors import TrainingError
from training.labelled import load_run_data
from training.train import train

Make = Callable[..., Catalogue]


def run_of(catalogue: Path, out: Path, **values: object) -> RunConfig:
    return parse_run({"name": "t", "catalogues": [str(catalogue)], "out": str(out), "epochs": 3, **values})


def test_boxes_and_labels_reach_training(shapes: Catalogue, tmp_path: Path) -> None:
    data = load_run_data(run_of(shapes.folder, tmp_path, val_images=4))
    (source,) = data.train
    assert source.share == 1.0
    assert len(data.val) == 4
    assert data.versions == (shapes.version,)
    records = shapes.images("train")
    for record, image in zip(records, source.images, strict=True):
        marks = shapes.annotations_of(record)
        assert image.path.exists()
        np.testing.assert_array_equal(image.xyxy, np.array([mark.xyxy for mark in marks]).reshape(-1, 4))


def test_research_only_images_are_refused_unless_the_user_says_so(make_shapes: Make, tmp_path: Path) -> None:
    folder = make_shapes(tmp_path / "c", research_only=True).folder
    with pytest.raises(ResearchOnlyError):
        train(run_of(folder, tmp_path / "run"))
    assert not (tmp_path / "run").exists()
    assert load_run_data(run_of(folder, tmp_path / "run", allow_research_only=True)).train


def test_a_run_neither_overwrites_nor_resumes_what_is_not_there(shapes: Catalogue, tmp_path: Path) -> None:
    run = run_of(shapes.folder, tmp_path)
    with pytest.raises(TrainingError, match="nothing to resume"):
        train(run, resume=True)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "last.pt").write_bytes(b"")
    with pytest.raises(TrainingError, match="already holds a run"):
        train(run)
    Progress(3, 30.0, 10.0).save(tmp_path / "progress.json")
    with pytest.raises(TrainingError, match="finished after 3 epochs"):
        train(run, resume=True)
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(run.as_dict()))
    with pytest.raises(TrainingError, match="was started for 3 epochs"):
        train(run_of(shapes.folder, tmp_path, epochs=5), resume=True)


def test_a_catalogue_without_annotated_images_is_refused(make_shapes: Make, tmp_path: Path) -> None:
    folder = make_shapes(tmp_path / "c", count=6).folder
    with pytest.raises(TrainingError, match="'val' split"):
        load_run_data(run_of(folder, tmp_path))


def test_the_command_refuses_a_published_set_until_the_run_says_that_it_may(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    (tmp_path / "set/train/train_image").mkdir(parents=True)
    (tmp_path / "set/train/train_annotation").mkdir()
    cv2.imwrite(str(tmp_path / "set/train/train_image/1.png"), picture)
    (tmp_path / "set/train/train_annotation/1.txt").write_text("1.png Folding_Knife 4 5 24 15\n")
    assert main(["catalogue", "import", "opixray", str(tmp_path / "set"), str(tmp_path / "c")]) == 0
    run = tmp_path / "run.yaml"
    run.write_text(f"name: t\ncatalogues: [{tmp_path / 'c'}]\nout: {tmp_path / 'run'}\nepochs: 1\n")
    assert main(["train", str(run)]) == 2
    assert "is for research only; leave it out, or, if" in (said := capsys.readouterr().err)
    assert "'allow_research_only: true'" in said
    assert "licence OPIXray: academic purposes only" in said
    # With the user's word the refusal is another one: these images hold nothing to learn.
    run.write_text(run.read_text() + "allow_research_only: true\n")
    assert main(["train", str(run)]) == 2
    assert "no annotated image in the 'train' split" in capsys.readouterr().err
