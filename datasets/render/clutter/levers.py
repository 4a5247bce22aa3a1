"""Things with jaws, levers and triggers: the outlines of a pistol, and the metal of one, in another trade."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.boards import cable
from datasets.render.clutter.shapes import (
    along_x,
    along_y,
    boxes,
    chance,
    copies,
    corners,
    finish,
    helix,
    hollow_box,
    lying_box,
    pick,
    pillow,
    rounded,
    smooth,
    strip,
    uniform,
    vessel,
    wire,
)
from datasets.render.solids import Phantom, Solid, cylinder, extrude, tube

__all__ = ["bike_lock", "brake_lever", "clamp", "grease_gun", "multi_tool"]


def multi_tool(rng: np.random.Generator) -> Phantom:
    """Return a folding tool with pliers: two channels of sheet metal full of blades, closed or spread."""
    length, width, high = uniform(rng, 72, 108), uniform(rng, 12, 19), uniform(rng, 11, 18)
    metal = pick(rng, "stainless", "stainless", "titanium", "steel")
    opening = pick(rng, "closed", "closed", "half", "open")
    spread = {"closed": 0.0, "half": uniform(rng, 20, 80), "open": uniform(rng, 150, 178)}[opening]
    solids: list[Solid] = []
    for side in (-1, 1):
        parts = [lying_box((length, 1.4, high), metal, (-length / 2, side * (width - 1.2), 0))]
        parts += [
            lying_box((length, width - 2, 1.2), metal, (-length / 2, side * width * 0.5, z * high)) for z in (-0.5, 0.5)
        ]
        blades = int(rng.integers(2, 6))
        for index in range(blades):
            reach, wide = length * uniform(rng, 0.55, 0.92), width * uniform(rng, 0.35, 0.7)
            outline = np.array(
                [(0, -wide / 2), (-reach * 0.8, -wide / 2), (-reach, 0), (-reach * 0.9, wide / 2), (0, wide / 2)]
            )
            z = (index - (blades - 1) / 2) * high * 0.8 / blades
            blade = extrude(outline, high * 0.45 / blades, metal)
            loose = uniform(rng, 30, 170) if chance(rng, 0.12) else 0.0
            parts.append(copies(blade, [(-2, side * width * 0.5, z)], yaw_deg=side * loose))
        solids += [copies(part, [(0, 0, 0)], yaw_deg=-side * spread / 2) for part in parts]
        jaw = smooth(
            [
                (0, 0),
                (length * 0.2, side * 1),
                (length * 0.6, side * 0.5),
                (length * 0.55, side * 5),
                (length * 0.15, side * 10),
                (-8, side * 9),
            ],
            3,
        )
        head = pillow(jaw, high * 0.6, metal, edge=0.9)
        # closed, the pliers lie between the two halves
        solids.append(head if spread > 0 else head.moved(np.diag([-1.0, -1.0, 1.0]), (0, 0, 0)))
    solids.append(cylinder(4.5, high, metal, sides=12))
    return finish("look_alikes/multi_tool", solids)


def clamp(rng: np.random.Generator) -> Phantom:
    """Return clamps: a G of cast iron with its screw, a bar clamp with a trigger grip, or spring clamps."""
    shape = int(rng.integers(3))
    solids: list[Solid] = []
    metal = pick(rng, "iron", "steel", "zinc_alloy", "aluminium")
    if shape == 0:
        wide, deep, thick = uniform(rng, 45, 130), uniform(rng, 35, 80), uniform(rng, 9, 18)
        path = corners([(deep, wide / 2), (0, wide / 2), (0, -wide / 2), (deep, -wide / 2)], 16)
        solids.append(extrude(strip(path, uniform(rng, 10, 18)), thick, metal))
        screw = uniform(rng, 0.9, 1.4) * wide
        solids.append(
            along_y(cylinder(uniform(rng, 4, 7), screw, "steel", sides=12), (deep - 4, -wide / 2 - screw * 0.1, 0))
        )
        solids.append(along_y(cylinder(9, 6, "steel", sides=14), (deep - 4, -wide / 2 + screw * 0.4, 0)))
        solids.append(
            along_x(cylinder(3, uniform(rng, 40, 70), "steel", sides=8), (deep - 4, -wide / 2 - screw * 0.57, 0))
        )
    elif shape == 1:
        reach, jaw = uniform(rng, 180, 420), uniform(rng, 55, 95)
        solids.append(lying_box((reach, uniform(rng, 12, 20), uniform(rng, 4, 7)), "steel", (0, 0, 0)))
        solids.append(
            extrude(
                strip([(reach / 2, 8), (reach / 2 + 3, -jaw * 0.5), (reach / 2 - 4, -jaw)], [26, 22, 16]), 18, "nylon"
            )
        )
        slider = reach * uniform(rng, -0.3, 0.25)
        outline = smooth(
            [
                (slider - 45, 16),
                (slider + 10, 18),
                (slider + 14, -jaw),
                (slider - 2, -jaw),
                (slider - 10, -24),
                (slider - 26, -26),
                (slider - 44, -110),
                (slider - 66, -104),
            ],
            3,
        )
        solids.append(pillow(outline, uniform(rng, 20, 28), "nylon"))
        solids.append(
            extrude(
                strip([(slider - 10, -20), (slider - 16, -60), (slider - 26, -92)], [14, 10, 8]),
                10,
                pick(rng, "nylon", "steel"),
            )
        )
        solids.append(boxes([(slider - 30 + 9 * i, 0, 0) for i in range(4)], (4, 24, 14), "steel"))
    else:
        for index in range(int(rng.integers(1, 5))):
            size = uniform(rng, 45, 110)
            for side in (-1, 1):
                arm = smooth(
                    np.array([(0.5, 0.02), (0.4, 0.14), (0, 0.12), (-0.5, 0.28), (-0.52, 0.16), (0, 0.02)])
                    * (size, side * size),
                    3,
                )
                solids.append(
                    pillow(arm, size * 0.16, pick(rng, "nylon", "steel")).moved(offset_mm=(0, index * size * 0.7, 0))
                )
            path, out = helix(size * 0.14, size * 0.08, 4, 30)
            solids.append(wire(path, 1.2, "steel", sides=5, up=out).moved(offset_mm=(0, index * size * 0.7, 0)))
    return finish("look_alikes/clamp", solids)


def grease_gun(rng: np.random.Generator) -> Phantom:
    """Return a grease gun or a foam gun: a long steel barrel, a head of cast metal, a lever, a spout."""
    radius, length = uniform(rng, 18, 28), uniform(rng, 170, 260)
    shell = vessel(
        [(radius, -length / 2), (radius, length / 2)],
        uniform(rng, 0.8, 1.6),
        "steel",
        content="food",
        fill=uniform(rng, 0.2, 0.9),
        sides=18,
    )
    solids = [along_x(part) for part in shell]
    path, out = helix(length * uniform(rng, 0.2, 0.6), radius * 0.75, 9, 70)
    solids.append(wire(path, 1.4, "steel", sides=5, up=out).moved(offset_mm=(-length * 0.2, 0, 0)))
    solids.append(along_x(cylinder(3.5, length * 0.9, "steel", sides=8), (-length * 0.3, 0, 0)))
    metal = pick(rng, "iron", "zinc_alloy", "aluminium")
    head = smooth(
        [
            (length / 2 - 2, -radius),
            (length / 2 + 28, -radius * 0.8),
            (length / 2 + 34, 0),
            (length / 2 + 26, radius * 1.2),
            (length / 2 - 2, radius),
        ],
        3,
    )
    solids.append(pillow(head, radius * 1.4, metal))
    lean = uniform(rng, -0.6, 0.3)
    lever = np.array(
        [
            (length / 2 + 20, -radius),
            (length / 2 + lean * 60, -radius - 40),
            (length / 2 + lean * 200 - 30, -radius - uniform(rng, 75, 130)),
        ]
    )
    solids.append(extrude(strip(lever, [16, 12, 20]), uniform(rng, 5, 14), "steel"))
    spout = smooth(
        [
            (length / 2 + 20, radius, 0),
            (length / 2 + 50, radius + 30, 0),
            (length / 2 + 120, radius + uniform(rng, 0, 60), 0),
        ],
        closed=False,
    )
    solids.append(wire(spout, uniform(rng, 3.5, 6), pick(rng, "steel", "rubber"), sides=8))
    return finish("look_alikes/grease_gun", solids)


def bike_lock(rng: np.random.Generator) -> Phantom:
    """Return a bicycle lock: a U of thick steel with its crossbar, or links that fold, with cylinder and key."""
    solids: list[Solid] = []
    if chance(rng, 0.6):
        wide, high, radius = uniform(rng, 85, 130), uniform(rng, 110, 260), uniform(rng, 6, 9.5)
        path = corners(
            [(0, -wide / 2, 0), (high, -wide / 2, 0), (high, wide / 2, 0), (0, wide / 2, 0)], wide * 0.42, steps=8
        )
        solids += [wire(path, radius, "steel", sides=10)]
        solids += [
            wire(path[2:-2], radius + 1.6, "pvc", sides=10),
            wire(path[2:-2], radius + 0.1, "pvc", sides=10).cavity(),
        ]
        bar = uniform(rng, 13, 18)
        solids.append(along_y(tube(bar, bar - uniform(rng, 2, 4), wide + 50, "steel", sides=16)))
        solids.append(along_y(cylinder(bar * 0.6, 42, "brass", sides=12), (0, uniform(rng, -0.3, 0.3) * wide, 0)))
        solids.append(along_y(cylinder(4, wide * 0.6, "steel", sides=8), (bar * 0.5, 0, 0)))
    else:
        count, link, wide = int(rng.integers(4, 8)), uniform(rng, 70, 110), uniform(rng, 20, 30)
        for index in range(count):
            plate = extrude(rounded(link + wide * 0.8, wide, wide * 0.48), 5, "steel")
            y = index * wide * uniform(rng, 0.15, 0.4)
            solids.append(copies(plate, [(rng.normal(0, 2), y, index * 5.6)], yaw_deg=rng.normal(0, 3)))
        solids.append(
            copies(cylinder(5, count * 5.6, "steel", sides=10), [(s * link / 2, 0, count * 2.8) for s in (-1, 1)])
        )
        solids += hollow_box((link * 0.7, wide * 1.4, 34), 3, "zinc_alloy", (-link * 0.5, -wide * 1.2, 10))
        solids.append(along_x(cylinder(8, link * 0.5, "brass", sides=12), (-link * 0.5, -wide * 1.2, 10)))
    return finish("look_alikes/bike_lock", solids)


def brake_lever(rng: np.random.Generator) -> Phantom:
    """Return brake levers or calipers of a bicycle: a cast body, a bent lever, clamp, cable and springs."""
    solids: list[Solid] = []
    metal = pick(rng, "aluminium", "aluminium", "steel", "zinc_alloy")
    for index in range(int(rng.integers(1, 3))):
        reach = uniform(rng, 85, 140)
        body = smooth([(0, 0), (38, 4), (44, 20), (20, 32), (-8, 26), (-12, 8)], 3)
        bend = np.array([(34, 6), (20, -22), (-reach * 0.5, -34), (-reach, -uniform(rng, 16, 46))])
        parts = [
            pillow(body, uniform(rng, 13, 20), metal),
            extrude(strip(smooth(bend, 4, closed=False), 11), uniform(rng, 6, 11), metal),
            along_x(tube(15.5, 11.2, uniform(rng, 10, 22), metal, sides=16), (2, 34, 0)),
            cylinder(3, 20, "steel", sides=8).moved(offset_mm=(32, 8, 0)),
            along_x(cylinder(4.5, 26, "steel", sides=10), (52, 12, 0)),
        ]
        parts += cable(smooth([(60, 12, 0), (110, 24, 3), (150, uniform(rng, -20, 70), 0)], closed=False), 2.4)
        solids += [part.moved(offset_mm=(0, index * 88.0, 0)) for part in parts]
    return finish("look_alikes/brake_lever", solids)
