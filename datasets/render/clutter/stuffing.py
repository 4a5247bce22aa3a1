"""What fills real luggage and parcels to the lid: folded packs, food by the grain, and loose small metal."""

from __future__ import annotations

from typing import Final

import numpy as np

from datasets.render.clutter.sewing import zip_row
from datasets.render.clutter.shapes import (
    Array,
    between,
    boxes,
    chance,
    copies,
    even,
    finish,
    pick,
    ring,
    uniform,
    wandering,
    wire,
)
from datasets.render.compiled import compiled
from datasets.render.meshing import body_under
from datasets.render.solids import Phantom, Solid, box, cylinder, ellipsoid

__all__ = ["findings", "folded_pack", "grains", "relief"]

# Least and most of what is drawn for each folded layer: middle along and across, half length and width, height.
_LAYER: Final = np.array([(-0.4, 0.4), (-0.4, 0.4), (0.08, 0.4), (0.05, 0.3), (0.1, 0.5)]).T
# For each crease: angle, swing, length and phase of its wave, place across, breadth, place along, reach, height.
_LINE: Final = np.array(
    [(0, np.pi), (4, 22), (18, 70), (0, 6), (-0.45, 0.45), (2.5, 9), (-0.4, 0.4), (30, 160), (-7, 13)], np.float64
).T
_PLACE: Final = 4


def folded_pack(rng: np.random.Generator, size_mm: tuple[float, float] | None = None) -> Phantom:
    """Return packed clothing: one lumpy body whose thickness steps at folds and rises along creases."""
    width, depth = size_mm or (uniform(rng, 160, 420), uniform(rng, 120, 320))
    columns, rows = (int(min(max(side / 7.0, 12), 44)) for side in (width, depth))
    u, v = even(-0.5, 0.5, columns)[:, None], even(-0.5, 0.5, rows)
    x = u * width * (1 + 0.05 * np.sin(v * uniform(rng, 3, 12) + uniform(rng, 0, 6)))
    y = v * depth * (1 + 0.05 * np.sin(u * uniform(rng, 3, 12) + uniform(rng, 0, 6)))
    height = uniform(rng, 10, 30) * (1 + _steps(rng, u[:, 0], v, int(rng.integers(6, 16))))
    height += _creases(rng, x, y, int(rng.integers(6, 14)))
    height *= 1 + rng.normal(0, uniform(rng, 0.06, 0.22), height.shape)  # knit and pile
    rim = np.minimum(0.5 - np.abs(u), 0.5 - np.abs(v))
    height *= np.clip(rim / uniform(rng, 0.01, 0.07), 0.1, 1.0) ** 0.5
    material = pick(rng, "cotton", "cotton", "cotton", "cotton", "leather", "paper")
    if material != "cotton":
        height *= 0.35
    solids = [relief(x, y, np.clip(height, 0.3, 90.0), material)]
    top = float(height.max())
    solids += _seams(rng, (width, depth), top)
    if chance(rng, 0.35):
        solids += _fastenings(rng, (width, depth), top)
    return finish("soft/folded_pack", solids, keep_pose=True)


def grains(rng: np.random.Generator) -> Phantom:
    """Return a bag of nuts, beans or sweets: many small bodies in a few layers."""
    size = uniform(rng, 4.0, 10.0)
    across, along = int(rng.integers(7, 12)), int(rng.integers(7, 14))
    layers = int(rng.integers(1, 3))
    grid = np.stack(np.meshgrid(np.arange(across), np.arange(along), np.arange(layers), indexing="ij"), axis=-1)
    spots = (grid.reshape(-1, 3) + (0.25, 0.0, 0.0) * (grid.reshape(-1, 3)[:, 1:2] % 2)) * size * 2.0
    middle = spots.mean(axis=0)
    inside = (((spots - middle)[:, :2] / (spots.max(axis=0) - middle + size)[:2]) ** 2).sum(axis=1) < 1.05
    spots = spots[inside] + rng.uniform(-0.1, 0.1, (int(inside.sum()), 3)) * size
    radii = size * rng.uniform(0.75, 0.98, 3) * (1, 1, rng.uniform(0.5, 1.0))
    grain = ellipsoid(radii.tolist(), pick(rng, "food", "sugar", "soap", "wood"), sides=5, rings=3)
    return finish("kitchen/grains", [copies(grain, spots, yaw_deg=rng.uniform(0, 360, len(spots)))], keep_pose=True)


def findings(rng: np.random.Generator) -> Phantom:
    """Return small metal that lies in a bag, loose or on clothes: rivets, eyelets, snaps, zips, hooks, clips, coins."""
    spread = (uniform(rng, 60, 380), uniform(rng, 50, 280), uniform(rng, 10, 80))
    metals = ("brass", "steel", "zinc_alloy", "copper", "stainless", "aluminium")

    def spots(low: int, high: int) -> Array:
        return rng.uniform(-0.5, 0.5, (int(rng.integers(low, high)), 3)) * spread

    solids: list[Solid] = [
        copies(cylinder(uniform(rng, 2.5, 6), uniform(rng, 1.0, 3.0), pick(rng, *metals), sides=9), spots(2, 12)),
        copies(
            ring(uniform(rng, 3.0, 8.0), uniform(rng, 0.6, 1.3), pick(rng, *metals), points=9, sides=4), spots(1, 8)
        ),
    ]
    turns = spots(1, 7)
    sizes = rng.uniform((3, 2, 0.8), (16, 7, 3), (len(turns), 3))
    solids.append(boxes(turns, sizes, pick(rng, *metals), yaw_deg=rng.uniform(0, 180, len(turns))))
    for at in spots(0, 4):  # zips that follow a garment
        turns = rng.normal(0, 0.5) + rng.normal(0, 0.2, 9).cumsum()
        path = wandering(turns, 0.0, uniform(rng, 5, 16))
        solids += zip_row(rng, path - path.mean(axis=0) + at * 0.6, pick(rng, "nylon", *metals), pitch_mm=3)
    for at in spots(0, 4):  # hooks, underwires, hair clips
        reach, bend = uniform(rng, 8, 60), uniform(rng, 0.3, 2.6)
        angle = np.linspace(-bend, bend, 9)
        path = np.stack([np.cos(angle), np.sin(angle), np.zeros(9)], axis=1) * reach
        yaw = uniform(rng, 0, 360)
        solids.append(
            copies(
                wire(path, uniform(rng, 0.4, 1.1), pick(rng, "steel", "stainless", "brass"), sides=4), [at], yaw_deg=yaw
            )
        )
    return finish("small_metal/findings", solids, keep_pose=True)


def relief(x_mm: Array, y_mm: Array, height_mm: Array, material: str) -> Solid:
    """Return a body with a flat base at z = 0 and a top of the given heights over a grid of points, all (N, M)."""
    top = np.empty((*height_mm.shape, 3), np.float32)
    top[..., 0], top[..., 1], top[..., 2] = x_mm, y_mm, height_mm
    return Solid(body_under(top), material)


def _steps(rng: np.random.Generator, u: Array, v: Array, count: int) -> Array:
    """Return extra thickness (N, M) over u (N,) and v (M,): folded layers are rectangles, each with a sharp edge."""
    angles, sizes = np.empty(count), np.empty((count, 5))
    for layer in range(count):  # they lie at small angles
        angles[layer] = pick(rng, 0.0, np.pi / 2) + rng.normal(0, 0.25)
        rng.random(out=sizes[layer])
    total: Array = _layered(u, v, np.cos(angles), np.sin(angles), between(sizes, *_LAYER))
    return total


@compiled
def _layered(u: Array, v: Array, cosines: Array, sines: Array, sizes: Array) -> Array:  # pragma: no cover  compiled
    """Add up rectangles: middle along and across, half the length and width, height (K, 5), each at its angle."""
    total = np.zeros((u.shape[0], v.shape[0]))
    for layer in range(sizes.shape[0]):
        cos, sin = cosines[layer], sines[layer]
        middle_along, middle_across, length, width, height = sizes[layer]
        for i in range(u.shape[0]):
            for j in range(v.shape[0]):
                along = cos * u[i] + sin * v[j] - middle_along
                across = cos * v[j] - sin * u[i] - middle_across
                total[i, j] += height if abs(along) < length and abs(across) < width else 0.0
    return total


def _creases(rng: np.random.Generator, x: Array, y: Array, count: int) -> Array:
    """Return ridges and grooves in mm along wandering lines."""
    lines = between(rng.random((count, 9)), *_LINE)
    cosines, sines = np.cos(lines[:, 0]), np.sin(lines[:, 0])
    starts, spots, phases, offsets = _near_lines(x, y, cosines, sines, lines)
    _fall_off(np.sin(phases), offsets, starts, lines)
    total: Array = _heaped(np.exp(offsets), spots, starts, lines, x.shape)
    return total


@compiled
def _near_lines(
    x: Array, y: Array, cosines: Array, sines: Array, lines: Array
) -> tuple[Array, ...]:  # pragma: no cover  compiled
    """Find the points that each of the lines (K, 9) can raise or lower: all others would get exactly nothing.

    Returns:
        Where those of each line begin (K + 1,), and of each point its index, the phase of the wave there, and how far
        across it lies. In `lines`, the share at which a line lies becomes how far across that is.
    """
    x, y = x.reshape(-1), y.reshape(-1)
    count, points = lines.shape[0], x.shape[0]
    starts, spots = np.zeros(count + 1, np.int64), np.empty(count * points, np.int64)
    phases, offsets = np.empty(count * points), np.empty(count * points)
    along, across = np.empty(points), np.empty(points)
    at = 0
    for line in range(count):
        cos, sin = cosines[line], sines[line]
        _, swing, wave, shift, place, breadth, centre, reach, _ = lines[line]
        near = left = np.inf
        far = right = -np.inf
        for index in range(points):
            a, b = cos * x[index] + sin * y[index], cos * y[index] - sin * x[index]
            near, far, left, right = min(near, a), max(far, a), min(left, b), max(right, b)
            along[index], across[index] = a, b
        middle, start = place * (right - left), centre * (far - near)
        widest = swing + 28 * breadth  # exp(-28**2) is 0
        for index in range(points):
            if abs(along[index] - start) < reach and abs(across[index] - middle) < widest:
                spots[at], phases[at], offsets[at] = index, along[index] / wave + shift, across[index]
                at += 1
        lines[line, _PLACE], starts[line + 1] = middle, at
    return starts, spots[:at], phases[:at], offsets[:at]


@compiled
def _fall_off(waves: Array, offsets: Array, starts: Array, lines: Array) -> None:  # pragma: no cover  compiled
    """Turn distances across from the middle into the exponents of a bell about the wave."""
    for line in range(lines.shape[0]):
        _, swing, _, _, middle, breadth, _, _, _ = lines[line]
        for at in range(starts[line], starts[line + 1]):
            near = (offsets[at] - swing * waves[at] - middle) / breadth
            offsets[at] = -(near * near)


@compiled
def _heaped(
    bells: Array, spots: Array, starts: Array, lines: Array, shape: tuple[int, int]
) -> Array:  # pragma: no cover  compiled
    """Add up the lines, each as high as it is."""
    total = np.zeros(shape[0] * shape[1])
    for line in range(lines.shape[0]):
        for at in range(starts[line], starts[line + 1]):
            total[spots[at]] += lines[line, -1] * bells[at]
    return total.reshape(shape)


def _seams(rng: np.random.Generator, size_mm: tuple[float, float], top_mm: float) -> list[Solid]:
    """Return seams, hems and tight folds: thin dense lines that make cloth look crisp, some of each of a few kinds."""
    material = pick(rng, "nylon", "nylon", "leather", "rubber")
    lines = []
    for _ in range(4):
        reach = uniform(rng, 0.03, 0.16) * min(size_mm)
        path = wandering(rng.normal(0, 0.3, 6).cumsum(), 0.0, reach)
        line = wire(path - path.mean(axis=0), uniform(rng, 0.6, 2.4), material, sides=4)
        count = int(rng.integers(3, 14))
        spots = between(rng.random((count, 3)), (-0.36, -0.36, 0.1), (0.36, 0.36, 0.9)) * (*size_mm, top_mm)
        yaw = rng.integers(0, 2, count) * 90 + rng.normal(0, 20, count)
        lines.append(copies(line, spots, yaw_deg=yaw))
    return lines


def _fastenings(rng: np.random.Generator, size_mm: tuple[float, float], top_mm: float) -> list[Solid]:
    """Return buttons in a row, or a belt hook and studs."""
    count = int(rng.integers(3, 9))
    line = np.zeros((count, 3))
    line[:, 0] = even(-0.4, 0.4, count) * size_mm[0]
    line[:, 1] = uniform(rng, -0.4, 0.4) * size_mm[1]
    line[:, 2] = top_mm * 0.7
    stud = cylinder(uniform(rng, 3, 7), 2.2, pick(rng, "brass", "zinc_alloy", "nylon", "steel"), sides=10)
    return [copies(stud, line), box((9, 6, 2), "steel").moved(offset_mm=line[0] + (0, 14, 0))]
