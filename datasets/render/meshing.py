"""Compiled kernels that make the triangles of closed meshes: (T, 3, 3) float32, counter-clockwise seen from outside.

Points come in as float64 and are rounded once, so that corners that are shared stay equal to the last bit. Triangles
with two equal corners are left out; only those may go, since a thin one still joins the long edge on one side to the
two short ones on the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datasets.render.compiled import compiled

__all__ = [
    "body_under",
    "doubled_area",
    "placed",
    "prism",
    "sheet_between",
    "skin",
    "square_strings",
    "swept_rings",
    "turned",
    "wire_rings",
]

Array = NDArray[np.float64]
Triangles = NDArray[np.float32]


@compiled
def _put(out: Triangles, count: int, a: Array, b: Array, c: Array) -> int:  # pragma: no cover  compiled
    """Write one triangle unless two of its corners are equal; return how many there are."""
    for axis in range(3):
        out[count, 0, axis], out[count, 1, axis], out[count, 2, axis] = a[axis], b[axis], c[axis]
    ab = bc = ca = True
    for axis in range(3):
        ab &= out[count, 0, axis] == out[count, 1, axis]
        bc &= out[count, 1, axis] == out[count, 2, axis]
        ca &= out[count, 2, axis] == out[count, 0, axis]
    return count if ab or bc or ca else count + 1


@compiled
def skin(rings: Array, joined: bool, capped: bool) -> Triangles:  # pragma: no cover  compiled
    """Join rings (K, N, 3), each counter-clockwise seen from the last one.

    `joined` closes the last ring to the first one; `capped` closes the two ends with fans.
    """
    count, sides = rings.shape[0], rings.shape[1]
    bands = count if joined else count - 1
    out = np.empty((2 * sides * (bands + 1), 3, 3), np.float32)
    at = 0
    for band in range(bands):
        low, high = rings[band], rings[(band + 1) % count]
        for side in range(sides):
            following = side + 1 if side + 1 < sides else 0
            at = _put(out, at, low[side], low[following], high[following])
            at = _put(out, at, low[side], high[following], high[side])
    if capped:
        first, last = rings[0], rings[count - 1]
        for side in range(1, sides - 1):
            at = _put(out, at, first[0], first[side + 1], first[side])
            at = _put(out, at, last[0], last[side], last[side + 1])
    return out[:at]


@compiled
def prism(ring: Array, anchor: Array, half: float) -> Triangles:  # pragma: no cover  compiled
    """Extrude an outline (N, 2) from -half to half along z, its caps as fans from `anchor` (2,)."""
    count = ring.shape[0]
    out = np.empty((4 * count, 3, 3), np.float32)
    low, high = np.empty((count, 3)), np.empty((count, 3))
    low[:, :2], low[:, 2] = ring, -half
    high[:, :2], high[:, 2] = ring, half
    bottom, top = np.array([anchor[0], anchor[1], -half]), np.array([anchor[0], anchor[1], half])
    at = 0
    for side in range(count):
        following = side + 1 if side + 1 < count else 0
        at = _put(out, at, top, high[side], high[following])
        at = _put(out, at, bottom, low[following], low[side])
        at = _put(out, at, low[side], low[following], high[following])
        at = _put(out, at, low[side], high[following], high[side])
    return out[:at]


@compiled
def doubled_area(ring: Array) -> float:  # pragma: no cover  compiled
    """Return twice the area inside an outline (N, 2), below 0 where it runs clockwise."""
    area, last = 0.0, ring.shape[0] - 1
    for index in range(ring.shape[0]):
        area += ring[last, 0] * ring[index, 1] - ring[last, 1] * ring[index, 0]
        last = index
    return area


@compiled
def turned(profile: Array, sides: int) -> Triangles:  # pragma: no cover  compiled
    """Turn a profile (K, 2) of radius and z about the z axis, closed on the axis."""
    count = profile.shape[0]
    rings = np.zeros((count + 2, sides, 3))
    for index in range(count):
        if profile[index, 0] < 0:
            raise ValueError("expected radii of at least 0")
    for side in range(sides):
        cos, sin = np.cos(side * (2 * np.pi / sides)), np.sin(side * (2 * np.pi / sides))
        for index in range(count):
            rings[index + 1, side, 0] = profile[index, 0] * cos
            rings[index + 1, side, 1] = profile[index, 0] * sin
            rings[index + 1, side, 2] = profile[index, 1]
        rings[0, side, 2], rings[count + 1, side, 2] = profile[0, 1], profile[count - 1, 1]
    mesh: Triangles = skin(rings, False, False)
    return mesh


@compiled
def _tangents(path: Array, closed: bool) -> Array:  # pragma: no cover  compiled
    count = path.shape[0]
    tangent = np.empty((count, 3))
    for index in range(count):
        before = index - 1 if index > 0 else (count - 1 if closed else 0)
        after = index + 1 if index + 1 < count else (0 if closed else index)
        length = 0.0
        for axis in range(3):
            tangent[index, axis] = path[after, axis] - path[before, axis]
            length += tangent[index, axis] ** 2
        tangent[index] /= np.sqrt(length) + 1e-12
    return tangent


@compiled
def _cross(first: Array, second: Array, out: Array) -> None:  # pragma: no cover  compiled
    """Fill out (3,) with the vector product: `np.cross` without an array for each."""
    out[0] = first[1] * second[2] - first[2] * second[1]
    out[1] = first[2] * second[0] - first[0] * second[2]
    out[2] = first[0] * second[1] - first[1] * second[0]


@compiled
def _circle(out: Array, centre: Array, first: Array, second: Array, radius: float) -> None:  # pragma: no cover
    """Fill out (sides, 3) with a circle about `centre` from `first` towards `second`."""
    sides = out.shape[0]
    for side in range(sides):
        cos, sin = np.cos(side * (2 * np.pi / sides)), np.sin(side * (2 * np.pi / sides))
        for axis in range(3):
            out[side, axis] = centre[axis] + radius * (cos * first[axis] + sin * second[axis])


@compiled
def wire_rings(path: Array, up: Array, radius: float, sides: int, closed: bool) -> Array:  # pragma: no cover
    """Return the rings (N, sides, 3) of a wire along a path (N, 3); none where the path runs along `up` (1 or N, 3)."""
    count = path.shape[0]
    tangent = _tangents(path, closed)
    rings = np.empty((count, sides, 3))
    side, other = np.empty(3), np.empty(3)
    for index in range(count):
        above = up[index if up.shape[0] > 1 else 0]
        _cross(above, tangent[index], side)
        length = np.sqrt(side[0] ** 2 + side[1] ** 2 + side[2] ** 2)
        if length < 0.05:
            return rings[:0]
        side /= length
        _cross(tangent[index], side, other)
        _circle(rings[index], path[index], side, other, radius)
    return rings


@compiled
def swept_rings(path: Array, radius: float, sides: int, closed: bool) -> Array:  # pragma: no cover
    """Return the rings (N, sides, 3) of a tube along any path (N, 3): parallel transport keeps it from twisting."""
    count = path.shape[0]
    tangent = _tangents(path, closed)
    rings = np.empty((count, sides, 3))
    helper = np.zeros(3)
    helper[np.argmin(np.abs(tangent[0]))] = 1.0
    for index in range(count):
        direction = tangent[index]
        helper -= direction * (helper * direction).sum()
        length = np.sqrt((helper * helper).sum())
        if length > 1e-6:
            helper /= length
        else:
            other = np.zeros(3)
            other[np.argmin(np.abs(direction))] = 1.0
            helper[:] = np.cross(direction, other)
        _circle(rings[index], path[index], helper, np.cross(direction, helper), radius)
    return rings


@compiled
def placed(mesh: Triangles, scales: Array, offsets: Array, yaw: Array) -> Triangles:  # pragma: no cover  compiled
    """Return N copies of a mesh (T, 3, 3), each scaled (N, 3), turned about z by `yaw` (N,) radians, and shifted."""
    count, triangles = offsets.shape[0], mesh.shape[0]
    out = np.empty((count * triangles, 3, 3), np.float32)
    for copy in range(count):
        cos, sin = np.cos(yaw[copy]), np.sin(yaw[copy])
        for index in range(triangles):
            for corner in range(3):
                x = mesh[index, corner, 0] * scales[copy, 0]
                y = mesh[index, corner, 1] * scales[copy, 1]
                z = mesh[index, corner, 2] * scales[copy, 2]
                at = copy * triangles + index
                out[at, corner, 0] = cos * x - sin * y + offsets[copy, 0]
                out[at, corner, 1] = sin * x + cos * y + offsets[copy, 1]
                out[at, corner, 2] = z + offsets[copy, 2]
    return out


@compiled
def sheet_between(grid: Array, thickness: float) -> Triangles:  # pragma: no cover  compiled
    """Thicken a surface (N, M, 3) along its normals into a closed mesh."""
    rows, columns = grid.shape[0], grid.shape[1]
    top, low = np.empty_like(grid), np.empty_like(grid)
    along, across, normal = np.empty(3), np.empty(3), np.empty(3)
    for i in range(rows):
        for j in range(columns):
            i0, i1, j0, j1 = max(i - 1, 0), min(i + 1, rows - 1), max(j - 1, 0), min(j + 1, columns - 1)
            for axis in range(3):
                along[axis] = grid[i1, j, axis] - grid[i0, j, axis]
                across[axis] = grid[i, j1, axis] - grid[i, j0, axis]
            _cross(along, across, normal)
            length = np.sqrt(normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2])
            reach = thickness / 2 / (length + 1e-12)
            for axis in range(3):
                top[i, j, axis] = grid[i, j, axis] + normal[axis] * reach
                low[i, j, axis] = grid[i, j, axis] - normal[axis] * reach
    out = np.empty((4 * (rows - 1) * (columns - 1) + 4 * (rows + columns - 2), 3, 3), np.float32)
    at = 0
    for i in range(rows - 1):
        for j in range(columns - 1):
            at = _put(out, at, top[i, j], top[i + 1, j], top[i + 1, j + 1])
            at = _put(out, at, top[i, j], top[i + 1, j + 1], top[i, j + 1])
            at = _put(out, at, low[i + 1, j + 1], low[i + 1, j], low[i, j])
            at = _put(out, at, low[i, j + 1], low[i + 1, j + 1], low[i, j])
    around = 2 * (rows + columns - 2)
    i = j = 0
    for step in range(around):  # down one side, along, up the other and back, as the rim runs
        i_next, j_next = i, j
        if step < rows - 1:
            i_next += 1
        elif step < rows + columns - 2:
            j_next += 1
        elif step < 2 * rows + columns - 3:
            i_next -= 1
        else:
            j_next -= 1
        at = _put(out, at, low[i, j], low[i_next, j_next], top[i_next, j_next])
        at = _put(out, at, low[i, j], top[i_next, j_next], top[i, j])
        i, j = i_next, j_next
    return out[:at]


@compiled
def body_under(top: Triangles) -> Triangles:  # pragma: no cover  compiled
    """Close a surface of points (N, M, 3) down to a flat base at z = 0.

    One fan closes the base: only signed sums count, so the rim may have any shape.
    """
    rows, columns = top.shape[0], top.shape[1]
    rim = np.concatenate((top[:-1, 0], top[-1, :-1], top[:0:-1, -1], top[0, :0:-1]))
    base = rim.copy()
    base[:, 2] = 0.0
    around = len(rim)
    out = np.empty((2 * (rows - 1) * (columns - 1) + 3 * around, 3, 3), np.float32)
    at = 0
    for i in range(rows - 1):
        for j in range(columns - 1):
            at = _put(out, at, top[i, j], top[i + 1, j], top[i + 1, j + 1])
    for i in range(rows - 1):
        for j in range(columns - 1):
            at = _put(out, at, top[i, j], top[i + 1, j + 1], top[i, j + 1])
    for step in range(around):
        at = _put(out, at, base[step], base[(step + 1) % around], rim[(step + 1) % around])
    for step in range(around):
        at = _put(out, at, base[step], rim[(step + 1) % around], rim[step])
    for step in range(around):
        at = _put(out, at, base[0], base[(step + 1) % around], base[step])
    return out[:at]


@compiled
def square_strings(paths: Array, radii: Array) -> Triangles:  # pragma: no cover  compiled
    """Return square strings along level paths (L, N, 3), one radius (L,) each: all walls, then all ends."""
    lines, points = paths.shape[0], paths.shape[1]
    rings = np.empty((lines, points, 4, 3))
    for line in range(lines):
        reach = radii[line]
        for index in range(points):
            before, after = max(index - 1, 0), min(index + 1, points - 1)
            x, y = paths[line, after, 0] - paths[line, before, 0], paths[line, after, 1] - paths[line, before, 1]
            z = paths[line, after, 2] - paths[line, before, 2]
            if after - before == 2:
                x, y, z = x / 2, y / 2, z / 2
            length = np.sqrt(x * x + y * y + z * z) + 1e-12
            side = -(y / length) * reach, x / length * reach, 0.0
            for axis in range(3):
                centre, over = paths[line, index, axis], reach if axis == 2 else 0.0
                rings[line, index, 0, axis], rings[line, index, 1, axis] = centre + side[axis], centre + over
                rings[line, index, 2, axis], rings[line, index, 3, axis] = centre - side[axis], centre - over
    walls, ends = 4 * lines * (points - 1), 4 * lines
    out = np.empty((2 * walls + 2 * ends, 3, 3), np.float32)
    for line in range(lines):
        first, last = rings[line, 0], rings[line, points - 1]
        for corner in range(4):
            following = (corner + 1) % 4
            for index in range(points - 1):
                low, high = rings[line, index], rings[line, index + 1]
                at = (line * (points - 1) + index) * 4 + corner
                out[at, 0], out[at, 1], out[at, 2] = low[corner], low[following], high[following]
                at += walls
                out[at, 0], out[at, 1], out[at, 2] = low[corner], high[following], high[corner]
            at = 2 * walls + 4 * line + corner
            out[at, 0], out[at, 1], out[at, 2] = first[0], first[following], first[corner]
            at += ends
            out[at, 0], out[at, 1], out[at, 2] = last[0], last[corner], last[following]
    return out
