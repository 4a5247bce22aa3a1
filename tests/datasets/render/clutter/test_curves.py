"""The compiled curves against the same arithmetic in arrays, to the last bit: a picture must not change with them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.render.clutter.shapes import corners, smooth, wandering

Array = NDArray[np.float64]


def rounded_in_arrays(path: Array, radius: float, steps: int) -> Array:
    before, after = np.roll(path, 1, axis=0) - path, np.roll(path, -1, axis=0) - path
    back, ahead = (np.linalg.norm(way, axis=1, keepdims=True) for way in (before, after))
    start = path + before / (back + 1e-9) * np.minimum(radius, back * 0.45)
    stop = path + after / (ahead + 1e-9) * np.minimum(radius, ahead * 0.45)
    t = np.linspace(0, 1, steps)[None, :, None]
    return np.asarray(start[:, None] * (1 - t) ** 2 + 2 * path[:, None] * t * (1 - t) + stop[:, None] * t**2)


def smoothed_in_arrays(points: Array, steps: int) -> Array:
    """Return the spans between the second and the last but one of open points."""
    a, b, c, d = (points[first : len(points) - 3 + first, None] for first in range(4))
    t = (np.arange(steps) / steps)[None, :, None]
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.asarray(curve.reshape(-1, points.shape[1]))


@pytest.mark.parametrize("width", [2, 3])
def test_round_corners_are_the_same_to_the_last_bit(width: int) -> None:
    rng = np.random.default_rng(width)
    for count in (3, 5, 11):
        path, radius, steps = rng.normal(0, 30, (count, width)), rng.uniform(0, 20), int(rng.integers(2, 7))
        arcs = rounded_in_arrays(path, radius, steps)
        np.testing.assert_array_equal(corners(path, radius, closed=True, steps=steps), arcs.reshape(-1, width))
        opened = np.concatenate([path[:1], arcs[1:-1].reshape(-1, width), path[-1:]])
        np.testing.assert_array_equal(corners(path, radius, steps=steps), opened)


@pytest.mark.parametrize("width", [2, 3])
def test_smooth_curves_are_the_same_to_the_last_bit_and_meet_their_points(width: int) -> None:
    rng = np.random.default_rng(width)
    for count in (2, 3, 8):
        points, steps = rng.normal(0, 30, (count, width)), int(rng.integers(1, 6))
        mirrored = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
        opened = np.concatenate([smoothed_in_arrays(mirrored, steps), points[-1:]])
        np.testing.assert_array_equal(smooth(points, steps, closed=False), opened)
        around = np.concatenate([points[-1:], points, points[:1], points[1:2]])
        closed = smooth(points, steps)
        np.testing.assert_array_equal(closed, smoothed_in_arrays(around, steps))
        np.testing.assert_array_equal(closed[::steps], points)


def test_a_wandering_path_takes_equal_steps_at_its_angles() -> None:
    angles = np.array([0.0, np.pi / 2, np.pi / 2, 0.3])
    steps = np.diff(wandering(angles, [0.0, 0.1, -0.1, 0.0], 5.0), axis=0, prepend=np.zeros((1, 3)))
    np.testing.assert_allclose(np.hypot(steps[:, 0], steps[:, 1]), 5.0)
    np.testing.assert_allclose(np.arctan2(steps[:, 1], steps[:, 0]), angles, atol=1e-12)
    np.testing.assert_allclose(steps[:, 2], [0.0, 0.5, -0.5, 0.0], atol=1e-12)
