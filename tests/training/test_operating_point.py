from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.taxonomy import LABELS
from training.errors import EvaluationError
from training.metrics import ScoredImage, match_labels
from training.operating_point import (
    Promise,
    calibrated,
    choose_points,
    fit_calibration,
    halves,
    parcel_scores,
    parse_promise,
)
from training.reliability import draw_reliability, reliability

Make = Callable[..., ScoredImage]
BOX = (10.0, 10.0, 30.0, 30.0)


def split_of(scored: Make, benign: int = 230, threats: int = 90) -> list[ScoredImage]:
    rng = np.random.default_rng(2)
    images = [scored(f"b{n}", [], [(BOX, 3, float(rng.beta(1, 6)))]) for n in range(benign)]
    return images + [scored(f"t{n}", [(BOX, 0)], [(BOX, 0, float(rng.beta(3, 2)))]) for n in range(threats)]


@pytest.mark.parametrize("rate", [0.005, 0.02, 0.05, 0.333])
def test_a_point_allows_as_many_false_alarms_as_its_guarantee_and_no_fewer(scored: Make, rate: float) -> None:
    images = split_of(scored)
    point = choose_points(images, {"balanced": Promise("false-alarm", rate)})["balanced"]
    _, benign = parcel_scores(images)
    alarms = int((benign >= point.thresholds["handgun"]).sum())
    assert (alarms + 1) / (len(benign) + 1) <= rate < (alarms + 2) / (len(benign) + 1)
    assert point.guaranteed
    assert point.false_alarms_per_100 == pytest.approx(100 * alarms / len(benign))
    assert set(point.thresholds) == set(LABELS)


@pytest.mark.parametrize(("of", "rate"), [("false-alarm", 0.05), ("miss", 0.2)])
def test_new_parcels_of_the_same_kind_break_the_promise_no_more_often_than_stated(of: str, rate: float) -> None:
    rng = np.random.default_rng(5)
    promise = parse_promise(f"p={of}:{rate}")[1]
    broken = []
    for _ in range(400):
        scores = rng.beta(2, 4, 60)  # 60 parcels of the kind, 59 to choose on and one to judge
        truth = np.array([[1.0, 1, 9, 9]]) if of == "miss" else np.empty((0, 4))
        images = [
            ScoredImage(str(n), str(n), "", truth, np.zeros(len(truth), int), np.ones((1, 4)), np.zeros(1, int), score)
            for n, score in enumerate(scores[:-1, None])
        ]
        limit = choose_points(images, {"p": promise})["p"].thresholds["handgun"]
        broken.append((scores[-1] >= limit) == (of == "false-alarm"))
    assert rate / 3 < np.mean(broken) < rate + 3 * (rate * (1 - rate) / 400) ** 0.5


def test_too_few_parcels_for_a_guarantee_are_said_and_none_of_them_alarms(scored: Make) -> None:
    images = split_of(scored, benign=40)
    point = choose_points(images)["low-alarm"]
    assert not point.guaranteed
    assert point.false_alarms_per_100 == 0.0
    assert "needs 199 calibration parcels, there were 40" in point.guarantee
    exact = choose_points(split_of(scored, benign=199))["low-alarm"]
    assert exact.guaranteed
    assert "exchangeable with the 199" in exact.guarantee


def test_a_promise_about_misses_cannot_be_kept_where_the_model_finds_nothing(scored: Make) -> None:
    images = [scored(f"t{n}", [(BOX, 0)], [(BOX, 0, 0.5)] if n > 20 else []) for n in range(60)]
    assert choose_points(images, {"p": Promise("miss", 0.4)})["p"].parcel_recall == pytest.approx(39 / 60)
    with pytest.raises(EvaluationError, match=r"35\.0% of the parcels"):
        choose_points(images, {"p": Promise("miss", 0.3)})


@pytest.mark.parametrize("text", ["", "p", "p=miss", "p=miss:0", "p=miss:1", "p=alarm:0.1", "=miss:0.1", "p=miss:nan"])
def test_a_promise_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(EvaluationError, match="expected NAME="):
        parse_promise(text)


def test_no_parcel_is_in_both_halves(scored: Make) -> None:
    images = [scored(f"{parcel}-{view}", parcel=f"p{parcel}") for parcel in range(60) for view in ("top", "side")]
    one, other = halves(images)
    assert len(one) + len(other) == 120
    assert 30 < len(one) < 90
    assert not {image.parcel_id for image in one} & {image.parcel_id for image in other}


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
    # A score is now a chance.
    before, now = reliability(images), reliability(after)
    assert before["labels"]["cartridge"]["ece"] > 0.3
    assert now["labels"]["cartridge"]["ece"] < 0.05
    assert now["ece"] < 0.04


def test_calibration_without_right_detections_is_none(scored: Make) -> None:
    assert fit_calibration([scored("a", [], [(BOX, 0, 0.5)])]) == {}


def test_a_reliability_diagram_is_drawn(scored: Make, tmp_path: Path) -> None:
    draw_reliability(reliability(split_of(scored)), tmp_path / "diagram.png", "made of numbers")
    picture = cv2.imread(str(tmp_path / "diagram.png"))
    assert picture is not None
    assert picture.std() > 10
