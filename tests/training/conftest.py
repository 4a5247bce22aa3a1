"""A tiny catalogue of coloured shapes, and scored images made of numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from datasets.catalogue import Catalogue, CatalogueInfo, write_catalogue
from datasets.records import ImageRecord
from datasets.samples import Annotation
from detector.taxonomy import LABELS
from training.metrics import ScoredImage

SIDE_PX = 96


def make_catalogue(folder: Path, count: int = 36, *, research_only: bool = False) -> Catalogue:
    """Write a catalogue: two thirds of the images have dark bars (handgun) or blue blocks (revolver)."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    items = []
    for number in range(count):
        image = np.full((SIDE_PX, SIDE_PX, 3), 240, np.uint8)
        marks = []
        for _ in range(number % 3):
            label = int(rng.integers(0, 2))
            width, height = ((40, 10), (18, 24))[label]
            x, y = (int(rng.integers(2, SIDE_PX - side - 2)) for side in (width, height))
            cv2.rectangle(image, (x, y), (x + width, y + height), ((30, 30, 30), (150, 40, 20))[label], -1)
            marks.append(Annotation(LABELS[label], (x, y, x + width + 1, y + height + 1)))
        name = f"{number:03d}.png"
        cv2.imwrite(str(folder / "images" / name), image)
        digest = hashlib.sha256((folder / "images" / name).read_bytes()).hexdigest()
        split = ("train", "train", "val", "train", "test", "train")[(number // 3) % 6]
        output = "grey" if number % 4 == 0 else "colour"
        items.append((ImageRecord(name, SIDE_PX, SIDE_PX, digest, f"p{number}", split, output=output), marks))  # type: ignore[arg-type]
    return write_catalogue(folder, items, CatalogueInfo("shapes", "CC0-1.0", "rendered", research_only))


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """Return a catalogue of 36 images in all three splits."""
    return make_catalogue(tmp_path_factory.mktemp("shapes") / "catalogue")


@pytest.fixture(scope="session")
def make_shapes() -> Callable[..., Catalogue]:
    """Return the maker of such catalogues."""
    return make_catalogue


def write_tiny_run(folder: Path, *catalogues: Path, **values: object) -> Path:
    """Write `run.yaml` of a training of seconds into a folder; a value of None leaves that key out."""
    settings = {
        "name": "tiny",
        "catalogues": list(map(str, catalogues)),
        "out": str(folder / "out"),
        "imgsz": 64,
        "batch": 4,
        "nbs": 4,
        "epochs": 4,
        "epoch_images": 8,
        "val_every": 4,
        "val_images": 4,
        "workers": 0,
        "threads": 1,
        "plots": False,
        "bf16": False,
    } | values
    folder.mkdir(exist_ok=True)
    run = folder / "run.yaml"
    run.write_text(yaml.safe_dump({key: value for key, value in settings.items() if value is not None}))
    return run


@pytest.fixture(scope="session")
def tiny_run() -> Callable[..., Path]:
    """Return the writer of such a `run.yaml`."""
    return write_tiny_run


@pytest.fixture
def scored() -> Callable[..., ScoredImage]:
    """Return a maker of scored images from plain lists."""

    def make(
        name: str,
        truth: list[tuple[tuple[float, float, float, float], int]] | None = None,
        found: list[tuple[tuple[float, float, float, float], int, float]] | None = None,
        part: str = "colour",
        parcel: str | None = None,
    ) -> ScoredImage:
        truth, found = truth or [], sorted(found or [], key=lambda entry: -entry[2])
        return ScoredImage(
            name,
            parcel or name,
            part,
            np.array([box for box, _ in truth], np.float64).reshape(-1, 4),
            np.array([label for _, label in truth], np.int64),
            np.array([box for box, _, _ in found], np.float64).reshape(-1, 4),
            np.array([label for _, label, _ in found], np.int64),
            np.array([score for _, _, score in found], np.float64),
        )

    return make
