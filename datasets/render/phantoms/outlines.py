"""Flat outlines in the xy plane, (N, 2) in millimetres, for the extruded parts of phantoms."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from datasets.render.compiled import compiled

__all__ = ["Outline", "band", "circle", "inset", "insets", "placed", "rectangle", "room_inside", "rounded"]

Outline = NDArray[np.float64]


def rounded(points_mm: ArrayLike, radius_mm: ArrayLike, *, steps: int = 3) -> Outline:
    """Round the corners of a polygon (N, 2) by one radius, or one a corner, as far as its edges allow."""
    corner = np.asarray(points_mm, np.float64)
    to_last, to_next = _from_last(corner) - corner, _from_next(corner) - corner
    last_mm, next_mm = np.hypot(*to_last.T) + 1e-9, np.hypot(*to_next.T) + 1e-9
    cut = np.minimum(np.broadcast_to(radius_mm, len(corner)), 0.48 * np.minimum(last_mm, next_mm))
    start = corner + to_last * (cut / last_mm)[:, None]
    end = corner + to_next * (cut / next_mm)[:, None]
    t = np.linspace(0.0, 1.0, steps + 1)[None, :, None]
    curve = (1 - t) ** 2 * start[:, None] + 2 * t * (1 - t) * corner[:, None] + t**2 * end[:, None]
    outline: Outline = curve.reshape(-1, 2)
    return outline


def inset(points_mm: ArrayLike, distance_mm: float) -> Outline:
    """Move every edge of a polygon inwards; only for outlines that are wide enough to take it."""
    return insets(points_mm, [distance_mm])[0]


def insets(points_mm: ArrayLike, distances_mm: Iterable[float]) -> list[Outline]:
    """Return the polygon with its edges moved inwards by each distance; see `inset`."""
    points = np.asarray(points_mm, np.float64)
    way, mitre = _inward(points)
    return [points + distance * way / mitre for distance in distances_mm]


def _inward(points: Outline) -> tuple[Outline, Outline]:
    """Return where every corner goes as its edges move inwards, and what that is divided by, (N, 1)."""
    following = _from_next(points)
    turn = np.sign(np.sum(points[:, 0] * following[:, 1] - points[:, 1] * following[:, 0]))
    edge = following - points
    normal = turn * np.stack([-edge[:, 1], edge[:, 0]], axis=1) / (np.hypot(*edge.T) + 1e-9)[:, None]
    before = _from_last(normal)
    # the clamp keeps sharp corners from shooting away
    mitre = np.maximum(1.0 + np.sum(normal * before, axis=1), 0.5)
    return normal + before, mitre[:, None]


def room_inside(points_mm: ArrayLike, distance_mm: float) -> float:
    """Return how far up to a distance all edges can move inwards and still meet none; 0 where hardly any."""
    points = np.asarray(points_mm, np.float64)
    way, mitre = _inward(points)
    for share in (1.0, 0.7, 0.5, 0.35, 0.2, 0.1):
        if _keeps_clear(points, points + share * distance_mm * way / mitre, share * distance_mm):
            return share * distance_mm
    return 0.0


@compiled
def _keeps_clear(points: Outline, moved: Outline, distance_mm: float) -> bool:  # pragma: no cover  compiled
    """Return whether no moved edge turned round, and none comes nearer to an edge that was not its own."""
    count = points.shape[0]
    for index in range(count):
        following = (index + 1) % count
        along = points[following] - points[index]
        if np.sum((moved[following] - moved[index]) * along) < 0:
            return False
    for index in range(count):
        following = (index + 1) % count
        middle = (moved[index] + moved[following]) / 2
        for edge in range(count):
            start, end = points[edge], points[(edge + 1) % count]
            if edge != index and edge != (index - 1) % count and _apart(moved[index], start, end) < 0.98 * distance_mm:
                return False
            if edge != index and _apart(middle, start, end) < 0.98 * distance_mm:
                return False
    return True


@compiled
def _apart(point: Outline, start: Outline, end: Outline) -> float:  # pragma: no cover  compiled
    """Return the distance of a point from an edge."""
    along, to = end - start, point - start
    share = min(max(np.sum(to * along) / (np.sum(along * along) + 1e-12), 0.0), 1.0)
    gap = to - share * along
    return float(np.sqrt(np.sum(gap * gap)))


def band(path_mm: ArrayLike, width_mm: ArrayLike) -> Outline:
    """Thicken an open polyline (N, 2) by one width, or one a point: triggers, hammers, wire and straps."""
    path = np.asarray(path_mm, np.float64)
    tangent = np.gradient(path, axis=0)
    tangent /= np.hypot(*tangent.T)[:, None] + 1e-9
    half = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1) * (np.broadcast_to(width_mm, len(path))[:, None] / 2)
    return np.concatenate([path + half, (path - half)[::-1]])


def circle(centre_mm: ArrayLike, radius_mm: ArrayLike, *, sides: int = 16) -> Outline:
    """Return a circle, or an ellipse for two radii."""
    angle = np.arange(sides) * (2 * np.pi / sides)
    outline: Outline = np.asarray(centre_mm, np.float64) + np.stack(
        [np.cos(angle), np.sin(angle)], axis=1
    ) * np.asarray(radius_mm)
    return outline


def rectangle(left: float, bottom: float, right: float, top: float) -> Outline:
    """Return the four corners of an upright rectangle."""
    return np.array([(left, bottom), (right, bottom), (right, top), (left, top)], np.float64)


def placed(points_mm: ArrayLike, origin_mm: ArrayLike, angle_rad: float) -> Outline:
    """Turn an outline about its own origin, then shift it."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    outline: Outline = np.asarray(points_mm, np.float64) @ np.array([(cos, sin), (-sin, cos)]) + np.asarray(
        origin_mm, np.float64
    )
    return outline


def _from_next(points: Outline) -> Outline:
    """Return every point's next one; as `numpy.roll`, which takes ten times as long for a few points."""
    return np.concatenate([points[1:], points[:1]])


def _from_last(points: Outline) -> Outline:
    """Return every point's last one."""
    return np.concatenate([points[-1:], points[:-1]])
