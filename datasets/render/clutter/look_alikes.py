"""Hard negatives: rods, tubes, plates, mechanisms and machine parts that share their shapes with firearm parts."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.shapes import (
    Array,
    along_x,
    along_y,
    chance,
    copies,
    corners,
    finish,
    gear,
    lying_box,
    pick,
    ring,
    rounded,
    smooth,
    strip,
    uniform,
    wire,
)
from datasets.render.solids import Phantom, Solid, cylinder, extrude, lathe, tube

__all__ = [
    "coat_hangers",
    "door_handle",
    "faucet",
    "metal_plate",
    "pipes",
    "rod_bundle",
    "selfie_stick",
    "strap_clips",
    "tripod",
    "trolley_wheels",
]

_METALS = ("steel", "steel", "stainless", "aluminium", "brass", "zinc_alloy", "iron")


def rod_bundle(rng: np.random.Generator) -> Phantom:
    """Return a bundle of rods, bars or tubes, side by side or crossed, at times tied."""
    length, count = uniform(rng, 90, 420), int(rng.integers(2, 22))
    radius = uniform(rng, 1.5, 8)
    metal = pick(rng, *_METALS)
    bored = chance(rng, 0.35)
    piece = (
        tube(radius, radius * uniform(rng, 0.4, 0.85), length, metal, sides=10)
        if bored
        else cylinder(radius, length, metal, sides=8)
    )
    if chance(rng, 0.3):
        piece = extrude(rounded(radius * 2, radius * 2, 0.4, steps=2), length, metal)
    at = rng.normal(0, 1, (count, 3)) * (length * 0.05, radius * np.sqrt(count) * 1.6, radius * 1.2)
    yaw = rng.normal(0, uniform(rng, 0.5, 14), count)
    solids = [copies(along_x(piece), at, yaw_deg=yaw)]
    if chance(rng, 0.4):
        solids.append(
            ring(radius * np.sqrt(count) * 1.8, 1.2, "steel").moved(np.array([[0, 0, 1.0], [0, 1, 0], [-1, 0, 0]]))
        )
    return finish("look_alikes/rod_bundle", solids)


def pipes(rng: np.random.Generator) -> Phantom:
    """Return pipes of several diameters, straight or bent, with end caps or threads."""
    solids: list[Solid] = []
    for index in range(int(rng.integers(1, 5))):
        radius, length, metal = uniform(rng, 5, 24), uniform(rng, 90, 400), pick(rng, *_METALS, "copper", "pvc")
        y = index * 55.0
        solids.append(along_x(tube(radius, radius - uniform(rng, 0.8, 3.5), length, metal, sides=20), (0, y, 0)))
        if chance(rng, 0.4):
            solids.append(
                along_x(tube(radius * 1.25, radius, uniform(rng, 12, 35), metal, sides=16), (length * 0.45, y, 0))
            )
        if chance(rng, 0.3):
            rings = np.stack([np.linspace(-0.5, -0.38, 8) * length, np.full(8, y), np.zeros(8)], axis=1)
            solids.append(copies(along_x(tube(radius + 0.8, radius - 0.5, 1.3, metal, sides=16)), rings))
    return finish("look_alikes/pipes", solids)


def metal_plate(rng: np.random.Generator) -> Phantom:
    """Return a thin plate of steel or light metal, plain, drilled or bent."""
    size = uniform(rng, 120, 320), uniform(rng, 80, 230)
    metal, thick = pick(rng, "steel", "aluminium", "stainless", "copper", "lead"), uniform(rng, 0.4, 3.0)
    holes: list[Array] = []
    if chance(rng, 0.5):
        holes = [np.add(rounded(12, 12, 6), (x * size[0], y * size[1])) for x in (-0.42, 0, 0.42) for y in (-0.4, 0.4)]
    solids = [extrude(rounded(*size, uniform(rng, 0.5, 12)), thick, metal, holes_mm=holes)]
    if chance(rng, 0.3):
        solids.append(lying_box((size[0], thick, uniform(rng, 8, 30)), metal, (0, size[1] / 2, 5)))
    return finish("look_alikes/metal_plate", solids)


def door_handle(rng: np.random.Generator) -> Phantom:
    """Return a lever door handle with rose or plate and spindle: an L of metal."""
    metal = pick(rng, "aluminium", "stainless", "brass", "zinc_alloy")
    length, radius = uniform(rng, 95, 140), uniform(rng, 8, 13)
    path = corners([(0, 0, 0), (0, 50, 0), (length, 50 + uniform(rng, -10, 4), 0)], 18, steps=6)
    solids = [
        wire(path, radius, metal, sides=10, up=(0, 0, 1)),
        along_y(cylinder(25, 9, metal), (0, 0, 0)),
        along_y(lying_box((8, 8, 80), "steel", (0, 0, -40)), (0, 0, 0)),
    ]
    if chance(rng, 0.5):
        solids.append(lying_box((40, 4, uniform(rng, 150, 240)), metal, (0, -2, 0)))
    return finish("look_alikes/door_handle", solids)


def faucet(rng: np.random.Generator) -> Phantom:
    """Return a tap: cast brass body, curved spout, lever, hoses."""
    metal = pick(rng, "brass", "brass", "zinc_alloy", "stainless")
    solids = [
        lathe([(26, 0), (24, 20), (22, 80), (18, 95), (12, 100)], metal, sides=20),
        lathe([(19, 8), (17, 70), (6, 85)], metal, sides=16).cavity(),
    ]
    spout = smooth([(0, 0, 60), (50, 0, 110), (110, 0, 110), (150, 0, 80)], closed=False)
    solids += [
        wire(spout, 13, metal, sides=12, up=(0, 1, 0)),
        wire(spout[1:-1], 9, metal, sides=10, up=(0, 1, 0)).cavity(),
    ]
    lever = strip([(0, 0), (60, 6), (105, 4)], [22, 14, 18])
    solids += [
        extrude(lever, 8, metal).moved(offset_mm=(-10, 0, 112)),
        cylinder(16, 16, "ceramic").moved(offset_mm=(0, 0, 76)),
    ]
    for y in (-8, 8):
        hose = smooth([(0, y, 0), (10, y * 2, -60), (40, y * 4, -130), (90, y * 3, -170)], closed=False)
        solids += [wire(hose, 5.5, "rubber", up=(0, 1, 0)), wire(hose, 1.0, "steel", sides=4, up=(0, 1, 0))]
    return finish("look_alikes/faucet", solids)


def trolley_wheels(rng: np.random.Generator) -> Phantom:
    """Return casters: forks of sheet steel, wheels, axles, mounting plates."""
    solids: list[Solid] = []
    for index in range(int(rng.integers(1, 5))):
        radius, wide = uniform(rng, 15, 42), uniform(rng, 12, 26)
        parts = [
            along_y(tube(radius, radius * 0.3, wide, pick(rng, "rubber", "nylon", "iron"), sides=18)),
            along_y(cylinder(radius * 0.2, wide + 12, "steel", sides=10)),
        ]
        fork = smooth([(-8, -8), (8, -8), (radius + 14, 6), (radius + 16, 22), (radius, 24), (-4, 10)], 2)
        upright = np.array([[1, 0, 0], [0, 0, -1.0], [0, 1, 0]])
        parts += [extrude(fork, 2, "steel").moved(upright, (0, side * (wide / 2 + 3), 0)) for side in (-1, 1)]
        parts += [
            lying_box((radius * 1.8, radius * 1.6, 3), "steel", (radius * 0.8, 0, radius + 14)),
            tube(radius * 0.6, 5, 8, "steel").moved(offset_mm=(radius * 0.8, 0, radius + 8)),
        ]
        solids += [part.moved(offset_mm=(0, index * 75.0, 0)) for part in parts]
    return finish("look_alikes/trolley_wheels", solids)


def strap_clips(rng: np.random.Generator) -> Phantom:
    """Return strap hardware in pairs: side-release buckles, ratchets and hooks on bands."""
    metal, width = pick(rng, "nylon", "steel", "zinc_alloy", "aluminium"), uniform(rng, 18, 42)
    solids: list[Solid] = []
    for index in range(int(rng.integers(1, 4))):
        y = index * width * 2
        parts = [
            extrude(
                rounded(width * 1.5, width * 1.2, 4),
                uniform(rng, 6, 12),
                metal,
                holes_mm=[
                    rounded(width * 0.9, width * 0.5, 3),
                    rounded(width * 0.15, width * 0.9, 1, steps=2) - (width * 0.6, 0),
                ],
            )
        ]
        prongs = [
            strip(
                smooth([(width * 0.6, 0), (0, side * width * 0.2), (-width * 0.5, side * width * 0.42)], closed=False),
                width * 0.16,
            )
            for side in (-1, 0, 1)
        ]
        parts += [extrude(prong, 5, metal) for prong in prongs]
        parts += [
            lying_box((uniform(rng, 60, 200), width, 1.6), "nylon", (width * 1.6, 0, -3)),
            along_y(cylinder(3, width * 1.2, "steel", sides=8), (width * 0.6, 0, 0)),
        ]
        if metal != "nylon" and chance(rng, 0.6):
            parts.append(
                along_y(extrude(gear(width * 0.4, 10, 3), width * 0.15, metal), (width * 0.3, width * 0.45, 4))
            )
        solids += [part.moved(offset_mm=(0, y, 0)) for part in parts]
    return finish("look_alikes/strap_clips", solids)


def tripod(rng: np.random.Generator) -> Phantom:
    """Return a folded tripod: three legs of nested tubes, head, levers, feet."""
    length, radius = uniform(rng, 200, 420), uniform(rng, 8, 14)
    metal, solids = pick(rng, "aluminium", "steel"), []
    for angle in np.arange(3) * 2 * np.pi / 3:
        at = np.array([0, np.cos(angle), np.sin(angle)]) * radius * 1.5
        for scale in (1.0, 0.78, 0.58):
            reach = length * uniform(rng, 0.8, 1.0)
            solids.append(along_x(tube(radius * scale, radius * scale - 1.1, reach, metal, sides=12), at))
        solids += [along_x(cylinder(radius * 1.2, 18, "abs", sides=12), at - (length * x, 0, 0)) for x in (-0.2, 0.25)]
        solids.append(along_x(cylinder(radius, 22, "rubber", sides=10), at - (length / 2 + 8, 0, 0)))
    head = [
        along_x(cylinder(radius * 1.6, 40, pick(rng, "abs", "magnesium_alloy"), sides=14), (length / 2 + 20, 0, 0)),
        lying_box((50, 40, 8), metal, (length / 2 + 60, 0, 0)),
        wire(
            smooth([(length / 2 + 30, 10, 0), (length / 2 - 20, 60, 0), (length / 2 - 90, 75, 0)], closed=False),
            4,
            metal,
        ),
    ]
    return finish(
        "look_alikes/tripod",
        [*solids, *head, cylinder(3, 22, "steel", sides=8).moved(offset_mm=(length / 2 + 60, 0, 8))],
    )


def selfie_stick(rng: np.random.Generator) -> Phantom:
    """Return a telescopic stick with a grip, a clamp, a cell and a lead inside."""
    length = uniform(rng, 160, 270)
    solids = [
        along_x(
            tube(13 - 2 * i, 11.8 - 2 * i, length * (1 - 0.05 * i), pick(rng, "stainless", "aluminium"), sides=14),
            (i * 6.0, 0, 0),
        )
        for i in range(int(rng.integers(2, 6)))
    ]
    solids += [
        along_x(tube(16, 12.5, 90, pick(rng, "rubber", "abs"), sides=16), (-length / 2, 0, 0)),
        along_x(cylinder(6, 35, "lithium_cell", sides=10), (-length / 2 - 15, 0, 0)),
    ]
    clamp = corners([(0, 38), (0, 30), (14, 30), (14, -30), (0, -30), (0, -38)], 4)
    solids += [
        extrude(strip(clamp, 8), 16, "abs").moved(offset_mm=(length / 2 + 14, 0, 0)),
        along_y(cylinder(2, 60, "steel", sides=6), (length / 2 + 26, 0, 0)),
    ]
    return finish("look_alikes/selfie_stick", solids)


def coat_hangers(rng: np.random.Generator) -> Phantom:
    """Return coat hangers of wire, wood or plastic with steel hooks."""
    solids: list[Solid] = []
    material = pick(rng, "steel", "wood", "abs")
    for index in range(int(rng.integers(1, 6))):
        span, drop = uniform(rng, 170, 220), uniform(rng, 60, 100)
        hook = [(0, 0, 0), (0, 35, 0), (20, 60, 0), (0, 82, 0), (-22, 66, 0)]
        outline = corners([(-span, -drop, 0), (0, 0, 0), (span, -drop, 0)], 30, closed=True, steps=5)
        gauge = 1.6 if material == "steel" else uniform(rng, 4, 7)
        parts = [wire(outline, gauge, material, closed=True), wire(smooth(hook, closed=False), 1.8, "steel")]
        solids += [
            copies(part, [(uniform(rng, -12, 12), uniform(rng, -12, 12), index * 5)], yaw_deg=rng.normal(0, 7))
            for part in parts
        ]
    return finish("look_alikes/coat_hangers", solids)
