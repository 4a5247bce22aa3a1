"""Compiled curves through points: (N, D) float64 in, more points out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datasets.render.compiled import compiled

__all__ = ["round_corners", "through"]

Array = NDArray[np.float64]


@compiled
def round_corners(path: Array, radius: float, shares: Array) -> Array:  # pragma: no cover  compiled
    """Return (N, S, D): at every point of a closed path an arc, a quadratic curve at the shares (S,) of its way."""
    count, width, steps = path.shape[0], path.shape[1], shares.shape[0]
    arcs = np.empty((count, steps, width))
    start, stop = np.empty(width), np.empty(width)
    for index in range(count):
        before, after = index - 1 if index else count - 1, index + 1 if index + 1 < count else 0
        back = ahead = 0.0
        for axis in range(width):
            back += (path[before, axis] - path[index, axis]) ** 2
            ahead += (path[after, axis] - path[index, axis]) ** 2
        back, ahead = np.sqrt(back), np.sqrt(ahead)
        cut_back, cut_ahead = min(radius, back * 0.45), min(radius, ahead * 0.45)
        for axis in range(width):
            here = path[index, axis]
            start[axis] = here + (path[before, axis] - here) / (back + 1e-9) * cut_back
            stop[axis] = here + (path[after, axis] - here) / (ahead + 1e-9) * cut_ahead
        for step in range(steps):
            t = shares[step]
            near, far = (1 - t) * (1 - t), t * t
            for axis in range(width):
                bend = 2 * path[index, axis] * t * (1 - t)
                arcs[index, step, axis] = start[axis] * near + bend + stop[axis] * far
    return arcs


@compiled
def through(points: Array, steps: int, closed: bool) -> Array:  # pragma: no cover  compiled
    """Return a Catmull-Rom curve through points (N, D): `steps` points a span, and the last point of an open one."""
    count, width = points.shape
    spans = count if closed else count - 1
    curve = np.empty((spans * steps + (0 if closed else 1), width))
    for axis in range(width):
        for span in range(spans):
            b, c = points[span, axis], points[(span + 1) % count, axis]
            # beyond the ends of an open curve the first and the last span are mirrored
            a = points[span - 1, axis] if span or closed else 2 * b - c
            d = points[(span + 2) % count, axis] if span + 2 < count or closed else 2 * c - b
            for step in range(steps):
                t = step / steps
                bend = 2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)
                curve[span * steps + step, axis] = b + 0.5 * t * (c - a + t * bend)
        if not closed:
            curve[spans * steps, axis] = points[count - 1, axis]
    return curve
