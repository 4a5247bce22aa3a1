"""What an operating point means for the people who open parcels: alarms, misses, and what an alarm is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any, Final

import numpy as np

from detector.taxonomy import LABELS
from training.metrics import FloatArray, Interval, ScoredImage, interval, parcel_weights

__all__ = ["BASE_RATE", "positive_predictive_value", "rates_at", "sensitivity_index"]

# Parcels with a firearm, part or ammunition among parcels picked for control; Operation Armstrong VII: 19 of 42,124.
BASE_RATE: Final = 4.5e-4
_ROUNDS: Final = 1000
_z: Final = NormalDist().inv_cdf


def positive_predictive_value(recall: float, false_alarm_rate: float, base_rate: float) -> float:
    """Return the share of alarms that are right where `base_rate` of all parcels hold a threat.

    Example:
        >>> round(positive_predictive_value(0.7776, 0.0198, 4.5e-4), 3)
        0.017
    """
    right, wrong = recall * base_rate, false_alarm_rate * (1 - base_rate)
    return right / (right + wrong) if right + wrong else float("nan")


def sensitivity_index(recall: float, false_alarm_rate: float) -> float:
    """Return d' = z(recall) - z(false alarm rate); both rates strictly between 0 and 1."""
    return _z(recall) - _z(false_alarm_rate)


def rates_at(
    images: Sequence[ScoredImage], thresholds: Mapping[str, float], seed: int, base_rate: float
) -> dict[str, Any]:
    """Return rates of parcels, as the service decides, with bootstrap intervals over parcels.

    d' and the predictive value are taken from (k + 0.5) / (n + 1) instead of k / n, so that a split without a single
    false alarm or miss does not claim perfection (Hautus, "Corrections for extreme proportions", 1995).
    """
    limits = np.array([thresholds.get(label, 1.1) for label in LABELS], np.float64)
    alarms: dict[str, tuple[bool, bool]] = {}
    for image in images:
        alarm = bool((image.scores >= limits[image.found_ids]).any())
        before, threat = alarms.get(image.parcel_id, (False, False))
        alarms[image.parcel_id] = (before or alarm, threat or len(image.truth_ids) > 0)
    alarm_of, threat_of = (np.array(column, bool) for column in zip(*alarms.values(), strict=True))
    drawn = parcel_weights([str(index) for index in range(len(alarm_of))], _ROUNDS, seed)
    drawn = np.vstack([np.ones(len(alarm_of), np.int64), drawn])  # the first row is the data as they are

    result: dict[str, Any] = {"parcels_with_threat": int(threat_of.sum()), "parcels_without": int((~threat_of).sum())}
    if threat_of.any():
        recall = _share(alarm_of, threat_of, drawn, 0.0)
        result["parcel_recall"] = _row(recall).as_dict()
    if not threat_of.all():
        false = _share(alarm_of, ~threat_of, drawn, 0.0)
        result["false_alarms_per_100_parcels"] = _row(100 * false).as_dict()
    if threat_of.any() and not threat_of.all():
        pairs = list(
            zip(_share(alarm_of, threat_of, drawn, 0.5), _share(alarm_of, ~threat_of, drawn, 0.5), strict=True)
        )
        worth = [positive_predictive_value(r, f, base_rate) for r, f in pairs]
        result["positive_predictive_value"] = {"base_rate": base_rate, **_row(np.array(worth)).as_dict()}
        result["d_prime"] = _row(np.array([sensitivity_index(r, f) for r, f in pairs])).as_dict()
    return result


def _share(alarm: Any, kind: Any, drawn: Any, correction: float) -> FloatArray:  # noqa: ANN401
    total = (drawn * kind).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(((drawn * (kind & alarm)).sum(axis=1) + correction) / (total + 2 * correction), np.float64)


def _row(values: FloatArray) -> Interval:
    return interval(float(values[0]), values[1:].tolist())
