from __future__ import annotations

import numpy as np
import pytest

from detector.detections import Detection, Detections
from detector.taxonomy import LABELS, Group


def test_detections_are_sorted_by_score_and_iterate_as_objects() -> None:
    found = Detections.of([[0, 0, 1, 1], [2, 2, 5, 6]], [0, 10], [0.2, 0.9])
    assert list(found) == [
        Detection((2.0, 2.0, 5.0, 6.0), "cartridge", 0.9),
        Detection((0.0, 0.0, 1.0, 1.0), "handgun", 0.2),
    ]
    assert next(iter(found)).group is Group.AMMUNITION
    assert len(found.at_least(0.5)) == 1
    assert len(found.at_least(0.2)) == 2


def test_nothing_found_is_a_valid_result() -> None:
    assert len(Detections.none()) == 0
    assert list(Detections.none()) == []


@pytest.mark.parametrize(
    ("boxes", "labels", "scores", "message"),
    [
        ([[0, 0, 1, 1]], [0, 1], [0.5], "as many boxes"),
        ([[0, 0, np.nan, 1]], [0], [0.5], "finite"),
        ([[0, 0, 1, 1]], [0], [np.inf], "finite"),
        ([[1, 0, 1, 1]], [0], [0.5], "x0 < x1"),
        ([[0, 3, 1, 1]], [0], [0.5], "x0 < x1"),
        ([[0, 0, 1, 1]], [len(LABELS)], [0.5], "label ids"),
        ([[0, 0, 1, 1]], [-1], [0.5], "label ids"),
        ([[0, 0, 1, 1]], [0], [1.1], "scores in 0..1"),
    ],
)
def test_bad_values_are_refused(boxes: list[list[float]], labels: list[int], scores: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Detections.of(boxes, labels, scores)
