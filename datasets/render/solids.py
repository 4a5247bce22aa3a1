"""Closed triangle meshes: the shapes that phantoms and clutter are built from.

Every solid is closed and faces outward, so that the depths of its faces along a ray, each with the sign of its
facing, add up to the length of the ray inside it (Freud et al., Med. Phys. 33, 2006). Because only signed sums count,
a flat cap may be a plain fan from one vertex, also for outlines that are not convex or have holes: the parts of the
fan outside the outline cancel.

Units are millimetres. World axes: x across the belt, y along the belt, z up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from datasets.render.compiled import compiled

__all__ = [
    "Phantom",
    "Solid",
    "box",
    "corners_of",
    "cylinder",
    "ellipsoid",
    "extrude",
    "frustum",
    "lathe",
    "sweep",
    "tube",
]

_Points: TypeAlias = NDArray[np.float64]


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

    def moved(self, rotation: ArrayLike | None = None, offset_mm: ArrayLike = (0, 0, 0)) -> Solid:
        """Return a copy turned by a (3, 3) rotation about the origin, then shifted."""
        turn = np.eye(3) if rotation is None else np.asarray(rotation)
        return replace(
            self, triangles_mm=_moved(self.triangles_mm, turn.astype(np.float32), np.asarray(offset_mm, np.float32))
        )

    def scaled(self, factors: ArrayLike) -> Solid:
        """Return a copy scaled about the origin by one factor or one an axis (all positive)."""
        return replace(self, triangles_mm=(self.triangles_mm * np.asarray(factors, np.float32)).astype(np.float32))

    def cavity(self, material: str | None = None) -> Solid:
        """Return the same shape as something taken away (from a surrounding solid of `material`)."""
        return replace(self, weight=-1.0, material=material or self.material)


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
        return replace(self, solids=tuple(solid.moved(rotation, offset_mm) for solid in self.solids))

    def bounds_mm(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the lowest and the highest corner, each (3,)."""
        # One axis at a time: numpy's reduction over the two leading axes is twenty times slower.
        lows = np.array([[solid.triangles_mm[..., axis].min() for axis in range(3)] for solid in self.solids])
        highs = np.array([[solid.triangles_mm[..., axis].max() for axis in range(3)] for solid in self.solids])
        return lows.min(axis=0), highs.max(axis=0)

    def centred(self) -> Phantom:
        """Return a copy whose bounding box is centred on the origin."""
        low, high = self.bounds_mm()
        return self.moved(offset_mm=-(low + high) / 2)


@compiled
def _moved(
    triangles: NDArray[np.float32], rotation: NDArray[np.float32], offset: NDArray[np.float32]
) -> NDArray[np.float32]:  # pragma: no cover  compiled
    """Turn and shift every corner by one sum in one order.

    Corners that were equal stay equal to the last bit, which the projector needs and a matrix product does not promise.
    """
    out = np.empty_like(triangles)
    for index in range(triangles.shape[0]):
        for corner in range(3):
            x, y, z = triangles[index, corner, 0], triangles[index, corner, 1], triangles[index, corner, 2]
            for axis in range(3):
                turned = x * rotation[axis, 0] + y * rotation[axis, 1] + z * rotation[axis, 2]
                out[index, corner, axis] = turned + offset[axis]
    return out


def extrude(outline_mm: ArrayLike, height_mm: float, material: str, *, holes_mm: Iterable[ArrayLike] = ()) -> Solid:
    """Extrude a closed outline (N, 2) in the xy plane along z, centred on z = 0; holes go all the way through."""
    rings = [_oriented(outline_mm, 1.0), *(_oriented(hole, -1.0) for hole in holes_mm)]
    anchor = rings[0][0]
    pieces = []
    half = height_mm / 2
    for ring in rings:
        count = len(ring)
        following = np.concatenate([ring[1:], ring[:1]])
        caps = np.empty((2 * count, 3, 3))
        caps[:, 0, :2] = anchor
        caps[:count, 1, :2] = caps[count:, 2, :2] = ring
        caps[:count, 2, :2] = caps[count:, 1, :2] = following
        caps[:count, :, 2], caps[count:, :, 2] = half, -half
        pieces.append(caps)
        pieces.append(_quads(_at(ring, -half), _at(following, -half), _at(following, half), _at(ring, half)))
    return _solid(pieces, material)


def lathe(profile_mm: ArrayLike, material: str, *, sides: int = 24) -> Solid:
    """Turn an open profile of (radius, z) points about the z axis; the ends are closed with discs.

    The profile runs from low z to high z along the outside (going back down on a smaller radius makes a cup).
    """
    profile = np.asarray(profile_mm, np.float64)
    if (profile[:, 0] < 0).any():
        raise ValueError("expected radii of at least 0")
    closed = np.concatenate([[[0.0, profile[0, 1]]], profile, [[0.0, profile[-1, 1]]]])
    angle = np.arange(sides + 1) * (2 * np.pi / sides)
    angle[-1] = 0.0  # the seam must close to the last bit
    unit = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    rings = np.concatenate(
        [closed[:, None, :1] * unit[None], np.broadcast_to(closed[:, None, 1:], (len(closed), sides + 1, 1))], axis=2
    )
    low, high = rings[:-1], rings[1:]
    corners = (low[:, :-1], low[:, 1:], high[:, 1:], high[:, :-1])
    return _solid([_quads(*(corner.reshape(-1, 3) for corner in corners))], material)


def sweep(path_mm: ArrayLike, radius_mm: float, material: str, *, sides: int = 8, closed: bool = False) -> Solid:
    """Sweep a circle along a polyline (N, 3): wires, cables, handles, zips, frames. `closed` joins the ends."""
    path = np.asarray(path_mm, np.float64)
    tangent = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0) if closed else np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-12
    normal = np.empty_like(path)
    helper = np.eye(3)[np.argmin(np.abs(tangent[0]))]
    for index, direction in enumerate(tangent):  # parallel transport keeps the tube from twisting
        helper = helper - direction * (helper @ direction)
        length = np.linalg.norm(helper)
        helper = helper / length if length > 1e-6 else np.cross(direction, np.eye(3)[np.argmin(np.abs(direction))])
        normal[index] = helper
    binormal = np.cross(tangent, normal)
    angle = np.arange(sides) * (2 * np.pi / sides)
    rings = path[:, None] + radius_mm * (
        np.cos(angle)[None, :, None] * normal[:, None] + np.sin(angle)[None, :, None] * binormal[:, None]
    )
    ends = [(rings[i], rings[i + 1]) for i in range(len(rings) - 1)]
    if closed:
        ends.append((rings[-1], rings[0]))
    pieces = [_quads(low, np.roll(low, -1, axis=0), np.roll(high, -1, axis=0), high) for low, high in ends]
    if not closed:
        for ring, centre, sign in ((rings[0], path[0], -1), (rings[-1], path[-1], 1)):
            following = np.roll(ring, -1, axis=0)
            first, second = (ring, following) if sign > 0 else (following, ring)
            pieces.append(np.stack([np.broadcast_to(centre, ring.shape), first, second], axis=1))
    return _solid(pieces, material)


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
    angle = np.arange(sides) * (2 * np.pi / sides)
    unit = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return extrude(unit * outer_mm, height_mm, material, holes_mm=[unit * inner_mm])


def ellipsoid(radii_mm: Sequence[float], material: str, *, sides: int = 20, rings: int = 12) -> Solid:
    """Return an ellipsoid centred on the origin."""
    latitude = np.linspace(-np.pi / 2, np.pi / 2, rings + 1)
    profile = np.stack([np.cos(latitude).clip(0), np.sin(latitude)], axis=1)
    return lathe(profile, material, sides=sides).scaled(radii_mm)


def _oriented(ring_mm: ArrayLike, sign: float) -> NDArray[np.float64]:
    """Return the ring counter-clockwise (sign +1) or clockwise (sign -1)."""
    ring = np.asarray(ring_mm, np.float64)
    following = np.roll(ring, -1, axis=0)
    area = np.sum(ring[:, 0] * following[:, 1] - ring[:, 1] * following[:, 0])
    return ring if area * sign > 0 else ring[::-1]


def _at(points_xy: NDArray[np.float64], z: float) -> NDArray[np.float64]:
    points = np.empty((len(points_xy), 3))
    points[:, :2], points[:, 2] = points_xy, z
    return points


def _quads(
    a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64], d: NDArray[np.float64]
) -> NDArray[np.float64]:
    count = len(a)
    triangles = np.empty((2 * count, 3, 3))
    triangles[:count, 0] = triangles[count:, 0] = a
    triangles[:count, 1] = b
    triangles[:count, 2] = triangles[count:, 1] = c
    triangles[count:, 2] = d
    return triangles


def _solid(pieces: Sequence[NDArray[np.float64]], material: str) -> Solid:
    triangles = np.concatenate(pieces, dtype=np.float32)
    # Only triangles with two equal corners may go: a thin one still joins the long edge on one side to the two short
    # ones on the other.
    a, b, c = (triangles[:, corner] for corner in range(3))
    empty = (a == b).all(axis=1) | (b == c).all(axis=1) | (c == a).all(axis=1)
    return Solid(triangles[~empty], material)
