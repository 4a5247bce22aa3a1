"""Kitchen and table: bottles, cans, jars, mugs, pans, cutlery, knives, food."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.shapes import (
    along_x,
    chance,
    copies,
    finish,
    hollow_box,
    lying_box,
    pick,
    pillow,
    smooth,
    uniform,
    vessel,
    wire,
)
from datasets.render.solids import Phantom, cylinder, ellipsoid, lathe, tube

__all__ = [
    "bottle",
    "can",
    "candle",
    "food_box",
    "fruit",
    "glass_bottle",
    "jar",
    "mug",
    "pan",
    "thermos",
]


def bottle(rng: np.random.Generator) -> Phantom:
    """Return a plastic bottle with some liquid and a cap."""
    radius, height = uniform(rng, 22, 48), uniform(rng, 120, 300)
    neck = uniform(rng, 9, 16)
    profile = [
        (radius * 0.92, 0),
        (radius, 6),
        (radius, height * 0.62),
        (radius * 0.75, height * 0.76),
        (neck, height * 0.87),
        (neck, height),
    ]
    fill = pick(rng, "water", "water", "soap", "food")
    solids = vessel(
        profile,
        uniform(rng, 0.6, 1.6),
        pick(rng, "polyethylene", "polypropylene"),
        content=fill,
        fill=uniform(rng, 0.2, 0.97),
    )
    solids += [
        part.moved(offset_mm=(0, 0, height))
        for part in vessel([(neck + 2, -14), (neck + 2, 2)], 1.4, "polypropylene", sides=18)
    ]
    return finish("kitchen/bottle", solids)


def glass_bottle(rng: np.random.Generator) -> Phantom:
    """Return a wine or spirits bottle of glass, with a punt, cork or metal cap."""
    radius, height = uniform(rng, 30, 46), uniform(rng, 180, 325)
    neck = uniform(rng, 12, 16)
    shoulder = uniform(rng, 0.5, 0.68)
    profile = [
        (radius * 0.95, 0),
        (radius, 5),
        (radius, height * shoulder),
        (radius * 0.72, height * (shoulder + 0.09)),
        (neck * 1.1, height * (shoulder + 0.17)),
        (neck, height),
    ]
    solids = vessel(
        profile,
        uniform(rng, 2.2, 4.0),
        "glass",
        content=None if chance(rng, 0.2) else "water",
        fill=uniform(rng, 0.5, 0.95),
        base_mm=6,
    )
    solids.append(lathe([(radius * 0.6, 7), (radius * 0.35, 20), (3, 27)], "glass", sides=18))
    cap = tube(neck + 0.8, neck, 30, pick(rng, "aluminium", "tin", "pvc"), sides=18)
    solids.append(cap.moved(offset_mm=(0, 0, height - 13)))
    return finish("kitchen/glass_bottle", solids)


def can(rng: np.random.Generator) -> Phantom:
    """Return a drinks or food can with its content, ribs and rims."""
    radius, height = uniform(rng, 26, 50), uniform(rng, 40, 170)
    metal, wall = ("aluminium", 0.25) if chance(rng, 0.5) else ("steel", uniform(rng, 0.18, 0.32))
    profile = [(radius * 0.9, 0), (radius, 5), (radius, height - 8), (radius * 0.88, height)]
    solids = vessel(profile, wall, metal, content=pick(rng, "water", "food"), fill=uniform(rng, 0.75, 0.97))
    for z in (2.0, height - 1.5):
        solids.append(tube(radius * 0.9, radius * 0.9 - 1.6, 2.5, metal, sides=24).moved(offset_mm=(0, 0, z)))
    if metal == "steel" and chance(rng, 0.6):
        ribs = int(rng.integers(3, 9))
        at = np.zeros((ribs, 3))
        at[:, 2] = np.linspace(0.25, 0.75, ribs) * height
        solids.append(copies(tube(radius + 0.8, radius - 0.1, 1.6, metal, sides=24), at))
    return finish("kitchen/can", solids)


def jar(rng: np.random.Generator) -> Phantom:
    """Return a jar of glass or plastic with a lid of sheet metal or plastic."""
    radius, height = uniform(rng, 24, 50), uniform(rng, 45, 160)
    profile = [
        (radius * 0.93, 0),
        (radius, 5),
        (radius, height * 0.82),
        (radius * 0.88, height * 0.9),
        (radius * 0.88, height),
    ]
    shell, wall = ("glass", uniform(rng, 2, 3.6)) if chance(rng, 0.7) else ("polypropylene", 1.6)
    content = pick(rng, "food", "sugar", "water", "soap")
    solids = vessel(profile, wall, shell, content=content, fill=uniform(rng, 0.4, 0.95), base_mm=wall * 1.4)
    lid_metal = pick(rng, "steel", "polypropylene")
    solids += [
        part.moved(offset_mm=(0, 0, height - 3))
        for part in vessel([(radius * 0.93, -8), (radius * 0.93, 5)], 0.4 if lid_metal == "steel" else 1.6, lid_metal)
    ]
    return finish("kitchen/jar", solids)


def thermos(rng: np.random.Generator) -> Phantom:
    """Return an insulated bottle: two walls of stainless steel, a stopper, a cup."""
    radius, height = uniform(rng, 30, 52), uniform(rng, 170, 320)
    steel = pick(rng, "stainless", "stainless", "steel")
    neck = radius * uniform(rng, 0.55, 0.85)
    outer = np.array([(radius, 0), (radius, height * 0.75), (neck, height * 0.85), (neck, height)])
    inner = [(radius - 6, 8), (radius - 6, height * 0.72), (neck - 4, height * 0.83), (neck - 4, height - 3)]
    wall = uniform(rng, 0.4, 0.8)
    liquid = "water" if chance(rng, 0.5) else None
    solids = vessel(outer, wall, steel, sides=28) + vessel(
        inner, wall, steel, content=liquid, fill=uniform(rng, 0.3, 0.9), sides=28
    )
    stopper = cylinder(neck - 1, 34, "polypropylene", sides=20).moved(offset_mm=(0, 0, height + 12))
    threads = tube(neck + 0.8, neck - 0.5, 2, steel, sides=20)
    solids += [stopper, *(threads.moved(offset_mm=(0, 0, height - 4 * i - 3)) for i in range(3))]
    if chance(rng, 0.6):
        cup = vessel([(neck + 7, -20), (neck + 4, 42)], 1.4, pick(rng, "polypropylene", steel), sides=24)
        solids += [part.moved(offset_mm=(0, 0, height)) for part in cup]
    return finish("kitchen/thermos", solids)


def mug(rng: np.random.Generator) -> Phantom:
    """Return a mug or cup with a handle, of ceramic, glass or steel."""
    radius, height = uniform(rng, 32, 48), uniform(rng, 70, 120)
    material, wall = (
        (pick(rng, "ceramic", "ceramic", "glass"), uniform(rng, 3, 5.5)) if chance(rng, 0.75) else ("stainless", 0.9)
    )
    slope = uniform(rng, 0.75, 1.0)
    cup = lathe(
        [(radius * slope, 0), (radius, height), (radius - wall, height), (radius * slope - wall, wall * 1.4)],
        material,
        sides=28,
    )
    path = smooth(
        [
            (radius * 0.95, 0, height * 0.8),
            (radius + 22, 0, height * 0.78),
            (radius + 26, 0, height * 0.4),
            (radius * slope, 0, height * 0.22),
        ],
        closed=False,
    )
    return finish("kitchen/mug", [cup, wire(path, max(wall, 2.5), material, up=(0, 1, 0))])


def pan(rng: np.random.Generator) -> Phantom:
    """Return a pan with a handle and rivets."""
    radius, height = uniform(rng, 65, 150), uniform(rng, 30, 80)
    metal, wall = pick(rng, "aluminium", "stainless", "iron"), uniform(rng, 1.2, 3.2)
    body = lathe(
        [(radius * 0.82, 0), (radius, height), (radius - wall, height), (radius * 0.82 - wall, wall * 1.5)],
        metal,
        sides=32,
    )
    length = uniform(rng, 130, 210)
    grip = pillow(
        smooth([(0, -9), (length, -13), (length + 8, 0), (length, 13), (0, 9)]),
        16,
        pick(rng, "abs", "wood", "stainless"),
    )
    solids = [body, grip.moved(offset_mm=(radius + 12, 0, height * 0.85))]
    solids.append(lying_box((60, 16, 3), metal, (radius + 10, 0, height * 0.85)))
    solids.append(
        copies(cylinder(4, 7, "aluminium", sides=10), [(radius - 2, side, height * 0.85) for side in (-7, 7)])
    )
    return finish("kitchen/pan", solids, keep_pose=True)


def food_box(rng: np.random.Generator) -> Phantom:
    """Return a carton or bag of dry food: powder, grains, biscuits or noodles."""
    size = uniform(rng, 110, 300), uniform(rng, 70, 200), uniform(rng, 25, 80)
    solids = hollow_box(size, 0.6, "cardboard")
    if chance(rng, 0.5):
        fill = uniform(rng, 0.5, 0.95)
        solids.append(
            lying_box(
                (size[0] * fill, size[1] * 0.97, size[2] * 0.95),
                pick(rng, "food", "sugar"),
                (-size[0] * (1 - fill) / 2, 0, 0),
            )
        )
        return finish("kitchen/food_box", solids)
    count = int(size[0] / uniform(rng, 8, 30))
    at = np.zeros((count, 3))
    at[:, 0] = np.linspace(-0.46, 0.46, count) * size[0]
    disc = along_x(cylinder(min(size[1], size[2]) * 0.45, size[0] / count * 0.72, pick(rng, "food", "sugar"), sides=18))
    solids.append(copies(disc, at))
    foil = lying_box((size[0] * 0.99, size[1] * 0.96, 0.03), "aluminium", (0, 0, size[2] * 0.45))
    return finish("kitchen/food_box", [*solids, foil])


def fruit(rng: np.random.Generator) -> Phantom:
    """Return some fruit or vegetables: dense organic spheres with a stone or core."""
    count = int(rng.integers(1, 7))
    radius = uniform(rng, 26, 46)
    solids = []
    for index in range(count):
        r = radius * uniform(rng, 0.88, 1.1)
        at = np.array([(index % 3) * radius * 2.05, (index // 3) * radius * 2.0 + (index % 3) * 9, uniform(rng, -4, 4)])
        solids.append(
            ellipsoid((r, r * uniform(rng, 0.9, 1.05), r * uniform(rng, 0.82, 1.0)), "water", sides=20, rings=10).moved(
                offset_mm=at
            )
        )
        solids.append(ellipsoid((r * 0.25, r * 0.2, r * 0.2), "wood", sides=8, rings=6).moved(offset_mm=at))
    return finish("kitchen/fruit", solids)


def candle(rng: np.random.Generator) -> Phantom:
    """Return candles: wax with a wick, at times in glass, with a tin foot."""
    radius, height = uniform(rng, 10, 40), uniform(rng, 40, 220)
    solids = [cylinder(radius, height, "polyethylene", sides=22), cylinder(1.0, height + 14, "cotton", sides=5)]
    solids.append(cylinder(min(radius * 0.6, 10), 0.8, "tin", sides=12).moved(offset_mm=(0, 0, -height / 2 + 1)))
    if chance(rng, 0.4):
        solids.append(tube(radius + 4, radius + 0.5, height + 10, "glass", sides=22))
    return finish("kitchen/candle", solids)
