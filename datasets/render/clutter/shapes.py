"""Shapes shared by the benign objects: wires, springs, sheets, shells and many copies of one part in one mesh.

Everything here is closed and faces outward like `datasets.render.solids`. Sizes are millimetres.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from datasets.render.clutter.curves import round_corners, through
from datasets.render.meshing import placed, sheet_between, skin, wire_rings
from datasets.render.solids import Phantom, Solid, box, lathe, sweep

__all__ = [
    "along_x",
    "along_y",
    "between",
    "blob",
    "boxes",
    "chance",
    "copies",
    "corners",
    "even",
    "finish",
    "gear",
    "helix",
    "hollow_box",
    "loft",
    "lying_box",
    "pick",
    "pillow",
    "ring",
    "rolled",
    "rounded",
    "sheet",
    "smooth",
    "strip",
    "turned",
    "uniform",
    "vessel",
    "wandering",
    "wire",
]

Array = NDArray[np.float64]
_Option = TypeVar("_Option")

_ODD = ([0, 2, 1], [1, 0, 2], [2, 1, 0])  # these orders of axes would turn a right hand into a left one
_UNIT_BOX = box((1, 1, 1), "air").triangles_mm


def uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Return one uniform number: `rng.uniform` without its checks."""
    return float(low + (high - low) * rng.random())


def between(shares: Array, low: ArrayLike, high: ArrayLike) -> Array:
    """Return what lies at shares of the way from low to high: `rng.random` in, as many uniform numbers out."""
    start: Array = np.asarray(low, np.float64)
    return start + (np.asarray(high, np.float64) - start) * shares


def pick(rng: np.random.Generator, *options: _Option) -> _Option:
    """Return one of the options, all equally likely."""
    return options[int(rng.integers(len(options)))]


def chance(rng: np.random.Generator, probability: float) -> bool:
    """Return True with the given probability."""
    return bool(rng.random() < probability)


def turned(axis: str, degrees: float) -> Array:
    """Return the (3, 3) rotation about axis "x", "y" or "z", right-handed."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    rotation = np.eye(3)
    rotation[first, first] = rotation[second, second] = c
    rotation[first, second], rotation[second, first] = -s, s
    return rotation


_Z_TO_X = turned("y", 90).round()
_Z_TO_Y = turned("x", -90).round()


def along_x(solid: Solid, offset_mm: ArrayLike = (0, 0, 0)) -> Solid:
    """Lay a solid whose axis is z along x, then shift it."""
    return solid.moved(_Z_TO_X, offset_mm)


def along_y(solid: Solid, offset_mm: ArrayLike = (0, 0, 0)) -> Solid:
    """Lay a solid whose axis is z along y, then shift it."""
    return solid.moved(_Z_TO_Y, offset_mm)


def lying_box(size_mm: Sequence[float], material: str, offset_mm: ArrayLike) -> Solid:
    """Return a box with its centre at the offset."""
    return box(size_mm, material).moved(offset_mm=offset_mm)


def boxes(centres_mm: ArrayLike, sizes_mm: ArrayLike, material: str, *, yaw_deg: ArrayLike = 0.0) -> Solid:
    """Return N boxes as one mesh: centres (N, 3), sizes (N, 3) or (3,), yaw about z (N,) or one for all."""
    centres = np.ascontiguousarray(centres_mm, np.float64).reshape(-1, 3)
    return _placed(_UNIT_BOX, sizes_mm, centres, yaw_deg, material)


def copies(solid: Solid, offsets_mm: ArrayLike, *, yaw_deg: ArrayLike = 0.0) -> Solid:
    """Return N copies of a solid as one mesh at offsets (N, 3), each turned about z first."""
    offsets = np.ascontiguousarray(offsets_mm, np.float64).reshape(-1, 3)
    return _placed(solid.triangles_mm, (1.0, 1.0, 1.0), offsets, yaw_deg, solid.material)


def _placed(mesh: NDArray[np.float32], sizes: ArrayLike, offsets: Array, yaw_deg: ArrayLike, material: str) -> Solid:
    scales, yaw = np.empty_like(offsets), np.empty(len(offsets))
    scales[:], yaw[:] = sizes, np.radians(yaw_deg)
    return Solid(placed(mesh, scales, offsets, yaw), material)


def wire(
    path_mm: ArrayLike,
    radius_mm: float,
    material: str,
    *,
    sides: int = 6,
    closed: bool = False,
    up: ArrayLike = (0.0, 0.0, 1.0),
) -> Solid:
    """Sweep a circle along a polyline (N, 3) like `sweep`, but without a loop over its points.

    `up` is one direction or one a point (N, 3); where the path runs along it, `sweep` takes over.
    """
    path = np.ascontiguousarray(path_mm, np.float64)
    above = np.ascontiguousarray(up, np.float64).reshape(-1, 3)
    rings = wire_rings(path, above, float(radius_mm), sides, closed)
    if not len(rings):
        return sweep(path, radius_mm, material, sides=sides, closed=closed)
    return Solid(skin(rings, closed, not closed), material)


def helix(length_mm: float, radius_mm: float, turns: float, points: int) -> tuple[Array, Array]:
    """Return a helix about x (N, 3), centred, and its outward direction at each point (the `up` of `wire`)."""
    angle = np.linspace(0, 2 * np.pi * turns, points)
    out = np.stack([np.zeros(points), np.cos(angle), np.sin(angle)], axis=1)
    path = out * radius_mm
    path[:, 0] = np.linspace(-length_mm / 2, length_mm / 2, points)
    return path, out


def ring(
    radius_mm: float, wire_mm: float, material: str, *, points: int = 16, sides: int = 6, stretch: float = 1.0
) -> Solid:
    """Return a ring of round wire in the xy plane, `stretch` times as long along x."""
    angle = np.arange(points) * (2 * np.pi / points)
    path = np.stack([np.cos(angle) * radius_mm * stretch, np.sin(angle) * radius_mm, np.zeros(points)], axis=1)
    return wire(path, wire_mm, material, sides=sides, closed=True)


def rolled(ring: Array, by: int = 1) -> Array:
    """Return the points (N, ...) of a ring from another start: `np.roll` backwards, without its checks."""
    return np.concatenate([ring[by:], ring[:by]])


@lru_cache(maxsize=256)
def even(low: float, high: float, count: int) -> Array:
    """Return (count,) numbers at even steps from low to high, kept and not to be written."""
    numbers = np.linspace(low, high, count)
    numbers.flags.writeable = False
    return numbers


def corners(path_mm: ArrayLike, radius_mm: float, *, closed: bool = False, steps: int = 5) -> Array:
    """Round the corners of a polyline (N, 2 or 3) with quadratic curves that start `radius_mm` before them."""
    path = np.ascontiguousarray(path_mm, np.float64)
    arcs: Array = round_corners(path, float(radius_mm), even(0, 1, steps))
    if closed:
        return arcs.reshape(-1, path.shape[1])
    return np.concatenate([path[:1], arcs[1:-1].reshape(-1, path.shape[1]), path[-1:]])


def rounded(width_mm: float, depth_mm: float, radius_mm: float, *, steps: int = 4) -> Array:
    """Return the outline (N, 2) of a rectangle with round corners, centred."""
    x, y = width_mm / 2, depth_mm / 2
    return corners([(-x, -y), (x, -y), (x, y), (-x, y)], radius_mm, closed=True, steps=steps)


def smooth(points_mm: ArrayLike, steps: int = 4, *, closed: bool = True) -> Array:
    """Return a Catmull-Rom curve through the points (N, D) with `steps` points a span."""
    curve: Array = through(np.ascontiguousarray(points_mm, np.float64), steps, closed)
    return curve


def blob(rng: np.random.Generator, width_mm: float, depth_mm: float, *, knobs: int = 8, rough: float = 0.12) -> Array:
    """Return a random smooth outline (N, 2) of about the given size."""
    angle = np.arange(knobs) * (2 * np.pi / knobs)
    radius = 0.5 * (1 + rng.uniform(-rough, rough, knobs))
    return smooth(np.stack([np.cos(angle) * radius * width_mm, np.sin(angle) * radius * depth_mm], axis=1))


def wandering(angles: Array, rise: ArrayLike, step_mm: float) -> Array:
    """Return a path (N, 3) of equal steps over the ground, each at its angle (N,), rising by `rise` times the step."""
    steps = np.empty((len(angles), 3))
    steps[:, 0], steps[:, 1], steps[:, 2] = np.cos(angles), np.sin(angles), rise
    steps *= step_mm
    return steps.cumsum(axis=0)


def strip(path_mm: ArrayLike, width_mm: ArrayLike) -> Array:
    """Return the outline (2N, 2) of a band along an open path (N, 2); the width may vary along it."""
    path = np.asarray(path_mm, np.float64)
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-12
    half = np.broadcast_to(np.asarray(width_mm, np.float64), (len(path),))[:, None] / 2
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1) * half
    return np.concatenate([path - normal, (path + normal)[::-1]])


def gear(radius_mm: float, teeth: int, depth_mm: float) -> Array:
    """Return the outline (4 * teeth, 2) of a toothed wheel."""
    angle = np.arange(teeth * 4) * (2 * np.pi / (teeth * 4))
    radius = np.tile([radius_mm - depth_mm, radius_mm, radius_mm, radius_mm - depth_mm], teeth)
    return np.stack([np.cos(angle) * radius, np.sin(angle) * radius], axis=1)


def loft(outlines_mm: Sequence[ArrayLike], heights_mm: Sequence[float], material: str) -> Solid:
    """Join outlines (N, 2), all with N points in the same sense, at increasing heights z."""
    first = np.asarray(outlines_mm[0], np.float64)
    following = rolled(first)
    turn = 1 if np.sum(first[:, 0] * following[:, 1] - first[:, 1] * following[:, 0]) > 0 else -1
    rings = np.empty((len(heights_mm), len(first), 3))
    for ring, outline, height in zip(rings, outlines_mm, heights_mm, strict=True):
        ring[:, :2], ring[:, 2] = np.asarray(outline, np.float64)[::turn], height
    return Solid(skin(rings, False, True), material)


def pillow(outline_mm: ArrayLike, height_mm: float, material: str, *, edge: float = 0.75) -> Solid:
    """Return an extrusion with rounded rims: the outline shrinks to `edge` of its size at the top and the bottom."""
    outline = np.asarray(outline_mm, np.float64)
    centre = outline.mean(axis=0)
    middle = 1 - (1 - edge) * 0.3
    scales = (edge, middle, 1.0, middle, edge)
    heights = np.array([-0.5, -0.38, 0.0, 0.38, 0.5]) * height_mm
    return loft([centre + (outline - centre) * scale for scale in scales], heights.tolist(), material)


def sheet(grid_mm: ArrayLike, thickness_mm: float, material: str) -> Solid:
    """Thicken a surface given as a grid of points (N, M, 3) along its normals: cloth, foil, bent plates, bag walls."""
    return Solid(sheet_between(np.ascontiguousarray(grid_mm, np.float64), float(thickness_mm)), material)


def hollow_box(
    size_mm: Sequence[float], wall_mm: float, material: str, offset_mm: ArrayLike = (0, 0, 0)
) -> list[Solid]:
    """Return a closed box with walls of the given thickness."""
    inner = [max(side - 2 * wall_mm, 0.1 * side) for side in size_mm]
    return [box(size_mm, material).moved(offset_mm=offset_mm), box(inner, material).moved(offset_mm=offset_mm).cavity()]


def vessel(
    profile_mm: ArrayLike,
    wall_mm: float,
    material: str,
    *,
    content: str | None = None,
    fill: float = 1.0,
    base_mm: float | None = None,
    sides: int = 24,
) -> list[Solid]:
    """Return a closed shell turned about z from an outside profile of (radius, z), with content up to `fill`.

    The inside is the profile less the wall; it starts `base_mm` (or one wall) above the bottom.
    """
    outer = np.asarray(profile_mm, np.float64)
    floor, roof = outer[0, 1] + (base_mm or wall_mm), outer[-1, 1] - wall_mm
    heights = np.concatenate([[floor], outer[(outer[:, 1] > floor) & (outer[:, 1] < roof), 1], [roof]])
    radii = np.maximum(np.interp(heights, outer[:, 1], outer[:, 0]) - wall_mm, 0.05)
    solids = [
        lathe(outer, material, sides=sides),
        lathe(np.stack([radii, heights], axis=1), material, sides=sides).cavity(),
    ]
    if content is not None:
        level = floor + (roof - floor) * fill
        keep = heights < level - 1e-6
        inside = np.stack(
            [np.append(radii[keep], np.interp(level, heights, radii)), np.append(heights[keep], level)], axis=1
        )
        solids.append(lathe(inside * (0.998, 1.0), content, sides=sides))
    return solids


def finish(kind: str, solids: Iterable[Solid], *, keep_pose: bool = False, recentre: bool = True) -> Phantom:
    """Return the benign phantom: one mesh a material, centred, the longest side along x and the shortest along z."""
    merged: dict[tuple[str, float], list[NDArray[np.float32]]] = {}
    for solid in solids:
        merged.setdefault((solid.material, solid.weight), []).append(solid.triangles_mm)
    parts = [Solid(np.concatenate(meshes), material, weight) for (material, weight), meshes in merged.items()]
    whole = Phantom(kind, tuple(parts))
    low, high = whole.bounds_mm()
    rotation = np.eye(3)
    if not keep_pose:
        order = np.argsort(-(high - low), kind="stable").tolist()
        rotation = rotation[order]
        if order in _ODD:
            rotation[2] *= -1
    return whole.moved(rotation, -rotation @ ((low + high) / 2) if recentre else np.zeros(3))
