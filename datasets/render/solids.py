"""Closed triangle meshes: the shapes that phantoms and clutter are built from.

Every solid is closed and faces outward, so that the depths of its faces along a ray, each with the sign of its
facing, add up to the length of the ray inside it (Freud et al., Med. Phys. 33, 2006). Because only signed sums count,
a flat cap may be a plain fan from one vertex, also for outlines that are not convex or have holes: the parts of the
fan outside the outline cancel.

Units are millimetres. World axes: x across the belt, y along the belt, z up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from datasets.render.compiled import compiled
from datasets.render.meshing import doubled_area, prism, skin, swept_rings, turned

__all__ = [
    "Bounds",
    "Phantom",
    "Solid",
    "bounds_around",
    "box",
    "corners_of",
    "cylinder",
    "ellipsoid",
    "extrude",
    "frustum",
    "lathe",
    "stacked",
    "sweep",
    "tube",
]

Bounds: TypeAlias = tuple[float, float, float, float, float, float]  # lowest x, y, z, then highest x, y, z
_Points: TypeAlias = NDArray[np.float64]
_UNKNOWN: Final[Bounds] = (np.inf, np.inf, np.inf, -np.inf, -np.inf, -np.inf)


@dataclass(frozen=True, slots=True, eq=False)
class Solid:
    """A closed mesh of one material.

    Attributes:
        triangles_mm: (T, 3, 3) float32 corner coordinates, counter-clockwise seen from outside.
        material: a name in `datasets.render.materials`.
        weight: +1 adds the material; -1 takes it away (a cavity in a solid of that material).
    """

    triangles_mm: NDArray[np.float32]
    material: str
    weight: float = 1.0
    _bounds: Bounds = field(default=_UNKNOWN, init=False, repr=False)

    @property
    def bounds_mm(self) -> Bounds:
        """Lowest and highest corner: measured once, and known to the last bit by what was then shifted or scaled."""
        if self._bounds == _UNKNOWN:
            object.__setattr__(self, "_bounds", _measured(self.triangles_mm))
        return self._bounds

    def moved(self, rotation: ArrayLike | None = None, offset_mm: ArrayLike = (0, 0, 0)) -> Solid:
        """Return a copy turned by a (3, 3) rotation about the origin, then shifted."""
        offset = np.ascontiguousarray(offset_mm, np.float64)
        if rotation is None:
            return self._copied(*_shifted(self.triangles_mm, offset, self._bounds))
        turn = np.ascontiguousarray(rotation, np.float64)
        return Solid(_moved(self.triangles_mm, turn, offset), self.material, self.weight)

    def scaled(self, factors: ArrayLike) -> Solid:
        """Return a copy scaled about the origin by one factor or one an axis (all positive)."""
        each = np.empty(3, np.float32)
        each[:] = factors
        return self._copied(*_scaled(self.triangles_mm, each, self._bounds))

    def cavity(self, material: str | None = None) -> Solid:
        """Return the same shape as something taken away (from a surrounding solid of `material`)."""
        return Solid(self.triangles_mm, material or self.material, -1.0)

    def _copied(self, triangles_mm: NDArray[np.float32], bounds_mm: Bounds) -> Solid:
        """Return another mesh of the same material that knows its bounds."""
        copy = Solid(triangles_mm, self.material, self.weight)
        object.__setattr__(copy, "_bounds", bounds_mm)
        return copy


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """One object of a scene: a labelled threat, or benign where `label` is None.

    Attributes:
        kind: family name for statistics and provenance, such as "handgun/steel" or "tool/wrench".
        solids: what it is made of.
        label: a name in `detector.taxonomy.LABELS`, or None.
        attributes: names in `detector.taxonomy.ATTRIBUTES`.
    """

    kind: str
    solids: tuple[Solid, ...]
    label: str | None = None
    attributes: tuple[str, ...] = ()

    def moved(self, rotation: ArrayLike | None = None, offset_mm: ArrayLike = (0, 0, 0)) -> Phantom:
        """Return a copy turned by a (3, 3) rotation about the origin, then shifted."""
        solids = tuple([solid.moved(rotation, offset_mm) for solid in self.solids])
        return Phantom(self.kind, solids, self.label, self.attributes)

    def bounds_mm(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the lowest and the highest corner, each (3,)."""
        low, high = bounds_around(self.solids)
        return low.astype(np.float32), high.astype(np.float32)

    def centred(self) -> Phantom:
        """Return a copy whose bounding box is centred on the origin."""
        low, high = self.bounds_mm()
        return self.moved(offset_mm=-(low + high) / 2)


def bounds_around(solids: Iterable[Solid]) -> tuple[_Points, _Points]:
    """Return the lowest and the highest corner (3,) of all solids, exact."""
    columns = list(zip(_UNKNOWN, *[solid.bounds_mm for solid in solids], strict=True))
    return np.array([min(values) for values in columns[:3]]), np.array([max(values) for values in columns[3:]])


@compiled
def _measured(triangles: NDArray[np.float32]) -> Bounds:  # pragma: no cover  compiled
    """Return the bounds of a mesh."""
    low_x = low_y = low_z = np.float32(np.inf)
    high_x = high_y = high_z = np.float32(-np.inf)
    for index in range(triangles.shape[0]):
        for corner in range(3):
            x, y, z = triangles[index, corner, 0], triangles[index, corner, 1], triangles[index, corner, 2]
            low_x, low_y, low_z = min(low_x, x), min(low_y, y), min(low_z, z)
            high_x, high_y, high_z = max(high_x, x), max(high_y, y), max(high_z, z)
    return float(low_x), float(low_y), float(low_z), float(high_x), float(high_y), float(high_z)


@compiled
def _moved(
    triangles: NDArray[np.float32], rotation: _Points, offset: _Points
) -> NDArray[np.float32]:  # pragma: no cover  compiled
    """Turn and shift every corner by one sum in one order.

    Corners that were equal stay equal to the last bit, which the projector needs and a matrix product does not promise.
    """
    out = np.empty(triangles.shape, np.float32)
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = rotation
    to_x, to_y, to_z = offset
    for index in range(triangles.shape[0]):
        for corner in range(3):
            x, y, z = triangles[index, corner, 0], triangles[index, corner, 1], triangles[index, corner, 2]
            out[index, corner, 0] = x * xx + y * xy + z * xz + to_x
            out[index, corner, 1] = x * yx + y * yy + z * yz + to_y
            out[index, corner, 2] = x * zx + y * zy + z * zz + to_z
    return out


@compiled
def _shifted(
    triangles: NDArray[np.float32], offset: _Points, bounds: Bounds
) -> tuple[NDArray[np.float32], Bounds]:  # pragma: no cover  compiled
    """Shift every corner; bounds follow, since rounding keeps order, and what is not known stays so."""
    out = np.empty(triangles.shape, np.float32)
    x, y, z = offset[0], offset[1], offset[2]
    for index in range(triangles.shape[0]):
        for corner in range(3):
            out[index, corner, 0] = triangles[index, corner, 0] + x
            out[index, corner, 1] = triangles[index, corner, 1] + y
            out[index, corner, 2] = triangles[index, corner, 2] + z
    low = float(np.float32(bounds[0] + x)), float(np.float32(bounds[1] + y)), float(np.float32(bounds[2] + z))
    high = float(np.float32(bounds[3] + x)), float(np.float32(bounds[4] + y)), float(np.float32(bounds[5] + z))
    return out, (*low, *high)


@compiled
def _scaled(
    triangles: NDArray[np.float32], factors: NDArray[np.float32], bounds: Bounds
) -> tuple[NDArray[np.float32], Bounds]:  # pragma: no cover  compiled
    """Scale every corner in single precision; bounds follow as those of a shift do."""
    out = np.empty(triangles.shape, np.float32)
    x, y, z = factors[0], factors[1], factors[2]
    for index in range(triangles.shape[0]):
        for corner in range(3):
            out[index, corner, 0] = triangles[index, corner, 0] * x
            out[index, corner, 1] = triangles[index, corner, 1] * y
            out[index, corner, 2] = triangles[index, corner, 2] * z
    low = float(np.float32(bounds[0]) * x), float(np.float32(bounds[1]) * y), float(np.float32(bounds[2]) * z)
    high = float(np.float32(bounds[3]) * x), float(np.float32(bounds[4]) * y), float(np.float32(bounds[5]) * z)
    return out, (*low, *high)


def extrude(outline_mm: ArrayLike, height_mm: float, material: str, *, holes_mm: Iterable[ArrayLike] = ()) -> Solid:
    """Extrude a closed outline (N, 2) in the xy plane along z, centred on z = 0; holes go all the way through."""
    rings = [_oriented(outline_mm, 1.0), *(_oriented(hole, -1.0) for hole in holes_mm)]
    pieces = [prism(ring, rings[0][0], height_mm / 2) for ring in rings]
    return Solid(np.concatenate(pieces) if len(pieces) > 1 else pieces[0], material)


def stacked(outlines_mm: Sequence[ArrayLike], heights_mm: Sequence[float], material: str) -> Solid:
    """Join outlines of equally many points (N, 2), each at its height, from low z to high z: plates with soft edges."""
    outlines = np.ascontiguousarray(outlines_mm, np.float64)
    # all of them say which way round they run: one may have shrunk to a line
    step = 1 if sum(doubled_area(outline) for outline in outlines) > 0 else -1
    rings = np.empty((*outlines.shape[:2], 3))
    rings[..., :2], rings[..., 2] = outlines[:, ::step], np.asarray(heights_mm)[:, None]
    return Solid(skin(rings, False, True), material)


def lathe(profile_mm: ArrayLike, material: str, *, sides: int = 24) -> Solid:
    """Turn an open profile of (radius, z) points about the z axis; the ends are closed with discs.

    The profile runs from low z to high z along the outside (going back down on a smaller radius makes a cup).

    Raises:
        ValueError: a radius is below 0.
    """
    profile = np.ascontiguousarray(profile_mm, np.float64)
    return Solid(turned(profile, sides), material)


def sweep(path_mm: ArrayLike, radius_mm: float, material: str, *, sides: int = 8, closed: bool = False) -> Solid:
    """Sweep a circle along a polyline (N, 3): wires, cables, handles, zips, frames. `closed` joins the ends."""
    path = np.ascontiguousarray(path_mm, np.float64)
    return Solid(skin(swept_rings(path, float(radius_mm), sides, closed), closed, not closed), material)


def corners_of(phantom: Phantom) -> NDArray[np.float32]:
    """Return the (N, 3) corners of all triangles of a phantom, in mm."""
    return np.concatenate([solid.triangles_mm.reshape(-1, 3) for solid in phantom.solids])


def box(size_mm: Sequence[float], material: str) -> Solid:
    """Return a box centred on the origin."""
    x, y, z = (float(value) / 2 for value in size_mm)
    return extrude([(-x, -y), (x, -y), (x, y), (-x, y)], 2 * z, material)


def cylinder(radius_mm: float, height_mm: float, material: str, *, sides: int = 24) -> Solid:
    """Return a cylinder about the z axis, centred on the origin."""
    return frustum(radius_mm, radius_mm, height_mm, material, sides=sides)


def frustum(low_radius_mm: float, high_radius_mm: float, height_mm: float, material: str, *, sides: int = 24) -> Solid:
    """Return a cone frustum about the z axis, centred on the origin."""
    return lathe([(low_radius_mm, -height_mm / 2), (high_radius_mm, height_mm / 2)], material, sides=sides)


def tube(outer_mm: float, inner_mm: float, height_mm: float, material: str, *, sides: int = 24) -> Solid:
    """Return a pipe of outer and inner radius about the z axis, centred on the origin, open at both ends."""
    unit = _unit_circle(sides)
    return extrude(unit * outer_mm, height_mm, material, holes_mm=[unit * inner_mm])


@lru_cache(maxsize=64)
def _unit_circle(sides: int) -> _Points:
    angle = np.arange(sides) * (2 * np.pi / sides)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def ellipsoid(radii_mm: Sequence[float], material: str, *, sides: int = 20, rings: int = 12) -> Solid:
    """Return an ellipsoid centred on the origin."""
    latitude = np.linspace(-np.pi / 2, np.pi / 2, rings + 1)
    profile = np.stack([np.cos(latitude).clip(0), np.sin(latitude)], axis=1)
    return lathe(profile, material, sides=sides).scaled(radii_mm)


def _oriented(ring_mm: ArrayLike, sign: float) -> _Points:
    """Return the ring counter-clockwise (sign +1) or clockwise (sign -1)."""
    ring = np.ascontiguousarray(ring_mm, np.float64)
    return ring if doubled_area(ring) * sign > 0 else ring[::-1].copy()
