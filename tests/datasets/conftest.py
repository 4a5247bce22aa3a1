"""Tiny catalogues, made in the test's own folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.catalogue import Catalogue, CatalogueInfo, write_catalogue
from datasets.hashing import sha256_of_file
from datasets.records import SPLITS, ImageRecord
from datasets.samples import Annotation

WIDTH, HEIGHT = 64, 48
Make = Callable[..., Catalogue]


def _write_image(path: Path, seed: int) -> None:
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.resize(blocks, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST))


@pytest.fixture
def write_image() -> Callable[[Path, int], None]:
    """Return a function that writes a picture of coarse random blocks: two seeds look nothing alike."""
    return _write_image


@pytest.fixture
def make_catalogue(tmp_path: Path) -> Make:
    """Return a function that writes a catalogue of `parcels` parcels with two views each."""

    def make(
        folder: str = "catalogue",
        parcels: int = 6,
        marks: Sequence[Annotation] = (Annotation("handgun", (4.0, 5.0, 30.5, 20.25), ("polymer",), 0.8, 300.0),),
        info: CatalogueInfo | None = None,
        seed: int = 0,
    ) -> Catalogue:
        items = []
        for parcel in range(parcels):
            for view in ("top", "side"):
                name = f"{parcel}/{view}.png"
                path = tmp_path / folder / "images" / name
                _write_image(path, seed + 1000 * parcel + (view == "side"))
                record = ImageRecord(
                    file_name=name,
                    width=WIDTH,
                    height=HEIGHT,
                    sha256=sha256_of_file(path),
                    parcel_id=f"parcel-{parcel}",
                    split=SPLITS[parcel % 3],
                    view=view,
                    scanner=f"scanner-{parcel % 4}",
                    source="test",
                    licence="CC0-1.0",
                    recipe="0123abcd",
                    seed=7,
                )
                items.append((record, tuple(marks)))
        return write_catalogue(tmp_path / folder, items, info or CatalogueInfo("tiny", "CC0-1.0", "rendered"))

    return make
