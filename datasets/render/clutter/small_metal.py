"""Small metal things: fasteners, keys, coins, jewellery, springs, fittings."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.powered import chuck
from datasets.render.clutter.shapes import (
    along_x,
    along_y,
    boxes,
    chance,
    copies,
    corners,
    finish,
    gear,
    helix,
    hollow_box,
    lying_box,
    pick,
    pillow,
    ring,
    rounded,
    uniform,
    wire,
)
from datasets.render.solids import Phantom, Solid, box, cylinder, ellipsoid, extrude, lathe, tube

__all__ = [
    "coins",
    "drill_chuck",
    "jewellery",
    "keys",
    "lighters",
    "padlock",
    "paper_clips",
    "pens",
    "watch",
]


def keys(rng: np.random.Generator) -> Phantom:
    """Return keys on a ring with a fob."""
    solids = [ring(uniform(rng, 11, 17), 1.2, "steel"), ring(14, 1.0, "steel").moved(offset_mm=(0, 0, 2))]
    for _ in range(int(rng.integers(2, 8))):
        length, bow = uniform(rng, 22, 38), uniform(rng, 9, 13)
        steps = np.linspace(bow * 0.8, bow + length, 9)
        cuts = np.stack([steps, -rng.uniform(1.2, 4.0, 9)], axis=1)
        blade = np.concatenate([cuts, [(bow + length + 3, 0), (bow + length, 3.6), (bow * 0.8, 3.6)]])
        angle = np.linspace(0.35, 2 * np.pi - 0.35, 14)
        head = np.stack([np.cos(angle) * bow, np.sin(angle) * bow], axis=1)
        hole = rounded(6, 6, 3, steps=3) - (bow * 0.5, 0)
        metal = pick(rng, "brass", "zinc_alloy", "steel")
        key = [extrude(np.concatenate([blade, head]), 2.2, metal, holes_mm=[hole])]
        if chance(rng, 0.3):
            key.append(extrude(rounded(bow * 2.3, bow * 2.2, bow * 0.7), 9, "abs"))
        yaw = uniform(rng, 0, 360)
        at = np.array([np.cos(np.radians(yaw)), np.sin(np.radians(yaw)), 0]) * 19 + (0, 0, uniform(rng, -4, 4))
        solids += [copies(part, [at], yaw_deg=yaw) for part in key]
    return finish("small_metal/keys", solids)


def coins(rng: np.random.Generator) -> Phantom:
    """Return coins in a purse, at times with a roll of them."""
    solids: list[Solid] = []
    for metal in ("brass", "copper", "steel", "zinc_alloy"):
        count = int(rng.integers(1, 7))
        at = rng.uniform(-1, 1, (count, 3)) * (26, 18, 6)
        solids.append(copies(cylinder(uniform(rng, 8, 15), uniform(rng, 1.4, 2.4), metal, sides=18), at))
    if chance(rng, 0.3):
        solids.append(along_x(cylinder(11, uniform(rng, 30, 70), "brass", sides=18), (0, 50, 0)))
    purse = pillow(rounded(uniform(rng, 90, 125), uniform(rng, 65, 95), 18), 2.2, pick(rng, "leather", "nylon"))
    solids += [purse.moved(offset_mm=(0, 0, side * 10)) for side in (-1, 1)]
    solids.append(wire([(-40, 38, 0), (0, 41, 0), (40, 38, 0)], uniform(rng, 1.0, 2.4), "brass", sides=6))
    return finish("small_metal/coins", solids)


def jewellery(rng: np.random.Generator) -> Phantom:
    """Return rings, bracelets and a fine chain, at times in a box."""
    metal = pick(rng, "gold", "silver", "brass", "steel")
    solids = [
        ring(uniform(rng, 26, 36), uniform(rng, 1.5, 4), metal, points=22),
        ring(uniform(rng, 22, 32), 1.5, "silver", points=20).moved(offset_mm=(30, 20, 4)),
    ]
    count = int(rng.integers(25, 60))
    angle = np.linspace(0, 2 * np.pi * uniform(rng, 0.8, 2.2), count)
    at = np.stack([np.cos(angle) * (55 - angle * 4), np.sin(angle) * 42, np.zeros(count)], axis=1)
    solids.append(copies(ellipsoid((2.4, 2.0, 1.8), pick(rng, metal, "glass", "ceramic"), sides=6, rings=4), at))
    for _ in range(int(rng.integers(1, 6))):
        place = rng.uniform(-35, 35, 3) * (1, 1, 0.1)
        solids += [
            ring(uniform(rng, 8, 11), 1.1, metal, points=14, sides=5).moved(offset_mm=place),
            ellipsoid((3, 3, 3), "glass", sides=8, rings=5).moved(offset_mm=np.add(place, (9, 0, 0))),
        ]
    return finish("small_metal/jewellery", solids)


def watch(rng: np.random.Generator) -> Phantom:
    """Return a wristwatch: case, works of small gears, crystal, linked or leather strap."""
    radius, metal = uniform(rng, 13, 23), pick(rng, "stainless", "stainless", "titanium", "gold", "abs")
    solids = [
        tube(radius, radius * 0.86, 9, metal),
        cylinder(radius * 0.95, 1.5, metal).moved(offset_mm=(0, 0, -4)),
        cylinder(radius * 0.85, 1.6, "glass").moved(offset_mm=(0, 0, 4)),
    ]
    for _ in range(6):
        where = (*rng.uniform(-0.5, 0.5, 2) * radius, uniform(rng, -2, 2))
        solids.append(
            extrude(gear(uniform(rng, 2, 6), 14, 0.6), 0.8, pick(rng, "brass", "steel")).moved(offset_mm=where)
        )
    solids.append(cylinder(radius * 0.35, 2.2, "steel", sides=12).moved(offset_mm=(radius * 0.3, 0, -1)))
    if chance(rng, 0.55):  # links
        count = int(rng.integers(8, 14))
        x = radius + 4 + np.arange(count) * 7.5
        at = np.concatenate([np.stack([side * x, np.zeros(count), -3 + np.zeros(count)], axis=1) for side in (-1, 1)])
        solids += [boxes(at, (6.4, radius, 3.0), metal), boxes(np.add(at, (3.5, 0, 0)), (2, radius * 0.4, 2.4), metal)]
    else:
        for side in (-1, 1):
            solids.append(lying_box((75, radius, 2.5), pick(rng, "leather", "rubber"), (side * (radius + 39), 0, -3)))
        solids.append(
            extrude(rounded(18, 22, 3), 2.4, "steel", holes_mm=[rounded(12, 16, 2)]).moved(
                offset_mm=(radius + 78, 0, -3)
            )
        )
    return finish("small_metal/watch", solids)


def padlock(rng: np.random.Generator) -> Phantom:
    """Return a padlock: body, shackle, cylinder with pins and springs."""
    size = uniform(rng, 22, 55)
    metal = pick(rng, "brass", "steel", "zinc_alloy")
    solids = [pillow(rounded(size * 0.85, size, 4), size * 0.35, metal, edge=0.9).scaled((1, 1, 1))]
    solids += [along_x(cylinder(size * 0.13, size * 0.7, "brass", sides=12))]
    rise = uniform(rng, 0.45, 1.2) * size
    path = corners(
        [
            (size * 0.2, -size * 0.3, 0),
            (size * 0.45 + rise, -size * 0.3, 0),
            (size * 0.45 + rise, size * 0.3, 0),
            (size * 0.2, size * 0.3, 0),
        ],
        size * 0.32,
    )
    solids.append(wire(path, size * 0.1, "steel", sides=8))
    return finish("small_metal/padlock", solids)


def paper_clips(rng: np.random.Generator) -> Phantom:
    """Return a box of paper clips."""
    size = uniform(rng, 0.7, 1.6)
    path = corners(
        np.array(
            [
                (-12, 3.5, 0),
                (10, 3.5, 0.3),
                (10, -3.5, 0.4),
                (-16, -3.5, 0),
                (-16, 2, -0.8),
                (8, 2, -0.8),
                (8, -1.5, 0),
                (-9, -1.5, 0),
            ]
        )
        * size,
        3.4 * size,
        steps=4,
    )
    clip = wire(path, 0.5 * size, pick(rng, "steel", "brass"), sides=4)
    count = int(rng.integers(12, 40))
    heap = copies(clip, rng.uniform(-1, 1, (count, 3)) * (22, 14, 6), yaw_deg=rng.uniform(0, 360, count))
    carton = hollow_box((size * 30 + 50, size * 30 + 34, 26), 0.8, pick(rng, "cardboard", "abs"))
    return finish("small_metal/paper_clips", [heap, *carton])


def pens(rng: np.random.Generator) -> Phantom:
    """Return pens and pencils: barrels with refills, clips and springs."""
    solids: list[Solid] = []
    for index in range(int(rng.integers(1, 8))):
        y, yaw = index * 13.0, rng.normal(0, 8)
        barrel = pick(rng, "abs", "abs", "aluminium", "brass", "wood")
        parts = [
            tube(5, 3.6, 115, barrel, sides=12),
            cylinder(1.4, 105, pick(rng, "polypropylene", "brass"), sides=6),
            lathe([(5, 57), (2, 66), (0.6, 72)], pick(rng, barrel, "brass"), sides=10),
        ]
        path, out = helix(22, 2.6, 9, 54)
        pen = [along_x(part) for part in parts] + [
            wire(path, 0.35, "steel", sides=4, up=out).moved(offset_mm=(42, 0, 0)),
            lying_box((38, 2.6, 1), "steel", (-38, 0, 6)),
        ]
        solids += [copies(part, [(0, y, 0)], yaw_deg=yaw) for part in pen]
    return finish("small_metal/pens", solids)


def lighters(rng: np.random.Generator) -> Phantom:
    """Return lighters: plastic with liquid, or a hinged metal case."""
    solids: list[Solid] = []
    for index in range(int(rng.integers(1, 5))):
        at = (0, index * 34.0, 0)
        if chance(rng, 0.4):
            parts = [
                box((57, 38, 12.5), "brass"),
                box((55, 36, 10.5), "brass").cavity(),
                box((38, 33, 9), "cotton"),
                lying_box((16, 30, 9), "stainless", (18, 0, 0)),
            ]
        else:
            parts = [
                box((62, 24, 12), "polycarbonate"),
                box((58, 20, 9), "polycarbonate").cavity(),
                lying_box((36, 19, 8.5), "water", (-10, 0, 0)),
            ]
        parts += [
            lying_box((14, 20, 9), "steel", (38, 0, 0)),
            cylinder(4.5, 9, "steel", sides=12).moved(offset_mm=(38, 8, 0)),
        ]
        solids += [copies(part, [at]) if part.weight > 0 else copies(part, [at]).cavity() for part in parts]
    return finish("small_metal/lighters", solids)


def drill_chuck(rng: np.random.Generator) -> Phantom:
    """Return a loose drill chuck with its key."""
    solids = chuck(rng, 0, uniform(rng, 20, 34))
    key = [
        along_x(extrude(gear(7, 10, 2), 10, "steel"), (0, 45, 0)),
        along_x(cylinder(3.5, 60, "steel", sides=8), (-25, 45, 0)),
        along_y(cylinder(2.6, 50, "steel", sides=8), (-45, 45, 0)),
    ]
    return finish("small_metal/drill_chuck", [*solids, *key])
