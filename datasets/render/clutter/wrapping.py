"""A container, and the wavy faces of soft ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.render.clutter.sewing import waves
from datasets.render.clutter.shapes import even, finish, sheet, uniform, wandering, wire
from datasets.render.meshing import square_strings
from datasets.render.solids import Phantom, Solid

__all__ = ["Container", "Size", "box_container", "creases", "fabric", "stitched_rim"]

Size = tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Container:
    """Packaging around a free box, centred on the origin of the box.

    Attributes:
        phantoms: walls and fittings.
        inner_low_mm: lowest corner of the free space, (3,).
        inner_high_mm: highest corner of the free space, (3,).
    """

    phantoms: tuple[Phantom, ...]
    inner_low_mm: NDArray[np.float64]
    inner_high_mm: NDArray[np.float64]


def box_container(kind: str, solids: Iterable[Solid], inner_size_mm: Size) -> Container:
    """Return a container of one phantom whose free space is centred on the origin."""
    half = np.asarray(inner_size_mm, np.float64) / 2
    merged = finish(kind, solids, keep_pose=True, recentre=False)
    return Container((merged,), -half, half)


def creases(rng: np.random.Generator, size_mm: Size, count: int, material: str) -> list[Solid]:
    """Return `count` curved folds on the two faces of a soft bag: thin strings of cloth along wandering paths."""
    x, y, z = size_mm
    solids = []
    for _ in range(count):
        angle, bend = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.22, 6).cumsum()
        step = uniform(rng, 0.06, 0.17) * min(x, y)
        path = wandering(angle + bend, rng.normal(0, 0.1, 6), step)
        start = rng.uniform(-0.5, 0.5, 2) * (x, y) - path[3, :2]
        path += (*start, float(rng.choice([-1, 1])) * (z / 2 + 6))
        path[:, 0] = np.clip(path[:, 0], -x / 2 - 12, x / 2 + 12) + np.arange(6) * 0.01
        path[:, 1] = np.clip(path[:, 1], -y / 2 - 12, y / 2 + 12) + np.arange(6) * 0.01
        solids.append(wire(path, uniform(rng, 0.5, 1.8), material, sides=4))
    return solids


def stitched_rim(rng: np.random.Generator, size_mm: tuple[float, float], z_mm: float, material: str) -> Solid:
    """Return where a skin is sewn together at height z: piping, hems, folds that wander together; as one mesh."""
    x, y = size_mm
    lines, points = int(rng.integers(4, 10)), 72
    one = (lines, 1)
    angle = rng.uniform(0, 2 * np.pi, one) + np.linspace(0, 2 * np.pi, points) * rng.uniform(0.35, 1.0, one)
    square = uniform(rng, 3, 7)  # how square the bag is: 2 is an ellipse
    reach = (np.abs(np.cos(angle) * 2 / x) ** square + np.abs(np.sin(angle) * 2 / y) ** square) ** (-1 / square)
    for _ in range(4):
        reach += uniform(rng, 0.5, 3.5) * np.sin(angle * rng.integers(2, 15) + uniform(rng, 0, 6))
    reach += rng.uniform(0.2, 1.6, one) * np.sin(angle * rng.integers(4, 19, one) + rng.uniform(0, 6, one))
    reach += rng.uniform(0.8, 4.5, one).cumsum(axis=0)
    paths = np.empty((lines, points, 3))
    paths[..., 0], paths[..., 1] = np.cos(angle) * reach, np.sin(angle) * reach
    paths[..., 2] = z_mm + np.arange(lines)[:, None] * 3.0  # one over the other
    return Solid(square_strings(paths, rng.uniform(0.5, 1.4, lines)), material)


def fabric(
    rng: np.random.Generator,
    size_mm: tuple[float, float],
    z_mm: float,
    thickness_mm: float,
    material: str,
    *,
    wave_mm: float = 8,
) -> Solid:
    """Return a wavy sheet of about the given size at height z: one face of a soft bag."""
    cells = int(rng.integers(9, 14))
    u, v = even(-0.5, 0.5, cells)[:, None], even(-0.5, 0.5, cells)
    pull = uniform(rng, 0.15, 1.3)  # rounds the corners
    x = u * size_mm[0] * np.sqrt(1 - pull * v**2) * (1 + 0.05 * np.sin(v * uniform(rng, 4, 11) + uniform(rng, 0, 6)))
    y = v * size_mm[1] * np.sqrt(1 - pull * u**2) * (1 + 0.05 * np.sin(u * uniform(rng, 4, 11) + uniform(rng, 0, 6)))
    z = waves(rng, x, y, wave_mm)
    return sheet(np.stack([x, y, z + z_mm], axis=2), thickness_mm, material)
