"""PIDray, CLCXray and PIXray: COCO documents at fixed places."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from datasets.coco import Problem
from datasets.formats.coco import read_documents
from datasets.formats.entries import Found

__all__ = ["read_clcxray", "read_pidray", "read_pixray"]

_PIDRAY: Final = (
    ("annotations/xray_train.json", "train", "train"),
    ("annotations/xray_test_easy.json", "easy", "test"),
    ("annotations/xray_test_hard.json", "hard", "test"),
    ("annotations/xray_test_hidden.json", "hidden", "test"),
)
_CLCXRAY: Final = tuple(
    (f"annotations/instances_{split}2017.json", f"{split}2017", split) for split in ("train", "val", "test")
)
_PIXRAY: Final = (
    ("annotations/pixray_train.json", "train", "train"),
    ("annotations/pixray_test.json", "test", "test"),
)


def read_pidray(source: Path) -> Iterator[Found | Problem]:
    """Yield the images of PIDray: train, and the easy, hard and hidden test images.

    Source of the layout: github.com/bywang2018/security-dataset, and mmdetection configurations that train on it.
    """
    return read_documents(source, "PIDray", _PIDRAY)


def read_clcxray(source: Path) -> Iterator[Found | Problem]:
    """Yield the images of CLCXray, laid out like COCO 2017.

    Source of the layout: github.com/GreysonPhoenix/CLCXray ("annotations are made in COCO format"), and public
    loaders of the set for the names of its folders.
    """
    return read_documents(source, "CLCXray", _CLCXRAY)


def read_pixray(source: Path) -> Iterator[Found | Problem]:
    """Yield the images of PIXray; of its masks the area is kept.

    Source of the layout: github.com/Mbwslib/DDoAS, and mmdetection configurations that train on it.
    """
    return read_documents(source, "PIXray", _PIXRAY)
