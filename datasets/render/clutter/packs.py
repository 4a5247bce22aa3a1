"""Dense blocks and round barrels of daily life: battery packs, torches, lenses, perfume, power on a strip."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.boards import board, cell
from datasets.render.clutter.shapes import (
    Array,
    boxes,
    chance,
    copies,
    finish,
    helix,
    hollow_box,
    lying_box,
    pick,
    pillow,
    rounded,
    smooth,
    uniform,
    vessel,
    wire,
)
from datasets.render.solids import Phantom, Solid, cylinder, extrude, lathe, tube

__all__ = ["binoculars", "flashlight", "laptop_battery", "lens", "perfume", "tool_battery"]

_X_TO_Z = np.array([[0, 0, -1.0], [0, 1.0, 0], [1.0, 0, 0]])


def _cells(rng: np.random.Generator, radius: float, length: float, at: Array) -> list[Solid]:
    """Return round cells along x, one at each point."""
    parts = cell(rng, radius, length)
    return [copies(part, at).cavity() if part.weight < 0 else copies(part, at) for part in parts]


def tool_battery(rng: np.random.Generator) -> Phantom:
    """Return the battery of a power tool: a foot with rows of cells, or a stick of cells, with rails and contacts."""
    radius, length = (9.2, 65.0) if chance(rng, 0.7) else (10.6, 70.0)
    solids: list[Solid] = []
    if chance(rng, 0.4):  # a stick that goes up into the grip
        count = int(rng.integers(2, 4))
        spots = np.array([(x, y, 0.0) for x in (0.0, length + 2)[: count - 1] for y in (-radius, radius)])
        solids += _cells(rng, radius, length, spots)
        high = (length + 4) * (count - 1)
        centre = (length + 2) / 2 * (count - 2)
        solids += hollow_box((high + 12, radius * 4 + 9, radius * 2 + 8), 2.2, "abs", (centre, 0, 0))
        foot = hollow_box(
            (16, radius * 4 + uniform(rng, 18, 40), radius * 2 + 22), 2.5, "abs", (-length / 2 - 14, 0, 0)
        )
        solids += foot
        solids.append(boxes([(high - length / 2 + 4, y, 0) for y in (-8, 0, 8)], (10, 3, 8), "brass"))
        return finish("electronics/tool_battery", solids)
    rows, across = int(rng.integers(1, 3)), int(rng.integers(3, 6))
    pitch = radius * 2.06
    spots = np.array([(0.0, (i - (across - 1) / 2) * pitch, j * pitch) for i in range(across) for j in range(rows)])
    solids += _cells(rng, radius, length, spots)
    size = (length + 10, across * pitch + 8, rows * pitch + 8)
    middle = (rows - 1) * pitch / 2
    solids += hollow_box(size, 2.4, "abs", (0, 0, middle))
    top = middle + size[2] / 2
    solids += [lying_box((size[0] * 0.8, 5, 9), "abs", (0, side * size[1] * 0.3, top + 4)) for side in (-1, 1)]
    solids.append(boxes([(size[0] * 0.1, y, top + 4) for y in (-12, -4, 4, 12)], (18, 1.2, 8), "brass"))
    strips = [(side * (length / 2 + 2), 0.0, middle) for side in (-1, 1)]
    solids.append(boxes(strips, (0.4, size[1] * 0.8, 8), "steel"))
    solids += [p.moved(offset_mm=(0, 0, top - 5)) for p in board(rng, (50, 30), 0, density=0.5)]
    return finish("electronics/tool_battery", solids)


def laptop_battery(rng: np.random.Generator) -> Phantom:
    """Return the battery of a laptop: a bar with a row of round cells, or flat cells, a small board, a plug."""
    solids: list[Solid] = []
    if chance(rng, 0.6):
        columns, rows = int(rng.integers(2, 5)), int(rng.integers(1, 4))
        spots = np.array([(i * 67.0, j * 19.0, 0.0) for i in range(columns) for j in range(rows)])
        solids += _cells(rng, 9.1, 65.0, spots)
        size = (columns * 67.0 + 8, rows * 19.0 + 12, 22.0)
        centre = ((columns - 1) * 33.5, (rows - 1) * 9.5 + 3, 0.0)
    else:
        count, width, depth = int(rng.integers(2, 7)), uniform(rng, 35, 60), uniform(rng, 60, 110)
        at = [(i * (width + 3), 0.0, 0.0) for i in range(count)]
        thick = uniform(rng, 3.5, 8)
        solids.append(boxes(at, (width, depth, thick), "lithium_cell"))
        size = (count * (width + 3) + 6, depth + 18, thick + 4)
        centre = ((count - 1) * (width + 3) / 2, 6.0, 0.0)
    solids += hollow_box(size, 1.2, "abs", centre)
    edge = (centre[0], centre[1] + size[1] / 2 - 5, 0)
    solids += [part.moved(offset_mm=edge) for part in board(rng, (min(90, size[0] * 0.6), 7), -1, density=0.6)]
    solids.append(lying_box((uniform(rng, 18, 40), 6, 5), pick(rng, "brass", "steel"), edge))
    return finish("electronics/laptop_battery", solids)


def flashlight(rng: np.random.Generator) -> Phantom:
    """Return a torch: a metal or plastic barrel with cells in a row, a head with reflector and glass, a tail switch."""
    radius, cells = uniform(rng, 8, 19), int(rng.integers(1, 5))
    reach = uniform(rng, 45, 62)
    length = cells * reach + uniform(rng, 20, 45)
    metal = pick(rng, "aluminium", "aluminium", "steel", "abs", "stainless")
    wall = uniform(rng, 1.2, 3.0)
    head = radius * uniform(rng, 1.05, 2.1)
    deep = uniform(rng, 30, 70)
    outside = [
        (radius * 0.9, -length / 2), (radius, -length / 2 + 6), (radius, length / 2),
        (head, length / 2 + deep * 0.5), (head, length / 2 + deep),
    ]  # fmt: skip
    solids = vessel(outside, wall, metal, sides=18)
    for index in range(cells):
        z = -length / 2 + 14 + (index + 0.5) * reach
        solids += [
            part.moved(_X_TO_Z, (0, 0, z)) for part in cell(rng, max(radius - wall - 0.8, radius * 0.6), reach - 1.5)
        ]
    mirror = [(head * 0.25, 0), (head * 0.85, deep * 0.6), (head * 0.8, deep * 0.6), (head * 0.2, 1.0)]
    solids.append(
        lathe(mirror, pick(rng, "aluminium", "abs"), sides=16).moved(offset_mm=(0, 0, length / 2 + deep * 0.3))
    )
    solids.append(cylinder(head * 0.85, 2.5, "glass", sides=16).moved(offset_mm=(0, 0, length / 2 + deep - 4)))
    path, out = helix(12, radius * 0.45, 4, 24)
    spring = wire(path, 0.6, "steel", sides=4, up=out).moved(_X_TO_Z, (0, 0, -length / 2 + 7))
    solids.append(spring)
    if chance(rng, 0.5):  # knurled grip
        rings = np.stack([np.zeros(12), np.zeros(12), np.linspace(-0.3, 0.1, 12) * length], axis=1)
        solids.append(copies(tube(radius + 0.9, radius, 1.4, metal, sides=16), rings))
    if chance(rng, 0.4):
        solids.append(lying_box((1.2, 6, length * 0.5), "steel", (radius + 3, 0, 0)))
    return finish("electronics/flashlight", solids)


def _barrel(rng: np.random.Generator, radius: float, length: float) -> list[Solid]:
    """Return a lens along z: nested barrels, glasses of several sizes, rings to turn, an iris."""
    metal = pick(rng, "aluminium", "brass", "abs", "magnesium_alloy")
    steps = np.linspace(-0.5, 0.5, int(rng.integers(3, 6))) * length
    outline = np.stack([radius * rng.uniform(0.8, 1.0, len(steps)), steps], axis=1)
    solids = vessel(outline, uniform(rng, 1.5, 3.5), metal, sides=20)
    for z in np.linspace(-0.42, 0.42, int(rng.integers(3, 8))) * length:
        wide = radius * uniform(rng, 0.4, 0.72)
        edge, bulge = uniform(rng, 1, 3), uniform(rng, 0.5, 4)
        glass = lathe(
            [(wide * 0.3, -edge - bulge), (wide, -edge), (wide, edge), (wide * 0.3, edge + bulge)], "glass", sides=16
        )
        solids.append(glass.moved(offset_mm=(0, 0, float(z))))
    solids.append(tube(radius * 0.75, radius * 0.3, 0.8, "steel", sides=14))
    turns = [(0.0, 0.0, float(z)) for z in rng.uniform(-0.35, 0.35, int(rng.integers(1, 4))) * length]
    solids.append(copies(tube(radius * 1.06, radius, uniform(rng, 6, 18), pick(rng, "rubber", metal), sides=20), turns))
    return solids


def lens(rng: np.random.Generator) -> Phantom:
    """Return a loose camera lens with a bayonet and caps."""
    radius, length = uniform(rng, 26, 44), uniform(rng, 35, 170)
    solids = _barrel(rng, radius, length)
    solids.append(tube(radius * 0.85, radius * 0.6, 4, "stainless", sides=18).moved(offset_mm=(0, 0, -length / 2 - 2)))
    if chance(rng, 0.6):
        solids.append(cylinder(radius, 3, "abs", sides=18).moved(offset_mm=(0, 0, length / 2 + 3)))
    return finish("electronics/lens", solids)


def binoculars(rng: np.random.Generator) -> Phantom:
    """Return binoculars: two barrels with prisms, a hinge and a wheel between them."""
    radius, length = uniform(rng, 16, 30), uniform(rng, 80, 150)
    gap = radius * uniform(rng, 2.3, 3.0)
    solids: list[Solid] = []
    tubes = _barrel(rng, radius, length)
    tubes.append(extrude(rounded(radius, radius * 0.8, 2), radius, "glass").moved(offset_mm=(0, 0, -length * 0.2)))
    for side in (-1, 1):
        solids += [part.moved(offset_mm=(side * gap / 2, 0, 0)) for part in tubes]
    solids.append(cylinder(5, length * 0.6, pick(rng, "steel", "brass"), sides=12))
    solids.append(tube(11, 5.2, 16, "abs", sides=16).moved(offset_mm=(0, 0, -length * 0.35)))
    bridges = [(0.0, 0.0, z * length) for z in (-0.25, 0.25)]
    solids.append(boxes(bridges, (gap - radius * 1.6, radius * 0.8, 9), pick(rng, "aluminium", "abs")))
    return finish("electronics/binoculars", solids)


def perfume(rng: np.random.Generator) -> Phantom:
    """Return perfume bottles: thick glass of odd shapes, a metal sprayer with a dip tube, a heavy cap."""
    solids: list[Solid] = []
    for index in range(int(rng.integers(1, 4))):
        wide, high, deep = uniform(rng, 28, 62), uniform(rng, 45, 95), uniform(rng, 20, 38)
        outline = smooth(rounded(wide, high, uniform(rng, 2, 18), steps=3) * (1, uniform(rng, 0.9, 1.1)), 1)
        body = (
            pillow(outline, deep, "glass", edge=uniform(rng, 0.85, 1.0))
            if chance(rng, 0.5)
            else extrude(outline, deep, "glass")
        )
        inner = extrude(outline * 0.62, deep * 0.55, "glass")
        parts: list[Solid] = [body, inner.cavity(), extrude(outline * 0.6, deep * 0.5, "water")]
        neck = high / 2
        tubes = [
            tube(8, 6.5, 12, pick(rng, "aluminium", "brass"), sides=14),
            cylinder(1.0, high * 0.8, "polypropylene", sides=6),
        ]
        upright = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])  # z becomes y
        parts += [tubes[0].moved(upright, (0, neck + 5, 0)), tubes[1].moved(upright, (0, neck - high * 0.4, 0))]
        cap = vessel(
            [(11, 0), (12, uniform(rng, 18, 34))],
            uniform(rng, 1.5, 4),
            pick(rng, "zinc_alloy", "abs", "aluminium"),
            sides=16,
        )
        parts += [part.moved(upright, (0, neck + 4, 0)) for part in cap]
        shift = (index * 72.0, uniform(rng, -8, 8), 0)
        solids += [part.moved(offset_mm=shift) for part in parts]
    return finish("toiletry/perfume", solids)
