"""Every kernel gives a mesh that closes to the last bit, faces outward, and has the volume of its shape."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.render.clutter.shapes import boxes, copies, loft, sheet, wire
from datasets.render.clutter.stuffing import relief
from datasets.render.meshing import square_strings
from datasets.render.solids import Solid, box, cylinder, extrude, sweep

_GRID = np.stack([*np.meshgrid(np.arange(0.0, 50, 10), np.arange(0.0, 70, 10), indexing="ij"), np.zeros((5, 7))], -1)
_LINE = np.array([(0.0, 0, 0), (40, 5, 0), (80, 0, 3), (120, 5, 0)])
_ANGLE = np.arange(64) * (2 * np.pi / 64)
_LOOP = np.stack([np.cos(_ANGLE) * 50, np.sin(_ANGLE) * 50, np.zeros(64)], axis=1)
_PAIR = np.array([[(0.0, 0, 5), (50, 0, 5), (100, 0, 5)], [(0, 30, 9), (0, 50, 9), (0, 80, 9)]])
_STRINGS = square_strings(_PAIR, np.array([1.0, 2.0]))
_FULL = (np.roll(_STRINGS, 1, axis=1) != _STRINGS).any(axis=2).all(axis=1)  # its ends are fans from one of four corners
_ROUND = np.pi * 2.0**2


def volume(triangles: NDArray[np.float32]) -> float:
    a, b, c = (triangles[:, corner].astype(np.float64) for corner in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


@pytest.mark.parametrize(
    ("solid", "expected"),
    [
        (wire(_LINE, 2.0, "copper", sides=48), _ROUND * np.linalg.norm(np.diff(_LINE, axis=0), axis=1).sum()),
        (wire(_LOOP, 2, "copper", sides=48, closed=True), _ROUND * 2 * np.pi * 50),
        (sweep(_LINE[:, ::-1], 2, "copper", sides=48), _ROUND * np.linalg.norm(np.diff(_LINE, axis=0), axis=1).sum()),
        (sweep(_LOOP[:, ::-1], 2.0, "copper", sides=48, closed=True), _ROUND * 2 * np.pi * 50),
        (sheet(_GRID, 2, "cotton"), 40 * 60 * 2),
        (extrude([(0, 0), (0, 30), (20, 30), (20, 0)], 5, "wood", holes_mm=[[(5, 5), (9, 5), (9, 9), (5, 9)]]), 2920),
        (loft([[(-5, -5), (-5, 5), (5, 5), (5, -5)]] * 3, [0, 4, 9], "soap"), 900),
        (cylinder(10, 7, "steel", sides=200), np.pi * 100 * 7),
        (copies(box((2, 3, 4), "steel"), [(0, 0, 0), (9, 9, 9)], yaw_deg=[0, 30]), 48),
        (boxes([(0, 0, 0), (9, 9, 9)], [(1, 2, 3), (2, 2, 2)], "steel", yaw_deg=45), 14),
        (relief(_GRID[..., 0], _GRID[..., 1], 2 + _GRID[..., 0] / 10, "cotton"), 40 * 60 * 4),
        (Solid(_STRINGS[_FULL], "cotton"), 2 * 1**2 * 100 + 2 * 2**2 * 50),
    ],
)
def test_it_closes_and_has_its_volume(solid: Solid, expected: float) -> None:
    triangles = solid.triangles_mm + np.float32(0)  # no negative zeros
    assert triangles.dtype == np.float32
    edges: Counter[bytes] = Counter()
    for first, second in ((0, 1), (1, 2), (2, 0)):
        for a, b in zip(triangles[:, first], triangles[:, second], strict=True):
            assert (a != b).any()
            forward, back = a.tobytes() + b.tobytes(), b.tobytes() + a.tobytes()
            edges[max(forward, back)] += 1 if forward > back else -1
    assert not any(edges.values())
    assert volume(triangles) == pytest.approx(expected, rel=0.02)
