from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.errors import InferenceError
from detector.yolo_head import decode_output, suppress

SIZE = (100, 100)


def _raw(rows: list[list[float]]) -> NDArray[np.float32]:
    return np.array(rows, np.float32).T[None]


def _floors(*values: float) -> NDArray[np.float64]:
    return np.array(values, np.float64)


def test_raw_head_turns_centres_into_corners() -> None:
    boxes, labels, scores = decode_output(_raw([[50, 40, 20, 10, 0.1, 0.9]]), "raw", _floors(0.2, 0.2), SIZE)
    np.testing.assert_allclose(boxes, [[40, 35, 60, 45]])
    assert labels.tolist() == [1]
    assert scores == pytest.approx([0.9])


def test_raw_head_lets_one_anchor_speak_for_two_labels() -> None:
    _, labels, scores = decode_output(_raw([[50, 40, 20, 10, 0.4, 0.6]]), "raw", _floors(0.3, 0.3), SIZE)
    assert labels.tolist() == [1, 0]
    assert scores == pytest.approx([0.6, 0.4])


def test_each_label_has_its_own_floor() -> None:
    output = _raw([[50, 40, 20, 10, 0.4, 0.4]])
    assert decode_output(output, "raw", _floors(0.5, 0.3), SIZE)[1].tolist() == [1]


def test_raw_head_suppresses_within_a_label_only() -> None:
    output = _raw(
        [[50, 50, 20, 20, 0.9, 0], [51, 50, 20, 20, 0.8, 0], [50, 50, 20, 20, 0, 0.7], [80, 80, 9, 9, 0.6, 0]]
    )
    boxes, labels, scores = decode_output(output, "raw", _floors(0.1, 0.1), SIZE)
    assert labels.tolist() == [0, 1, 0]
    assert scores == pytest.approx([0.9, 0.7, 0.6])
    np.testing.assert_allclose(boxes[2], [75.5, 75.5, 84.5, 84.5])


def test_end_to_end_head_is_taken_as_it_is() -> None:
    output = np.array([[[10, 10, 30, 40, 0.9, 1], [11, 10, 30, 40, 0.5, 1], [0, 0, 0, 0, 0, 0]]], np.float32)
    boxes, labels, scores = decode_output(output, "end_to_end", _floors(0.01, 0.01), SIZE)
    np.testing.assert_allclose(boxes, [[10, 10, 30, 40], [11, 10, 30, 40]])
    assert labels.tolist() == [1, 1]
    assert scores == pytest.approx([0.9, 0.5])


@pytest.mark.parametrize("head", ["raw", "end_to_end"])
def test_boxes_are_clipped_to_the_canvas_and_empty_ones_dropped(head: str) -> None:
    if head == "raw":
        rows = [[0, 0, 20, 20, 0.9], [150, 50, 20, 20, 0.9], [50, 50, 0, 5, 0.9]]
        boxes, _, _ = decode_output(_raw(rows), "raw", _floors(0.1), SIZE)
    else:
        rows = [[-10, -10, 10, 10, 0.9, 0], [140, 40, 160, 60, 0.9, 0], [50, 50, 50, 55, 0.9, 0]]
        boxes, _, _ = decode_output(np.array([rows], np.float32), "end_to_end", _floors(0.1), SIZE)
    np.testing.assert_allclose(boxes, [[0, 0, 10, 10]])


def test_nothing_above_the_floor_gives_empty_arrays() -> None:
    boxes, labels, scores = decode_output(_raw([[50, 40, 20, 10, 0.1]]), "raw", _floors(0.5), SIZE)
    assert boxes.shape == (0, 4)
    assert labels.shape == scores.shape == (0,)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("head", ["raw", "end_to_end"])
def test_values_that_are_not_finite_are_an_error_and_never_an_empty_answer(head: str, bad: float) -> None:
    output = np.zeros((1, 6, 4) if head == "raw" else (1, 4, 6), np.float32)
    output[0, 1, 1] = bad
    with pytest.raises(InferenceError, match="not finite"):
        decode_output(output, "raw" if head == "raw" else "end_to_end", _floors(0.1, 0.1), SIZE)


def test_an_output_of_another_shape_is_an_error() -> None:
    with pytest.raises(InferenceError, match=r"expected an output of shape \(1, 6, N\)"):
        decode_output(np.zeros((1, 7, 10), np.float32), "raw", _floors(0.1, 0.1), SIZE)
    with pytest.raises(InferenceError, match=r"\(1, K, 6\)"):
        decode_output(np.zeros((2, 10, 6), np.float32), "end_to_end", _floors(0.1, 0.1), SIZE)


def test_a_class_that_the_card_does_not_know_is_an_error() -> None:
    output = np.array([[[10, 10, 30, 40, 0.9, 2]]], np.float32)
    with pytest.raises(InferenceError, match="named class 2"):
        decode_output(output, "end_to_end", _floors(0.1, 0.1), SIZE)


def _iou(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    width, height = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
    shared = max(width, 0) * max(height, 0)
    areas = [float(np.prod(box[2:] - box[:2])) for box in (first, second)]
    return float(shared / (sum(areas) - shared))


@pytest.mark.parametrize("seed", range(5))
def test_suppression_equals_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 60, (120, 2))
    boxes = np.hstack([corner, corner + rng.uniform(5, 40, (120, 2))])
    labels, scores = rng.integers(0, 3, 120), rng.uniform(0.01, 1, 120)
    kept: list[int] = []
    for index in np.argsort(-scores):
        rivals = [other for other in kept if labels[other] == labels[index]]
        if all(_iou(boxes[index], boxes[other]) <= 0.6 for other in rivals):
            kept.append(int(index))
    assert sorted(suppress(boxes, labels, scores, 0.6).tolist()) == sorted(kept)
    assert 20 < len(kept) < 120


def test_a_flood_of_candidates_is_bounded_and_keeps_the_best() -> None:
    rng = np.random.default_rng(0)
    output = np.empty((1, 16, 3549), np.float32)
    output[0, :4] = rng.uniform(1, 60, (4, 3549))
    output[0, 4:] = rng.uniform(0.5, 0.9, (12, 3549))
    output[0, 9, 1000] = 0.99
    _, labels, scores = decode_output(output, "raw", np.full(12, 0.01), (64, 64))
    assert (labels[0], scores[0]) == (5, pytest.approx(0.99))
    assert len(labels) <= 3000
