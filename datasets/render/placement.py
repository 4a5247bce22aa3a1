"""Packing with gravity: a height map of the parcel's floor onto which objects are dropped.

Each object becomes two small grids: the lowest and the highest point of it above each cell it covers. It comes to
rest where the first of its cells touches what lies below, so no two rigid objects ever share a cell's column at the
same height.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from datasets.render.compiled import compiled
from datasets.render.solids import Phantom, Solid, bounds_around

__all__ = [
    "CELL_MM", "Floor", "Grids", "Group", "about_axis", "bounds_of", "grids_of", "random_attitude", "random_rotation",
    "turned",
]  # fmt: skip

CELL_MM: Final = 8.0
_TRIES: Final = 10
_At: Final = np.uintp  # unsigned: an index that may be negative is asked each time
_RISE_MM: Final = 220.0  # a threat leans no higher than this: nobody packs a long gun upright


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Phantoms that keep their places relative to each other, tried here and there as one mesh.

    Attributes:
        phantoms: as they were built.
        mesh: their triangles, one solid after the other, where the group is now; its material means nothing.
    """

    phantoms: tuple[Phantom, ...]
    mesh: Solid

    @classmethod
    def of(cls, phantoms: Sequence[Phantom]) -> Self:
        """Return a group of phantoms as they lie."""
        meshes = [solid.triangles_mm for phantom in phantoms for solid in phantom.solids]
        return cls(tuple(phantoms), Solid(np.concatenate(meshes), "air"))

    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the lowest and the highest corner, each (3,)."""
        bounds = self.mesh.bounds_mm
        return np.array(bounds[:3]), np.array(bounds[3:])

    def turned(self, rotation: NDArray[np.float64]) -> Group:
        """Return the group turned about its centre, which becomes the origin."""
        low, high = self.bounds()
        return Group(self.phantoms, self.mesh.moved(rotation, -(rotation @ (low + high) / 2)))

    def scaled(self, factors: NDArray[np.float64]) -> Group:
        """Return the group scaled about the origin by one factor an axis."""
        return Group(self.phantoms, self.mesh.scaled(factors))

    def laid(self, offset_mm: NDArray[np.float64]) -> list[Phantom]:
        """Return the phantoms where they lie after a shift."""
        triangles = self.mesh.moved(offset_mm=offset_mm).triangles_mm
        phantoms, at = [], 0
        for phantom in self.phantoms:
            solids = []
            for solid in phantom.solids:
                end = at + len(solid.triangles_mm)
                solids.append(Solid(triangles[at:end], solid.material, solid.weight))
                at = end
            phantoms.append(Phantom(phantom.kind, tuple(solids), phantom.label, phantom.attributes))
        return phantoms


@dataclass(frozen=True, slots=True, eq=False)
class Grids:
    """The lowest and highest point of an object in mm above each cell: (X, Y), +inf and -inf where it is not."""

    low_mm: NDArray[np.float32]
    high_mm: NDArray[np.float32]


@dataclass(slots=True, eq=False)
class Floor:
    """The height of what lies in a container, cell by cell.

    Attributes:
        low_mm: lowest inner corner of the container.
        high_mm: highest inner corner; the lid is at its z.
        heights_mm: (X, Y) top of what lies there.
    """

    low_mm: NDArray[np.float64]
    high_mm: NDArray[np.float64]
    heights_mm: NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        cells = np.maximum(((self.high_mm - self.low_mm)[:2] // CELL_MM).astype(int), 1)
        self.heights_mm = np.full(cells, self.low_mm[2], np.float32)

    def drop(
        self,
        group: Group,
        rng: np.random.Generator,
        *,
        sinks: float = 0.0,
        spread: float = 0.3,
    ) -> list[Phantom] | None:
        """Put a rigid group of phantoms down somewhere; None if it fits nowhere that was tried.

        Args:
            group: what is put down, turned as it shall lie.
            rng: source of chance.
            sinks: share of its height by which what comes later may sink into it (soft things).
            spread: how much chance there is in the choice between low and high places, 0..1.
        """
        low, high = group.bounds()
        size_x, size_y = _cells(low, high)
        free_x, free_y = self.heights_mm.shape[0] - size_x, self.heights_mm.shape[1] - size_y
        room_mm = float(self.high_mm[2])
        if free_x < 0 or free_y < 0:
            return None
        grids = grids_of(group)
        xs = rng.integers(0, free_x + 1, _TRIES)
        ys = rng.integers(0, free_y + 1, _TRIES)
        rests = _rests(self.heights_mm, grids.low_mm, xs, ys)
        tops = rests + (high[2] - low[2])
        fits = tops <= room_mm
        if not fits.any():
            return None
        cost = np.where(fits, tops + spread * rng.random(_TRIES) * (room_mm - self.low_mm[2]), np.inf)
        best = int(np.argmin(cost))
        x, y, rest = int(xs[best]), int(ys[best]), float(rests[best])
        window = self.heights_mm[x : x + size_x, y : y + size_y]
        tallest = np.where(np.isfinite(grids.high_mm), rest + grids.high_mm * (1 - sinks), -np.inf)
        np.maximum(window, tallest, out=window)
        corner = np.array([self.low_mm[0] + x * CELL_MM, self.low_mm[1] + y * CELL_MM, rest])
        return group.laid(corner - low)

    def filled(self) -> float:
        """Return the share of the container's height that is taken, on average."""
        room = float(self.high_mm[2] - self.low_mm[2])
        return float((self.heights_mm - self.low_mm[2]).mean()) / max(room, 1e-6)


def grids_of(group: Group) -> Grids:
    """Return the grids of a group over its bounds; heights are counted from the lowest point."""
    low, high = group.bounds()
    cells = _cells(low, high)
    grids = Grids(np.full(cells, np.inf, np.float32), np.full(cells, -np.inf, np.float32))
    _rasterise(group.mesh.triangles_mm, low.astype(np.float32), grids.low_mm, grids.high_mm)
    return grids


def _cells(low_mm: NDArray[np.float64], high_mm: NDArray[np.float64]) -> tuple[int, int]:
    """Return how many cells an object between two corners covers along x and y."""
    across, along = (high_mm - low_mm)[:2].tolist()
    return max(math.ceil(across / CELL_MM - 1e-4), 1), max(math.ceil(along / CELL_MM - 1e-4), 1)


def random_rotation(rng: np.random.Generator, *, on_edge: float = 0.12, tilted: float = 0.1) -> NDArray[np.float64]:
    """Return a (3, 3) rotation: any turn about z, mostly lying flat, at times on edge or tilted any way."""
    rotation = about_axis(2, rng.uniform(0, 2 * np.pi)) @ about_axis(0, np.pi * rng.integers(0, 2))
    draw = rng.random()
    if draw < tilted:  # also pointing at the beam
        return (
            about_axis(2, rng.uniform(0, 2 * np.pi))
            @ about_axis(int(rng.integers(0, 2)), rng.uniform(0, np.pi))
            @ rotation
        )
    if draw < tilted + on_edge:
        axis = 0 if rng.random() < 0.75 else 1
        return rotation @ about_axis(axis, np.pi / 2)
    return rotation @ about_axis(0, rng.normal(0, 0.06)) @ about_axis(1, rng.normal(0, 0.06))


def random_attitude(
    rng: np.random.Generator, length_mm: float, *, on_edge: float, tilted: float
) -> NDArray[np.float64]:
    """Return a (3, 3) rotation that says how a long flat thing lies, before any turn about z.

    Its longest side lies along x and its thickness along z: flat, on edge (seen from above, only its back shows),
    or rolled about its length by any angle, at times pointing up.

    Args:
        rng: source of chance.
        length_mm: its longest side.
        on_edge: share of those on edge.
        tilted: share of those at an angle.
    """
    draw = rng.random()
    roll, pitch = rng.normal(0, 0.06, 2)
    side = float(rng.choice([-1.0, 1.0]))
    if draw < on_edge:
        roll += side * np.pi / 2
    elif draw < on_edge + tilted:
        roll = side * rng.uniform(0.3, 1.5)
        pitch = rng.uniform(0.5, np.pi / 2) if rng.random() < 0.2 else rng.normal(0, 0.3)
    steepest = np.arcsin(min(1.0, _RISE_MM / max(length_mm, 1.0)))
    return (
        about_axis(1, float(np.clip(pitch, -steepest, steepest)))
        @ about_axis(0, float(roll))
        @ about_axis(0, np.pi * int(rng.integers(2)))
    )


def about_axis(axis: int, angle: float) -> NDArray[np.float64]:
    """Return the (3, 3) rotation by an angle in radians about axis 0 (x), 1 (y) or 2 (z)."""
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    if axis == 0:
        return np.array([(1.0, 0.0, 0.0), (0.0, cos, -sin), (0.0, sin, cos)])
    if axis == 1:
        return np.array([(cos, 0.0, sin), (0.0, 1.0, 0.0), (-sin, 0.0, cos)])
    return np.array([(cos, -sin, 0.0), (sin, cos, 0.0), (0.0, 0.0, 1.0)])


def bounds_of(group: Sequence[Phantom]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest and the highest corner of a group, each (3,)."""
    return bounds_around(solid for phantom in group for solid in phantom.solids)


def turned(group: Sequence[Phantom], rotation: NDArray[np.float64]) -> list[Phantom]:
    """Return a group turned about its centre, which becomes the origin."""
    low, high = bounds_of(group)
    return [phantom.moved(rotation, -(rotation @ (low + high) / 2)) for phantom in group]


@compiled
def _rasterise(
    triangles: NDArray[np.float32], origin: NDArray[np.float32], low: NDArray[np.float32], high: NDArray[np.float32]
) -> None:
    """Widen `low` and `high` by every triangle, in every cell that it may touch."""
    for index in range(triangles.shape[0]):
        t = triangles[index]
        x0, y0, z0 = (t[0, 0] - origin[0]) / CELL_MM, (t[0, 1] - origin[1]) / CELL_MM, t[0, 2] - origin[2]
        x1, y1, z1 = (t[1, 0] - origin[0]) / CELL_MM, (t[1, 1] - origin[1]) / CELL_MM, t[1, 2] - origin[2]
        x2, y2, z2 = (t[2, 0] - origin[0]) / CELL_MM, (t[2, 1] - origin[1]) / CELL_MM, t[2, 2] - origin[2]
        first_x = min(max(int(np.floor(min(x0, x1, x2))), 0), low.shape[0] - 1)
        last_x = min(max(int(np.floor(max(x0, x1, x2))), 0), low.shape[0] - 1)
        first_y = min(max(int(np.floor(min(y0, y1, y2))), 0), low.shape[1] - 1)
        last_y = min(max(int(np.floor(max(y0, y1, y2))), 0), low.shape[1] - 1)
        end_y = min(first_y + (last_y - first_y + 4) // 4 * 4, low.shape[1])  # in whole steps of vector units
        z_low, z_high = min(z0, z1, z2), max(z0, z1, z2)
        if first_x == last_x and first_y == last_y:  # a small one, often between others
            at = _At(first_x), _At(first_y)
            if low[at] <= z_low and high[at] >= z_high:
                continue
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < 1e-6:
            for i in range(first_x, last_x + 1):
                for j in range(first_y, last_y + 1):
                    at = _At(i), _At(j)
                    low[at], high[at] = min(low[at], z_low), max(high[at], z_high)
            continue
        if area < 0:
            x1, y1, z1, x2, y2, z2 = x2, y2, z2, x1, y1, z1
            area = -area
        gx = ((z1 - z0) * (y2 - y0) - (z2 - z0) * (y1 - y0)) / area
        gy = ((z2 - z0) * (x1 - x0) - (z1 - z0) * (x2 - x0)) / area
        reach = 0.5 * (abs(gx) + abs(gy))
        # A cell is outside if all of it lies on the outer side of one edge.
        xa, ya, xb, yb, xc, yc = x1 - x0, y1 - y0, x2 - x1, y2 - y1, x0 - x2, y0 - y2
        least_a, least_b = -0.5 * (abs(xa) + abs(ya)), -0.5 * (abs(xb) + abs(yb))
        least_c = -0.5 * (abs(xc) + abs(yc))
        for i in range(first_x, last_x + 1):
            cx = i + 0.5
            a, b, c, plane = ya * (cx - x0), yb * (cx - x1), yc * (cx - x2), z0 + gx * (cx - x0)
            lowest, highest = low[_At(i)], high[_At(i)]
            for j in range(first_y, end_y):  # without a branch: for vector units
                cy, cell = j + 0.5, _At(j)
                touched = (xa * (cy - y0) - a >= least_a) & (j <= last_y)
                touched &= xb * (cy - y1) - b >= least_b
                touched &= xc * (cy - y2) - c >= least_c
                z = plane + gy * (cy - y0)
                lowest[cell] = min(lowest[cell], max(z - reach, z_low) if touched else np.inf)
                highest[cell] = max(highest[cell], min(z + reach, z_high) if touched else -np.inf)


@compiled
def _rests(
    heights: NDArray[np.float32], low: NDArray[np.float32], xs: NDArray[np.int64], ys: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the height at which an object with these lowest points comes to rest at each place."""
    rests = np.full(xs.shape[0], -1e9)
    for k in range(xs.shape[0]):
        for i in range(low.shape[0]):
            for j in range(low.shape[1]):
                if low[i, j] < 1e9:
                    rests[k] = max(rests[k], heights[xs[k] + i, ys[k] + j] - low[i, j])
    return rests
