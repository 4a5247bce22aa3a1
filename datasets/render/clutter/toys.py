"""Toys, games and small musical instruments."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.boards import board, cell
from datasets.render.clutter.powered import motor, pistol_body
from datasets.render.clutter.shapes import (
    along_x,
    blob,
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
    sheet,
    uniform,
    vessel,
    wire,
)
from datasets.render.solids import Phantom, Solid, cylinder, ellipsoid, extrude, tube

__all__ = [
    "ball",
    "building_bricks",
    "figures",
    "flute",
    "harmonica",
    "plush",
    "toy_car",
    "toy_gun",
    "water_pistol",
    "wooden_blocks",
]


def plush(rng: np.random.Generator) -> Phantom:
    """Return a plush animal: foam limbs, plastic eyes, at times a voice box."""
    size = uniform(rng, 70, 150)
    solids = [
        ellipsoid((size * 0.6, size * 0.5, size * 0.35), "foam"),
        ellipsoid((size * 0.4, size * 0.4, size * 0.34), "foam").moved(offset_mm=(size * 0.8, 0, 0)),
    ]
    for x, y in ((0.4, 0.5), (0.4, -0.5), (-0.6, 0.35), (-0.6, -0.35)):
        solids.append(
            ellipsoid((size * 0.3, size * 0.16, size * 0.15), "foam", sides=12, rings=8).moved(
                offset_mm=(x * size, y * size, 0)
            )
        )
    solids += [
        ellipsoid((size * 0.61, size * 0.51, size * 0.36), "cotton"),
        ellipsoid((size * 0.59, size * 0.49, size * 0.34), "cotton").cavity(),
    ]
    eyes = [(size * 0.95, side * size * 0.15, size * 0.25) for side in (-1, 1)]
    solids += [
        copies(ellipsoid((5, 5, 4), pick(rng, "abs", "glass"), sides=10, rings=6), eyes),
        copies(cylinder(5, 1.2, "steel", sides=8), np.array(eyes) - (0, 0, 6)),
    ]
    if chance(rng, 0.4):
        box_parts = [*hollow_box((42, 34, 22), 1.5, "abs"), tube(10, 4, 6, "iron", sides=14), *board(rng, (30, 20), 5)]
        solids += box_parts + [part.moved(offset_mm=(0, 24, 0)) for part in cell(rng, 5.2, 44)]
    return finish("toys/plush", solids)


def toy_car(rng: np.random.Generator) -> Phantom:
    """Return a toy car, cast or remote-controlled, with axles, motor and cells."""
    length = uniform(rng, 65, 260)
    width, height = length * uniform(rng, 0.38, 0.5), length * 0.25
    cast = length < 110 and chance(rng, 0.6)
    body = np.array(
        [(-0.5, -0.3), (0.5, -0.3), (0.5, 0.1), (0.25, 0.15), (0.12, 0.6), (-0.25, 0.6), (-0.45, 0.15), (-0.5, 0.1)]
    ) * (length, height)
    upright = np.array([[1, 0, 0], [0, 0, -1.0], [0, 1, 0]])
    material = "zinc_alloy" if cast else "abs"
    shell = extrude(body, width, material)
    solids = [shell.moved(upright), extrude(body * 0.93, width * 0.93, material).cavity().moved(upright)]
    radius = height * uniform(rng, 0.35, 0.55)
    for x in (-0.32, 0.3):
        at = [(x * length, side * width * 0.48, -height * 0.35) for side in (-1, 1)]
        solids += [
            copies(tube(radius, radius * 0.4, width * 0.16, "rubber", sides=14).moved(upright), at),
            cylinder(1.6, width, "steel", sides=6).moved(upright, (x * length, 0, -height * 0.35)),
        ]
    if not cast:
        solids += [part.moved(offset_mm=(-length * 0.2, 0, 0)) for part in motor(rng, 10, 28)] + board(
            rng, (length * 0.4, width * 0.6), 2
        )
        solids += [part.moved(offset_mm=(length * 0.1, y, -6)) for y in (-8, 8) for part in cell(rng, 7.1, 50)]
    return finish("toys/toy_car", solids, keep_pose=True)


def toy_gun(rng: np.random.Generator) -> Phantom:
    """Return a toy gun: thin plastic shells, screws, a weak spring and sound electronics; no metal barrel or slide."""
    bore = uniform(rng, 13, 20)
    barrel = uniform(rng, 80, 190)
    solids, foot = pistol_body(rng, (barrel, bore, uniform(rng, 70, 100), uniform(rng, 22, 34)), "abs")
    spots = np.array(
        [
            (barrel * 0.8, 0, 0),
            (barrel * 0.3, bore * 0.5, 0),
            (-10, 0, 0),
            (foot[0] * 0.5, foot[1] * 0.5, 0),
            (foot[0], foot[1] + 10, 0),
        ]
    )
    solids.append(copies(cylinder(1.5, 14, "steel", sides=6), spots))
    path, out = helix(uniform(rng, 30, 60), bore * 0.4, 12, 84)
    solids.append(wire(path, 0.5, "steel", sides=4, up=out).moved(offset_mm=(barrel * 0.4, 0, 0)))
    if chance(rng, 0.5):
        solids += [part.scaled((1, 1, 0.5)) for part in board(rng, (30, 16), 0)] + [
            tube(9, 4, 5, "iron", sides=14).moved(offset_mm=(barrel * 0.25, 0, 4))
        ]
        turn = np.array([[0, -1.0, 0], [1, 0, 0], [0, 0, 1]])
        solids += [
            part.moved(turn, (foot[0] * 0.6 + dx, foot[1] * 0.6, 0)) for dx in (-8, 8) for part in cell(rng, 5.2, 44)
        ]
    return finish("toys/toy_gun", solids)


def water_pistol(rng: np.random.Generator) -> Phantom:
    """Return a water pistol: plastic, a tank half full, a pump piston."""
    bore = uniform(rng, 14, 24)
    barrel = uniform(rng, 70, 220)
    solids, foot = pistol_body(rng, (barrel, bore, uniform(rng, 65, 95), uniform(rng, 26, 40)), "polyethylene")
    tank = vessel(
        [(bore, -35), (bore * 1.2, 0), (bore, 35)],
        1.4,
        "polyethylene",
        content="water",
        fill=uniform(rng, 0.1, 0.9),
        sides=16,
    )
    solids += [along_x(part, (barrel * 0.3, bore * 1.9, 0)) for part in tank]
    solids += [
        along_x(cylinder(3, barrel * 0.6, "polypropylene", sides=8), (barrel * 0.5, 0, 0)),
        lying_box((8, 26, 8), "abs", foot * 0.5),
    ]
    return finish("toys/water_pistol", solids)


def building_bricks(rng: np.random.Generator) -> Phantom:
    """Return a heap of plastic building bricks."""
    count = int(rng.integers(15, 45))
    at = rng.normal(0, 1, (count, 3)) * (42, 34, 9)
    yaw = rng.uniform(0, 180, count)
    sizes = np.stack([8.0 * rng.integers(1, 5, count), np.full(count, 15.8), np.full(count, 9.6)], axis=1)
    solids = [
        boxes(at, sizes, "abs", yaw_deg=yaw),
        boxes(at - (0, 0, 1.0), sizes - (3, 3, 2.2), "abs", yaw_deg=yaw).cavity(),
    ]
    return finish("toys/building_bricks", solids)


def figures(rng: np.random.Generator) -> Phantom:
    """Return cast or plastic figures and dice."""
    solids: list[Solid] = []
    for index in range(int(rng.integers(2, 7))):
        outline = blob(rng, uniform(rng, 28, 60), uniform(rng, 16, 30), knobs=9, rough=0.35)
        solids.append(
            pillow(outline, uniform(rng, 8, 20), pick(rng, "pvc", "tin", "zinc_alloy", "abs")).moved(
                offset_mm=(index % 3 * 55.0, index // 3 * 36.0, 0)
            )
        )
    return finish("toys/figures", solids)


def ball(rng: np.random.Generator) -> Phantom:
    """Return a hollow ball or a set of small solid ones."""
    if chance(rng, 0.5):
        radius = uniform(rng, 28, 90)
        return finish(
            "toys/ball",
            [ellipsoid((radius,) * 3, "rubber"), ellipsoid((radius - uniform(rng, 1.5, 5),) * 3, "rubber").cavity()],
        )
    radius = uniform(rng, 7, 21)
    at = rng.uniform(-1, 1, (int(rng.integers(6, 25)), 3)) * (60, 45, 3)
    return finish(
        "toys/ball",
        [copies(ellipsoid((radius,) * 3, pick(rng, "glass", "polycarbonate", "ceramic"), sides=12, rings=8), at)],
    )


def flute(rng: np.random.Generator) -> Phantom:
    """Return a flute, clarinet or whistle: a bored tube with keys, rods and rings."""
    length, radius = uniform(rng, 190, 360), uniform(rng, 8, 15)
    shell = pick(rng, "wood", "brass", "aluminium", "abs")
    wall = radius * 0.4 if shell in {"wood", "abs"} else 0.9
    solids = [along_x(tube(radius, radius - wall, length, shell, sides=18))]
    if chance(rng, 0.8):
        keys = int(rng.integers(5, 14))
        x = np.linspace(-0.4, 0.35, keys) * length
        at = np.stack([x, np.full(keys, 3.0), np.full(keys, radius + 2)], axis=1)
        metal = pick(rng, "brass", "zinc_alloy", "silver")
        solids += [
            copies(cylinder(uniform(rng, 5, 8), 2, metal, sides=12), at),
            copies(cylinder(1.6, 10, metal, sides=6), at - (0, radius, 6)),
        ]
        solids.append(along_x(cylinder(1.6, length * 0.75, metal, sides=6), (0, radius + 3, 2)))
    joints = [(x * length, 0, 0) for x in (-0.5, -0.1, 0.5)]
    solids.append(copies(along_x(tube(radius + 2, radius, 9, "brass", sides=18)), joints))
    return finish("toys/flute", solids)


def harmonica(rng: np.random.Generator) -> Phantom:
    """Return a mouth organ: metal covers, comb, reed plates with rows of slots."""
    length = uniform(rng, 95, 180)
    solids = [lying_box((length, 26, 7), pick(rng, "wood", "abs"), (0, 0, 0))]
    count = int(length / 7)
    holes = np.stack([np.linspace(-0.46, 0.46, count) * length, np.zeros(count), np.zeros(count)], axis=1)
    solids.append(boxes(holes, (4.5, 20, 5), solids[0].material).cavity())
    plate = extrude(
        rounded(length, 26, 2),
        1.0,
        "brass",
        holes_mm=[np.add(rounded(2.5, 16, 0.5, steps=2), (x, 0)) for x in holes[:, 0]],
    )
    solids += [plate.moved(offset_mm=(0, 0, side * 4.2)) for side in (-1, 1)]
    path = np.linspace(-1, 1, 7)
    for side in (-1, 1):
        cover = np.stack(
            [
                np.broadcast_to(np.array([-0.5, 0.5])[:, None] * length, (2, 7)),
                np.broadcast_to(path * 13, (2, 7)),
                np.broadcast_to(side * (5 + 5 * (1 - path**2)), (2, 7)),
            ],
            axis=2,
        )
        solids.append(sheet(cover, 0.6, "stainless"))
    return finish("toys/harmonica", solids)


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
    return finish("toys/wooden_blocks", solids)
