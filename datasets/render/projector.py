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

from datasets.render.compiled import compiled
from datasets.render.materials import MATERIALS
from datasets.render.solids import Phantom, Solid

__all__ = ["FanGeometry", "OwnLengths", "Projection", "bounds_mm", "project", "projected_bounds"]

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


@compiled
def _widen(
    triangles: NDArray[np.float32],
    fan: tuple[int, int, float, float, float],
    bounds: NDArray[np.float64],
) -> None:  # pragma: no cover  compiled
    """Widen bounds (2, 4), low and high of x, y, z and the detector coordinate, by a solid."""
    axis, depth, source_axis, source_depth, detector = fan
    for index in range(triangles.shape[0]):
        for corner in range(3):
            for world in range(3):
                value = np.float64(triangles[index, corner, world])
                bounds[0, world] = min(bounds[0, world], value)
                bounds[1, world] = max(bounds[1, world], value)
            slope = (triangles[index, corner, axis] - source_axis) / (source_depth - triangles[index, corner, depth])
            bounds[0, 3] = min(bounds[0, 3], slope * detector)
            bounds[1, 3] = max(bounds[1, 3], slope * detector)


@compiled
def _accumulate(  # noqa: PLR0917  compiled code takes its arguments by position
    triangles: NDArray[np.float32],
    weight: float,
    out: NDArray[np.float32],
    corner_pixel: tuple[int, int],
    fan: tuple[int, int, float, float, float, float, float, float, float],
    secants: NDArray[np.float64],
    samples: int = 1,
) -> None:  # pragma: no cover  compiled
    """Add one solid into out (h, w), whose first pixel is `corner_pixel` (row, column) of the image.

    A pixel is the mean of `samples` x `samples` rays spread evenly over it.

    `fan` is what `_fan` returns. Its last entry is a depth below the source near the scene: distances are counted from
    it, which changes nothing where crossings cancel and keeps float32 sums small.
    """
    first_row, first_column = corner_pixel
    axis, depth, source_axis, source_depth, detector_per_pitch, column_zero, row_zero, row_pitch, reference = fan
    height = out.shape[0]
    # From here on rows and columns count rays, not pixels; the first ray of pixel 0 has the coordinate 0.
    row_zero -= row_pitch * (0.5 - 0.5 / samples)
    row_pitch /= samples
    detector_per_pitch *= samples
    column_zero = (column_zero - 0.5) * samples + 0.5
    share_of_pixel = weight / (samples * samples)
    # Corners: row coordinate (centres are integers), column coordinate before perspective, depth below the source.
    row = np.empty(3)
    across = np.empty(3)
    below = np.empty(3)
    for index in range(triangles.shape[0]):
        for corner in range(3):
            row[corner] = (np.float64(triangles[index, corner, 1]) - row_zero) / row_pitch
        start = max(int(np.ceil(min(row[0], row[1], row[2]))), first_row * samples)
        stop = min(int(np.ceil(max(row[0], row[1], row[2]))), (first_row + height) * samples)
        if start >= stop:
            continue
        for corner in range(3):
            across[corner] = (np.float64(triangles[index, corner, axis]) - source_axis) * detector_per_pitch
            below[corner] = source_depth - np.float64(triangles[index, corner, depth])
        low, middle, high, facing = _by_row(row)
        # A plane cuts the long edge and one of the two short ones, always from the corner below it to the one above.
        per_row = 1.0 / (row[high] - row[low])
        per_row_low, per_row_high = 1.0 / (row[middle] - row[low]), 1.0 / (row[high] - row[middle])
        for r in range(start, stop):
            share = (r - row[low]) * per_row
            inv_long = 1.0 / (below[low] + share * (below[high] - below[low]))
            c_long = (across[low] + share * (across[high] - across[low])) * inv_long - column_zero
            if row[middle] > r:
                first, last, share = low, middle, (r - row[low]) * per_row_low
            else:
                first, last, share = middle, high, (r - row[middle]) * per_row_high
            inv_short = 1.0 / (below[first] + share * (below[last] - below[first]))
            c_short = (across[first] + share * (across[last] - across[first])) * inv_short - column_zero
            line, sign = out[r // samples - first_row], facing * share_of_pixel
            if c_long < c_short:
                _add_segment(
                    line, first_column, samples, (c_long, c_short), (inv_long, inv_short), -sign, reference, secants
                )
            else:
                _add_segment(
                    line, first_column, samples, (c_short, c_long), (inv_short, inv_long), sign, reference, secants
                )


@compiled
def _by_row(row: NDArray[np.float64]) -> tuple[int, int, int, float]:  # pragma: no cover  compiled
    """Return the corners of the lowest, middle and highest row, and -1 where that order runs the other way round."""
    low, middle, high, facing = 0, 1, 2, 1.0
    if row[low] > row[middle]:
        low, middle, facing = middle, low, -facing
    if row[middle] > row[high]:
        middle, high, facing = high, middle, -facing
    if row[low] > row[middle]:
        low, middle, facing = middle, low, -facing
    return low, middle, high, facing


@compiled
def _add_segment(  # noqa: PLR0917  compiled code takes its arguments by position
    line: NDArray[np.float32],
    first_column: int,
    samples: int,
    ends: tuple[float, float],
    inverse_depths: tuple[float, float],
    sign: float,
    reference: float,
    secants: NDArray[np.float64],
) -> None:  # pragma: no cover  compiled
    """Add the signed distances of one segment to a row; between its ends the inverse depth is linear."""
    start = max(int(np.ceil(ends[0])), first_column * samples)
    stop = min(int(np.ceil(ends[1])), (first_column + line.shape[0]) * samples)
    if start >= stop:
        return
    slope = (inverse_depths[1] - inverse_depths[0]) / (ends[1] - ends[0])
    if samples == 1:  # without a division of integers in the loop
        for c in range(start, stop):
            distance = 1.0 / (inverse_depths[0] + slope * (c - ends[0])) - reference
            line[c - first_column] += np.float32(sign * distance * secants[c])
    else:
        for c in range(start, stop):
            distance = 1.0 / (inverse_depths[0] + slope * (c - ends[0])) - reference
            column = c // samples
            line[column - first_column] += np.float32(sign * distance * secants[column])


def _axes(view: View) -> tuple[int, int]:
    return (0, 2) if view == "top" else (2, 0)


def bounds_mm(solids: Sequence[Solid]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest and the highest corner (3,) of all solids."""
    bounds = _bounds(solids, "top", 0.0, 1e9, 1.0)
    return bounds[0, :3], bounds[1, :3]


def projected_bounds(
    solids: Sequence[Solid], view: View, source_axis_mm: float, source_depth_mm: float, detector_mm: float
) -> tuple[float, float, float, float]:
    """Return (lowest u, highest u, lowest y, highest y): detector coordinate and belt coordinate in mm."""
    bounds = _bounds(solids, view, source_axis_mm, source_depth_mm, detector_mm)
    return float(bounds[0, 3]), float(bounds[1, 3]), float(bounds[0, 1]), float(bounds[1, 1])


def _bounds(
    solids: Sequence[Solid], view: View, source_axis: float, source_depth: float, detector: float
) -> NDArray[np.float64]:
    bounds = np.array([[np.inf] * 4, [-np.inf] * 4])
    for solid in solids:
        _widen(solid.triangles_mm, (*_axes(view), source_axis, source_depth, detector), bounds)
    return bounds


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
    """Return the geometry as `_accumulate` takes it."""
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
            thickness = _mean_thickness(triangles)
            samples = 3 if thickness < 0.45 * pitch else 2 if thickness < 0.9 * pitch else 1
        _accumulate(triangles, handedness * solid.weight, out[number[solid.material]], corner, fan, secants, samples)


@compiled
def _mean_thickness(triangles: NDArray[np.float32]) -> float:  # pragma: no cover  compiled
    """Return twice the volume of a closed mesh over its area: the radius of a wire, the thickness of a sheet."""
    volume = area = 0.0
    for index in range(triangles.shape[0]):
        ax, ay, az = triangles[index, 0]
        bx, by, bz = triangles[index, 1]
        cx, cy, cz = triangles[index, 2]
        ux, uy, uz, vx, vy, vz = bx - ax, by - ay, bz - az, cx - ax, cy - ay, cz - az
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        area += 0.5 * np.sqrt(nx * nx + ny * ny + nz * nz)
        volume += (ax * nx + ay * ny + az * nz) / 6.0
    return 2.0 * abs(volume) / max(area, 1e-9)
