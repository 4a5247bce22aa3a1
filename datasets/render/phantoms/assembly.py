"""Put a phantom together from plates, hollow shells and turned parts that lie in the xy plane.

The frame of a phantom: x runs from butt to muzzle, y upwards as it is held, z is its thickness, so that it lies on
its side. Shapes are shadows for an imaging simulator, not drawings: walls and proportions are drawn at random.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from datasets.render.phantoms.outlines import Outline, inset, insets, room_inside, rounded
from datasets.render.solids import Phantom, Solid, extrude, lathe, stacked, sweep

__all__ = ["Assembly", "bored"]

_PLATE_EDGE: Final = 0.3  # how far in the edge of a plate is round, and how deep, as a share of its thickness
_PLATE_EDGE_MOST_MM: Final = 3.0
_QUARTER: Final = (1.0, 0.75**0.5, 0.5, 0.0)  # cosines of 0, 30, 60 and 90 degrees


class Assembly:
    """Collects solids; those of one material and weight become one mesh, which keeps moving and tracing cheap."""

    def __init__(self) -> None:
        self._meshes: dict[tuple[str, float], list[NDArray[np.float32]]] = {}

    def add(self, solid: Solid, offset_mm: ArrayLike = (0, 0, 0), rotation: ArrayLike | None = None) -> None:
        """Take in one solid, turned and then shifted."""
        moved = solid.moved(rotation, offset_mm)
        self._meshes.setdefault((moved.material, moved.weight), []).append(moved.triangles_mm)

    def stamp(self, other: Assembly, offsets_mm: ArrayLike, angles_rad: ArrayLike | None = None) -> None:
        """Take in copies of another assembly, one an offset (K, 3), each first turned about z by its angle (K,)."""
        offsets = np.asarray(offsets_mm, np.float32).reshape(-1, 1, 1, 3)
        if not len(offsets):
            return
        turns = None
        if angles_rad is not None:
            cos, sin = np.cos(angles_rad), np.sin(angles_rad)
            none = np.zeros_like(cos)
            rows = [np.stack(row, axis=-1) for row in ((cos, sin, none), (-sin, cos, none), (none, none, none + 1))]
            turns = np.stack(rows, axis=-2).astype(np.float32)[:, None]  # transposed: they act from the right
        for key, meshes in other._meshes.items():
            mesh = np.concatenate(meshes)[None]
            copies = (mesh if turns is None else mesh @ turns) + offsets
            self._meshes.setdefault(key, []).append(copies.reshape(-1, 3, 3))

    def plate(
        self,
        outline_mm: ArrayLike,
        thickness_mm: float,
        material: str,
        *,
        z: float = 0,
        holes: Iterable[ArrayLike] = (),
        margin_mm: float = 0.0,
    ) -> None:
        """Add a flat part of one outline, its middle at height `z`, with round edges.

        With holes its edges stay sharp, or are round as far in as `margin_mm`, which no hole may reach.
        """
        fall, cuts = _PLATE_EDGE * thickness_mm, list(holes)
        reach = room_inside(outline_mm, min(fall, margin_mm if cuts else _PLATE_EDGE_MOST_MM))
        self.add(_pillow(outline_mm, thickness_mm, material, (reach, fall)), (0, 0, z))
        for cut in cuts:
            self.add(_inside_out(extrude(cut, thickness_mm, material)), (0, 0, z))

    def sides(
        self, outline_mm: ArrayLike, gap_mm: float, wall_mm: float, material: str, *, holes: Iterable[ArrayLike] = ()
    ) -> None:
        """Add two equal plates with a gap between them: grip panels, sheet metal, rails."""
        plate = extrude(outline_mm, wall_mm, material, holes_mm=holes)
        for sign in (-1, 1):
            self.add(plate, (0, 0, sign * (gap_mm + wall_mm) / 2))

    def shell(
        self,
        points_mm: ArrayLike,
        thickness_mm: float,
        wall_mm: float,
        material: str,
        *,
        radius_mm: ArrayLike = 1.0,
        rim_mm: float | None = None,
        holes: Iterable[ArrayLike] = (),
        edge: tuple[float, float] = (0.2, 0.6),
    ) -> None:
        """Add a hollow flat part: two sides of `wall_mm` and a rim of `rim_mm` around its edge.

        Its edges are round, outside and inside: they begin `edge[0]` of the thickness from the outline, as far as
        there is room, and take off `edge[1]` of half the thickness there. So the rim is paler than the body, as that
        of cast and milled things is. `holes` go through the two sides and must lie further in than the edge is round.
        """
        points = np.asarray(points_mm, np.float64)
        inner = inset(points, wall_mm if rim_mm is None else rim_mm)
        inside_mm = thickness_mm - 2 * wall_mm
        reach = room_inside(inner, room_inside(points, edge[0] * thickness_mm))
        fall = edge[1] * thickness_mm / 2
        self.add(_pillow(points, thickness_mm, material, (reach, fall), radius_mm))
        self.add(_inside_out(_pillow(inner, inside_mm, material, (reach, min(fall, 0.49 * inside_mm)), radius_mm)))
        for hole in holes:
            cut = _inside_out(extrude(hole, wall_mm, material))
            for sign in (-1, 1):
                self.add(cut, (0, 0, sign * (inside_mm + wall_mm) / 2))

    def loop(self, points_mm: ArrayLike, wall_mm: float, thickness_mm: float, material: str, radius_mm: float) -> None:
        """Add a flat ring that follows a polygon: trigger guards, skeleton stocks."""
        hole = rounded(inset(points_mm, wall_mm), radius_mm)
        self.plate(rounded(points_mm, radius_mm), thickness_mm, material, holes=[hole])

    def turned(
        self,
        profile_mm: ArrayLike,
        material: str,
        origin_mm: ArrayLike = (0, 0),
        *,
        angle_rad: float = 0.0,
        z: float = 0.0,
        sides: int = 14,
        cavity: bool = False,
    ) -> None:
        """Add a turned part whose axis lies in the xy plane; the profile is (radius, distance along the axis)."""
        solid = lathe(profile_mm, material, sides=sides)
        x, y = np.asarray(origin_mm, np.float64)
        self.add(solid.cavity() if cavity else solid, (x, y, z), _axis_along(angle_rad))

    def rod(
        self,
        start_mm: ArrayLike,
        length_mm: float,
        radius_mm: float,
        material: str,
        *,
        bore_mm: float = 0.0,
        angle_rad: float = 0.0,
        z: float = 0.0,
        sides: int = 14,
    ) -> None:
        """Add a round bar, or a pipe where `bore_mm` (a radius) is given."""
        profile: ArrayLike = [(radius_mm, 0.0), (radius_mm, length_mm)]
        if bore_mm > 0:
            profile = bored(profile, bore_mm)
        self.turned(profile, material, start_mm, angle_rad=angle_rad, z=z, sides=sides)

    def pin(self, centre_mm: ArrayLike, radius_mm: float, length_mm: float, material: str = "steel") -> None:
        """Add a pin or screw across the thickness."""
        x, y = np.asarray(centre_mm, np.float64)
        half = length_mm / 2
        self.add(lathe([(radius_mm, -half), (radius_mm, half)], material, sides=8), (x, y, 0))

    def spring(
        self,
        start_mm: ArrayLike,
        length_mm: float,
        radius_mm: float,
        *,
        angle_rad: float = 0.0,
        coils: int = 10,
        squash: float = 1.0,
    ) -> None:
        """Add a wire spring; `squash` narrows it across the thickness."""
        solid = _unit_spring(coils).scaled((radius_mm * squash, radius_mm, length_mm))
        x, y = np.asarray(start_mm, np.float64)
        self.add(solid, (x, y, 0), _axis_along(angle_rad))

    def phantom(
        self, kind: str, label: str, attributes: tuple[str, ...] = (), *, longest_mm: float | None = None
    ) -> Phantom:
        """Return what was collected as one centred phantom, scaled down where it is over `longest_mm`."""
        solids = tuple(
            Solid(np.concatenate(meshes), material, weight) for (material, weight), meshes in self._meshes.items()
        )
        phantom = Phantom(kind, solids, label, attributes)
        low, high = phantom.bounds_mm()
        if high[1] - low[1] > high[0] - low[0]:  # the longest axis lies along x
            phantom = phantom.moved([(0, 1, 0), (-1, 0, 0), (0, 0, 1)])
        length = float((high - low)[:2].max())
        if longest_mm is not None and length > longest_mm:
            scale = (longest_mm / length,) * 3
            phantom = replace(phantom, solids=tuple(solid.scaled(scale) for solid in phantom.solids))
        return phantom.centred()


def _pillow(
    points_mm: ArrayLike, thickness_mm: float, material: str, edge_mm: tuple[float, float], radius_mm: ArrayLike = 0.0
) -> Solid:
    """Return a plate about z = 0 whose faces fall off in a quarter of an ellipse towards its outline.

    `edge_mm` are how far in the fall begins and how deep it is; `radius_mm` rounds the corners of the polygon.
    """
    reach, fall = edge_mm
    half = thickness_mm / 2
    if reach <= 0:
        return extrude(rounded(points_mm, radius_mm) if np.any(radius_mm) else points_mm, thickness_mm, material)
    rings = insets(points_mm, [reach * (1 - cos) for cos in _QUARTER])
    if np.any(radius_mm):
        rings = [rounded(ring, radius_mm) for ring in rings]
    heights = [half - fall * (1 - sin) for sin in _QUARTER[::-1]]
    return stacked([*rings[::-1], *rings], [*(-height for height in heights[::-1]), *heights], material)


def _inside_out(solid: Solid) -> Solid:
    """Return a hole of a solid's shape that becomes part of the mesh around it, so that this shows how thin it is.

    The projector gives thin metal more rays a pixel.
    """
    return Solid(np.ascontiguousarray(solid.triangles_mm[:, ::-1]), solid.material)


def bored(profile_mm: ArrayLike, radius_mm: float) -> Outline:
    """Return a lathe profile with a straight hole of a radius all the way through."""
    profile = np.asarray(profile_mm, np.float64)
    # the two end discs of the lathe at the starting end cancel exactly
    return np.concatenate([profile, [(radius_mm, profile[-1, 1]), (radius_mm, profile[0, 1])]])


def _axis_along(angle_rad: float) -> NDArray[np.float64]:
    """Return the rotation that lays the z axis into the xy plane at an angle to x."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([(0.0, -sin, cos), (0.0, cos, sin), (-1.0, 0.0, 0.0)])


@lru_cache(maxsize=8)
def _unit_spring(coils: int) -> Solid:
    turn = np.linspace(0, 2 * np.pi * coils, 6 * coils + 1)
    path = np.stack([np.cos(turn), np.sin(turn), turn / (2 * np.pi * coils) * 30], axis=1)
    # wound long so that the wire keeps its cross-section, then made one unit high
    return sweep(path, 0.14, "steel", sides=3).scaled((1, 1, 1 / 30))
