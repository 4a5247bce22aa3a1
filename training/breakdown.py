"""Figures by what is known about images and objects: scanner, view, size, visibility, material, difficulty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from datasets.samples import Annotation
from detector.boxes import intersection_over_union
from training.metrics import (
    FloatArray,
    ScoredImage,
    interval,
    parcel_weights,
    recall_at_fpr,
    threshold_at_fpr,
)

__all__ = ["breakdown", "facts_of_mark", "size_class"]

_FPRS: Final = (0.02, 0.10)
_IOU: Final = 0.5
_ROUNDS: Final = 500
_SIZES: Final = ((0.05, "below 5 %"), (0.10, "5 to 10 %"), (0.20, "10 to 20 %"), (0.40, "20 to 40 %"))
_VISIBILITIES: Final = ((0.5, "below .5"), (0.8, ".5 to .8"))
_MADE_OF: Final = ("printed", "polymer", "converted")


def size_class(xyxy: Sequence[float], width: float, height: float) -> str:
    """Return the class of an object's longer side as a share of the image's longer side."""
    share = max(xyxy[2] - xyxy[0], xyxy[3] - xyxy[1]) / max(width, height, 1.0)
    return next((name for limit, name in _SIZES if share < limit), "above 40 %")


def facts_of_mark(mark: Annotation, width: int, height: int) -> dict[str, str]:
    """Return what is known about an annotated object, property by property."""
    visibility = next((name for limit, name in _VISIBILITIES if mark.visibility < limit), "above .8")
    return {
        "size": size_class(mark.xyxy, width, height),
        "visibility": visibility,
        "occlusion": "occluded" if "occluded" in mark.attributes else "open",
        "edge": "truncated" if "truncated" in mark.attributes else "whole",
        "material": next((name for name in _MADE_OF if name in mark.attributes), "metal or not stated"),
    }


def breakdown(images: Sequence[ScoredImage], seed: int) -> dict[str, Any]:
    """Return recall by every property that takes more than one value in the data.

    For a property of images: recall of images with a threat, against the images without one of the same value. For a
    property of objects: share of objects that a detection of their class overlaps by half (IoU), at thresholds at
    which the stated share of all images without a threat alarms.
    """
    result: dict[str, Any] = {}
    for key in sorted({key for image in images for key in image.facts}):
        values = sorted({image.facts[key] for image in images if key in image.facts})
        if len(values) > 1:
            result[key] = {
                value: _of_images([image for image in images if image.facts.get(key) == value], seed)
                for value in values
            }
    result |= _of_objects(images, seed)
    return result


def _of_images(images: Sequence[ScoredImage], seed: int) -> dict[str, Any]:
    scores = np.array([image.score for image in images], np.float64)
    threat = np.array([len(image.truth_ids) > 0 for image in images], bool)
    row: dict[str, Any] = {"images_with_threat": int(threat.sum()), "images_without": int((~threat).sum())}
    if not threat.any() or threat.all():
        return row
    weights = parcel_weights([image.parcel_id for image in images], _ROUNDS, seed)
    for fpr in _FPRS:
        rounds = []
        for counts in weights:
            drawn = np.repeat(np.arange(len(images)), counts)
            hit, rest = drawn[threat[drawn]], drawn[~threat[drawn]]
            rounds.append(recall_at_fpr(scores[hit], scores[rest], fpr) if len(hit) and len(rest) else float("nan"))
        row[f"{fpr:.0%}"] = interval(recall_at_fpr(scores[threat], scores[~threat], fpr), rounds).as_dict()
    return row


def _of_objects(images: Sequence[ScoredImage], seed: int) -> dict[str, Any]:
    benign = np.array([image.score for image in images if not len(image.truth_ids)], np.float64)
    if not len(benign):
        return {}
    limits = {fpr: threshold_at_fpr(benign, fpr) for fpr in _FPRS}
    best = [_best_scores(image) for image in images]
    weights = parcel_weights([image.parcel_id for image in images], _ROUNDS, seed)
    result: dict[str, Any] = {}
    for key in sorted({key for image in images for facts in image.truth_facts for key in facts}):
        values = sorted({facts[key] for image in images for facts in image.truth_facts if key in facts})
        if len(values) > 1:
            result[key] = {}
        for value in values if len(values) > 1 else ():
            chosen = [np.array([facts.get(key) == value for facts in image.truth_facts], bool) for image in images]
            objects = np.array([mask.sum() for mask in chosen], np.int64)
            row: dict[str, Any] = {"objects": int(objects.sum())}
            for fpr, limit in limits.items():
                hits = np.array([(scores[mask] >= limit).sum() for scores, mask in zip(best, chosen, strict=True)])
                totals = weights @ objects
                rounds = np.divide(weights @ hits, totals, out=np.full(len(totals), np.nan), where=totals > 0)
                row[f"{fpr:.0%}"] = interval(float(hits.sum() / objects.sum()), rounds.tolist()).as_dict()
            result[key][value] = row
    return result


def _best_scores(image: ScoredImage) -> FloatArray:
    """Return for each object the best score of a detection of its class that overlaps it enough; 0 without one."""
    overlap = intersection_over_union(image.truth_xyxy, image.found_xyxy) >= _IOU
    usable = overlap & (image.truth_ids[:, None] == image.found_ids[None])
    return np.asarray(np.max(usable * image.scores[None], axis=1, initial=0.0), np.float64)
