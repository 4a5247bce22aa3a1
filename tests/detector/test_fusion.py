from __future__ import annotations

import numpy as np
import pytest

from detector.fusion import UNSEEN, fuse
from detector.yolo_head import Decoded


def look(*found: tuple[tuple[float, float, float, float], int, float]) -> Decoded:
    return (
        np.array([box for box, _, _ in found], np.float64).reshape(-1, 4),
        np.array([label for _, label, _ in found], np.int64),
        np.array([score for _, _, score in found], np.float64),
    )


def odds(score: float) -> float:
    return score / (1 - score)


BOX = (10.0, 10.0, 50.0, 30.0)
NEAR = (12.0, 10.0, 52.0, 30.0)
FAR = (60.0, 60.0, 90.0, 90.0)


def test_what_all_looks_see_keeps_its_score_and_what_one_sees_loses() -> None:
    boxes, labels, scores = fuse([look((BOX, 3, 0.8), (FAR, 3, 0.6)), look((NEAR, 3, 0.8))])
    assert labels.tolist() == [3, 3]
    assert scores[0] == pytest.approx(0.8)
    assert odds(scores[1]) == pytest.approx(np.sqrt(odds(0.6) * odds(UNSEEN)))
    np.testing.assert_allclose(boxes[0], (11.0, 10.0, 51.0, 30.0))  # equal scores: the mean
    np.testing.assert_allclose(boxes[1], FAR)


def test_odds_are_averaged_and_boxes_weighed_by_score() -> None:
    boxes, _, scores = fuse([look((BOX, 0, 0.9)), look((NEAR, 0, 0.3))])
    assert odds(scores[0]) == pytest.approx(np.sqrt(odds(0.9) * odds(0.3)))
    assert boxes[0, 0] == pytest.approx(10.5)


def test_labels_vote_apart_and_a_look_votes_once() -> None:
    _, labels, scores = fuse([look((BOX, 1, 0.9), (NEAR, 1, 0.7)), look((BOX, 2, 0.9))])
    assert sorted(labels.tolist()) == [1, 2]
    assert scores.max() == pytest.approx(scores.min())
    assert odds(scores[0]) == pytest.approx(np.sqrt(odds(0.9) * odds(UNSEEN)))


def test_the_order_of_looks_does_not_matter_and_one_look_stays_as_it_is() -> None:
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 80, (2, 40, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(5, 40, (2, 40, 2))], axis=2)
    scores = -np.sort(-rng.uniform(UNSEEN, 1, (2, 40)), axis=1)
    labels = rng.integers(0, 3, (2, 40))
    first, second = ((boxes[n], labels[n], scores[n]) for n in (0, 1))
    for forth, back in zip(fuse([first, second]), fuse([second, first]), strict=True):
        np.testing.assert_allclose(forth, back)
    alone = look((BOX, 1, 0.9), (FAR, 0, 0.2))
    for before, after in zip(alone, fuse([alone]), strict=True):
        np.testing.assert_allclose(before, after)


def test_nothing_and_a_flood_are_answered() -> None:
    boxes, labels, scores = fuse([look(), look()])
    assert (boxes.shape, labels.shape, scores.shape) == ((0, 4), (0,), (0,))
    flood = look(*[((float(n % 50), 0.0, n % 50 + 40.0, 40.0 + n % 7), n % 12, 0.9) for n in range(3000)])
    boxes, labels, scores = fuse([flood, flood])
    assert 0 < len(boxes) <= 600
    assert np.isfinite(boxes).all()
