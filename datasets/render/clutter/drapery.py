"""Cloth that fills the room it has: layers with edges and folds, seams. Foil that was crumpled."""

from __future__ import annotations

from typing import Final

import numpy as np

from datasets.render.clutter.folds import folded_layers
from datasets.render.clutter.shapes import Array, even, finish, pick, uniform, wire
from datasets.render.clutter.stuffing import relief
from datasets.render.solids import Phantom, Solid

__all__ = ["crumpled_foil", "drapery"]

_POINTS: Final = 7  # along a seam
_CELL_MM: Final = 2.2
_HEAP_MM: Final = 170.0  # at most, on average: 5 g/cm2


def drapery(rng: np.random.Generator, size_mm: tuple[float, float, float]) -> Phantom:
    """Return cloth from wall to wall of a free box (3,) in mm: clothes heaped as high as the box allows, and seams."""
    x, y, z = size_mm
    columns, rows = (int(np.clip(side / _CELL_MM, 8, 230)) for side in (x, y))
    u, v = even(-0.5, 0.5, columns), even(-0.5, 0.5, rows)
    height = folded_layers(rng, u * x, v * y)
    height *= min(uniform(rng, 0.2, 0.8) * z, _HEAP_MM)
    height = 1.15 * z * (1 - np.exp(-height / (1.15 * z)))  # the lid presses on what would stand higher
    rim, soft = _depth_inside(rng, u[:, None] * x, v * y, (x, y)), uniform(rng, 6, 30)
    height *= np.sqrt(np.clip(rim / soft, 0.0, 1.0))
    solids = [relief(u[:, None] * x, v * y, np.clip(height, 0.3, z), "cotton")]
    for _ in range(int(rng.integers(1, 5))):
        solids += _seam(rng, (x, y, z), pick(rng, "nylon", "cotton", "leather"))
    return finish("soft/drapery", solids, keep_pose=True)


def crumpled_foil(rng: np.random.Generator, size_mm: tuple[float, float], thickness_mm: float, material: str) -> Solid:
    """Return a sheet of foil (x, y) as the beam meets it: thicker where facets lean and where it is folded over."""
    columns, rows = (int(np.clip(side / 6.0, 6, 32)) for side in size_mm)
    u, v = even(-0.5, 0.5, columns)[:, None], even(-0.5, 0.5, rows)
    slope = rng.normal(0, uniform(rng, 0.6, 1.6), (columns, rows))
    folded = 1 + (rng.random((columns, rows)) < uniform(rng, 0.02, 0.15))
    height = thickness_mm * folded * np.minimum(np.hypot(1, slope), 4.0)
    return relief(u * size_mm[0], v * size_mm[1], np.asarray(height, np.float64), material)


def _depth_inside(rng: np.random.Generator, x: Array, y: Array, room: tuple[float, float]) -> Array:
    """Return how far from the wavy rim of a room with round corners points lie, below 0 outside."""
    radius = uniform(rng, 0.08, 0.3) * min(room)
    over_x = np.maximum(np.abs(x) - room[0] / 2 + radius, 0.0)
    over_y = np.maximum(np.abs(y) - room[1] / 2 + radius, 0.0)
    waving = uniform(rng, 0, 5) * (1 + np.sin(x / uniform(rng, 9, 30) + y / uniform(rng, 9, 30)))
    return np.asarray(radius - np.hypot(over_x, over_y) - waving, np.float64)


def _clipped(outline: Array, room: tuple[float, float]) -> Array:
    half = np.array(room) / 2
    # Never quite flat against the wall, so that no two points fall on one another.
    near = np.minimum(np.maximum(outline, -2 * half), 2 * half)
    return np.asarray(half * np.tanh(outline / half) * 0.98 + 0.02 * near, np.float64)


def _seam(rng: np.random.Generator, size_mm: tuple[float, float, float], material: str) -> list[Solid]:
    """Return two stitched lines side by side through a garment."""
    x, y, z = size_mm
    angle = pick(rng, 0.0, np.pi / 2) + rng.normal(0, 0.25)
    along = even(-0.5, 0.5, _POINTS) * uniform(rng, 0.4, 1.0) * (x + y) / 2
    across = uniform(rng, -0.4, 0.4) * min(x, y) + uniform(rng, 2, 14) * np.sin(along / uniform(rng, 30, 90))
    height = uniform(rng, -0.4, 0.4) * z
    radius = uniform(rng, 0.5, 1.2)
    lines = []
    for offset in (0.0, uniform(rng, 4, 10)):
        flat = np.stack(
            [
                np.cos(angle) * along - np.sin(angle) * (across + offset),
                np.sin(angle) * along + np.cos(angle) * (across + offset),
            ],
            axis=1,
        )
        path = np.column_stack([_clipped(flat, (x, y)), np.full(_POINTS, height)])
        lines.append(wire(path, radius, material, sides=4))
    return lines
