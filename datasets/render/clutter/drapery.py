"""Cloth that fills the room it has: layers with edges, fans of folds, seams. Foil that was crumpled."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.sewing import waves
from datasets.render.clutter.shapes import Array, blob, chance, even, finish, pick, uniform, wire
from datasets.render.clutter.stuffing import relief
from datasets.render.meshing import square_strings
from datasets.render.solids import Phantom, Solid, extrude

__all__ = ["crumpled_foil", "drapery"]

_POINTS = 7  # along a fold


def drapery(rng: np.random.Generator, size_mm: tuple[float, float, float]) -> Phantom:
    """Return cloth from wall to wall of a free box (3,) in mm: garments over one another, every one with its folds."""
    x, y, z = size_mm
    material = pick(rng, "cotton", "cotton", "cotton", "nylon", "leather")
    weight = {"cotton": 1.0, "nylon": 0.3, "leather": 0.4}[material]  # woven synthetics are thinner
    solids: list[Solid] = [_padded(rng, (x, y), weight * uniform(rng, 2.0, max(3.0, min(12.0, z / 5))), material)]
    for _ in range(int(rng.integers(4, 11))):  # flaps: each layer ends somewhere, with a hem
        extent = x * uniform(rng, 0.3, 1.0), y * uniform(rng, 0.3, 1.0)
        rough = uniform(rng, 0.05, 0.25)
        outline = blob(rng, *extent, knobs=int(rng.integers(4, 9)), rough=rough) + _within(rng, (x, y), extent)
        thickness = weight * uniform(rng, 1.0, 6.0)
        layer = extrude(_clipped(outline, (x, y)), thickness, material)
        solids.append(layer.moved(offset_mm=(0, 0, uniform(rng, -0.4, 0.4) * z)))
    for _ in range(int(rng.integers(4, 12))):
        solids.append(_fan_of_folds(rng, (x, y, z), weight, material))
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


def _padded(rng: np.random.Generator, size_mm: tuple[float, float], thickness_mm: float, material: str) -> Solid:
    """Return cloth whose thickness wanders slowly, with knit, pile or quilting on top."""
    columns, rows = (int(np.clip(side / 9.0, 8, 40)) for side in size_mm)
    x, y = even(-0.5, 0.5, columns)[:, None] * size_mm[0], even(-0.5, 0.5, rows) * size_mm[1]
    height = thickness_mm * (1 + waves(rng, x, y, 1.2) + rng.normal(0, uniform(rng, 0.03, 0.3), (columns, rows)))
    return relief(x, y, np.maximum(height, 0.2 * thickness_mm), material)


def _within(rng: np.random.Generator, room: tuple[float, float], extent: tuple[float, float]) -> Array:
    spare = np.maximum(np.subtract(room, extent), 0.0)
    return np.asarray(rng.uniform(-0.5, 0.5, 2) * spare, np.float64)


def _clipped(outline: Array, room: tuple[float, float]) -> Array:
    half = np.array(room) / 2
    # Never quite flat against the wall, so that no two points fall on one another.
    near = np.minimum(np.maximum(outline, -2 * half), 2 * half)
    return np.asarray(half * np.tanh(outline / half) * 0.98 + 0.02 * near, np.float64)


def _fan_of_folds(rng: np.random.Generator, size_mm: tuple[float, float, float], weight: float, material: str) -> Solid:
    """Return folds that leave one place side by side and spread: strings of doubled cloth, as one mesh."""
    x, y, z = size_mm
    angle = uniform(rng, 0, np.pi) if chance(rng, 0.5) else pick(rng, 0.0, np.pi / 2) + rng.normal(0, 0.2)
    reach = uniform(rng, 0.2, 0.8) * (x + y) / 2
    along = even(0.0, 1.0, _POINTS)
    bend = rng.normal(0, 0.12) * reach * np.sin(along * uniform(rng, 2, 7) + uniform(rng, 0, 6))
    gap, opening = uniform(rng, 2.0, 9.0), uniform(rng, 0.2, 2.5)
    start = rng.uniform(-0.5, 0.5, 2) * (x, y)
    count = int(rng.integers(4, 12))
    one = (count, 1)
    across = bend + (np.arange(count)[:, None] + rng.normal(0, 0.3, one)) * gap * (1 + opening * along)
    across += rng.normal(0, 0.5, (count, _POINTS))
    length = reach * (along * rng.uniform(0.5, 1.0, one) + rng.uniform(0, 0.15, one) - 0.5)
    cos, sin = np.cos(angle), np.sin(angle)
    flat, paths = np.empty((count, _POINTS, 2)), np.empty((count, _POINTS, 3))
    flat[..., 0], flat[..., 1] = cos * length - sin * across, sin * length + cos * across
    paths[..., :2] = _clipped(flat + start, (x, y))
    paths[..., 2] = rng.uniform(-0.4, 0.4, one) * z
    return _strings(paths, rng.uniform(0.5, 2.6, count) * (weight + 0.3), material)


def _strings(paths_mm: Array, radii_mm: Array, material: str) -> Solid:
    """Return square strings along level polylines (L, N, 3) as one mesh: `wire` without a loop over the lines."""
    return Solid(square_strings(paths_mm, radii_mm), material)


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
