"""Chooses score calibration and alarm thresholds on a calibration split, each for a stated rate with a guarantee.

Scores first become chances: after calibration a score is the share of detections of its label, at that score, that
show a real object of the label on the calibration split. One limit on the chance then serves all labels.

The limit is chosen by conformal risk control (Angelopoulos, Bates, Fisch, Lei and Schuster, "Conformal Risk Control",
arXiv 2208.02814, 2022): with n parcels of the kind that the promise is about, of which k break it, the limit keeps
(k + 1) / (n + 1) at or below the stated rate. A new parcel that is exchangeable with them then breaks the promise with
at most that chance, on average over draws of the calibration split. Chances and limits are fitted on different halves
of the parcels: the guarantee needs scores that did not see the parcels they are judged on.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from detector.taxonomy import LABELS
from training.errors import EvaluationError
from training.metrics import FloatArray, LabelMatches, ScoredImage, match_labels

__all__ = [
    "PROMISES",
    "OperatingPoint",
    "Promise",
    "calibrated",
    "choose_points",
    "fit_calibration",
    "halves",
    "parcel_scores",
    "parse_promise",
]

Calibration = Mapping[str, tuple[float, float]]
_STEP: Final = 1e-6  # thresholds are kept with six decimals
_EDGE: Final = 1e-6
_SLOPES: Final = (0.2, 5.0)
# Strength of the pull towards the fit over all labels, in detections.
_PRIOR_DETECTIONS: Final = 50.0


@dataclass(frozen=True, slots=True)
class Promise:
    """What is asked of an operating point.

    Attributes:
        of: "false-alarm": benign parcels that alarm; "miss": parcels with a threat that do not.
        rate: highest share of them, 0..1.
    """

    of: Literal["false-alarm", "miss"]
    rate: float

    @property
    def parcels_needed(self) -> int:
        """The fewest calibration parcels with which it can be kept."""
        return math.ceil(1 / self.rate - 1 - 1e-9)


PROMISES: Final = {
    "low-alarm": Promise("false-alarm", 0.005),
    "balanced": Promise("false-alarm", 0.02),
    "high-recall": Promise("false-alarm", 0.10),
}


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Thresholds for one promise, and what they did on the parcels they were chosen on.

    Attributes:
        thresholds: label -> lowest score that alarms.
        promise: what was asked.
        parcels: how many of the kind that the promise is about it was chosen on.
        guaranteed: whether they were enough for the guarantee; if not, the limit lies above all of them.
        false_alarms_per_100: share of the benign parcels that alarm, in per cent.
        parcel_recall: share of the parcels with a threat that alarm.
    """

    thresholds: Mapping[str, float]
    promise: Promise
    parcels: int
    guaranteed: bool
    false_alarms_per_100: float
    parcel_recall: float

    @property
    def guarantee(self) -> str:
        """What may be said about a new parcel."""
        kind = "benign parcel alarms" if self.promise.of == "false-alarm" else "parcel with a threat does not alarm"
        if not self.guaranteed:
            return (
                f"none: at most {self.promise.rate:.2%} needs {self.promise.parcels_needed} calibration parcels, "
                f"there were {self.parcels}"
            )
        return (
            f"a {kind} with a chance of at most {self.promise.rate:.2%}, on average over calibration splits, if it is "
            f"exchangeable with the {self.parcels} it was chosen on: same scanners, settings and goods. "
            "Another scanner or other goods void it"
        )

    def as_dict(self) -> dict[str, object]:
        """Return what the card keeps beside the thresholds."""
        return {
            "promise": self.promise.of,
            "alpha": self.promise.rate,
            "parcels": self.parcels,
            "guaranteed": self.guaranteed,
            "guarantee": self.guarantee,
            "false_alarms_per_100": round(self.false_alarms_per_100, 4),
            "parcel_recall": round(self.parcel_recall, 4),
        }


def parse_promise(text: str) -> tuple[str, Promise]:
    """Return name and promise from a text such as "balanced=false-alarm:0.02" or "high-recall=miss:0.1".

    Raises:
        EvaluationError: it is not of that form.
    """
    name, _, rest = text.partition("=")
    of, _, number = rest.partition(":")
    try:
        rate = float(number)
    except ValueError:
        rate = math.nan
    if not name or of not in {"false-alarm", "miss"} or not 0.0 < rate < 1.0:
        raise EvaluationError(
            f"expected NAME=false-alarm:RATE or NAME=miss:RATE with a rate between 0 and 1, got {text!r}"
        )
    return name, Promise("miss" if of == "miss" else "false-alarm", rate)


def halves(images: Sequence[ScoredImage]) -> tuple[list[ScoredImage], list[ScoredImage]]:
    """Return the images of two halves of the parcels, drawn by the hash of the parcel's name."""
    parts: tuple[list[ScoredImage], list[ScoredImage]] = ([], [])
    for image in images:
        parts[hashlib.sha256(image.parcel_id.encode()).digest()[0] & 1].append(image)
    return parts


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
    images: Sequence[ScoredImage], promises: Mapping[str, Promise] = PROMISES
) -> dict[str, OperatingPoint]:
    """Return an operating point for each promise; `images` carry calibrated scores.

    Raises:
        EvaluationError: the split has no parcel of the kind that a promise is about, or too many threats show nothing.
    """
    threats, benign = parcel_scores(images)
    points = {}
    for name, promise in promises.items():
        about = benign if promise.of == "false-alarm" else threats
        if not len(about):
            kind = "benign parcel" if promise.of == "false-alarm" else "parcel with a threat"
            raise EvaluationError(f"no {kind} in the calibration split; render or import some to choose {name!r} on")
        allowed = math.floor(promise.rate * (len(about) + 1) - 1 + 1e-9)
        threshold = _limit(about, max(allowed, 0), promise, name)
        points[name] = OperatingPoint(
            thresholds=dict.fromkeys(LABELS, threshold),
            promise=promise,
            parcels=len(about),
            guaranteed=allowed >= 0,
            false_alarms_per_100=100 * float(np.mean(benign >= threshold)) if len(benign) else 0.0,
            parcel_recall=float(np.mean(threats >= threshold)) if len(threats) else 0.0,
        )
    return points


def _limit(scores: FloatArray, allowed: int, promise: Promise, name: str) -> float:
    """Return the threshold that lets at most `allowed` of the parcels break the promise, rounded to the safe side."""
    if promise.of == "false-alarm":
        # Strictly above the best score that must not alarm.
        worst = float(np.sort(scores)[::-1][min(allowed, len(scores) - 1)])
        return round(min(math.floor(worst / _STEP + 1) * _STEP, 1.0), 6)
    lowest = math.floor(float(np.sort(scores)[allowed]) / _STEP) * _STEP
    if lowest <= 0:
        raise EvaluationError(
            f"{name!r} cannot miss as few as {promise.rate:.2%}: in {np.mean(scores <= 0):.1%} of the parcels with a "
            "threat the model finds nothing at all; allow more misses"
        )
    return round(lowest, 6)


def fit_calibration(images: Sequence[ScoredImage]) -> dict[str, tuple[float, float]]:
    """Return label -> (a, b): sigmoid(a * logit(score) + b) is the chance that a detection is right.

    A detection is right when it overlaps an object of its label that no better one found by at least half (IoU).
    The chance is fitted for all labels together and for each (Platt, "Probabilistic outputs for support vector
    machines", 1999); labels with few detections are pulled towards all. Empty where nothing, or everything, is right.
    """
    matches = match_labels(images, len(LABELS))
    every = _Examples.of(matches)
    if not every.right.any() or every.right.all():
        return {}
    together = _fit(every, (1.0, 0.0), 1.0)
    result = {}
    for label, found in zip(LABELS, matches, strict=True):
        slope, offset = _fit(_Examples.of([found]), together, _PRIOR_DETECTIONS)
        result[label] = round(slope, 6), round(offset, 6)
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
