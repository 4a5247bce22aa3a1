"""The compiled sums of the projector: crossings of a fan beam with triangles, and the bounds of their shadows.

The loops are laid out for vector units, which work on several rays at once: what a row needs is worked out for all rows
of a triangle before any is drawn, and indices are unsigned, since a negative one would count from the end and each
would have to be asked. The arithmetic of one ray is the same in the same order however many are worked on at once, so
the sums are equal to the last bit on every processor.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datasets.render.compiled import compiled

__all__ = ["accumulate", "mean_thickness", "widen_shadow"]

_At = np.uintp


@compiled
def widen_shadow(
    triangles: NDArray[np.float32],
    bounds: tuple[float, float, float, float, float, float],
    fan: tuple[int, int, float, float, float],
    shadow: NDArray[np.float64],
) -> None:  # pragma: no cover  compiled
    """Widen the lowest and the highest detector coordinate (2,) by a solid, unless its bounds lie between them."""
    axis, depth, source_axis, source_depth, detector = fan
    within = True
    for across in (bounds[axis], bounds[axis + 3]):
        for height in (bounds[depth], bounds[depth + 3]):
            seen = (across - source_axis) / (source_depth - height) * detector
            within &= shadow[0] <= seen <= shadow[1]
    if within:
        return
    for index in range(triangles.shape[0]):
        for corner in range(3):
            slope = (triangles[index, corner, axis] - source_axis) / (source_depth - triangles[index, corner, depth])
            shadow[0], shadow[1] = min(shadow[0], slope * detector), max(shadow[1], slope * detector)


@compiled
def accumulate(  # noqa: PLR0917  compiled code takes its arguments by position
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

    `fan` holds the axis of the columns and of the depth, the source's coordinates on them, the detector's distance over
    its pitch, the column below the source, the belt coordinate of row 0, the pitch of rows, and a depth below the
    source near the scene: distances are counted from it, which changes nothing where crossings cancel and keeps float32
    sums small.
    """
    first_row, first_column = corner_pixel
    axis, depth, source_axis, source_depth, detector_per_pitch, column_zero, row_zero, row_pitch, reference = fan
    height = out.shape[0]
    # From here on rows and columns count rays, not pixels; the first ray of pixel 0 has the coordinate 0.
    row_zero -= row_pitch * (0.5 - 0.5 / samples)
    row_pitch /= samples
    detector_per_pitch *= samples
    column_zero = (column_zero - 0.5) * samples + 0.5
    weight /= samples * samples
    # Corners: row coordinate (centres are integers), column coordinate before perspective, depth below the source.
    row = np.empty(3)
    across = np.empty(3)
    below = np.empty(3)
    # Where the plane of every row cuts the long edge of a triangle and one of the short ones: column, inverse depth.
    room = height * samples + 8  # `_cut` writes in whole steps of vector units
    long_columns, long_inverses = np.empty(room), np.empty(room)
    short_columns, short_inverses = np.empty(room), np.empty(room)
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
        turn = min(max(int(np.ceil(row[middle])), start), stop) - start
        rows = stop - start
        edge = row[low], across[low], below[low], row[high], across[high], below[high]
        _cut(long_columns, long_inverses, 0, rows, start, edge, column_zero)
        edge = row[low], across[low], below[low], row[middle], across[middle], below[middle]
        _cut(short_columns, short_inverses, 0, turn, start, edge, column_zero)
        edge = row[middle], across[middle], below[middle], row[high], across[high], below[high]
        _cut(short_columns, short_inverses, turn, rows, start, edge, column_zero)
        for at in range(rows):
            ends = long_columns[_At(at)], short_columns[_At(at)]
            depths = long_inverses[_At(at)], short_inverses[_At(at)]
            signed = -facing * weight
            if not ends[0] < ends[1]:
                ends, depths, signed = (ends[1], ends[0]), (depths[1], depths[0]), -signed
            line = start + at if samples == 1 else (start + at) // samples
            _add_segment(out, _At(line - first_row), first_column, samples, ends, depths, signed, reference, secants)


@compiled
def _cut(  # noqa: PLR0917  compiled code takes its arguments by position
    columns: NDArray[np.float64],
    inverses: NDArray[np.float64],
    begin: int,
    end: int,
    first_row: int,
    edge: tuple[float, float, float, float, float, float],
    column_zero: float,
) -> None:  # pragma: no cover  compiled
    """Fill begin to end, and up to seven places beyond, with where planes from `first_row` on cut an edge.

    An edge is row, across and below at its two ends.

    Always from the corner below the plane to the one above, so that two triangles at an edge agree to the last bit.
    """
    row, across, below, row_end, across_end, below_end = edge
    per_row = 1.0 / (row_end - row)
    for at in range(begin, begin + (end - begin + 7) // 8 * 8):  # what is beyond the end is written over or not read
        share = (first_row + at - row) * per_row
        inverse = 1.0 / (below + share * (below_end - below))
        inverses[_At(at)] = inverse
        columns[_At(at)] = (across + share * (across_end - across)) * inverse - column_zero


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
    out: NDArray[np.float32],
    line: int,
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
    stop = min(int(np.ceil(ends[1])), (first_column + out.shape[1]) * samples)
    if start >= stop:
        return
    slope = (inverse_depths[1] - inverse_depths[0]) / (ends[1] - ends[0])
    if samples == 1:  # without a division of integers in the loop
        # In whole steps of vector units: a rest, ray by ray, would take longer. Beyond the segment nothing is added.
        end = min(start + (stop - start + 7) // 8 * 8, first_column + out.shape[1])
        for c in range(start, end):
            distance = 1.0 / (inverse_depths[0] + slope * (c - ends[0])) - reference
            length = np.float32(sign * distance * secants[_At(c)])
            out[line, _At(c - first_column)] += length if c < stop else np.float32(0.0)
    else:
        for c in range(start, stop):
            distance = 1.0 / (inverse_depths[0] + slope * (c - ends[0])) - reference
            column = c // samples
            out[line, _At(column - first_column)] += np.float32(sign * distance * secants[_At(column)])


@compiled
def mean_thickness(triangles: NDArray[np.float32]) -> float:  # pragma: no cover  compiled
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
