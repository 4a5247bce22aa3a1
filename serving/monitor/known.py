"""Test scans: images of which is known what is in them, and what a model made of them when they were chosen.

A folder of images with `known.json`: COCO, with `recorded` beside it: the model's SHA-256 and each file's score.
`parcelray monitor pick` makes it from any catalogue.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, Field, FiniteFloat, ValidationError

import detector
from detector.boxes import intersection_over_union
from detector.images import decode
from detector.policy import Decision, ViewOutcome, decide
from detector.quality import flaw_of
from detector.taxonomy import group_of
from serving.answers import REASON_OF, view_out
from serving.errors import BadSettingsError
from serving.inference import ScanDetector
from serving.schemas import DetectionOut, Label

__all__ = [
    "INDEX",
    "SHIPPED",
    "KnownObject",
    "KnownScan",
    "KnownScans",
    "finds",
    "load_known",
    "look",
    "read_coco",
    "sureness",
]

INDEX: Final = "known.json"
SHIPPED: Final = Path(detector.__file__).parent / "samples" / "known"
_SAME_OBJECT: Final = 0.3  # intersection over union
_MAX_SCANS: Final = 200
_MIN_SCORE: Final = 0.05


@dataclass(frozen=True, slots=True)
class KnownObject:
    """One object that is there: box `xyxy` in pixels, and label."""

    xyxy: tuple[float, float, float, float]
    label: str


@dataclass(frozen=True, slots=True)
class KnownScan:
    """One image and all the objects in it."""

    name: str
    data: bytes
    objects: tuple[KnownObject, ...]

    @property
    def sha256(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class KnownScans:
    """Test scans, and the scores that the model of that hash gave them when they were chosen."""

    scans: tuple[KnownScan, ...]
    model_sha256: str
    scores: Mapping[str, float]


def look(scan: KnownScan, detector: ScanDetector, operating_point: str | None) -> tuple[Decision, list[DetectionOut]]:
    """Return what a model makes of a test scan, without a service around it.

    Raises:
        ImageError: the file is no image.
        InferenceError: the model failed.
    """
    thresholds = detector.thresholds(operating_point)
    image_rgb = decode(scan.data)
    flaw = flaw_of(image_rgb)
    found = detector.detect(image_rgb, min_score=min(_MIN_SCORE, *thresholds.values()))
    outcome = ViewOutcome(found, None if flaw is None else REASON_OF[flaw])
    height, width = image_rgb.shape[:2]
    view = view_out(scan.name, scan.sha256, (width, height), outcome, thresholds)
    return decide([outcome], thresholds), view.detections


def finds(scan: KnownScan, detections: Iterable[DetectionOut]) -> bool:
    """Whether an alarm lies on one of the known objects; a label of the same group is good enough."""
    return any(found.alarm for found in _on_known(scan, detections))


def sureness(scan: KnownScan, detections: Iterable[DetectionOut]) -> float:
    """Return the best score on a known object; of a scan without any, the best score at all. 0 without detections."""
    looked_at = _on_known(scan, detections) if scan.objects else detections
    return max((found.score for found in looked_at), default=0.0)


def load_known(folder: Path) -> KnownScans:
    """Read a folder of test scans.

    Raises:
        BadSettingsError: it is not there or not whole; the message says what to do.
    """
    again = "make it again: parcelray monitor pick CATALOGUE DIR"
    try:
        index = _Index.model_validate_json((folder / INDEX).read_bytes())
        scans = tuple(_scans(folder, index))
    except OSError as error:
        raise BadSettingsError(f"test scans: {error.filename}: {error.strerror}; {again}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BadSettingsError(f"test scans: {folder / INDEX}: {where}: {first['msg']}; {again}") from None
    if not any(scan.objects for scan in scans):
        raise BadSettingsError(f"test scans: {folder / INDEX}: no scan has a known object; {again}")
    return KnownScans(scans, index.recorded.model_sha256, index.recorded.scores)


def read_coco(folder: Path) -> Iterator[KnownScan]:
    """Yield the scans of a catalogue: COCO files in `annotations/`, images in `images/`.

    Raises:
        BadSettingsError: it is no catalogue.
    """
    files = sorted((folder / "annotations").glob("*.json"))
    if not files:
        raise BadSettingsError(f"{folder} is no catalogue; make one: parcelray catalogue render {folder} --count 200")
    for file in files:
        try:
            coco = _Coco.model_validate_json(file.read_bytes())
            yield from _scans(folder / "images", coco)
        except (OSError, ValidationError) as error:
            kind = type(error).__name__
            raise BadSettingsError(f"{file}: {kind}; see `parcelray catalogue check {folder}`") from error


class _Image(BaseModel):
    id: int
    file_name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")  # nothing outside the folder


class _Annotation(BaseModel):
    image_id: int
    category_id: int
    bbox: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]


class _Category(BaseModel):
    id: int
    name: Label


class _Coco(BaseModel):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


class _Recorded(BaseModel):
    model_sha256: str
    scores: dict[str, float]


class _Index(_Coco):
    images: list[_Image] = Field(min_length=1, max_length=_MAX_SCANS)
    recorded: _Recorded


def _scans(images: Path, coco: _Coco) -> Iterator[KnownScan]:
    labels = {category.id: category.name for category in coco.categories}
    objects: dict[int, list[KnownObject]] = {}
    for item in coco.annotations:
        if item.category_id in labels:
            x, y, width, height = item.bbox
            known = KnownObject((x, y, x + width, y + height), labels[item.category_id])
            objects.setdefault(item.image_id, []).append(known)
    for record in coco.images:
        data = (images / record.file_name).read_bytes()
        yield KnownScan(record.file_name, data, tuple(objects.get(record.id, ())))


def _on_known(scan: KnownScan, detections: Iterable[DetectionOut]) -> list[DetectionOut]:
    def lies_on_one(found: DetectionOut) -> bool:
        same_group = [known.xyxy for known in scan.objects if group_of(known.label) is found.group]
        return bool((intersection_over_union(found.xyxy, same_group) >= _SAME_OBJECT).any())

    return [found for found in detections if lies_on_one(found)]
