"""How hard an image is for an operator: view difficulty, superposition and complexity, as measured quantities.

The three factors are those of Schwaninger, Hardmeier and Hofer, "Aviation security screeners: visual abilities and
visual knowledge measurement" (IEEE Aerospace and Electronic Systems Magazine 20(6), 2005). Each is 0 (easy) to 1:

- view difficulty: how much of the object's largest silhouette this view does not show (a pistol seen from behind);
- superposition: the share of the radiation that everything else takes from the object's silhouette, in rendered and
  in composited scans alike: how far the object is occluded;
- complexity: of the whole image, the mean of clutter (fine structure) and opacity (dark areas) over the parcel.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.records import Difficulty

__all__ = ["AXIS_OF_VIEW", "complexity_of", "level_of", "level_of_image", "superposition_of", "view_difficulty"]

# The beam's axis by name of the view: x is across the belt, z is up.
AXIS_OF_VIEW: Final = {"top": 2, "side": 0}
_SIDE_PX: Final = 256  # images are compared at this size; what is finer is grain
_DARK: Final = 64  # grey levels of 255
_MOST_DARK: Final = 0.5  # a parcel with half of its area dark is as opaque as it gets
_MOST_STRUCTURE: Final = 16.0  # grey levels: mean departure from the neighbourhood in the densest parcels
_EDGE: Final = 10  # grey levels by which the parcel differs from the belt
_POINTS: Final = 400
_DIRECTIONS: Final = 40
# Borders between easy, medium and hard in the mean of the three factors; each level gets about a third of the
# images of the `train` recipe. Without an object only the complexity counts.
_BORDERS: Final = (0.33, 0.45)
_EMPTY_BORDERS: Final = (0.45, 0.6)
_Screen = tuple[NDArray[np.float64], NDArray[np.float64]]


def view_difficulty(points_mm: NDArray[np.floating], direction: NDArray[np.floating]) -> float:
    """Return which share of the largest silhouette is not seen along a direction.

    Args:
        points_mm: (N, 3) corners of the object; silhouettes are those of its convex hull.
        direction: (3,) along the beam.
    """
    points = np.asarray(points_mm, np.float64)
    points = points[:: max(len(points) // _POINTS, 1)]
    points = points - points.mean(axis=0)
    own_axes = np.linalg.svd(points, full_matrices=False)[2]
    seen = _silhouette(points, _screen(np.asarray(direction, np.float64)))
    largest = max(seen, *(_silhouette(points, one) for one in (*_screens(), *map(_screen, own_axes))))
    return 1.0 - seen / largest if largest > 0 else 0.0


def superposition_of(others: NDArray[np.floating]) -> float:
    """Return which share of the high-energy radiation everything else takes from an object's silhouette, 0..1.

    Args:
        others: (2, N) transmissions, low and high, of all but the object in the N pixels that it covers.
    """
    return float(np.clip(1.0 - others[1].mean(), 0.0, 1.0))


def complexity_of(image_rgb: NDArray[np.uint8]) -> float:
    """Return clutter and opacity of an image (H, W, 3), 0..1; a bare belt has 0."""
    scale = _SIDE_PX / max(image_rgb.shape[:2])
    grey = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY)
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    level = grey.astype(np.float32)
    border = np.concatenate([level[0], level[-1], level[:, 0], level[:, -1]])
    parcel = np.abs(level - np.median(border)) > _EDGE
    if not parcel.any():
        return 0.0
    opacity = float((level[parcel] < _DARK).mean())
    clutter = float(np.abs(level - cv2.GaussianBlur(level, (0, 0), 2.0))[parcel].mean())
    return (min(opacity / _MOST_DARK, 1.0) + min(clutter / _MOST_STRUCTURE, 1.0)) / 2


def level_of(view: float, superposition: float, complexity: float) -> Difficulty:
    """Return how hard an object is to find, from the three factors."""
    return _level((view + superposition + complexity) / 3, _BORDERS)


def level_of_image(objects: list[Difficulty], complexity: float) -> Difficulty:
    """Return how hard it is to decide rightly: on the easiest object, or on a parcel without one."""
    return min(objects, key=["easy", "medium", "hard"].index) if objects else _level(complexity, _EMPTY_BORDERS)


def _level(value: float, borders: tuple[float, float]) -> Difficulty:
    return "easy" if value < borders[0] else "medium" if value < borders[1] else "hard"


def _silhouette(points: NDArray[np.float64], screen: _Screen) -> float:
    """Return the area of the convex hull of the points on a screen."""
    flat = np.stack([points @ screen[0], points @ screen[1]], axis=1).astype(np.float32)
    return float(cv2.contourArea(cv2.convexHull(flat)))


def _screen(direction: NDArray[np.float64]) -> _Screen:
    """Return the two axes (3,) of what is seen along a direction."""
    axis = direction / np.linalg.norm(direction)
    across = np.cross(axis, np.eye(3)[int(np.argmin(np.abs(axis)))])
    across /= np.linalg.norm(across)
    return across, np.cross(axis, across)


@cache
def _screens() -> tuple[_Screen, ...]:
    """Return the screens of directions spread evenly over half a sphere (a Fibonacci lattice)."""
    number = np.arange(_DIRECTIONS)
    z = (number + 0.5) / _DIRECTIONS
    turn = number * np.pi * (3 - np.sqrt(5))
    directions = np.stack([np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z], axis=1)
    return tuple(map(_screen, directions))
