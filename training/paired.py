"""What a second model gains or loses against a first one on the same images, with intervals of the difference.

Both meet the same parcels in every round of the bootstrap, so that what sets parcels apart cancels out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from detector.taxonomy import LABELS, Group, group_of
from training.evaluate import FPRS, weighted_recall
from training.metrics import (
    FloatArray,
    IntArray,
    ScoredImage,
    average_precision,
    interval,
    match_labels,
    parcel_weights,
)

__all__ = [
    "drawn_rounds",
    "firearms_and_benign",
    "holds_firearm",
    "map50_rounds",
    "map50_row",
    "recall_table",
    "with_firearm",
]

_FPRS: Final = tuple(fpr for fpr in FPRS if fpr > 0.01)
_ROUNDS: Final = 1000
_FIREARMS: Final = [index for index, label in enumerate(LABELS) if group_of(label) is Group.FIREARM]


def recall_table(before: Sequence[ScoredImage], after: Sequence[ScoredImage]) -> dict[str, Any]:
    """Return recall of images with a threat at 2, 5, 10 and 20 % false alarms, and their mean, before and after.

    Both models looked at the same images in the same order. Where there is no image with a threat, or none without,
    only their numbers are returned.
    """
    threat = np.array([len(image.truth_ids) > 0 for image in before], bool)
    table: dict[str, Any] = {"with_threat": int(threat.sum()), "without_threat": int((~threat).sum())}
    if not threat.any() or threat.all():
        return table
    drawn = drawn_rounds(before)
    rows = [_recalls(images, threat, drawn) for images in (before, after)]
    for index, name in enumerate([*(f"{fpr:.0%}" for fpr in _FPRS), "mean"]):
        table[name] = _row(*(row[:, index] for row in rows))
    return table


def map50_row(before: Sequence[ScoredImage], after: Sequence[ScoredImage]) -> dict[str, dict[str, float]]:
    """Return mAP50 over the labels that the images hold, before, after and their difference; empty without objects."""
    drawn = drawn_rounds(before)
    means = [map50_rounds(images, drawn) for images in (before, after)]
    return _row(*means) if np.isfinite(means[0][0]) else {}


def holds_firearm(image: ScoredImage) -> bool:
    """Return whether a firearm is in the image."""
    return bool(np.isin(image.truth_ids, _FIREARMS).any())


def with_firearm(images: Sequence[ScoredImage]) -> list[ScoredImage]:
    """Return the images that hold a firearm."""
    return [image for image in images if holds_firearm(image)]


def firearms_and_benign(images: Sequence[ScoredImage]) -> list[ScoredImage]:
    """Return the images that hold a firearm, then those without any threat."""
    return with_firearm(images) + [image for image in images if not len(image.truth_ids)]


def drawn_rounds(images: Sequence[ScoredImage], rounds: int = _ROUNDS) -> IntArray:
    """Return (rounds + 1, images): how often each counts; the first row is the data as they are."""
    weights = parcel_weights([image.parcel_id for image in images], rounds, 0)
    return np.vstack([np.ones(len(images), np.int64), weights])


def _recalls(images: Sequence[ScoredImage], threat: Any, drawn: IntArray) -> FloatArray:  # noqa: ANN401
    """Return (rounds, rates + 1) recalls, the mean last."""
    scores = np.array([image.score for image in images], np.float64)
    values = np.array([[weighted_recall(scores, threat, row, fpr) for fpr in _FPRS] for row in drawn])
    return np.column_stack([values, values.mean(axis=1)])


def map50_rounds(images: Sequence[ScoredImage], drawn: IntArray) -> FloatArray:
    """Return (rounds,) mean average precision at half overlap; NaN where no object was drawn."""
    matches = [replace(match, hit=match.hit[:1]) for match in match_labels(images, len(LABELS)) if match.objects.any()]
    values = np.array([[average_precision(match, row)[0] for match in matches] for row in drawn])
    seen = np.isfinite(values).sum(axis=1)
    means = np.divide(np.nansum(values, axis=1), seen, out=np.full(len(drawn), np.nan), where=seen > 0)
    return np.asarray(means, np.float64)


def _row(first: FloatArray, second: FloatArray) -> dict[str, dict[str, float]]:
    shown = {"before": first, "after": second, "difference": second - first}
    return {name: interval(float(values[0]), values[1:].tolist()).as_dict() for name, values in shown.items()}
