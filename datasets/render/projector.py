"""Exact path lengths of a fan beam through closed meshes.

A line scanner sees one plane y = const at a time: the belt carries the parcel through it. In that plane a triangle
is a segment, a detector column is a ray from the source, and along a segment the inverse of the depth is linear in
the column. So every row is exact: each segment adds sign(facing) * distance to the columns between its ends, and the
sum over a closed mesh is the length inside it (Freud et al., Med. Phys. 33, 2006).

Nothing may leak: a ray that enters and does not leave would add the distance to the source. Both triangles at an edge
cut it with the same arithmetic in the same direction (from the vertex below the plane to the one above), so their
segments share the end point to the last bit; rows and columns are half-open. This needs corners that are equal to the
last bit, which is why solids are built from shared vertices and moved by a fixed order of operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from datasets.render.crossings import accumulate, mean_thickness, widen_shadow
from datasets.render.materials import MATERIALS
from datasets.render.solids import Phantom, Solid, bounds_around

__all__ = ["FanGeometry", "OwnLengths", "Projection", "project", "projected_bounds"]

View = Literal["top", "side"]
# A wire thinner than a pixel must darken every pixel it crosses by the share that it covers; one ray a pixel would
# hit it here and miss it there. Only metal shows so thin, so only metal is worth more rays.
_METAL_G_CM3: Final = 2.6
_FINE_TRIANGLES: Final = 12_000


@dataclass(frozen=True, slots=True)
class FanGeometry:
    """Where the source, the line detector and the pixels are. Rows follow the belt, columns the detector.

    The top view looks along z (columns run along x), the side view along x (columns run along z). `axis` below is the
    world axis of the columns, `depth` the one along the beam.

    Attributes:
        view: "top" or "side".
        source_axis_mm: the source's coordinate on the column axis.
        source_depth_mm: the source's coordinate on the depth axis; the beam runs towards lower depth.
        detector_mm: distance from the source to the detector line.
        column_pitch_mm: detector pixel, at the detector.
        row_pitch_mm: belt travel a row.
        first_column_mm: detector coordinate (0 below the source) of the centre of column 0.
        first_row_mm: belt coordinate of the centre of row 0.
        columns: number of columns.
        rows: number of rows.
    """

    view: View
    source_axis_mm: float
    source_depth_mm: float
    detector_mm: float
    column_pitch_mm: float
    row_pitch_mm: float
    first_column_mm: float
    first_row_mm: float
    columns: int
    rows: int

    def secants(self) -> NDArray[np.float64]:
        """Return (columns,) length along the ray for a unit of depth."""
        detector = self.first_column_mm + np.arange(self.columns) * self.column_pitch_mm
        return np.asarray(np.sqrt(1.0 + (detector / self.detector_mm) ** 2), np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class OwnLengths:
    """Path lengths of one phantom in the box of pixels that it can touch.

    Attributes:
        index: of the phantom.
        row: first one of the box.
        column: first one of the box.
        materials: (m,) its materials, as indices into those of the scene.
        lengths_mm: (m, h, w) float32.
    """

    index: int
    row: int
    column: int
    materials: NDArray[np.intp]
    lengths_mm: NDArray[np.float32]

    def in_all(self, materials: int) -> NDArray[np.float32]:
        """Return (materials, h, w): the same in all materials of the scene."""
        out = np.zeros((materials, *self.lengths_mm.shape[1:]), np.float32)
        out[self.materials] = self.lengths_mm
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Path lengths of a scene.

    Attributes:
        materials: (M,) names.
        lengths_mm: (M, rows, columns) float32.
        own: path lengths of each labelled phantom alone.
    """

    materials: tuple[str, ...]
    lengths_mm: NDArray[np.float32]
    own: tuple[OwnLengths, ...]


def _axes(view: View) -> tuple[int, int]:
    return (0, 2) if view == "top" else (2, 0)


def projected_bounds(
    solids: Sequence[Solid], view: View, source_axis_mm: float, source_depth_mm: float, detector_mm: float
) -> tuple[float, float, float, float]:
    """Return (lowest u, highest u, lowest y, highest y): detector coordinate and belt coordinate in mm."""
    low, high = bounds_around(solids)
    fan = (*_axes(view), float(source_axis_mm), float(source_depth_mm), float(detector_mm))
    shadow = np.array([np.inf, -np.inf])
    for solid in reversed(solids):  # what is packed lies mostly in the shadow of its container, which comes last
        widen_shadow(solid.triangles_mm, solid.bounds_mm, fan, shadow)
    return float(shadow[0]), float(shadow[1]), float(low[1]), float(high[1])


def project(phantoms: Sequence[Phantom], geometry: FanGeometry) -> Projection:
    """Return the path length in every material, and for labelled phantoms also their own, in their box."""
    materials = tuple(sorted({solid.material for phantom in phantoms for solid in phantom.solids}))
    number = {name: index for index, name in enumerate(materials)}
    lengths = np.zeros((len(materials), geometry.rows, geometry.columns), np.float32)
    own = []
    for index, phantom in enumerate(phantoms):
        if phantom.label is None:
            _add(phantom.solids, geometry, number, lengths, (0, 0))
            continue
        (row, column), (height, width) = _window(phantom, geometry)
        names = sorted({solid.material for solid in phantom.solids})
        rows = np.array([number[name] for name in names], np.intp)
        mine = np.zeros((len(names), height, width), np.float32)
        if mine.size:
            _add(phantom.solids, geometry, {name: place for place, name in enumerate(names)}, mine, (row, column))
            np.maximum(mine, 0.0, out=mine)  # a cavity that sticks out of its object must not eat the neighbours
            for material, part in zip(rows, mine, strict=True):
                lengths[material, row : row + height, column : column + width] += part
        own.append(OwnLengths(index, row, column, rows, mine))
    np.maximum(lengths, 0.0, out=lengths)
    return Projection(materials, lengths, tuple(own))


def _window(phantom: Phantom, geometry: FanGeometry) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the first (row, column) and the (height, width) of the pixels that the phantom can touch."""
    low_u, high_u, low_y, high_y = projected_bounds(
        phantom.solids, geometry.view, geometry.source_axis_mm, geometry.source_depth_mm, geometry.detector_mm
    )
    spans = []
    for low, high, first, pitch, count in (
        (low_y, high_y, geometry.first_row_mm, geometry.row_pitch_mm, geometry.rows),
        (low_u, high_u, geometry.first_column_mm, geometry.column_pitch_mm, geometry.columns),
    ):
        start = min(max(int(np.floor((low - first) / pitch)) - 1, 0), count)
        stop = min(max(int(np.ceil((high - first) / pitch)) + 2, start), count)
        spans.append((start, stop - start))
    return (spans[0][0], spans[1][0]), (spans[0][1], spans[1][1])


def _fan(geometry: FanGeometry) -> tuple[int, int, float, float, float, float, float, float, float]:
    """Return the geometry as `accumulate` takes it."""
    return (
        *_axes(geometry.view),
        float(geometry.source_axis_mm),
        float(geometry.source_depth_mm),
        float(geometry.detector_mm / geometry.column_pitch_mm),
        float(geometry.first_column_mm / geometry.column_pitch_mm),
        float(geometry.first_row_mm),
        float(geometry.row_pitch_mm),
        float(geometry.detector_mm * 0.75),
    )


def _add(
    solids: Sequence[Solid],
    geometry: FanGeometry,
    number: dict[str, int],
    out: NDArray[np.float32],
    corner: tuple[int, int],
) -> None:
    fan, secants = _fan(geometry), geometry.secants()
    # Seen from the side, across and depth change places: a mirror image, in which every face turns round.
    handedness = 1.0 if geometry.view == "top" else -1.0
    pitch = geometry.row_pitch_mm
    for solid in solids:
        triangles = np.ascontiguousarray(solid.triangles_mm, np.float32)
        samples = 1
        if MATERIALS[solid.material].density_g_cm3 > _METAL_G_CM3 and len(triangles) < _FINE_TRIANGLES:
            thickness = mean_thickness(triangles)
            samples = 3 if thickness < 0.45 * pitch else 2 if thickness < 0.9 * pitch else 1
        accumulate(triangles, handedness * solid.weight, out[number[solid.material]], corner, fan, secants, samples)
