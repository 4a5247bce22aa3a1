"""Machine parts and mechanisms: gears, discs, pistons, milled blocks, jointed arms, locks."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.shapes import (
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
    rounded,
    smooth,
    strip,
    uniform,
    wire,
)
from datasets.render.solids import Phantom, Solid, cylinder, extrude, lathe, tube

__all__ = [
    "articulated_arm",
    "brake_disc",
    "crank_mechanism",
    "engine_parts",
    "gears",
    "machined_blocks",
    "sprocket",
]

_METALS = ("steel", "steel", "stainless", "aluminium", "brass", "zinc_alloy", "iron")


def gears(rng: np.random.Generator) -> Phantom:
    """Return loose gear wheels and a shaft with pinions."""
    solids: list[Solid] = []
    metal = pick(rng, *_METALS)
    for index in range(int(rng.integers(1, 6))):
        radius, height = uniform(rng, 9, 42), uniform(rng, 4, 18)
        wheel = extrude(
            gear(radius, int(rng.integers(12, 36)), uniform(rng, 1.5, 4)),
            height,
            metal,
            holes_mm=[rounded(radius * 0.5, radius * 0.5, radius * 0.25)],
        )
        solids.append(wheel.moved(offset_mm=(index % 3 * 70.0, index // 3 * 70.0, uniform(rng, -5, 5))))
    shaft = lathe([(6, 0), (6, 25), (14, 25.1), (14, 40), (8, 40.1), (8, 90), (5, 90.1), (5, 120)], metal, sides=16)
    return finish("look_alikes/gears", [*solids, along_x(shaft, (0, -60, 0))])


def sprocket(rng: np.random.Generator) -> Phantom:
    """Return a bicycle chain ring with crank and pedal, or a cassette."""
    radius, metal = uniform(rng, 45, 95), pick(rng, "steel", "aluminium")
    slots = [
        smooth(
            np.array([(0.45, -0.2), (0.75, -0.25), (0.75, 0.25), (0.45, 0.2)])
            @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
            * radius,
            2,
        )
        for a in np.arange(5) * 2 * np.pi / 5
    ]
    solids = [extrude(gear(radius, int(radius / 2), 5), uniform(rng, 2.5, 4), metal, holes_mm=slots)]
    crank = smooth([(-14, -14), (60, -10), (165, -12), (172, 0), (165, 12), (60, 10), (-14, 14)], 3)
    solids += [pillow(crank, 15, metal).moved(offset_mm=(0, 0, 12)), cylinder(11, 40, "steel", sides=14)]
    if chance(rng, 0.6):
        solids += [
            along_x(cylinder(7, 90, "steel", sides=12)).moved(
                np.array([[0, 0, -1.0], [0, 1, 0], [1, 0, 0]]), (160, 0, 55)
            )
        ]
        solids += [lying_box((70, 70, 26), pick(rng, "abs", "aluminium"), (160, 0, 62)).scaled((1, 1, 1))]
    return finish("look_alikes/sprocket", solids, keep_pose=True)


def brake_disc(rng: np.random.Generator) -> Phantom:
    """Return a brake disc of a bicycle or motorcycle, drilled."""
    radius = uniform(rng, 60, 130)
    holes = []
    for row, share in enumerate((0.82, 0.9)):
        for angle in np.arange(14) * 2 * np.pi / 14 + row * 0.2:
            holes.append(rounded(6, 6, 3, steps=3) + radius * share * np.array([np.cos(angle), np.sin(angle)]))
    outer = extrude(
        gear(radius, 40, 0.4), uniform(rng, 1.8, 6), "stainless", holes_mm=[gear(radius * 0.72, 40, 0.4), *holes]
    )
    spider = extrude(
        gear(radius * 0.76, 6, radius * 0.35), 3, pick(rng, "aluminium", "steel"), holes_mm=[rounded(40, 40, 20)]
    )
    return finish("look_alikes/brake_disc", [outer, spider])


def engine_parts(rng: np.random.Generator) -> Phantom:
    """Return engine parts: piston with rod, valve with spring, spark plug, cast housing."""
    radius = uniform(rng, 20, 42)
    piston = lathe(
        [
            (radius, 0),
            (radius, radius * 0.5),
            (radius * 0.96, radius * 0.55),
            (radius, radius * 0.6),
            (radius, radius * 1.3),
            (radius * 0.82, radius * 1.3),
            (radius * 0.8, 8),
        ],
        "aluminium",
        sides=24,
    )
    turn = np.array([[0, 0, 1.0], [1, 0, 0], [0, 1, 0]])
    solids = [piston.moved(turn)]
    rod = extrude(strip([(0, 0), (radius * 1.5, 0), (radius * 3, 0)], [16, 12, 20]), 9, "steel").moved(
        offset_mm=(radius, 0, 0)
    )
    big = tube(radius * 0.62, radius * 0.45, 20, "steel", sides=20).moved(offset_mm=(radius * 4.3, 0, 0))
    solids += [rod, big, along_y(cylinder(7, radius * 1.6, "steel", sides=12), (radius * 0.8, 0, 0))]
    valve = lathe([(18, 0), (16, 3), (4, 14), (3.2, 20), (3.2, 110)], "steel", sides=16)
    path, out = helix(42, 14, 6, 54)
    solids += [along_x(valve, (0, 70, 0)), wire(path, 1.8, "steel", sides=5, up=out).moved(offset_mm=(78, 70, 0))]
    plug = lathe(
        [(2, -14), (6.5, -13), (6.5, 2), (10, 2.1), (10, 12), (6, 12.1), (5, 40), (3, 42), (3, 50)],
        pick(rng, "steel", "ceramic"),
        sides=12,
    )
    solids += [along_x(plug, (30, -70, 0)), along_x(cylinder(1.6, 66, "steel", sides=6), (48, -70, 0))]
    return finish("look_alikes/engine_parts", solids)


def machined_blocks(rng: np.random.Generator) -> Phantom:
    """Return milled metal blocks and profiles with slots, bores and rails: long boxes like slides, of other use."""
    solids: list[Solid] = []
    for index in range(int(rng.integers(1, 4))):
        size = uniform(rng, 60, 210), uniform(rng, 15, 42), uniform(rng, 8, 32)
        metal = pick(rng, *_METALS)
        holes = [
            np.add(rounded(uniform(rng, 5, 30), size[1] * uniform(rng, 0.25, 0.5), 3, steps=3), (x * size[0], 0))
            for x in rng.permutation(np.linspace(-0.36, 0.36, 4))[: int(rng.integers(0, 4))]
        ]
        holes = [hole for hole in holes if np.abs(hole[:, 0]).max() < size[0] * 0.47][:2]
        block = extrude(rounded(size[0], size[1], 2), size[2], metal, holes_mm=holes)
        at = (uniform(rng, -15, 15), index * 52.0, 0)
        yaw = rng.normal(0, 12)
        teeth = np.stack([np.linspace(-0.42, -0.2, 6) * size[0], np.zeros(6), np.full(6, size[2] / 2 + 0.8)], axis=1)
        parts = [block, *([boxes(teeth, (2, size[1] * 0.9, 1.6), metal)] if chance(rng, 0.3) else [])]
        solids += [copies(part, [at], yaw_deg=yaw) for part in parts]
    return finish("look_alikes/machined_blocks", solids)


def articulated_arm(rng: np.random.Generator) -> Phantom:
    """Return a jointed arm: drilled metal bars, pivots, a gripper, servos or a spring, as in robots and lamps."""
    solids: list[Solid] = []
    metal, point, angle = pick(rng, "aluminium", "steel", "aluminium"), np.zeros(2), uniform(rng, -30, 30)
    for index in range(int(rng.integers(2, 5))):
        length, width = uniform(rng, 45, 130), uniform(rng, 12, 28)
        holes = [
            np.add(rounded(width * 0.4, width * 0.4, width * 0.2, steps=3), (x * length, 0))
            for x in np.linspace(0.1, 0.9, int(rng.integers(2, 6)))
        ]
        outline = np.add(rounded(length + width, width, width * 0.45), (length / 2, 0))
        for z in (-9, 9):
            solids.append(
                copies(
                    extrude(outline, uniform(rng, 1.5, 4), metal, holes_mm=holes), [(*point, z + index)], yaw_deg=angle
                )
            )
        solids.append(cylinder(width * 0.3, 26, "steel", sides=12).moved(offset_mm=(*point, index)))
        if chance(rng, 0.5):
            solids.append(copies(lying_box((40, 20, 36), "abs", (length * 0.4, 0, 0)), [(*point, 0)], yaw_deg=angle))
            solids.append(
                copies(along_x(cylinder(7, 20, "copper", sides=10), (length * 0.4, 0, 0)), [(*point, 0)], yaw_deg=angle)
            )
        point = point + length * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
        angle += uniform(rng, -95, 95)
    for side in (-1, 1):
        claw = strip(
            smooth([(0, side * 4), (25, side * 26), (55, side * 24), (75, side * 4)], closed=False), uniform(rng, 7, 13)
        )
        solids.append(copies(extrude(claw, 6, metal), [(*point, 0)], yaw_deg=angle))
    return finish("look_alikes/articulated_arm", solids)


def crank_mechanism(rng: np.random.Generator) -> Phantom:
    """Return a lock or latch mechanism: a steel case with levers, springs, a bolt and a cylinder."""
    size = uniform(rng, 70, 170), uniform(rng, 50, 90), uniform(rng, 14, 24)
    solids = hollow_box(size, 1.5, pick(rng, "steel", "zinc_alloy"))
    solids += [
        lying_box((size[0] * 0.5, 14, 10), pick(rng, "brass", "steel"), (size[0] * 0.42, side * size[1] * 0.2, 0))
        for side in (-1, 1)
    ]
    for _ in range(int(rng.integers(2, 5))):
        lever = pillow(
            smooth(
                rng.normal(0, 1, (5, 2)).cumsum(axis=0) * 0 + np.array([(-20, -5), (5, -8), (24, 0), (5, 7), (-20, 5)]),
                3,
            ),
            4,
            "steel",
        )
        solids.append(copies(lever, [(*(rng.uniform(-0.3, 0.3, 2) * size[:2]), 0)], yaw_deg=uniform(rng, 0, 360)))
    path, out = helix(30, 3.5, 8, 64)
    solids.append(wire(path, 0.7, "steel", sides=4, up=out))
    solids += [
        lying_box((30, 17, 34), "brass", (-size[0] * 0.2, -size[1] * 0.25, 0)),
        lying_box((3, size[1] * 1.7, size[2]), pick(rng, "stainless", "brass"), (size[0] / 2, 0, 0)),
    ]
    return finish("look_alikes/crank_mechanism", solids)
