"""Soft goods: clothes, shoes, towels, paper and what is sewn or bound."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.sewing import cloth, zip_row
from datasets.render.clutter.shapes import (
    along_x,
    boxes,
    chance,
    copies,
    even,
    finish,
    loft,
    lying_box,
    pick,
    ring,
    rounded,
    sheet,
    smooth,
    strip,
    uniform,
    wandering,
    wire,
)
from datasets.render.solids import Phantom, Solid, box, cylinder, extrude, tube

__all__ = ["belt", "book", "clothes", "crumpled_cloth", "jeans", "magazines", "shoe", "towel", "umbrella"]


def _stack(rng: np.random.Generator, size: tuple[float, float], layers: int, material: str) -> list[Solid]:
    solids: list[Solid] = []
    z = 0.0
    for _ in range(layers):
        thickness = uniform(rng, 0.6, 4.0)
        extent = size[0] * uniform(rng, 0.75, 1.0), size[1] * uniform(rng, 0.75, 1.0)
        grid = cloth(rng, extent, uniform(rng, 3, 16), thickness, cells=10)
        grid += (uniform(rng, -0.06, 0.06) * size[0], uniform(rng, -0.06, 0.06) * size[1], z)
        solids.append(sheet(grid, thickness, material))
        if chance(rng, 0.6):  # hems run around the rim
            row = grid[:, 0] if chance(rng, 0.5) else grid[0]
            solids.append(wire(row, uniform(rng, 0.8, 2.0), material, sides=4))
        z += thickness + uniform(rng, 0.5, 4)
    return solids + _creases(rng, size, z, material)


def _creases(rng: np.random.Generator, size: tuple[float, float], height: float, material: str) -> list[Solid]:
    """Return folds that catch the eye: strings of cloth, mostly along or across the garment."""
    solids = []
    for _ in range(int(rng.integers(4, 13))):
        angles = pick(rng, 0, np.pi / 2) + rng.normal(0, 0.35) + rng.normal(0, 0.15, 6).cumsum()
        reach = uniform(rng, 0.06, 0.15) * min(size)
        path = wandering(angles, rng.normal(0, 0.1, 6), reach)
        path += (*(rng.uniform(-0.4, 0.4, 2) * size - path[3, :2]), uniform(rng, 0, height))
        solids.append(wire(path, uniform(rng, 0.6, 2.6), material, sides=4))
    return solids


def clothes(rng: np.random.Generator) -> Phantom:
    """Return a folded garment: wavy layers, hems, and at times buttons."""
    size = uniform(rng, 160, 380), uniform(rng, 120, 300)
    solids = _stack(rng, size, int(rng.integers(3, 9)), pick(rng, "cotton", "cotton", "nylon"))
    if chance(rng, 0.4):
        count = int(rng.integers(3, 8))
        line = np.zeros((count, 3))
        line[:, 0] = even(-0.4, 0.4, count) * size[0]
        line[:, 1] = uniform(rng, -0.2, 0.2) * size[1]
        line[:, 2] = 8
        solids.append(copies(cylinder(uniform(rng, 4, 10), 2.5, pick(rng, "nylon", "pmma", "brass")), line))
    return finish("soft/clothes", solids, keep_pose=True)


def crumpled_cloth(rng: np.random.Generator) -> Phantom:
    """Return a bunched-up cloth: sheets with deep folds that cross at random angles."""
    material = pick(rng, "cotton", "nylon", "polyethylene", "paper")
    size = uniform(rng, 120, 300)
    solids = []
    for _ in range(int(rng.integers(3, 7))):
        grid = cloth(
            rng, (size * uniform(rng, 0.6, 1), size * uniform(rng, 0.4, 0.9)), uniform(rng, 20, 60), 1.0, cells=14
        )
        angle = rng.uniform(0, np.pi)
        solid = sheet(grid, uniform(rng, 0.3, 1.8), material)
        turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
        solids.append(solid.moved(turn, (uniform(rng, -25, 25), uniform(rng, -25, 25), uniform(rng, -15, 15))))
    return finish("soft/crumpled_cloth", solids, keep_pose=True)


def towel(rng: np.random.Generator) -> Phantom:
    """Return a rolled towel: a spiral band, long along x."""
    turns, pitch = uniform(rng, 2.0, 4.0), uniform(rng, 7, 13)
    angle = np.linspace(0.4, 2 * np.pi * turns, int(14 * turns))
    radius = pitch * angle / (2 * np.pi)
    path = np.stack([np.cos(angle) * radius, np.sin(angle) * radius * uniform(rng, 0.6, 1.0)], axis=1)
    outline = strip(path, pitch * 0.55)
    roll = along_x(extrude(outline, uniform(rng, 200, 400), "cotton"))
    return finish("soft/towel", [roll])


def jeans(rng: np.random.Generator) -> Phantom:
    """Return folded jeans: thick seams, rivets, a button and a metal zip."""
    size = uniform(rng, 250, 420), uniform(rng, 180, 300)
    solids = _stack(rng, size, int(rng.integers(4, 7)), "cotton")
    for _ in range(int(rng.integers(3, 7))):
        y = uniform(rng, -0.45, 0.45) * size[1]
        x = even(-0.47, 0.47, 8) * size[0]
        seam = np.stack([x, y + 6 * np.sin(x / 60 + rng.uniform(0, 6)), np.full(8, uniform(rng, 0, 12))], axis=1)
        solids.append(wire(seam, uniform(rng, 1.5, 2.6), "cotton", sides=4))
    metal = pick(rng, "brass", "copper", "zinc_alloy")
    spots = rng.uniform(-0.4, 0.4, (int(rng.integers(4, 9)), 3)) * (size[0] * 0.5, size[1], 0) + (size[0] * 0.22, 0, 8)
    solids.append(copies(cylinder(uniform(rng, 3.5, 5), 2.0, metal, sides=10), spots))
    solids.append(cylinder(9, 3.5, metal, sides=14).moved(offset_mm=(size[0] * 0.42, 5, 10)))
    solids += zip_row(rng, np.array([[size[0] * 0.4, 0, 8], [size[0] * 0.4 - uniform(rng, 90, 160), 12, 8]]), metal)
    return finish("soft/jeans", solids, keep_pose=True)


def shoe(rng: np.random.Generator) -> Phantom:
    """Return a shoe lying on its sole: sole, steel shank, upper, heel, eyelets."""
    length, width = uniform(rng, 210, 310), uniform(rng, 78, 108)
    outline = smooth(
        np.array(
            [
                (-0.5, 0),
                (-0.42, -0.33),
                (-0.1, -0.3),
                (0.2, -0.46),
                (0.42, -0.35),
                (0.5, 0.03),
                (0.4, 0.36),
                (0.1, 0.44),
                (-0.15, 0.33),
                (-0.42, 0.34),
            ]
        )
        * (length, width)
    )
    rubber = pick(rng, "rubber", "rubber", "pvc", "foam")
    upper = pick(rng, "leather", "nylon", "cotton")
    sole = uniform(rng, 7, 20)
    solids = [extrude(outline, sole, rubber).moved(offset_mm=(0, 0, sole / 2))]
    if chance(rng, 0.5):  # tread pattern
        count = int(rng.integers(8, 18))
        spots = np.stack([np.linspace(-0.42, 0.42, count) * length, np.zeros(count), np.full(count, -1.5)], axis=1)
        solids.append(boxes(spots, (length / count * 0.5, width * 0.55, 4), rubber))
    if chance(rng, 0.6):
        solids.append(lying_box((length * 0.42, uniform(rng, 10, 18), 1.2), "steel", (-length * 0.1, 0, sole * 0.8)))
    heights, scales = np.array([0, 20, 45, 62]) + sole, (1.0, 0.98, 0.8, 0.62)
    centre = np.array([-length * 0.12, 0])
    wall = uniform(rng, 2.0, 4.0)
    outer = [centre * (1 - s) + outline * s for s in scales]
    inner = [centre * (1 - s) + outline * (s * (1 - 2.2 * wall / width)) for s in scales]
    from_mm = [heights[0] + 0.5, heights[1], heights[2], heights[3] - 0.5]
    solids += [loft(outer, heights.tolist(), upper), loft(inner, from_mm, upper).cavity()]
    if chance(rng, 0.7):
        count = int(rng.integers(4, 8))
        x = np.linspace(0.02, 0.22, count) * length
        rows = [np.stack([x, np.full(count, side), np.full(count, sole + 48.0)], axis=1) for side in (-14.0, 14.0)]
        metal = pick(rng, "brass", "aluminium", "nylon")
        solids.append(copies(ring(3.4, 1.0, metal, points=8, sides=4), np.concatenate(rows)))
    return finish("soft/shoe", solids, keep_pose=True)


def belt(rng: np.random.Generator) -> Phantom:
    """Return a rolled-up or open belt with a metal buckle."""
    width, thickness = uniform(rng, 22, 45), uniform(rng, 2.5, 4.5)
    turns = uniform(rng, 1.5, 3.5)
    angle = np.linspace(0.0, 2 * np.pi * turns, int(28 * turns))
    radius = uniform(rng, 22, 40) + angle * uniform(rng, 1.0, 2.2)
    path = np.stack([np.cos(angle) * radius, np.sin(angle) * radius], axis=1)
    material = pick(rng, "leather", "nylon", "leather")
    solids = [extrude(strip(path, thickness), width, material)]
    metal = pick(rng, "steel", "zinc_alloy", "brass")
    frame = extrude(
        rounded(width * 1.35, width * 1.2, 5),
        uniform(rng, 2.5, 5),
        metal,
        holes_mm=[rounded(width * 0.95, width * 0.85, 4)],
    )
    pin = box((width * 1.1, 3, 2.5), metal).moved(offset_mm=(0, 0, 3))
    upright = np.array([[0, 0, 1.0], [1.0, 0, 0], [0, 1.0, 0]])
    solids += [part.moved(upright, (float(radius[-1]) + 3, 0, 0)) for part in (frame, pin)]
    return finish("soft/belt", solids)


def book(rng: np.random.Generator) -> Phantom:
    """Return a book: a block of paper between covers, at times with a spiral or staples."""
    size = uniform(rng, 130, 300), uniform(rng, 95, 220), uniform(rng, 8, 45)
    solids = [lying_box((size[0] - 4, size[1] - 4, size[2] - 4), "paper", (0, 0, 0))]
    cover = uniform(rng, 0.4, 3)
    z = size[2] / 2 - 2 + cover / 2
    solids += [lying_box((size[0], size[1], cover), "cardboard", (0, 0, sign * z)) for sign in (-1, 1)]
    solids.append(lying_box((size[0], 2.0, size[2] - 4), "cardboard", (0, -size[1] / 2 + 1.0, 0)))
    if chance(rng, 0.25):
        count = int(size[0] / uniform(rng, 6, 12))
        at = np.zeros((count, 3))
        at[:, 0] = np.linspace(-0.47, 0.47, count) * size[0]
        at[:, 1] = -size[1] / 2
        loop = ring(size[2] / 2 + 3, 0.6, pick(rng, "steel", "nylon"), points=10, sides=4)
        solids.append(copies(loop.moved(np.array([[0, 0, 1.0], [1, 0, 0], [0, 1, 0]])), at))
    return finish("soft/book", solids)


def magazines(rng: np.random.Generator) -> Phantom:
    """Return a slanted stack of thin printed matter with staples."""
    count = int(rng.integers(3, 9))
    size = uniform(rng, 200, 300), uniform(rng, 140, 215)
    solids: list[Solid] = []
    z = 0.0
    for _ in range(count):
        thickness = uniform(rng, 1.5, 9)
        at = np.array([uniform(rng, -10, 10), uniform(rng, -10, 10), z + thickness / 2])
        yaw = uniform(rng, -6, 6)
        solids.append(boxes([at], (*size, thickness), "paper", yaw_deg=yaw))
        staples = at + np.array([[-size[0] / 4, -size[1] / 2 + 1, 0], [size[0] / 4, -size[1] / 2 + 1, 0]])
        solids.append(boxes(staples, (12, 0.8, 0.8), "steel", yaw_deg=yaw))
        z += thickness
    return finish("soft/magazines", solids)


def umbrella(rng: np.random.Generator) -> Phantom:
    """Return a furled umbrella: a shaft of tubes, ribs folded along it once or thrice, springs, cloth, a handle."""
    folds = int(rng.choice([1, 2, 3]))
    length = uniform(rng, 420, 560) if folds == 1 else uniform(rng, 190, 330)
    shaft, rib = pick(rng, "steel", "steel", "aluminium"), pick(rng, "steel", "steel", "aluminium")
    solids = [
        along_x(tube(radius, radius - 0.7, length * uniform(rng, 0.8, 1.0), shaft, sides=12))
        for radius in (4.0, 5.5, 7.0)[:folds]
    ]
    ribs, gauge = int(rng.integers(6, 11)), uniform(rng, 0.8, 1.5)
    for layer in range(folds + 1):  # stretchers and the folds of each rib, one outside the other
        reach = length * uniform(rng, 0.6, 0.8) if layer else length * uniform(rng, 0.3, 0.5)
        near, far = 8.5 + 2.6 * layer, 8.5 + 2.6 * layer + uniform(rng, 0.5, 5)
        start = -length * uniform(rng, 0.4, 0.46)
        for index in range(ribs):
            angle = 2 * np.pi * (index + layer * 0.3) / ribs
            y, z = np.cos(angle), np.sin(angle)
            path = np.array([[start, y * near, z * near], [start + reach, y * far, z * far]])
            solids.append(wire(path, gauge, rib, sides=4, up=(0, -z, y)))
    runner = tube(8.2, 7.4, uniform(rng, 25, 50), pick(rng, "abs", shaft), sides=12)
    solids += [
        along_x(runner, (length * 0.1, 0, 0)),
        along_x(tube(9.5, 7.4, 10, "abs", sides=12), (-length * 0.44, 0, 0)),
    ]
    cloth, thick = uniform(rng, 19, 27), uniform(rng, 1.5, 5)
    solids.append(
        along_x(tube(cloth + thick, cloth, length * uniform(rng, 0.7, 0.85), "nylon", sides=14), (-length * 0.08, 0, 0))
    )
    grip = pick(rng, "abs", "wood", "rubber")
    if folds == 1 and chance(rng, 0.6):  # a crook
        bend = smooth([(0, 0, 0), (50, 0, 0), (85, 25, 0), (70, 60, 0), (35, 66, 0)], closed=False)
        solids.append(wire(np.add(bend, (length / 2 - 20, 0, 0)), uniform(rng, 8, 12), grip, sides=10))
    else:
        handle = along_x(cylinder(uniform(rng, 13, 19), uniform(rng, 45, 90), grip, sides=16), (length / 2, 0, 0))
        solids += [handle, along_x(cylinder(5, 30, "steel", sides=8), (length / 2 - 10, 0, 0))]
    return finish("soft/umbrella", solids)
