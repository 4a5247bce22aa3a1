"""Figures from scored images: recall at fixed false alarms, average precision, intervals. Arrays in, numbers out."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "IOUS",
    "Interval",
    "LabelMatches",
    "ScoredImage",
    "average_precision",
    "interval",
    "match_labels",
    "parcel_weights",
    "recall_at_fpr",
    "resampled",
    "threshold_at_fpr",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
IOUS: FloatArray = np.linspace(0.5, 0.95, 10)
_RECALLS: FloatArray = np.linspace(0.0, 1.0, 101)
_JUST_ABOVE = 1e-9
_MOST_DETECTIONS = 100  # an image, as COCO counts


@dataclass(frozen=True, slots=True, eq=False)
class ScoredImage:
    """What is in one image and what was found in it.

    Attributes:
        name: of the image.
        parcel_id: images of one parcel share it.
        slice_of: of which part of the data, such as "colour" or "grey".
        truth_xyxy: (M, 4) pixels.
        truth_ids: (M,) classes.
        found_xyxy: (N, 4) pixels, highest score first.
        found_ids: (N,) classes.
        scores: (N,) in 0..1.
        facts: what is known about the image, such as "scanner" -> "vivid".
        truth_facts: (M,) what is known about each object, such as "size" -> "below 5 %".
        path: of the image file.
    """

    name: str
    parcel_id: str
    slice_of: str
    truth_xyxy: FloatArray
    truth_ids: IntArray
    found_xyxy: FloatArray
    found_ids: IntArray
    scores: FloatArray
    facts: Mapping[str, str] = field(default_factory=dict)
    truth_facts: tuple[Mapping[str, str], ...] = ()
    path: Path | None = None

    @property
    def score(self) -> float:
        """The highest score of any detection; 0 where nothing was found."""
        return float(self.scores.max()) if len(self.scores) else 0.0


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its bootstrap 95 % interval."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """Return plain rounded numbers."""
        return {key: round(getattr(self, key), 4) for key in ("value", "low", "high")}


def threshold_at_fpr(negatives: FloatArray, fpr: float) -> float:
    """Return the lowest threshold at which at most a share `fpr` of the negatives scores at or above it."""
    if not len(negatives):
        return 1.0
    ranked = np.sort(negatives)[::-1]
    return float(ranked[min(int(fpr * len(ranked)), len(ranked) - 1)]) + _JUST_ABOVE


def recall_at_fpr(positives: FloatArray, negatives: FloatArray, fpr: float) -> float:
    """Return the share of positives at or above `threshold_at_fpr`; 0 without positives."""
    return float(np.mean(positives >= threshold_at_fpr(negatives, fpr))) if len(positives) else 0.0


def parcel_weights(parcels: Sequence[str], rounds: int, seed: int) -> IntArray:
    """Return (rounds, images): how often each image counts when parcels are drawn with replacement."""
    _, parcel_of = np.unique(np.asarray(parcels), return_inverse=True)
    count = int(parcel_of.max()) + 1 if len(parcel_of) else 0
    rng = np.random.default_rng(seed)
    drawn = np.stack([np.bincount(rng.integers(0, count, count), minlength=count) for _ in range(rounds)])
    return np.asarray(drawn[:, parcel_of], np.int64)


def interval(value: float, resampled: Sequence[float]) -> Interval:
    """Return the value between the 2.5 % and 97.5 % quantiles of its resampled values; NaN rounds are left out."""
    rounds = np.asarray(resampled, np.float64)
    rounds = rounds[np.isfinite(rounds)]
    if not len(rounds):
        return Interval(value, value, value)
    low, high = np.quantile(rounds, [0.025, 0.975])
    return Interval(value, float(low), float(high))


@dataclass(frozen=True, slots=True, eq=False)
class LabelMatches:
    """Detections of one class over all images, matched to the truth at every IoU of `IOUS`.

    Attributes:
        scores: (D,) highest first.
        images: (D,) index of the image of each.
        hit: (10, D) whether it found an object that no better one had found.
        objects: (images,) how many objects of the class each image has.
    """

    scores: FloatArray
    images: IntArray
    hit: NDArray[np.bool_]
    objects: IntArray


def match_labels(images: Sequence[ScoredImage], classes: int) -> list[LabelMatches]:
    """Match detections to objects class by class with pycocotools, the 100 best of an image and class."""
    from pycocotools.coco import COCO  # noqa: PLC0415 - brings matplotlib
    from pycocotools.cocoeval import COCOeval  # noqa: PLC0415

    truth, found = COCO(), []
    truth.dataset = {
        "info": {},
        "images": [{"id": index} for index in range(len(images))],
        "categories": [{"id": label} for label in range(classes)],
        "annotations": [
            _entry(index, box, label)
            for index, image in enumerate(images)
            for box, label in zip(image.truth_xyxy, image.truth_ids, strict=True)
        ],
    }
    for number, entry in enumerate(truth.dataset["annotations"], start=1):
        entry["id"] = number
    for index, image in enumerate(images):
        for box, label, score in zip(image.found_xyxy, image.found_ids, image.scores, strict=True):
            found.append({**_entry(index, box, label), "score": float(score)})
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        if not found:
            return [_unmatched(images, label) for label in range(classes)]
        evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
        evaluation.params.areaRng, evaluation.params.areaRngLbl = evaluation.params.areaRng[:1], ["all"]
        evaluation.params.maxDets = [_MOST_DETECTIONS]
        evaluation.evaluate()
    per_image = len(images)
    return [
        _collect(evaluation.evalImgs[label * per_image : (label + 1) * per_image], per_image)
        for label in range(classes)
    ]


def average_precision(matches: LabelMatches, weights: IntArray | None = None) -> FloatArray:
    """Return (10,) average precision at `IOUS`, by 101 points as COCO does; NaN where the class has no object.

    Args:
        matches: of the class.
        weights: (images,) how often each image counts; None: once.
    """
    counts = np.ones(len(matches.objects), np.int64) if weights is None else weights
    objects = int((counts * matches.objects).sum())
    if not objects:
        return np.full(len(IOUS), np.nan)
    times = counts[matches.images]
    hits = np.cumsum(matches.hit * times, axis=1)
    seen = np.cumsum(np.broadcast_to(times, matches.hit.shape), axis=1)
    result = np.zeros(len(IOUS))
    for row, (found, shown) in enumerate(zip(hits, seen, strict=True)):
        if not len(found):
            continue
        precision = found / np.maximum(shown, np.spacing(1))
        precision = np.maximum.accumulate(precision[::-1])[::-1]
        at = np.searchsorted(found / objects, _RECALLS, side="left")
        result[row] = np.where(at < len(precision), precision[np.minimum(at, len(precision) - 1)], 0.0).mean()
    return result


def resampled(statistic: Callable[[IntArray], float], weights: IntArray) -> list[float]:
    """Return the statistic for every round of `parcel_weights`."""
    return [statistic(row) for row in weights]


def _entry(image: int, box: FloatArray, label: int) -> dict[str, object]:
    x0, y0, x1, y1 = (float(value) for value in box)
    width, height = x1 - x0, y1 - y0
    return {
        "image_id": image,
        "category_id": int(label),
        "bbox": [x0, y0, width, height],
        "area": width * height,
        "iscrowd": 0,
    }


def _unmatched(images: Sequence[ScoredImage], label: int) -> LabelMatches:
    objects = np.array([int((image.truth_ids == label).sum()) for image in images], np.int64)
    return LabelMatches(np.empty(0), np.empty(0, np.int64), np.empty((len(IOUS), 0), bool), objects)


def _collect(results: Sequence[dict[str, NDArray[np.float64]] | None], images: int) -> LabelMatches:
    objects = np.zeros(images, np.int64)
    scores, owner, hits = [np.empty(0)], [np.empty(0, np.int64)], [np.empty((len(IOUS), 0), bool)]
    for index, result in enumerate(results):
        if result is None:
            continue
        objects[index] = len(result["gtIds"])
        scores.append(np.asarray(result["dtScores"], np.float64))
        owner.append(np.full(len(result["dtScores"]), index, np.int64))
        hits.append(np.asarray(result["dtMatches"]) > 0)
    joined = np.concatenate(scores)
    order = np.argsort(-joined, kind="mergesort")
    return LabelMatches(joined[order], np.concatenate(owner)[order], np.concatenate(hits, axis=1)[:, order], objects)
