"""Cloth that fills the room it has: layers with edges and folds, seams. Foil that was crumpled."""

from __future__ import annotations

from typing import Final

import numpy as np

from datasets.render.clutter.folds import folded_layers, on_mesh
from datasets.render.clutter.sewing import waves
from datasets.render.clutter.shapes import Array, even, finish, pick, uniform, wire
from datasets.render.clutter.stuffing import relief
from datasets.render.materials import MATERIALS
from datasets.render.solids import Phantom, Solid

__all__ = ["crumpled_foil", "drapery"]

_POINTS: Final = 7  # along a seam
_CELL_MM: Final = 16.0  # of the heap
_FINE: Final = 7  # cells of the layers over it to one of the heap
_HEAP_MM: Final = 190.0  # at most: 6 g/cm2


def drapery(rng: np.random.Generator, size_mm: tuple[float, float, float]) -> Phantom:
    """Return cloth from wall to wall of a free box (3,) in mm: clothes heaped high, layers with folds over them, seams.

    Whatever lies in folds is drawn as dense as its fibres: rays that slant through tall thin folds would blur them.
    """
    x, y, z = size_mm
    fibre = MATERIALS["nylon"].density_g_cm3 / MATERIALS["cotton"].density_g_cm3
    high = min(uniform(rng, 0.45, 1.2) * z, _HEAP_MM)
    folded = uniform(rng, 0.3, 0.6)  # share of the mass
    columns, rows = (int(np.clip(side / _CELL_MM, 6, 31)) for side in (x, y))
    hills = 1 + waves(rng, _across(x, columns)[:, None], _across(y, rows), 2.6)  # seen from the side, layers spread out
    bulk = high * (1 - folded) * np.clip(hills, 0.15, 1.85)
    bulk *= _rim(rng, _across(x, columns), _across(y, rows), soft_mm=uniform(rng, 15, 60))
    bulk = np.maximum(bulk, 0.1)
    heap = relief(_across(x, columns)[:, None], _across(y, rows), bulk, "cotton")
    # Every cell of the heap holds whole cells of what lies over it: their surfaces agree, and no gap is left between.
    columns, rows = ((count - 1) * _FINE + 1 for count in (columns, rows))
    u, v = _across(x, columns), _across(y, rows)
    fine, crisp = uniform(rng, 0.7, 1.3), uniform(rng, 1.0, 2.2)
    layers = np.maximum(1 + crisp * (folded_layers(rng, u * fine, v * fine) - 1), 0.05) * (high * folded / fibre)
    layers = np.maximum(layers * _rim(rng, u, v, soft_mm=uniform(rng, 3, 20)), 0.1)
    over = relief(u[:, None], v, on_mesh(bulk, columns, rows) + layers, "nylon")
    solids = [heap, over, heap.cavity("nylon")]
    for _ in range(int(rng.integers(1, 5))):
        solids += _seam(rng, (x, y, high), pick(rng, "nylon", "cotton", "leather"))
    return finish("soft/drapery", solids, keep_pose=True)


def _across(side_mm: float, points: int) -> Array:
    return even(-0.5, 0.5, points) * side_mm


def crumpled_foil(rng: np.random.Generator, size_mm: tuple[float, float], thickness_mm: float, material: str) -> Solid:
    """Return a sheet of foil (x, y) as the beam meets it: thicker where facets lean and where it is folded over."""
    columns, rows = (int(np.clip(side / 6.0, 6, 32)) for side in size_mm)
    u, v = even(-0.5, 0.5, columns)[:, None], even(-0.5, 0.5, rows)
    slope = rng.normal(0, uniform(rng, 0.6, 1.6), (columns, rows))
    folded = 1 + (rng.random((columns, rows)) < uniform(rng, 0.02, 0.15))
    height = thickness_mm * folded * np.minimum(np.hypot(1, slope), 4.0)
    return relief(u * size_mm[0], v * size_mm[1], np.asarray(height, np.float64), material)


def _rim(rng: np.random.Generator, x: Array, y: Array, *, soft_mm: float) -> Array:
    """Return what is left (N, M) of the height over x (N,) and y (M,): it falls to nothing at a wavy round rim."""
    half_x, half_y = float(x[-1]), float(y[-1])
    radius = uniform(rng, 0.2, 0.9) * min(half_x, half_y)
    over = np.hypot(np.maximum(np.abs(x) - half_x + radius, 0.0)[:, None], np.maximum(np.abs(y) - half_y + radius, 0.0))
    bulge = uniform(rng, 0.5, 4.0)
    wave = np.sin(x / uniform(rng, 9, 30))[:, None] + np.sin(y / uniform(rng, 9, 30))
    return np.asarray(np.sqrt(np.clip((radius - over - bulge * (2 + wave)) / soft_mm, 0.0, 1.0)), np.float64)


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
