"""What soft goods are sewn from: wavy cloth, zips and their pullers."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.shapes import (
    Array,
    between,
    boxes,
    even,
    pick,
    pillow,
    rounded,
    uniform,
)
from datasets.render.solids import Solid, extrude

__all__ = ["cloth", "waves", "zip_row"]


def waves(rng: np.random.Generator, x: Array, y: Array, height_mm: float, count: int = 4) -> Array:
    """Return a smooth random height (N, M) over x and y, full or (N, 1) and (M,): waves of random way and length."""
    drawn = between(rng.random((count, 4)), (0, 45, 0, 0.3), (2 * np.pi, 180, 2 * np.pi, 1.0))
    angles, lengths, shifts, shares = drawn.T[..., None, None]
    phases = (np.cos(angles) * x + np.sin(angles) * y) * (2 * np.pi / lengths) + shifts
    z: Array = (np.sin(phases) * shares).sum(axis=0)
    return z * (height_mm / 2 / count)


def cloth(
    rng: np.random.Generator, size_mm: tuple[float, float], height_mm: float, thickness_mm: float, *, cells: int = 12
) -> Array:
    """Return a wavy sheet's grid (N, M, 3) with an uneven rim; `thickness_mm` limits how sharp its folds are."""
    columns = cells
    rows = max(5, round(cells * size_mm[1] / size_mm[0]))
    u, v = even(-0.5, 0.5, columns)[:, None], even(-0.5, 0.5, rows)
    pinch = 1 + 0.06 * np.sin(v * uniform(rng, 3, 9) + uniform(rng, 0, 6))
    bulge = 1 + 0.06 * np.sin(u * uniform(rng, 3, 9) + uniform(rng, 0, 6))
    grid = np.empty((columns, rows, 3))
    grid[..., 0], grid[..., 1] = u * size_mm[0] * pinch, v * size_mm[1] * bulge
    grid[..., 2] = waves(rng, grid[..., 0], grid[..., 1], height_mm)
    grid[..., 2] += np.where(np.abs(u) > 0.42, -1.0, 0.0) * min(thickness_mm, height_mm / 4)
    return grid


def zip_row(rng: np.random.Generator, path_mm: Array, material: str, *, pitch_mm: float = 2.6) -> list[Solid]:
    """Return teeth along a polyline (N, 3) as one mesh, and a slider with a puller where it is long enough."""
    path = np.asarray(path_mm, np.float64)
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.arange(pitch_mm, along[-1], pitch_mm)
    points = np.stack([np.interp(at, along, path[:, axis]) for axis in range(3)], axis=1)
    direction = np.gradient(points, axis=0) if len(points) > 1 else np.array([[1.0, 0, 0]])
    yaw = np.degrees(np.arctan2(direction[:, 1], direction[:, 0]))
    solids = [boxes(points, (pitch_mm * 0.55, uniform(rng, 3.5, 6), 1.6), material, yaw_deg=yaw)]
    if len(points) > 4:
        index = int(rng.integers(1, len(points) - 1))
        solids += _zip_puller(rng, points[index], float(yaw[index]) + uniform(rng, -25, 25))
    return solids


def _zip_puller(rng: np.random.Generator, at_mm: Array, yaw_deg: float) -> list[Solid]:
    """Return a slider and its pull tab at a point."""
    metal = pick(rng, "zinc_alloy", "zinc_alloy", "brass", "steel")
    length, width = uniform(rng, 18, 42), uniform(rng, 7, 13)
    slot = np.add(rounded(length * uniform(rng, 0.2, 0.5), width * 0.4, 2, steps=3), (length * 0.2, 0))
    tab = extrude(rounded(length, width, width * 0.45, steps=3), uniform(rng, 1.5, 2.8), metal, holes_mm=[slot])
    c, s = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    tab = tab.moved(turn, np.asarray(at_mm) + turn @ (length * 0.55 + 4, 0, 3))
    slider = pillow(rounded(12, 9, 3, steps=3), uniform(rng, 4, 7), metal).moved(turn, at_mm)
    return [slider, tab]
