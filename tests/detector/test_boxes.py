from __future__ import annotations

import numpy as np

from detector.boxes import intersection_over_union


def test_overlap_by_hand() -> None:
    got = intersection_over_union([(0, 0, 2, 2), (0, 0, 4, 1)], [(1, 0, 3, 2), (5, 5, 6, 6), (0, 0, 2, 2)])
    np.testing.assert_allclose(got, [[1 / 3, 0.0, 1.0], [2 / 6, 0.0, 2 / 6]])


def test_empty_boxes_and_no_boxes_overlap_nothing() -> None:
    assert intersection_over_union([(1, 1, 1, 1)], [(1, 1, 1, 1), (0, 0, 2, 2)]).tolist() == [[0.0, 0.0]]
    assert intersection_over_union([], [(0, 0, 2, 2)]).shape == (0, 1)
    assert intersection_over_union((0, 0, 2, 2), []).shape == (1, 0)
