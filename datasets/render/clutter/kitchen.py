"""Kitchen and table: bottles, cans, jars, mugs, pans, cutlery, knives, food."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.shapes import (
    along_x,
    blob,
    boxes,
    chance,
    copies,
    finish,
    gear,
    helix,
    hollow_box,
    loft,
    lying_box,
    pick,
    pillow,
    smooth,
    strip,
    uniform,
    vessel,
    wire,
)
from datasets.render.solids import Phantom, Solid, box, cylinder, ellipsoid, extrude, lathe, tube

__all__ = [
    "bottle", "can", "candle", "corkscrew", "cutlery", "food_box", "fruit", "glass_bottle", "jar", "knife", "mug", "pan",
    "pocket_knife", "thermos",
]  # fmt: skip


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


def cutlery(rng: np.random.Generator) -> Phantom:
    """Return a bundle of forks, spoons and table knives."""
    metal = pick(rng, "stainless", "stainless", "steel", "aluminium")
    thick = uniform(rng, 1.4, 2.6)
    handle = [(-95, -5), (-60, -4), (20, -2.6)]
    back = [(20, 2.6), (-60, 4), (-95, 5)]
    fork_head = [
        (35, -10),
        (58, -11),
        (92, -10),
        (92, -7.5),
        (62, -7),
        (62, -3.5),
        (92, -3.5),
        (92, -1),
        (62, -1),
        (62, 1),
        (92, 1),
        (92, 3.5),
        (62, 3.5),
        (62, 7),
        (92, 7.5),
        (92, 10),
        (58, 11),
        (35, 10),
    ]
    kinds = {
        "fork": extrude(np.array([*handle, *fork_head, *back]), thick, metal),
        "spoon": extrude(
            smooth(np.array([*handle, (50, -15), (80, -15), (95, 0), (80, 15), (50, 15), *back]), 3), thick, metal
        ),
        "knife": extrude(
            smooth(np.array([*handle, (30, -9), (90, -9), (108, -1), (90, 5), (30, 5), *back]), 2), thick, metal
        ),
    }
    solids = []
    size = uniform(rng, 0.75, 1.15)
    for index in range(int(rng.integers(2, 9))):
        part = kinds[pick(rng, *kinds)]
        angle = rng.normal(0, 12) + (180 if chance(rng, 0.3) else 0)
        at = (uniform(rng, -15, 15), uniform(rng, -18, 18), index * thick * 0.8)
        solids.append(copies(part, [at], yaw_deg=angle).scaled((size, size, 1)))
    return finish("kitchen/cutlery", solids)


def blade(rng: np.random.Generator, length: float, width: float, metal: str, *, double: bool = False) -> Solid:
    """Return a blade from x = 0 to `length` with its edge at -y: a spine of full thickness, ground to the edge."""
    spine = width * 0.5
    tip = uniform(rng, -0.4, 0.5) * width * 0.5
    low = [(0, -spine), (length * 0.45, -spine * 1.02), (length * 0.8, -spine * 0.75), (length, tip)]
    high = [(length * 0.75, spine * (0.75 if double else uniform(rng, 0.6, 1.0))), (length * 0.3, spine), (0, spine)]
    full = smooth(np.array(low), 3, closed=False)
    outline = np.concatenate([full, high])
    thin = np.concatenate([full * (1, 0.15 if double else 0.35), high if not double else np.array(high) * (1, 0.15)])
    half = uniform(rng, 0.8, 2.4)
    return loft([thin, outline, outline, thin], [-half, -0.1, 0.1, half], metal)


def knife(rng: np.random.Generator) -> Phantom:
    """Return a fixed knife: kitchen knife or dagger with guard, tang, rivets and grip."""
    length, width = uniform(rng, 80, 250), uniform(rng, 18, 48)
    steel = pick(rng, "stainless", "steel")
    dagger = chance(rng, 0.4)
    width *= 0.75 if dagger else 1
    grip_length, grip_width = uniform(rng, 85, 130), uniform(rng, 20, 30)
    solids = [blade(rng, length, width, steel, double=dagger)]
    solids.append(
        lying_box((grip_length * uniform(rng, 0.5, 0.97), grip_width * 0.5, 2.5), steel, (-grip_length / 2, 0, 0))
    )
    grip = smooth(
        np.array([(0, -0.5), (-0.35, -0.4), (-0.7, -0.52), (-1, -0.42), (-1, 0.42), (-0.5, 0.5), (0, 0.45)])
        * (grip_length, grip_width),
        3,
    )
    solids.append(pillow(grip, uniform(rng, 12, 20), pick(rng, "wood", "abs", "rubber", "nylon")))
    if dagger or chance(rng, 0.3):
        solids.append(
            lying_box(
                (uniform(rng, 4, 8), grip_width * uniform(rng, 1.4, 2.6), 10), pick(rng, "brass", steel), (0, 0, 0)
            )
        )
    if dagger and chance(rng, 0.6):
        solids.append(cylinder(grip_width * 0.55, 10, steel, sides=14).moved(offset_mm=(-grip_length, 0, 0)))
    rivets = [(-grip_length * at, 0, 0) for at in (0.2, 0.5, 0.8)][: int(rng.integers(0, 4))]
    if rivets:
        solids.append(copies(cylinder(2.5, 18, "brass", sides=8), rivets))
    return finish("kitchen/knife", solids)


def pocket_knife(rng: np.random.Generator) -> Phantom:
    """Return a folding knife or multi-tool, closed, half open or open, with liners, scales and a corkscrew."""
    length, width = uniform(rng, 75, 118), uniform(rng, 16, 27)
    layers = int(rng.integers(1, 5))
    pitch = 3.4
    body = smooth(
        np.array([(-0.5, -0.35), (0, -0.5), (0.5, -0.35), (0.52, 0.2), (0.3, 0.5), (-0.3, 0.5), (-0.52, 0.2)])
        * (length, width),
        3,
    )
    solids: list[Solid] = []
    for index in range(layers + 1):
        z = (index - layers / 2) * pitch
        solids.append(extrude(body, 1.0, pick(rng, "stainless", "aluminium")).moved(offset_mm=(0, 0, z)))
    for index in range(layers):
        z = (index - (layers - 1) / 2) * pitch
        open_deg = 0.0 if chance(rng, 0.6) else uniform(rng, 60, 190)
        part = blade(rng, length * uniform(rng, 0.6, 0.85), width * uniform(rng, 0.4, 0.65), "stainless")
        pivot = (-length * 0.44 if index % 2 == 0 else length * 0.44, 0, z)
        solids.append(copies(part, [pivot], yaw_deg=open_deg + (0 if index % 2 == 0 else 180)))
    for sign in (-1, 1):
        solids.append(
            pillow(body, uniform(rng, 3, 6), pick(rng, "abs", "wood", "aluminium")).moved(
                offset_mm=(0, 0, sign * (layers * pitch / 2 + 2.5))
            )
        )
    solids.append(
        copies(cylinder(1.8, layers * pitch + 6, "brass", sides=8), [(side * length * 0.44, 0, 0) for side in (-1, 1)])
    )
    if chance(rng, 0.35):
        path, out = helix(38, 3.2, 5, 40)
        solids.append(wire(path, 1.0, "steel", sides=5, up=out).moved(offset_mm=(length * 0.1, width * 0.7, 0)))
    return finish("kitchen/pocket_knife", solids)


def corkscrew(rng: np.random.Generator) -> Phantom:
    """Return a waiter's or winged corkscrew."""
    metal = pick(rng, "steel", "zinc_alloy", "stainless")
    path, out = helix(uniform(rng, 40, 60), uniform(rng, 3, 4.5), uniform(rng, 4, 6), 44)
    worm = wire(path, uniform(rng, 1.0, 1.6), "steel", sides=5, up=out)
    if chance(rng, 0.5):  # winged: frame, rack, two levers with toothed ends
        body = extrude(
            smooth([(-20, -12), (25, -15), (55, -18), (55, 18), (25, 15), (-20, 12)], 3),
            6,
            metal,
            holes_mm=[smooth([(30, -11), (50, -13), (50, 13), (30, 11)], 3)],
        )
        shaft = along_x(lathe(np.stack([np.tile([4.5, 3.4], 12), np.linspace(-50, 45, 24)], axis=1), metal, sides=10))
        solids = [worm.moved(offset_mm=(15, 0, 0)), body, shaft.moved(offset_mm=(-40, 0, 0))]
        spread = uniform(rng, 15, 80)
        for side in (-1, 1):
            arm = extrude(strip([(0, 0), (-45, side * 5), (-95, side * 2)], [10, 9, 15]), 4, metal)
            wheel = extrude(gear(10, 12, 2.2), 5, metal)
            solids += [copies(part, [(-15, side * 16, 0)], yaw_deg=-side * spread) for part in (arm, wheel)]
        solids.append(tube(16, 10, 6, metal, sides=18).moved(offset_mm=(-96, 0, 0)))
        return finish("kitchen/corkscrew", solids)
    grip = pillow(
        smooth([(-60, -6), (0, -10), (55, -7), (58, 6), (0, 8), (-60, 7)], 3), 13, pick(rng, metal, "abs", "wood")
    )
    lever = extrude(strip([(55, 0), (80, -14), (70, -45)], [9, 8, 10]), 3, metal)
    worm_at = (
        worm.moved(np.array([[0, -1.0, 0], [1, 0, 0], [0, 0, 1]]), (0, -38, 0))
        if chance(rng, 0.5)
        else worm.moved(offset_mm=(5, -14, 0))
    )
    return finish("kitchen/corkscrew", [grip, lever, worm_at, lying_box((95, 3, 7), metal, (0, 0, 0))])


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


def wooden_blocks(rng: np.random.Generator) -> Phantom:
    """Return a heap of wooden blocks and a carved piece, joined with nails."""
    count = int(rng.integers(2, 9))
    at = rng.uniform(-1, 1, (count, 3)) * (70, 50, 8)
    solids = [boxes(at, rng.uniform(20, 70, (count, 3)) * (1, 0.6, 0.35), "wood", yaw_deg=rng.uniform(0, 180, count))]
    solids.append(
        pillow(blob(rng, uniform(rng, 60, 120), uniform(rng, 40, 70)), 26, "wood").moved(offset_mm=(20, 0, 24))
    )
    if chance(rng, 0.5):
        solids.append(copies(cylinder(1.2, 32, "steel", sides=6), at))
    return finish("toys/wooden_blocks", [*solids, box((3, 3, 3), "wood")])
