"""Chooses score calibration and alarm thresholds on a calibration split, for a stated number of false alarms.

Scores are first made comparable between labels, so that one noisy label does not decide the highest score of a view:
after it, equal scores of two labels mean equal chances of being right on the calibration split. The scale stays that
of the network's scores over all labels. One threshold then serves all labels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from detector.detector import MIN_SCORE
from detector.taxonomy import LABELS
from training.errors import EvaluationError
from training.metrics import FloatArray, LabelMatches, ScoredImage, match_labels, threshold_at_fpr

__all__ = ["BUDGETS", "OperatingPoint", "calibrated", "choose_points", "fit_calibration", "parcel_scores"]

Calibration = Mapping[str, tuple[float, float]]
# False alarms per 100 benign parcels.
BUDGETS: Final = {"low-alarm": 0.5, "balanced": 2.0, "high-recall": 10.0}
_EDGE: Final = 1e-6
_SLOPES: Final = (0.2, 5.0)
# Strength of the pull towards the fit over all labels, in detections.
_PRIOR_DETECTIONS: Final = 50.0


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Thresholds for one budget, and what they did on the split they were chosen on.

    Attributes:
        thresholds: label -> lowest score that alarms.
        budget_per_100: false alarms per 100 benign parcels that were asked for at most.
        false_alarms_per_100: measured on the same split.
        parcel_recall: share of the split's parcels with a threat that alarm.
        benign_parcels: how many the budget was measured on.
    """

    thresholds: Mapping[str, float]
    budget_per_100: float
    false_alarms_per_100: float
    parcel_recall: float
    benign_parcels: int


def parcel_scores(images: Sequence[ScoredImage]) -> tuple[FloatArray, FloatArray]:
    """Return the highest score of each parcel with a threat, and of each benign one, over all its views."""
    best: dict[str, float] = defaultdict(float)
    threat: dict[str, bool] = defaultdict(bool)
    for image in images:
        best[image.parcel_id] = max(best[image.parcel_id], image.score)
        threat[image.parcel_id] |= len(image.truth_ids) > 0
    with_threat = np.array([best[parcel] for parcel in best if threat[parcel]], np.float64)
    return with_threat, np.array([best[parcel] for parcel in best if not threat[parcel]], np.float64)


def choose_points(
    images: Sequence[ScoredImage], budgets_per_100: Mapping[str, float] = BUDGETS
) -> dict[str, OperatingPoint]:
    """Return an operating point for each budget; `images` carry calibrated scores.

    Raises:
        EvaluationError: the split has no benign parcel to measure false alarms on.
    """
    threats, benign = parcel_scores(images)
    if not len(benign):
        raise EvaluationError(
            "no benign parcel in the calibration split; render or import some to choose thresholds on"
        )
    points = {}
    for name, budget in budgets_per_100.items():
        # Rounded up, so that the card's decimals keep the promise.
        threshold = np.clip(np.ceil(threshold_at_fpr(benign, budget / 100) * 1e6) / 1e6, MIN_SCORE, 1.0)
        points[name] = OperatingPoint(
            thresholds=dict.fromkeys(LABELS, float(threshold)),
            budget_per_100=budget,
            false_alarms_per_100=100 * float(np.mean(benign >= threshold)),
            parcel_recall=float(np.mean(threats >= threshold)) if len(threats) else 0.0,
            benign_parcels=len(benign),
        )
    return points


def fit_calibration(images: Sequence[ScoredImage]) -> dict[str, tuple[float, float]]:
    """Return label -> (a, b): with sigmoid(a * logit(score) + b), equal scores are equally often right.

    A detection is right when it overlaps an object of its label that no better one found by at least half (IoU).
    The chance of being right is fitted for each label and for all together (Platt, "Probabilistic outputs for support
    vector machines", 1999); a label's chance is then expressed as the score that has it over all labels. Labels with
    few detections are pulled towards all. Empty where nothing, or everything, is right.
    """
    matches = match_labels(images, len(LABELS))
    every = _Examples.of(matches)
    if not every.right.any() or every.right.all():
        return {}
    slope, offset = _fit(every, (1.0, 0.0), 1.0)
    result = {}
    for label, found in zip(LABELS, matches, strict=True):
        own_slope, own_offset = _fit(_Examples.of([found]), (slope, offset), _PRIOR_DETECTIONS)
        result[label] = round(own_slope / slope, 6), round((own_offset - offset) / slope, 6)
    return result


def calibrated(images: Sequence[ScoredImage], calibration: Calibration) -> list[ScoredImage]:
    """Return the images with scores as a detector with this calibration gives them, best first."""
    slopes, offsets = np.array([calibration.get(label, (1.0, 0.0)) for label in LABELS], np.float64).T
    result = []
    for image in images:
        scores = _sigmoid(slopes[image.found_ids] * _logit(image.scores) + offsets[image.found_ids])
        order = np.argsort(-scores, kind="stable")
        result.append(
            replace(image, found_xyxy=image.found_xyxy[order], found_ids=image.found_ids[order], scores=scores[order])
        )
    return result


@dataclass(frozen=True, slots=True, eq=False)
class _Examples:
    logits: FloatArray
    right: FloatArray

    @classmethod
    def of(cls, matches: Sequence[LabelMatches]) -> _Examples:
        scores = np.concatenate([match.scores for match in matches])
        right = np.concatenate([match.hit[0] for match in matches])
        return cls(_logit(scores), right.astype(np.float64))


def _fit(examples: _Examples, start: tuple[float, float], prior: float) -> tuple[float, float]:
    """Fit slope and offset by penalised logistic regression; the slope stays within bounds that keep the order."""
    centre = np.array(start)
    values = centre.copy()
    design = np.stack([examples.logits, np.ones_like(examples.logits)], axis=1)
    # The pull weighs as much as `prior` detections of middling score.
    pull = np.diag([prior * 0.25, prior * 0.25])
    for _ in range(50):
        chance = _sigmoid(design @ values)
        gradient = design.T @ (chance - examples.right) + pull @ (values - centre)
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design + pull
        step = np.linalg.solve(curvature, gradient)
        values -= np.clip(step, -1.0, 1.0)
        values[0] = np.clip(values[0], *_SLOPES)
        if np.abs(step).max() < 1e-9:
            break
    return float(values[0]), float(values[1])


def _logit(score: FloatArray) -> FloatArray:
    inside = np.clip(score, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside) - np.log1p(-inside), np.float64)


def _sigmoid(value: FloatArray) -> FloatArray:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(value, -500, 500))), np.float64)
