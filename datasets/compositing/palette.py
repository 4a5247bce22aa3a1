"""The colours of a scanner, fitted to those of its pictures.

What known scanners share is the prior: a ramp of colours for each class of material (organic orange, mixed green, metal
blue) that darkens to black. First the renderer's family of palettes, blended, turned in hue and more or less saturated,
is laid over the colours of the scans; then each colour of the ramps moves to what the scans show there, as far as
enough of their pixels say so. Where the scans show nothing, such as thick metal, the family's own course is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.compositing.displays import nearest_in_table
from datasets.render.colour_maps import PALETTES, ColourTable, Palette, lookup

__all__ = ["Colours", "counted", "fit_palette"]

Float = NDArray[np.float32]
_CELL: Final = 8  # of 256 levels: colours closer than this are counted as one
_LEAST_PIXELS: Final = 25
_FARTHEST: Final = 40.0  # of 256 levels: what is farther from the table is foreign to it, however far it is
_COARSE: Final = (6, 8)  # every so many of a table's materials and levels are enough to choose by
_SHARES, _HUES = (0.2, 0.4), (-14.0, -7.0, 7.0, 14.0)
_SATURATIONS: Final = (0.6, 0.8, 1.2)
_LEVELS: Final = 256
_SHAPE: Final = (3, 5)  # classes and steps of a palette
# The family's own colour is worth as much as this root of a number of pixels.
_PRIOR: Final = 20.0
_ROUNDS: Final = 3
_LUMA: Final = np.array([0.299, 0.587, 0.114])
_DARKER: Final = 0.9  # the most that a colour of a ramp keeps of the luma of the one before


@dataclass(frozen=True, slots=True, eq=False)
class Colours:
    """Colours (N, 3) of pictures, without the tint of the background, and the weight (N,) of each."""

    rgb: Float
    weight: Float


def counted(pixels: NDArray[np.floating]) -> Colours:
    """Return the colours of pixels (M, 3), 0 to 255; rare ones weigh less, but not by as much as they are fewer."""
    cells = (pixels / _CELL).astype(np.int64) @ np.array([4096, 64, 1])
    _, place, counts = np.unique(cells, return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(place, pixels[:, channel]) for channel in range(3)], axis=1)
    many = counts >= _LEAST_PIXELS
    means = sums[many] / counts[many, None]
    return Colours(means.astype(np.float32), np.sqrt(counts[many]).astype(np.float32))


def fit_palette(colours: Colours) -> Palette:
    """Return the palette that explains these colours, as near to known ones as they allow."""
    family = _nearest_of_family(colours)
    return _corrected(family, colours) if len(colours.rgb) else family


def _nearest_of_family(colours: Colours) -> Palette:
    """Return the known palette, varied as known scanners do, that lies nearest to the colours."""
    best = min((ColourTable(palette) for palette in PALETTES.values()), key=lambda table: _distance(table, colours))
    for _ in range(_ROUNDS):
        start = best
        for tables in (_hues(best), _saturations(best), _blends(best)):
            best = min([best, *tables], key=lambda table: _distance(table, colours))
        if best == start:
            break
    return _plain(best)


def _hues(table: ColourTable) -> Iterator[ColourTable]:
    for step in _HUES:
        if abs(turned := table.hue_shift_degrees + step) <= 2 * _HUES[-1]:
            yield replace(table, hue_shift_degrees=turned)


def _saturations(table: ColourTable) -> Iterator[ColourTable]:
    for factor in _SATURATIONS:
        yield replace(table, saturation=factor)


def _blends(table: ColourTable) -> Iterator[ColourTable]:
    for other in PALETTES.values():
        for share in _SHARES:
            yield replace(table, palette=table.palette.blended(other, share))


def _distance(table: ColourTable, colours: Colours) -> float:
    """Return how far the colours lie from those of a table."""
    shown = lookup(table).reshape(-1, _LEVELS, 3)[:: _COARSE[0], :: _COARSE[1]].reshape(-1, 3).astype(np.float32)
    squares = (colours.rgb**2).sum(axis=1)[:, None] + (shown**2).sum(axis=1) - 2 * colours.rgb @ shown.T
    return float(colours.weight @ np.minimum(squares.min(axis=1), _FARTHEST**2))


def _plain(table: ColourTable) -> Palette:
    """Return the palette whose colours are those of a table with its turn of hues and its saturation."""
    nodes = _nodes(table.palette)
    hsv = cv2.cvtColor((nodes / 255.0).astype(np.float32), cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + table.hue_shift_degrees) % 360.0
    hsv[..., 1] = np.clip(hsv[..., 1] * table.saturation, 0.0, 1.0)
    return _palette(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * 255.0)


def _corrected(family: Palette, colours: Colours) -> Palette:
    """Move each colour of the ramps to what the pictures show there, held by the family where they show little."""
    prior = _nodes(family).reshape(-1, 3)
    nodes = prior
    parts = _parts()
    for _ in range(_ROUNDS):
        table = ColourTable(_palette(nodes.reshape(*_SHAPE, 3)))
        entries, far = nearest_in_table(colours.rgb, table)
        near = far < _FARTHEST
        share, weight = parts[entries[near]], colours.weight[near, None]
        # Least squares: every colour is a mixture of the ramps' own, each of which costs what it leaves the family's.
        square = share.T @ (weight * share) + _PRIOR * np.eye(len(prior))
        step = np.linalg.solve(square, share.T @ (weight * (colours.rgb[near] - share @ prior)))
        nodes = np.clip(prior + step, 0.0, 255.0)
        nodes[:: _SHAPE[1]] = 255.0
    return _palette(_darkening(nodes.reshape(*_SHAPE, 3)))


def _parts() -> NDArray[np.float64]:
    """Return the share (materials * levels, classes * steps) that each colour of a palette has in those of a table."""
    parts = []
    for one in range(_SHAPE[0] * _SHAPE[1]):
        single = np.zeros((_SHAPE[0] * _SHAPE[1], 3))
        single[one] = 255.0
        parts.append(lookup(ColourTable(_palette(single.reshape(*_SHAPE, 3))))[:, 0] / 255.0)
    return np.stack(parts, axis=1)


def _darkening(nodes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the colours (classes, steps, 3) of which each is darker than the one before it."""
    dark = nodes.copy()
    for step in range(1, _SHAPE[1]):
        luma, most = dark[:, step] @ _LUMA, _DARKER * (dark[:, step - 1] @ _LUMA)
        dark[:, step] *= np.minimum(1.0, most / np.maximum(luma, 1e-6))[:, None]
    return dark


def _nodes(palette: Palette) -> NDArray[np.float64]:
    return np.array([palette.organic, palette.mixed, palette.metal], np.float64)


def _palette(nodes: NDArray[np.floating]) -> Palette:
    ramps = [tuple(tuple(int(level) for level in colour) for colour in ramp) for ramp in np.rint(nodes)]
    return Palette(*ramps)  # type: ignore[arg-type]  # five steps each
