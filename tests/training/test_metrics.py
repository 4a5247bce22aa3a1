from __future__ import annotations

import contextlib
import io
from collections.abc import Callable

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from training.metrics import (
    ScoredImage,
    average_precision,
    interval,
    match_labels,
    parcel_weights,
    recall_at_fpr,
    threshold_at_fpr,
)

Make = Callable[..., ScoredImage]
BOX = (10.0, 10.0, 30.0, 30.0)
AWAY = (60.0, 60.0, 80.0, 80.0)


def test_average_precision_by_hand(scored: Make) -> None:
    # Best first: hit, miss, hit; two objects. Precision 1 up to recall 1/2, then 2/3: (51 + 50 * 2/3) / 101.
    images = [
        scored("a", [(BOX, 0)], [(BOX, 0, 0.9), (AWAY, 0, 0.8)]),
        scored("b", [(BOX, 0)], [(BOX, 0, 0.7)]),
    ]
    (matches,) = match_labels(images, 1)
    np.testing.assert_allclose(average_precision(matches), (51 + 50 * 2 / 3) / 101)


def test_a_second_box_on_one_object_is_a_miss(scored: Make) -> None:
    (matches,) = match_labels([scored("a", [(BOX, 0)], [(BOX, 0, 0.9), (BOX, 0, 0.8)])], 1)
    assert matches.hit[0].tolist() == [True, False]


def test_nothing_found_and_nothing_there(scored: Make) -> None:
    nothing_found, nothing_there = match_labels([scored("a", [(BOX, 0)])], 2)
    assert average_precision(nothing_found).tolist() == [0.0] * 10
    assert np.isnan(average_precision(nothing_there)).all()


def random_images(scored: Make, count: int = 40) -> list[ScoredImage]:
    rng = np.random.default_rng(3)
    images = []
    for number in range(count):
        corner = rng.uniform(0, 60, (4, 2))
        boxes = np.hstack([corner, corner + rng.uniform(10, 30, (4, 2))])
        truth = [(tuple(box), int(rng.integers(0, 3))) for box in boxes[: rng.integers(0, 4)]]
        near = [(tuple(np.array(box) + rng.normal(0, 2, 4)), label, rng.uniform()) for box, label in truth]
        wrong = [(tuple(boxes[3]), int(rng.integers(0, 3)), rng.uniform())]
        images.append(scored(str(number), truth, near + wrong))
    return images


def test_average_precision_is_that_of_pycocotools(scored: Make) -> None:
    images = random_images(scored)
    truth, found = COCO(), []
    truth.dataset = {"info": {}, "images": [{"id": n} for n in range(len(images))], "annotations": []}
    truth.dataset["categories"] = [{"id": label} for label in range(3)]
    for number, image in enumerate(images):
        for box, label in zip(image.truth_xyxy, image.truth_ids, strict=True):
            xywh = [*box[:2], *(box[2:] - box[:2])]
            entry = {"image_id": number, "category_id": int(label), "bbox": xywh, "area": 1.0, "iscrowd": 0}
            truth.dataset["annotations"].append({"id": len(truth.dataset["annotations"]) + 1, **entry})
        for box, label, score in zip(image.found_xyxy, image.found_ids, image.scores, strict=True):
            xywh = [*box[:2], *(box[2:] - box[:2])]
            found.append({"image_id": number, "category_id": int(label), "bbox": xywh, "score": score})
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        expected = COCOeval(truth, truth.loadRes(found), "bbox")
        expected.evaluate()
        expected.accumulate()
    for label, matches in enumerate(match_labels(images, 3)):
        theirs = expected.eval["precision"][:, :, label, 0, 2].mean(axis=1)
        assert theirs[0] > 0.3
        np.testing.assert_allclose(average_precision(matches), theirs, atol=1e-12)


def test_counting_an_image_twice_is_having_it_twice(scored: Make) -> None:
    images = random_images(scored, 10)
    weights = np.array([2, 0, 1, 1, 3, 1, 0, 1, 1, 1])
    repeated = [image for image, times in zip(images, weights, strict=True) for _ in range(times)]
    for one, other in zip(match_labels(images, 3), match_labels(repeated, 3), strict=True):
        np.testing.assert_allclose(average_precision(one, weights), average_precision(other), atol=1e-12)


@pytest.mark.parametrize("fpr", [0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5])
def test_recall_at_a_share_of_false_alarms_against_its_definition(fpr: float) -> None:
    rng = np.random.default_rng(8)
    negatives, positives = rng.uniform(0, 0.8, 138).round(2), rng.uniform(0.1, 1.0, 71).round(2)
    # Definition: the largest recall of all thresholds that let at most the share of negatives through.
    allowed = [t + 1e-9 for t in [0.0, *negatives, *positives] if np.mean(negatives >= t + 1e-9) <= fpr]
    expected = max(float(np.mean(positives >= t)) for t in allowed)
    assert recall_at_fpr(positives, negatives, fpr) == expected
    assert np.mean(negatives >= threshold_at_fpr(negatives, fpr)) <= fpr


def test_recall_without_positives_or_negatives() -> None:
    some = np.array([0.5])
    assert recall_at_fpr(np.empty(0), some, 0.1) == 0.0
    assert recall_at_fpr(some, np.empty(0), 0.1) == 0.0


def test_parcels_are_drawn_whole_and_the_same_way_each_time() -> None:
    parcels = ["a", "a", "b", "c", "c", "c"]
    weights = parcel_weights(parcels, 50, seed=5)
    assert (weights == parcel_weights(parcels, 50, seed=5)).all()
    assert (weights != parcel_weights(parcels, 50, seed=6)).any()
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 3] == weights[:, 5]).all()
    assert (weights[:, [0, 2, 3]].sum(axis=1) == 3).all()


def test_an_interval_covers_the_middle_of_its_rounds() -> None:
    got = interval(0.5, [*np.linspace(0, 1, 1001), float("nan")])
    assert (got.low, got.high) == pytest.approx((0.025, 0.975))
    assert interval(0.5, []).as_dict() == {"value": 0.5, "low": 0.5, "high": 0.5}
