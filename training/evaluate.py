"""Measures a model file on one split of a catalogue, or on plain COCO data, and says so in JSON.

Rendered and real images never share a figure: a report is about one catalogue of one kind, or about one COCO file.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from datasets.catalogue import Catalogue
from datasets.records import Split
from detector import __version__
from detector.boxes import intersection_over_union
from detector.detector import Detector
from detector.taxonomy import LABELS, Group
from training.breakdown import breakdown
from training.failures import failure_sheets
from training.looking import GROUPS, best_of_each, by_group, look_at_catalogue, look_at_coco
from training.metrics import (
    FloatArray,
    IntArray,
    ScoredImage,
    average_precision,
    interval,
    match_labels,
    parcel_weights,
    recall_at_fpr,
    resampled,
    threshold_at_fpr,
)
from training.rates import BASE_RATE, rates_at
from training.reliability import draw_reliability, reliability

__all__ = ["FPRS", "evaluate_catalogue", "evaluate_coco", "figures", "weighted_recall"]

FPRS: Final = (0.01, 0.02, 0.05, 0.10, 0.20)
_BOX_FPR: Final = 0.02
_ROUNDS: Final = 1000
_AP_ROUNDS: Final = 200


def evaluate_catalogue(
    detector: Detector,
    catalogue: Catalogue,
    split: Split,
    *,
    command: str = "",
    seed: int = 0,
    most: int = 0,
    base_rate: float = BASE_RATE,
    by_label: bool = True,
    pictures: Path | None = None,
) -> dict[str, Any]:
    """Return the report of a model on one split of a catalogue.

    Args:
        detector: the model.
        catalogue: the data.
        split: of the catalogue.
        command: how the report can be made again.
        seed: of the bootstrap.
        most: look at no more images than this; 0: all.
        base_rate: share of parcels with a threat, for the predictive value.
        by_label: measure labels too, not groups alone.
        pictures: write failure sheets and the reliability diagram into this folder.

    Raises:
        EvaluationError: the split is empty.
        CatalogueError: the split holds rendered and real images.
    """
    kind = catalogue.one_source_kind(split)
    images = look_at_catalogue(detector, catalogue, split, most=most)
    info = catalogue.info
    report = _head(detector, command, seed)
    report["data"] = {
        "name": info.name,
        "version": catalogue.version,
        "kind": kind,
        "research_only": info.research_only,
        "licence": info.licence,
        "split": split,
        **_sizes(images),
    }
    grouped = by_group(images)
    report.update(figures(images, LABELS, seed) if by_label else figures(grouped, GROUPS, seed))
    if by_label:
        report["reliability"] = reliability(images)
    report["groups"] = _per_class(grouped, [group.value for group in GROUPS], seed)
    report["operating_points"] = {
        name: rates_at(images, detector.thresholds(name), seed, base_rate) for name in detector.card.thresholds
    }
    report["breakdown"] = breakdown(images if by_label else grouped, seed)
    if pictures is not None:
        failure_sheets(images, LABELS, pictures)
        if by_label:
            draw_reliability(report["reliability"], pictures / "reliability.png", f"{info.name}, {split}")
    return report


def evaluate_coco(
    detector: Detector,
    coco: Path,
    images: Path,
    group_of_category: dict[int, Group],
    *,
    name: str | None = None,
    command: str = "",
    seed: int = 0,
    pictures: Path | None = None,
) -> dict[str, Any]:
    """Return the report of a model on real images in a plain COCO file, source by source; pixels only into `pictures`.

    Raises:
        EvaluationError: the file is not COCO or lists no image.
    """
    looked = look_at_coco(detector, coco, images, group_of_category)
    report = _head(detector, command, seed)
    report["data"] = {"name": name or coco.stem, "kind": "real", "split": "all", **_sizes(looked)}
    report["sources"] = {}
    for source in sorted({image.slice_of for image in looked}):
        part = [image for image in looked if image.slice_of == source]
        if any(len(image.truth_ids) for image in part):
            singled = [best_of_each(image) for image in part]
            report["sources"][source] = {**_sizes(part), **figures(singled, GROUPS, seed), "boxes": _boxes_found(part)}
            report["sources"][source]["breakdown"] = breakdown(part, seed)
    if pictures is not None:
        failure_sheets(looked, GROUPS, pictures)
    return report


def figures(images: Sequence[ScoredImage], names: Sequence[str], seed: int) -> dict[str, Any]:
    """Return per-class precision, and recall of images with a threat at fixed shares of false alarms."""
    parts = sorted({image.slice_of for image in images})
    recall = {"all": _image_recall(images, seed)}
    if len(parts) > 1:
        recall |= {part: _image_recall([image for image in images if image.slice_of == part], seed) for part in parts}
    for group in GROUPS if names is LABELS else ():
        recall[group.value] = _image_recall(_only_with(images, group), seed)
    return {
        "classes": _per_class(images, [str(name) for name in names], seed),
        "image_recall_at_fpr": recall,
    }


def _head(detector: Detector, command: str, seed: int) -> dict[str, Any]:
    card = detector.card
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "software": f"parcelray {__version__}",
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        "command": command,
        "model": {
            "name": card.name,
            "version": card.version,
            "exported": card.created,
            "sha256": detector.model_sha256,
            "input_size_px": card.input_size_px,
            "trained_on": card.data_version,
        },
        "method": {
            "average_precision": "COCO, 101 points, 100 detections an image and class, scores from 0.005",
            "image_score": "highest score of any detection",
            "threshold_at_fpr": "lowest threshold at which at most that share of images without a threat alarms",
            "d_prime_and_predictive_value": "from (k + 0.5) / (n + 1) instead of k / n",
            "reliability": "detections from 0.05; right: overlaps an object of its label by half; 10 bins",
            "intervals": f"bootstrap over parcels, 95 %, {_ROUNDS} rounds ({_AP_ROUNDS} for average precision)",
            "seed": seed,
        },
    }


def _sizes(images: Sequence[ScoredImage]) -> dict[str, int]:
    return {
        "images": len(images),
        "parcels": len({image.parcel_id for image in images}),
        "images_with_threat": sum(len(image.truth_ids) > 0 for image in images),
        "objects": sum(len(image.truth_ids) for image in images),
    }


def _per_class(images: Sequence[ScoredImage], names: Sequence[str], seed: int) -> dict[str, Any]:
    weights = parcel_weights([image.parcel_id for image in images], _AP_ROUNDS, seed)
    matches = match_labels(images, len(names))
    present = [label for label, match in enumerate(matches) if match.objects.sum()]
    result: dict[str, Any] = {}
    rounds = np.full((len(names), _AP_ROUNDS, 2), np.nan)
    for label in present:
        precision = average_precision(matches[label])
        for turn, row in enumerate(weights):
            at = average_precision(matches[label], row)
            rounds[label, turn] = at[0], at.mean()
        result[names[label]] = {
            "objects": int(matches[label].objects.sum()),
            "images": int((matches[label].objects > 0).sum()),
            "ap50": interval(float(precision[0]), rounds[label, :, 0].tolist()).as_dict(),
            "ap50_95": interval(float(precision.mean()), rounds[label, :, 1].tolist()).as_dict(),
        }
    if present:
        for key, column in (("ap50", 0), ("ap50_95", 1)):
            mean = float(np.mean([result[names[label]][key]["value"] for label in present]))
            result.setdefault("mean", {})[key] = interval(
                mean, rounds[present, :, column].mean(axis=0).tolist()
            ).as_dict()
    return result


def _image_recall(images: Sequence[ScoredImage], seed: int) -> dict[str, Any]:
    scores = np.array([image.score for image in images], np.float64)
    threat = np.array([len(image.truth_ids) > 0 for image in images], bool)
    result: dict[str, Any] = {"images_with_threat": int(threat.sum()), "images_without": int((~threat).sum())}
    if not threat.any() or threat.all():
        return result
    weights = parcel_weights([image.parcel_id for image in images], _ROUNDS, seed)
    for fpr in FPRS:
        rounds = resampled(lambda row, fpr=fpr: weighted_recall(scores, threat, row, fpr), weights)  # type: ignore[misc]
        value = recall_at_fpr(scores[threat], scores[~threat], fpr)
        result[f"{fpr:.0%}"] = interval(value, rounds).as_dict()
    return result


def weighted_recall(scores: FloatArray, threat: Any, weights: IntArray, fpr: float) -> float:  # noqa: ANN401
    """Return the recall of images with a threat at a share of false alarms, each image counted `weights` times."""
    repeated = np.repeat(np.arange(len(scores)), weights)
    positives, negatives = repeated[threat[repeated]], repeated[~threat[repeated]]
    if not len(positives) or not len(negatives):
        return float("nan")
    return recall_at_fpr(scores[positives], scores[negatives], fpr)


def _only_with(images: Sequence[ScoredImage], group: Group) -> list[ScoredImage]:
    """Return the images that hold an object of the group, and those without any threat."""
    kept = by_group(images)
    index = GROUPS.index(group)
    return [
        image
        for image, grouped in zip(images, kept, strict=True)
        if not len(grouped.truth_ids) or index in grouped.truth_ids
    ]


def _boxes_found(images: Sequence[ScoredImage]) -> dict[str, Any]:
    """Return the share of objects that a detection of their group overlaps, at 2 % false alarms of images."""
    threshold = threshold_at_fpr(np.array([image.score for image in images if not len(image.truth_ids)]), _BOX_FPR)
    objects, hits = 0, {0.3: 0, 0.5: 0}
    for image in images:
        overlap = intersection_over_union(image.truth_xyxy, image.found_xyxy)
        usable = (image.truth_ids[:, None] == image.found_ids[None]) & (image.scores >= threshold)[None]
        best = np.max(overlap * usable, axis=1, initial=0.0)
        objects += len(best)
        for iou in hits:
            hits[iou] += int((best >= iou).sum())
    return {"at_fpr": _BOX_FPR, "objects": objects} | {
        f"found_iou_{iou}": round(count / max(objects, 1), 4) for iou, count in hits.items()
    }
