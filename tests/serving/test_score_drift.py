"""The index stays near zero while scans stay the same, and rises when their scores move."""

from __future__ import annotations

import math

import numpy as np
import pytest

from serving.score_drift import WINDOW, ScoreDrift


def test_the_same_scans_do_not_drift_and_others_do() -> None:
    rng = np.random.default_rng(1)
    drift = ScoreDrift()
    told = [drift.add("a", float(score)) for score in rng.beta(1, 4, 4 * WINDOW)]
    assert told[: 2 * WINDOW - 1] == [None] * (2 * WINDOW - 1), "too few scans say nothing"
    steady = [value for value in told if value is not None]
    assert max(steady) < 0.1
    moved = [drift.add("a", float(score)) for score in rng.beta(2, 3, WINDOW)]
    assert moved[-1] is not None
    assert moved[-1] > 0.25
    back = [drift.add("a", float(score)) for score in rng.beta(1, 4, WINDOW)]
    assert back[-1] is not None
    assert back[-1] < 0.1


def test_the_index_is_the_published_sum() -> None:
    drift = ScoreDrift(window=2)
    values = [drift.add("a", score) for score in (0.0, 0.0, 1.0, 1.0)]
    p, q = 2.5 / 7.5, 0.5 / 7.5
    assert values[:3] == [None] * 3
    assert values[3] == pytest.approx(2 * (p - q) * math.log(p / q))


def test_scanners_are_apart() -> None:
    drift = ScoreDrift(window=1)
    assert drift.add("a", 0.0) is None
    assert drift.add("b", 1.0) is None
    assert drift.add("a", 0.0) == 0
    assert drift.add("b", 1.0) == 0
