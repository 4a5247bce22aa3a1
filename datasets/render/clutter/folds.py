"""Many layers of cloth over one another as one thickness: edges, hems and hundreds of curved folds.

A beam sees packed clothes as the sum of what lies one over the other. A layer ends at a sharp edge with a hem along it,
and a fold doubles it along a line. Such sums take long to draw, so a few swatches are drawn once a process, always the
same ones, and every heap of cloth adds up pieces of them, turned, stretched and shifted at random.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np

from datasets.render.clutter.shapes import Array, between
from datasets.render.compiled import compiled

__all__ = ["folded_layers", "on_mesh"]

_CELL_MM: Final = 1.6
_CELLS: Final = 352  # along a side of a swatch
_SWATCHES: Final = 6
_LAYERS: Final = 20
_PIECES: Final = 3  # of swatches added up in a heap
_BENDS: Final = 6  # fields that bend the edges and folds of a swatch
# Of each layer, least and most: angle, middle along and across, half length and width in mm, thickness, hem's breadth,
# hem's thickness, how far its edges wander, angle between its folds and its edge, distance between folds, how far they
# bend, their height and their breadth. Thicknesses are those of loosely packed cotton in mm.
_LAYER: Final = np.array(
    [
        (0, 2 * np.pi), (-280, 280), (-280, 280), (50, 280), (30, 180), (0.8, 4.5), (2, 7), (0, 5.0), (3, 24),
        (-0.5, 0.5), (5, 27), (8, 60), (11.0, 46.0), (1.5, 3.8),
    ]
).T  # fmt: skip


def folded_layers(rng: np.random.Generator, x_mm: Array, y_mm: Array) -> Array:
    """Return the thickness (N, M) of heaped cloth over x (N,) and y (M,) in mm, 1 on average."""
    total = np.zeros((len(x_mm), len(y_mm)))
    for _ in range(_PIECES):
        angle, scale = rng.uniform(0, 2 * np.pi), rng.uniform(0.8, 1.2) * rng.choice([-1.0, 1.0])
        swatch = _swatch(int(rng.integers(_SWATCHES)))
        _add_piece(swatch, x_mm, y_mm, np.cos(angle), np.sin(angle), scale, rng.uniform(0, 1000, 2), total)
    return np.asarray(total / total.mean(), np.float64)


@lru_cache(maxsize=_SWATCHES)
def _swatch(number: int) -> Array:
    """Return one of the few swatches, (_CELLS, _CELLS), thickness in mm."""
    rng = np.random.default_rng([4, number])
    at = np.asarray((np.arange(_CELLS) - _CELLS / 2) * _CELL_MM, np.float64)
    bends = np.stack([_smooth(rng, at) for _ in range(_BENDS)])
    layers = between(rng.random((_LAYERS, _LAYER.shape[1])), *_LAYER)
    chosen = rng.integers(0, _BENDS, (_LAYERS, 4))
    swatch: Array = _laid(at, bends, layers, chosen, rng.random((_LAYERS, 64)))
    return swatch


def _smooth(rng: np.random.Generator, at: Array) -> Array:
    """Return a field (N, N) of about unit amplitude: long waves of random ways, each with ripples on it."""
    total = np.zeros((len(at), len(at)))
    drawn = between(rng.random((7, 4)), (0, 80, 0, 0.3), (2 * np.pi, 380, 2 * np.pi, 1.0))
    for angle, length, shift, share in drawn:
        phase = (np.cos(angle) * at[:, None] + np.sin(angle) * at) * (2 * np.pi / length) + shift
        total += (np.sin(phase) + 0.05 * np.sin(7.3 * phase)) * share * 0.6
    return total


@compiled
def _laid(at: Array, bends: Array, layers: Array, chosen: Array, chances: Array) -> Array:  # pragma: no cover  compiled
    """Add up layers (K, 14), each bent by the fields (F, N, N) `chosen` for it; `chances` (K, 64) are 0..1."""
    size = at.shape[0]
    total = np.zeros((size, size))
    for layer in range(layers.shape[0]):
        angle, along, across, length, width, thick, hem, hem_thick, wander, skew, gap, bend, high, broad = layers[layer]
        cos, sin, cos_fold, sin_fold = np.cos(angle), np.sin(angle), np.cos(skew), np.sin(skew)
        first, second, third, fourth = chosen[layer]
        for i in range(size):
            for j in range(size):
                x, y = at[i] + wander * bends[first, i, j], at[j] + wander * bends[second, i, j]
                a, b = cos * x + sin * y - along, cos * y - sin * x - across
                inside = min(length - abs(a), width - abs(b))
                if inside <= 0:
                    continue
                value = thick + (hem_thick if inside < hem else 0.0)
                # which fold is near, and how far across it this is; no two are alike
                place = (cos_fold * b + sin_fold * a + bend * bends[third, i, j]) / gap
                line = np.floor(place)
                chance = chances[layer, int(line) % 64]
                off = (place - line - 0.25 - 0.5 * chance) * gap
                strength = min(max(1.6 * bends[fourth, i, j] + 2.6 * chance - 0.9, 0.0), 1.0)
                if 0 <= off < broad:  # cloth lies doubled
                    value += high * strength * (1 - off / broad)
                elif -2 * broad < off < 0:  # and was drawn from beside the fold
                    value -= min(0.4 * high, 2.0 * thick) * strength * (1 + off / (2 * broad))
                total[i, j] += value * min(inside / 1.5, 1.0)
    return total


@compiled
def _add_piece(  # noqa: PLR0917  compiled code takes its arguments by position
    swatch: Array, x: Array, y: Array, cos: float, sin: float, scale: float, shift: Array, total: Array
) -> None:  # pragma: no cover  compiled
    """Add a piece of a swatch, turned, stretched and shifted, to total (N, M); mirrored where the swatch ends."""
    last, cells = swatch.shape[0] - 1, 1 / _CELL_MM
    period, share = 2.0 * last, 0.5 / last  # floor is several times as fast here as %
    for i in range(x.shape[0]):
        for j in range(y.shape[0]):
            u = abs((cos * x[i] + sin * y[j]) * scale + shift[0]) * cells
            v = abs(cos * y[j] - sin * x[i] + shift[1]) * cells
            u, v = u - period * np.floor(u * share), v - period * np.floor(v * share)
            u, v = last - abs(u - last), last - abs(v - last)
            row, column = min(int(u), last - 1), min(int(v), last - 1)
            p, q = u - row, v - column
            near = swatch[row, column] * (1 - q) + swatch[row, column + 1] * q
            far = swatch[row + 1, column] * (1 - q) + swatch[row + 1, column + 1] * q
            total[i, j] += near * (1 - p) + far * p


@compiled
def on_mesh(heights: Array, columns: int, rows: int) -> Array:  # pragma: no cover  compiled
    """Return (columns, rows) points of the surface that `body_under` lays through heights (N, M), its ends included."""
    out = np.empty((columns, rows))
    for i in range(columns):
        for j in range(rows):
            u, v = i * (heights.shape[0] - 1) / (columns - 1), j * (heights.shape[1] - 1) / (rows - 1)
            a, b = min(int(u), heights.shape[0] - 2), min(int(v), heights.shape[1] - 2)
            p, q = u - a, v - b
            first, last = heights[a, b], heights[a + 1, b + 1]
            side = heights[a + 1, b] if p > q else heights[a, b + 1]
            out[i, j] = first * (1 - max(p, q)) + side * abs(p - q) + last * min(p, q)
    return out
