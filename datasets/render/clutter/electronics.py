"""Electronics: boards with their components, laptops, telephones, chargers, cables, batteries, drives."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.boards import board, cell, fan
from datasets.render.clutter.shapes import (
    along_x,
    boxes,
    chance,
    copies,
    finish,
    hollow_box,
    lying_box,
    pick,
    pillow,
    rounded,
    smooth,
    uniform,
    wire,
)
from datasets.render.solids import Phantom, Solid, cylinder, extrude, lathe, tube

__all__ = [
    "camera",
    "circuit_board",
    "hard_disk",
    "keyboard",
    "laptop",
    "phone",
    "tablet",
]

_CELLS = {"AA": (7.1, 50.0), "AAA": (5.2, 44.0), "18650": (9.2, 65.0), "C": (13.0, 50.0), "D": (16.5, 61.0)}


def circuit_board(rng: np.random.Generator) -> Phantom:
    """Return a bare board, from a small module to a desktop main board."""
    size = uniform(rng, 60, 300), uniform(rng, 45, 240)
    density = uniform(rng, 0.5, 1.6)
    solids = board(rng, size, 0.0, density=density)
    if size[0] > 160:
        slots = int(rng.integers(2, 6))
        rows = np.zeros((slots, 3))
        rows[:, 1] = np.linspace(-0.4, -0.1, slots) * size[1]
        rows[:, 0], rows[:, 2] = uniform(rng, -0.15, 0.15) * size[0], 6
        solids.append(boxes(rows, (uniform(rng, 80, 130), 7, 10), "nylon"))
        solids.append(boxes(rows, (80, 1.0, 6), "brass"))
        solids += fan(rng, uniform(rng, 20, 40), (size[0] * 0.2, size[1] * 0.2, 30))
    return finish("electronics/circuit_board", solids, keep_pose=size[0] > size[1])


def laptop(rng: np.random.Generator) -> Phantom:
    """Return a closed laptop: shells, screen, keyboard, board, battery cells, fan, heat pipe, hinges, screws."""
    width, depth, height = uniform(rng, 270, 385), uniform(rng, 190, 265), uniform(rng, 15, 34)
    metal = pick(rng, "abs", "aluminium", "magnesium_alloy", "abs")
    solids = hollow_box((width, depth, height * 0.66), uniform(rng, 0.9, 2.2), metal)
    lid = height * 0.34
    top = height * 0.33
    solids += hollow_box((width, depth, lid), min(1.2, lid / 5), metal, (0, 0, top + lid / 2))
    solids.append(lying_box((width * 0.93, depth * 0.88, 1.4), "glass", (0, 0, top + lid / 2)))
    solids.append(lying_box((width * 0.9, depth * 0.5, 0.4), "steel", (0, depth * 0.1, top - 2.5)))
    rows, columns = 6, int(rng.integers(13, 18))
    x, y = np.meshgrid(np.linspace(-0.44, 0.44, columns) * width, np.linspace(-0.13, 0.33, rows) * depth, indexing="ij")
    keys = np.stack([x.ravel(), y.ravel(), np.full(x.size, top - 1.2)], axis=1)
    solids.append(boxes(keys, (0.74 * width / columns, 13, 1.2), "abs"))
    main = board(rng, (width * uniform(rng, 0.55, 0.9), depth * uniform(rng, 0.35, 0.5)), -height * 0.12, density=1.2)
    solids += [
        part.moved(offset_mm=(uniform(rng, -0.04, 0.04) * width, depth * 0.2, 0))
        for part in main
        if part.material != "nylon"
    ]
    solids += _laptop_cells(rng, width, depth)
    where = width * uniform(rng, 0.22, 0.34) * float(rng.choice([-1, 1]))
    solids += fan(rng, uniform(rng, 18, 28), (where, depth * 0.28, 0))
    pipe = smooth(
        [(where, depth * 0.36, 0), (where * 0.5, depth * 0.3, 0), (-where * 0.2, depth * 0.15, 0)], closed=False
    )
    solids.append(wire(pipe, 2.6, "copper", sides=6))
    hinges = [(side * width * 0.38, depth * 0.47, top) for side in (-1, 1)]
    hinge = along_x(cylinder(3.5, uniform(rng, 18, 50), pick(rng, "steel", "zinc_alloy"), sides=10))
    solids.append(copies(hinge, hinges))
    spots = rng.uniform(-0.47, 0.47, (int(rng.integers(8, 18)), 3)) * (width, depth, 0) - (0, 0, height * 0.2)
    solids.append(copies(cylinder(1.5, 6, "steel", sides=8), spots))
    if chance(rng, 0.4):
        drive = hard_disk(rng)
        solids += [part.moved(offset_mm=(-width * 0.3, -depth * 0.25, 0)).scaled((1, 1, 0.5)) for part in drive.solids]
    return finish("electronics/laptop", solids, keep_pose=True)


def _laptop_cells(rng: np.random.Generator, width: float, depth: float) -> list[Solid]:
    if chance(rng, 0.5):  # round cells in a row
        count = int(rng.integers(2, 5))
        spots = [
            ((i - (count - 1) / 2) * 68.0, y, 0.0) for i in range(count) for y in (-depth * 0.42, -depth * 0.42 + 19)
        ]
        spots = [spot for spot in spots if abs(spot[0]) + 34 < width / 2]
        parts = cell(rng, 7.5, 65)
        return [copies(part, spots).cavity() if part.weight < 0 else copies(part, spots) for part in parts]
    count = int(rng.integers(2, 6))
    spots = [((i - (count - 1) / 2) * width * 0.86 / count, -depth * 0.3, 0.0) for i in range(count)]
    return [boxes(spots, (width * 0.8 / count, depth * 0.32, 5), "lithium_cell")]


def _slate(rng: np.random.Generator, width: float, depth: float, height: float) -> list[Solid]:
    metal = pick(rng, "aluminium", "abs", "magnesium_alloy")
    solids = [
        extrude(rounded(width, depth, 9), height, metal),
        extrude(rounded(width - 3, depth - 3, 8), height - 1.6, metal).cavity(),
        lying_box((width * 0.95, depth * 0.93, 1.0), "glass", (0, 0, height / 2 - 1.6)),
        lying_box(
            (width * uniform(rng, 0.4, 0.6), depth * uniform(rng, 0.5, 0.7), height * 0.5),
            "lithium_cell",
            (-width * 0.08, depth * 0.1, 0),
        ),
    ]
    parts = board(rng, (width * uniform(rng, 0.8, 0.92), depth * 0.3), 0, density=1.5)
    solids += [part.scaled((1, 1, 0.25)).moved(offset_mm=(0, -depth * 0.3, 0)) for part in parts]
    lens = cylinder(uniform(rng, 3, 6), height * 0.6, "glass", sides=12)
    rim = tube(7, 5, height * 0.7, "steel", sides=14)
    solids += [part.moved(offset_mm=(width * 0.4, depth * 0.32, -0.5)) for part in (lens, rim)]
    solids.append(tube(uniform(rng, 5, 9), 3, 2.5, "iron", sides=14).moved(offset_mm=(-width * 0.42, 0, 0)))
    return solids


def phone(rng: np.random.Generator) -> Phantom:
    """Return a mobile telephone."""
    return finish("electronics/phone", _slate(rng, uniform(rng, 110, 168), uniform(rng, 52, 80), uniform(rng, 7, 14)))


def tablet(rng: np.random.Generator) -> Phantom:
    """Return a tablet computer."""
    return finish(
        "electronics/tablet", _slate(rng, uniform(rng, 190, 285), uniform(rng, 130, 215), uniform(rng, 7, 11))
    )


def hard_disk(rng: np.random.Generator) -> Phantom:
    """Return a disk drive: cast case, platters, spindle, arm with magnets, board."""
    size = (147.0, 101.0, 25.0) if chance(rng, 0.5) else (100.0, 70.0, uniform(rng, 7, 12))
    solids = hollow_box(size, 2.5, "aluminium")
    radius = size[1] * 0.46
    at = (size[0] / 2 - radius - 3, 0.0, 0.0)
    solids.append(tube(radius, radius * 0.26, size[2] * 0.3, "aluminium", sides=28).moved(offset_mm=at))
    solids.append(cylinder(radius * 0.25, size[2] * 0.7, "steel", sides=16).moved(offset_mm=at))
    arm = extrude(
        smooth([(-0.5, -0.1), (0.4, -0.04), (0.5, 0), (0.4, 0.04), (-0.5, 0.16)]) * (radius, radius), 3, "aluminium"
    )
    solids.append(arm.moved(offset_mm=(-size[0] * 0.18, -size[1] * 0.2, 0)))
    magnet = pillow(smooth([(-15, -9), (15, -12), (12, 10), (-12, 10)]), size[2] * 0.5, "iron")
    solids.append(magnet.moved(offset_mm=(-size[0] * 0.36, -size[1] * 0.28, 0)).scaled((1, 1, 1)))
    solids += [
        part.scaled((1, 1, 0.2)).moved(offset_mm=(-size[0] * 0.1, 0, -size[2] / 2))
        for part in board(rng, (size[0] * 0.6, size[1] * 0.7), 0)
    ]
    return finish("electronics/hard_disk", solids)


def keyboard(rng: np.random.Generator) -> Phantom:
    """Return a computer keyboard: rows of keys, springs or a steel plate, a contact foil."""
    width, depth = uniform(rng, 270, 450), uniform(rng, 110, 160)
    solids = hollow_box((width, depth, 16), 2, "abs")
    rows, columns = int(rng.integers(5, 7)), int(width / 19.5)
    x, y = np.meshgrid(np.linspace(-0.46, 0.46, columns) * width, np.linspace(-0.4, 0.4, rows) * depth, indexing="ij")
    keys = np.stack([x.ravel(), y.ravel(), np.full(x.size, 12.0)], axis=1)
    solids.append(boxes(keys, (15, 15, 7), "abs"))
    if chance(rng, 0.6):
        solids.append(
            lying_box((width * 0.97, depth * 0.9, uniform(rng, 0.4, 1.2)), pick(rng, "steel", "aluminium"), (0, 0, 2))
        )
    if chance(rng, 0.5):
        solids.append(boxes(keys - (0, 0, 8), (3, 3, 4), pick(rng, "steel", "brass")))
    return finish("electronics/keyboard", solids)


def camera(rng: np.random.Generator) -> Phantom:
    """Return a camera with a lens of several glasses in a metal barrel."""
    size = uniform(rng, 95, 150), uniform(rng, 60, 100), uniform(rng, 25, 60)
    solids = hollow_box(size, 2.2, pick(rng, "abs", "magnesium_alloy"))
    solids += [part.scaled((1, 1, 0.5)) for part in board(rng, (size[0] * 0.8, size[1] * 0.7), 0, density=1.2)]
    solids.append(lying_box((size[0] * 0.2, size[1] * 0.8, size[2] * 0.6), "lithium_cell", (size[0] * 0.36, 0, 0)))
    radius, length = size[1] * uniform(rng, 0.28, 0.42), uniform(rng, 15, 90)
    at = (-size[0] * 0.08, 0.0, size[2] / 2 + length / 2)
    solids.append(
        tube(radius, radius * 0.86, length, pick(rng, "aluminium", "abs", "brass"), sides=24).moved(offset_mm=at)
    )
    for z in np.linspace(-0.45, 0.45, int(rng.integers(3, 7))):
        glass = lathe(
            [(radius * 0.2, -3), (radius * 0.75, -1.5), (radius * 0.75, 1.5), (radius * 0.2, 3)], "glass", sides=18
        )
        solids.append(glass.moved(offset_mm=(at[0], at[1], at[2] + z * length)))
    return finish("electronics/camera", solids)
