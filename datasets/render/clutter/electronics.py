"""Electronics: boards with their components, laptops, telephones, chargers, cables, batteries, drives."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.shapes import (
    Array,
    along_x,
    along_y,
    boxes,
    chance,
    copies,
    finish,
    gear,
    helix,
    hollow_box,
    lying_box,
    pick,
    pillow,
    ring,
    rounded,
    smooth,
    uniform,
    vessel,
    wire,
)
from datasets.render.solids import Phantom, Solid, box, cylinder, extrude, lathe, tube

__all__ = [
    "batteries", "cables", "camera", "charger", "circuit_board", "hard_disk", "headphones", "keyboard", "lamp",
    "laptop", "phone", "power_bank", "power_supply", "speaker", "tablet",
]  # fmt: skip

_CELLS = {"AA": (7.1, 50.0), "AAA": (5.2, 44.0), "18650": (9.2, 65.0), "C": (13.0, 50.0), "D": (16.5, 61.0)}


def board(rng: np.random.Generator, size_mm: tuple[float, float], z_mm: float, *, density: float = 1.0) -> list[Solid]:
    """Return a populated circuit board lying at height z: chips, chip parts, capacitors, connectors, tracks."""
    width, depth = size_mm
    area = width * depth
    solids = [lying_box((width, depth, 1.6), "fr4", (0, 0, z_mm))]
    solids.append(lying_box((width * 0.98, depth * 0.98, uniform(rng, 0.035, 0.15)), "copper", (0, 0, z_mm + 0.6)))
    top = z_mm + 0.8

    def spots(count: int, height: float, margin: float = 0.46) -> Array:
        at = rng.uniform(-margin, margin, (count, 3)) * (width, depth, 0)
        at[:, 2] = top + height / 2
        return at

    chips = int(np.clip(area / 1500 * density, 2, 30))
    sides = rng.uniform(5, 26, chips)
    sizes = np.stack([sides, sides * rng.uniform(0.4, 1, chips), np.full(chips, 1.6)], axis=1)
    at = spots(chips, 1.6, 0.42)
    solids.append(boxes(at, sizes * (1, 1, 0.7), "abs", yaw_deg=rng.integers(0, 2, chips) * 90))
    solids.append(boxes(at - (0, 0, 0.6), sizes * (0.8, 0.8, 0.18), "copper", yaw_deg=0))
    small = int(np.clip(area / 90 * density, 10, 260))
    sizes = rng.uniform(0.8, 3.2, (small, 3)) * (1, 0.6, 0.5)
    solids.append(
        boxes(
            spots(small, 1.0, 0.48),
            sizes,
            pick(rng, "ceramic", "solder", "silicon"),
            yaw_deg=rng.integers(0, 2, small) * 90,
        )
    )
    pins = int(np.clip(area / 350 * density, 6, 90))
    solids.append(boxes(spots(pins, 1.2), (1.2, 1.2, 2.4), "solder"))
    tall = int(np.clip(area / 2500 * density, 1, 16))
    can = cylinder(uniform(rng, 2.5, 6), uniform(rng, 6, 16), "aluminium", sides=10)
    solids.append(copies(can, spots(tall, 10, 0.44)))
    links = int(rng.integers(2, 6))
    sizes = np.stack([rng.uniform(8, 35, links), rng.uniform(4, 12, links), rng.uniform(3, 11, links)], axis=1)
    edge = spots(links, 6, 0.45)
    edge[:, 1] = np.sign(edge[:, 1]) * depth * 0.45
    solids.append(boxes(edge, sizes, pick(rng, "steel", "nylon", "brass"), yaw_deg=0))
    if chance(rng, 0.5):
        solids += _inductors(rng, spots(int(rng.integers(1, 4)), 6, 0.4))
    if density > 0.6 and chance(rng, 0.6):
        solids += heat_sink(rng, spots(1, 0, 0.25)[0])
    return solids


def _inductors(rng: np.random.Generator, at: Array) -> list[Solid]:
    radius, height = uniform(rng, 4, 9), uniform(rng, 5, 10)
    wound = extrude(gear(radius, 14, 1.2), height, "copper", holes_mm=[gear(radius * 0.45, 8, 0.3)])
    return [copies(wound, at)]


def heat_sink(rng: np.random.Generator, at_mm: Array) -> list[Solid]:
    """Return a finned block of aluminium standing on a point."""
    side, height = uniform(rng, 18, 55), uniform(rng, 8, 24)
    count = int(side / uniform(rng, 2.8, 5))
    fins = np.zeros((count, 3))
    fins[:, 0] = np.linspace(-0.48, 0.48, count) * side
    fins[:, 2] = 2 + height / 2
    base = box((side, side * 0.9, 3), "aluminium").moved(offset_mm=(0, 0, 1.5))
    offset = np.asarray(at_mm) * (1, 1, 0) + (0, 0, float(at_mm[2]))
    parts = [base, boxes(fins, (1.0, side * 0.9, height), "aluminium")]
    return [part.moved(offset_mm=offset) for part in parts]


def cell(rng: np.random.Generator, radius: float, length: float) -> list[Solid]:
    """Return one round cell along x: a steel can around its filling, with a positive pole."""
    shell = vessel(
        [(radius, -length / 2), (radius, length / 2)],
        0.35,
        "steel",
        content=pick(rng, "lithium_cell", "zinc_alloy", "lithium_cell"),
        sides=14,
    )
    shell.append(cylinder(1.0, length * 0.75, "brass", sides=6))
    shell.append(cylinder(radius * 0.38, 1.4, "steel", sides=8).moved(offset_mm=(0, 0, length / 2 + 0.7)))
    return [along_x(part) for part in shell]


def batteries(rng: np.random.Generator) -> Phantom:
    """Return a row or a block of round cells."""
    radius, length = _CELLS[pick(rng, *_CELLS)]
    rows, count = int(rng.integers(1, 3)), int(rng.integers(2, 7))
    grid = [(0.0, (i - count / 2) * radius * 2.05, j * radius * 2.05) for i in range(count) for j in range(rows)]
    solids = []
    for part in cell(rng, radius, length):
        block = copies(part, grid)
        solids.append(block.cavity() if part.weight < 0 else block)
    return finish("electronics/batteries", solids)


def fan(rng: np.random.Generator, radius: float, at_mm: tuple[float, float, float]) -> list[Solid]:
    """Return a flat fan: rotor with blades, hub magnet and coils."""
    blades = int(rng.integers(7, 25))
    rotor = extrude(gear(radius, blades, radius * 0.45), 4, "abs")
    hub = tube(radius * 0.38, radius * 0.3, 4.5, "iron", sides=16)
    coil = tube(radius * 0.26, radius * 0.1, 4, "copper", sides=12)
    return [part.moved(offset_mm=at_mm) for part in (rotor, hub, coil)]


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
    metal = pick(rng, "aluminium", "abs", "magnesium_alloy", "steel")
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


def power_bank(rng: np.random.Generator) -> Phantom:
    """Return a power bank: flat or round cells, a small board, a plastic or metal case."""
    size = uniform(rng, 90, 160), uniform(rng, 45, 80), uniform(rng, 18, 26)
    solids = hollow_box(size, 1.8, pick(rng, "abs", "aluminium"))
    count = int((size[1] - 6) // 19)
    spots = [(-8.0, (i - (count - 1) / 2) * 19.0, 0.0) for i in range(count)]
    for part in cell(rng, min(9.0, size[2] / 2 - 2), 65):
        solids.append(copies(part, spots).cavity() if part.weight < 0 else copies(part, spots))
    solids += [
        part.moved(np.array([[0, -1.0, 0], [1, 0, 0], [0, 0, 1]]), (size[0] / 2 - 10, 0, 0)).scaled((1, 1, 0.5))
        for part in board(rng, (size[1] * 0.8, 14), 0)
    ]
    return finish("electronics/power_bank", solids)


def charger(rng: np.random.Generator) -> Phantom:
    """Return a plug-in or brick charger: transformer, capacitors, pins, and a lead with copper cores."""
    size = uniform(rng, 45, 130), uniform(rng, 35, 65), uniform(rng, 25, 40)
    solids = hollow_box(size, 2.0, "abs")
    core = uniform(rng, 0.3, 0.42) * size[1]
    solids += transformer(rng, core, (-size[0] * 0.15, 0, 0))
    solids += [
        part.moved(offset_mm=(0, 0, -size[2] * 0.3))
        for part in board(rng, (size[0] * 0.9, size[1] * 0.85), 0, density=0.5)
    ]
    blades = [(-size[0] / 2 - 8, side, 0.0) for side in (-9.5, 9.5)]
    solids.append(copies(along_x(cylinder(uniform(rng, 2.0, 2.5), 19, "brass", sides=8)), blades))
    start = np.array([size[0] / 2, 0.0, 0.0])
    loops = np.cumsum(rng.uniform(-1, 1, (6, 3)) * (25, 32, 2), axis=0) + start + (25, 0, 0)
    solids += cable(smooth(np.concatenate([[start], loops]), 4, closed=False), uniform(rng, 1.4, 2.6))
    return finish("electronics/charger", solids, keep_pose=True)


def transformer(rng: np.random.Generator, half_mm: float, at_mm: tuple[float, float, float]) -> list[Solid]:
    """Return an iron core with two windows and a copper winding."""
    side = half_mm * 2
    window = [rounded(side * 0.22, side * 0.6, 0.5, steps=2) + (x * side, 0) for x in (-0.27, 0.27)]
    iron = extrude(rounded(side, side, 1, steps=2), side * uniform(rng, 0.35, 0.6), "iron", holes_mm=window)
    winding = along_y(tube(side * 0.36, side * 0.18, side * 0.55, "copper", sides=12))
    return [part.moved(offset_mm=at_mm) for part in (iron, winding)]


def cable(path_mm: Array, radius_mm: float) -> list[Solid]:
    """Return an insulated lead along a path: a plastic jacket and a copper core."""
    return [wire(path_mm, radius_mm, "pvc", sides=6), wire(path_mm, radius_mm * 0.45, "copper", sides=4)]


def cables(rng: np.random.Generator) -> Phantom:
    """Return a coiled cable with plugs, tied in the middle or loose."""
    turns, radius = int(rng.integers(2, 7)), uniform(rng, 28, 85)
    angle = np.linspace(0, 2 * np.pi * turns, 14 * turns)
    wobble = 1 + 0.12 * np.sin(angle * 0.37 + rng.uniform(0, 6)) + 0.05 * np.sin(angle * 1.31)
    path = np.stack(
        [
            np.cos(angle) * radius * wobble * uniform(rng, 1, 1.8),
            np.sin(angle) * radius * wobble,
            5 * np.sin(angle * 0.61),
        ],
        axis=1,
    )
    gauge = uniform(rng, 1.5, 4.2)
    solids = cable(path, gauge)
    for end in (path[0], path[-1]):
        yaw = uniform(rng, 0, 360)
        solids.append(boxes([end], (uniform(rng, 18, 38), gauge * 4, gauge * 2.6), "abs", yaw_deg=yaw))
        tip = end + np.array([np.cos(np.radians(yaw)), np.sin(np.radians(yaw)), 0]) * 22
        solids.append(boxes([tip], (14, gauge * 2.6, gauge * 1.2), pick(rng, "steel", "brass"), yaw_deg=yaw))
    return finish("electronics/cables", solids)


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


def power_supply(rng: np.random.Generator) -> Phantom:
    """Return a boxed power supply: sheet steel, fan, transformers, heat sinks, a bundle of leads."""
    size = uniform(rng, 100, 165), uniform(rng, 90, 150), uniform(rng, 45, 86)
    solids = hollow_box(size, uniform(rng, 0.7, 1.2), pick(rng, "steel", "aluminium"))
    solids += board(rng, (size[0] * 0.9, size[1] * 0.9), -size[2] * 0.4, density=0.5)
    solids += transformer(rng, uniform(rng, 14, 22), (-size[0] * 0.1, size[1] * 0.1, -size[2] * 0.15))
    solids += heat_sink(rng, np.array([size[0] * 0.15, -size[1] * 0.15, -size[2] * 0.35]))
    solids += fan(rng, size[1] * 0.36, (0, 0, size[2] * 0.42))
    for _ in range(int(rng.integers(3, 7))):
        points = np.cumsum(rng.uniform(-0.3, 1, (5, 3)) * (28, 20, 2), axis=0) + (size[0] / 2, uniform(rng, -30, 0), 0)
        solids += cable(smooth(points, 3, closed=False), 1.4)
    return finish("electronics/power_supply", solids, keep_pose=True)


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


def speaker(rng: np.random.Generator) -> Phantom:
    """Return a loudspeaker: box, cone, ring magnet, coil, a battery or a crossover board."""
    size = uniform(rng, 80, 220), uniform(rng, 70, 160), uniform(rng, 60, 130)
    solids = hollow_box(size, uniform(rng, 2.5, 10), pick(rng, "abs", "wood"))
    for side in (-1, 1) if size[0] > 1.5 * size[1] else (0,):
        radius = min(size[1] * 0.4, size[0] * 0.22)
        x, top = side * size[0] * 0.26, size[2] / 2 - 12
        solids.append(
            tube(radius * 0.6, radius * 0.25, 12, "iron", sides=20).moved(offset_mm=(x, 0, top - radius * 0.6))
        )
        solids.append(
            tube(radius, radius * 0.9, 4, pick(rng, "steel", "aluminium"), sides=24).moved(offset_mm=(x, 0, top))
        )
        solids.append(cylinder(radius * 0.22, 14, "copper", sides=12).moved(offset_mm=(x, 0, top - radius * 0.5)))
    solids += [
        part.moved(offset_mm=(0, 0, -size[2] * 0.3))
        for part in board(rng, (size[0] * 0.5, size[1] * 0.4), 0, density=0.5)
    ]
    return finish("electronics/speaker", solids)


def headphones(rng: np.random.Generator) -> Phantom:
    """Return headphones: a sprung steel band, two cups with magnets and coils."""
    span, rise = uniform(rng, 75, 95), uniform(rng, 80, 105)
    angle = np.linspace(-0.15, np.pi + 0.15, 18)
    path = np.stack([np.cos(angle) * span, np.sin(angle) * rise, np.zeros(18)], axis=1)
    solids = [wire(path, uniform(rng, 5, 9), "foam", sides=6), wire(path, uniform(rng, 1.2, 2.4), "steel", sides=4)]
    radius = uniform(rng, 28, 42)
    cup = vessel([(radius, -14), (radius, 14)], 2, "abs", sides=18)
    cup += [ring(radius, 7, "foam", points=16), tube(10, 4, 7, "iron", sides=14), tube(16, 15, 3, "steel", sides=16)]
    tilt = 0 if chance(rng, 0.5) else 1
    turn = np.eye(3) if tilt == 0 else np.array([[0, 0, 1.0], [1, 0, 0], [0, 1, 0]])
    for side in (-1, 1):
        solids += [part.moved(turn, (side * span, -10, 0)) for part in cup]
    return finish("electronics/headphones", solids)


def lamp(rng: np.random.Generator) -> Phantom:
    """Return a light bulb or torch: glass, base with thread, driver board or cells."""
    if chance(rng, 0.5):
        radius = uniform(rng, 22, 34)
        profile = np.array([(13, -30), (13, -5), (radius * 0.8, 18), (radius, 34), (radius * 0.8, 52), (4, 62)])
        solids = vessel(profile, 1.2, pick(rng, "glass", "polycarbonate"), sides=20)
        solids += [tube(13.6, 12.8, 22, pick(rng, "brass", "aluminium"), sides=16).moved(offset_mm=(0, 0, -32))]
        solids += [
            part.moved(np.array([[0, 0, 1.0], [0, 1, 0], [-1, 0, 0]]), (0, 0, -12)) for part in board(rng, (24, 18), 0)
        ]
        return finish("electronics/lamp", solids)
    radius, length = uniform(rng, 11, 22), uniform(rng, 90, 210)
    profile = [(radius, -length / 2), (radius, length * 0.25), (radius * 1.6, length * 0.4), (radius * 1.6, length / 2)]
    solids = vessel(profile, uniform(rng, 1.2, 3), pick(rng, "aluminium", "abs"), sides=20)
    reach = length * 0.6 / 2
    path, out = helix(14, radius * 0.5, 4, 28)
    parts = cell(rng, radius * 0.7, reach)
    for z in (-0.5, 0.5):
        solids += [
            part.moved(np.array([[0, 0, -1.0], [0, 1, 0], [1, 0, 0]]), (0, 0, -length * 0.15 + z * reach * 1.03))
            for part in parts
        ]
    spring = wire(path, 0.5, "steel", sides=4, up=out).moved(
        np.array([[0, 0, -1.0], [0, 1, 0], [1, 0, 0]]), (0, 0, -length * 0.46)
    )
    lens = cylinder(radius * 1.4, 3, "glass", sides=18).moved(offset_mm=(0, 0, length * 0.44))
    return finish("electronics/lamp", [*solids, spring, lens])
