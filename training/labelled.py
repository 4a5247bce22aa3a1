"""The images and boxes that a run trains on: the splits of its catalogues, joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.catalogue import Catalogue, require_trainable
from datasets.records import Split
from detector.errors import ImageError
from detector.images import decode
from detector.taxonomy import LABELS
from training.config import RunConfig
from training.errors import TrainingError

__all__ = ["LabelledImage", "RunData", "Source", "load_fresh", "load_run_data", "spread"]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImage:
    """One image file with its boxes.

    Attributes:
        path: of the file.
        width: pixels.
        height: pixels.
        label_ids: (N,) indices into `LABELS`.
        xyxy: (N, 4) pixels, clipped to the image.
    """

    path: Path
    width: int
    height: int
    label_ids: NDArray[np.int64]
    xyxy: NDArray[np.float64]

    def as_label_entry(self) -> dict[str, Any]:
        """Return what the trainer's data set keeps of an image; boxes as centre, width, height, shares of the side."""
        corners = self.xyxy.reshape(-1, 2, 2)
        xywh = np.hstack([corners.mean(axis=1), corners[:, 1] - corners[:, 0]])
        side = np.array([self.width, self.height] * 2, np.float64)
        return {
            "im_file": str(self.path),
            "shape": (self.height, self.width),
            "cls": self.label_ids.reshape(-1, 1).astype(np.float32),
            "bboxes": (xywh / side).astype(np.float32),
            "segments": [],
            "keypoints": None,
            "normalized": True,
            "bbox_format": "xywh",
        }


@dataclass(frozen=True, slots=True)
class Source:
    """Images that are trained on, drawn from with one weight.

    Attributes:
        images: of the train split.
        share: of the images of an epoch.
    """

    images: tuple[LabelledImage, ...]
    share: float


@dataclass(frozen=True, slots=True)
class RunData:
    """What a run trains and validates on.

    Attributes:
        train: where the images to train on come from; the shares add up to 1.
        val: images to validate on.
        versions: of each catalogue they come from.
        skipped: file -> why it is left out.
    """

    train: tuple[Source, ...]
    val: tuple[LabelledImage, ...]
    versions: tuple[str, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)


def load_run_data(run: RunConfig) -> RunData:
    """Read the catalogues of a run and open every image once; those that cannot be trained on are left out.

    Raises:
        CatalogueError: a catalogue cannot be used.
        ResearchOnlyError: one is research-only and the run does not say that it may be trained on.
        TrainingError: there is nothing to train or to validate on.
    """
    parts: dict[str, list[LabelledImage]] = {}
    val: list[LabelledImage] = []
    versions: list[str] = []
    for folder in run.catalogues:
        catalogue = Catalogue.load(folder)
        require_trainable(catalogue, allow_research_only=run.allow_research_only)
        parts[folder] = _labelled(catalogue, "train")
        val += _labelled(catalogue, "val")
        versions.append(catalogue.version)
    val = list(spread(val, run.val_images))
    skipped = _unusable([*chain.from_iterable(parts.values()), *val])
    parts = {folder: [one for one in part if str(one.path) not in skipped] for folder, part in parts.items()}
    val = [image for image in val if str(image.path) not in skipped]
    for split, images in (("train", [*chain.from_iterable(parts.values())]), ("val", val)):
        if not any(len(image.label_ids) for image in images):
            raise TrainingError(
                f"no annotated image in the {split!r} split of {', '.join(run.catalogues)} "
                f"({len(skipped)} files cannot be read); split the catalogue with `parcelray catalogue split`"
            )
    return RunData(_sources(run, parts), tuple(val), tuple(versions), skipped)


def load_fresh(folder: Path) -> tuple[tuple[LabelledImage, ...], Mapping[str, str]]:
    """Return the images of the train split of a catalogue that was just rendered, and file -> why it is left out.

    Raises:
        CatalogueError: the catalogue cannot be used.
    """
    images = _labelled(Catalogue.load(folder), "train")
    skipped = _unusable(images)
    return tuple(image for image in images if str(image.path) not in skipped), skipped


def _sources(run: RunConfig, parts: Mapping[str, Sequence[LabelledImage]]) -> tuple[Source, ...]:
    filled = {folder: part for folder, part in parts.items() if part}
    # Without weights all catalogues are one, of which no image comes twice before all came once.
    weights = [run.catalogues[folder] for folder in filled]
    total = sum(weight for weight in weights if weight is not None)
    if not total:
        return (Source(tuple(chain.from_iterable(filled.values())), 1.0),)
    return tuple(
        Source(tuple(part), (weight or 0.0) / total) for part, weight in zip(filled.values(), weights, strict=True)
    )


def spread(images: Sequence[LabelledImage], most: int) -> tuple[LabelledImage, ...]:
    """Return at most `most` of the images, evenly spread over their order."""
    if len(images) <= most:
        return tuple(images)
    return tuple(images[index] for index in np.linspace(0, len(images) - 1, most).round().astype(int))


def _unusable(images: Sequence[LabelledImage]) -> dict[str, str]:
    """Return file -> reason for images that are damaged, missing, or not of the size that their boxes are for."""

    def check(image: LabelledImage) -> str | None:
        try:
            height, width = decode(image.path.read_bytes()).shape[:2]
        except OSError as error:
            return f"cannot be read: {error.strerror}"
        except ImageError as error:
            return str(error)
        if (width, height) != (image.width, image.height):
            return f"is {width} x {height} pixels, the catalogue says {image.width} x {image.height}"
        return None

    with ThreadPoolExecutor() as pool:
        reasons = pool.map(check, images)
        return {str(image.path): reason for image, reason in zip(images, reasons, strict=True) if reason}


def _labelled(catalogue: Catalogue, split: Split) -> list[LabelledImage]:
    images = []
    for record in catalogue.images(split):
        marks = catalogue.annotations_of(record)
        corners = np.array([mark.xyxy for mark in marks], np.float64).reshape(-1, 2, 2)
        xyxy = corners.clip(0.0, (record.width, record.height)).reshape(-1, 4)
        ids = np.array([LABELS.index(mark.label) for mark in marks], np.int64)
        solid = (xyxy[:, 2:] - xyxy[:, :2] >= 1.0).all(axis=1)
        images.append(LabelledImage(catalogue.path_of(record), record.width, record.height, ids[solid], xyxy[solid]))
    return images
