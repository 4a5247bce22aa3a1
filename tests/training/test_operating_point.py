from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from detector.taxonomy import LABELS
from training.errors import EvaluationError
from training.metrics import ScoredImage, match_labels
from training.operating_point import calibrated, choose_points, fit_calibration, parcel_scores

Make = Callable[..., ScoredImage]
BOX = (10.0, 10.0, 30.0, 30.0)


def split_of(scored: Make, benign: int = 230, threats: int = 90) -> list[ScoredImage]:
    rng = np.random.default_rng(2)
    images = [scored(f"b{n}", [], [(BOX, 3, float(rng.beta(1, 6)))]) for n in range(benign)]
    return images + [scored(f"t{n}", [(BOX, 0)], [(BOX, 0, float(rng.beta(3, 2)))]) for n in range(threats)]


@pytest.mark.parametrize("budget", [0.4, 0.5, 2.0, 5.0, 33.3])
def test_a_point_keeps_its_budget_and_would_not_one_step_lower(scored: Make, budget: float) -> None:
    images = split_of(scored)
    point = choose_points(images, {"balanced": budget})["balanced"]
    _, benign = parcel_scores(images)
    assert point.false_alarms_per_100 <= budget
    assert point.false_alarms_per_100 == 100 * np.mean(benign >= point.thresholds["handgun"])
    # The best benign parcel below the threshold would break the budget.
    assert 100 * np.mean(benign >= benign[benign < point.thresholds["handgun"]].max()) > budget
    assert set(point.thresholds) == set(LABELS)


def test_more_false_alarms_allowed_means_more_found(scored: Make) -> None:
    points = choose_points(split_of(scored))
    recalls = [points[name].parcel_recall for name in ("low-alarm", "balanced", "high-recall")]
    assert recalls == sorted(recalls)
    assert recalls[0] < recalls[2]


def test_a_parcel_scores_as_its_worst_view(scored: Make) -> None:
    views = [
        scored("top", [], [(BOX, 0, 0.2)], parcel="p"),
        scored("side", [(BOX, 0)], [(BOX, 0, 0.6)], parcel="p"),
        scored("other", [], [], parcel="q"),
    ]
    threats, benign = parcel_scores(views)
    assert (threats.tolist(), benign.tolist()) == ([0.6], [0.0])


def test_a_split_without_benign_parcels_is_refused(scored: Make) -> None:
    with pytest.raises(EvaluationError, match="no benign parcel"):
        choose_points([scored("a", [(BOX, 0)])])


def test_calibration_brings_a_noisy_label_down(scored: Make) -> None:
    rng = np.random.default_rng(0)
    images = []
    for number in range(400):
        score = float(rng.uniform(0.05, 0.95))
        right = rng.uniform() < score  # handgun: right as often as it says
        images.append(scored(f"h{number}", [(BOX, 0)] if right else [], [(BOX, 0, score)]))
        score = float(rng.uniform(0.05, 0.95))
        right = rng.uniform() < score / 6  # cartridge: six times too sure
        images.append(scored(f"c{number}", [(BOX, 10)] if right else [], [(BOX, 10, score)]))
    after = calibrated(images, fit_calibration(images))
    both = calibrated([scored("x", [], [(BOX, 10, 0.7), (BOX, 0, 0.5)])], fit_calibration(images))[0]
    assert both.found_ids.tolist() == [0, 10]  # now in the right order
    ranked = [match_labels(list(part), 11) for part in (images, after)]
    for raw, fixed in zip(*ranked, strict=True):
        # Within a label nothing changes places.
        assert (raw.images == fixed.images).all()
    chances = {label: (ranked[1][LABELS.index(label)].scores > 0.5).mean() for label in ("handgun", "cartridge")}
    assert chances["handgun"] > 0.4
    assert chances["cartridge"] < 0.1


def test_calibration_without_right_detections_is_none(scored: Make) -> None:
    assert fit_calibration([scored("a", [], [(BOX, 0, 0.5)])]) == {}
