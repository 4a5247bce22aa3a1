"""Heated, stamped and long-handled things of a household that hold as much metal as a weapon."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.boards import cable
from datasets.render.clutter.shapes import (
    Array,
    along_x,
    along_y,
    chance,
    copies,
    finish,
    helix,
    hollow_box,
    loft,
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
from datasets.render.solids import Phantom, Solid, box, cylinder, extrude, tube

__all__ = ["clothes_iron", "hair_iron", "hole_punch", "utensils"]


def clothes_iron(rng: np.random.Generator) -> Phantom:
    """Return a clothes iron lying on its side or its sole: a cast sole, a heater loop, a tank, a handle."""
    length, wide = uniform(rng, 150, 250), uniform(rng, 75, 115)
    sole: Array = smooth(
        [
            (length / 2, 0),
            (length * 0.1, wide * 0.42),
            (-length / 2, wide / 2),
            (-length / 2, -wide / 2),
            (length * 0.1, -wide * 0.42),
        ],
        4,
    )
    metal = pick(rng, "aluminium", "aluminium", "stainless", "steel")
    solids: list[Solid] = [extrude(sole, uniform(rng, 5, 14), metal)]
    loop = np.concatenate([sole[2:-4] * (0.7, 0.65), np.full((len(sole) - 6, 1), 9.0)], axis=1)
    solids.append(wire(loop, 3.6, "steel", sides=8))
    shell = sole * 0.94
    solids += [
        loft([shell, shell * (0.9, 0.7)], [14, 46], "abs"),
        loft([shell * 0.93, shell * (0.84, 0.63)], [16, 44], "abs").cavity(),
    ]
    solids.append(loft([shell * (0.5, 0.5), shell * (0.48, 0.4)], [18, uniform(rng, 22, 40)], "water"))
    handle = smooth(
        [(length * 0.3, 0, 44), (length * 0.2, 0, 88), (-length * 0.3, 0, 92), (-length * 0.42, 0, 44)], closed=False
    )
    solids.append(wire(handle, uniform(rng, 10, 15), "abs", sides=10, up=(0, 1, 0)))
    solids += [
        cylinder(14, 12, "steel", sides=14).moved(offset_mm=(0, 0, 20)),
        box((30, 12, 8), "brass").moved(offset_mm=(-20, 0, 22)),
    ]
    solids += cable(np.add(handle[::3], (0, 22, 4)), 3.0)
    return finish("look_alikes/clothes_iron", solids, keep_pose=True)


def hair_iron(rng: np.random.Generator) -> Phantom:
    """Return a hair straightener or curling tongs: heated plates or a barrel in a plastic grip, with a lead."""
    length, wide = uniform(rng, 210, 310), uniform(rng, 24, 38)
    solids: list[Solid] = []
    if chance(rng, 0.55):
        spread = uniform(rng, 0, 9)
        for side in (-1, 1):
            arm = hollow_box((length, wide, 15), 2.2, "abs", (0, 0, side * 8.5))
            plate = lying_box(
                (length * 0.36, wide * 0.75, 2.4), pick(rng, "ceramic", "aluminium"), (length * 0.27, 0, side * 3)
            )
            heater = lying_box(
                (length * 0.3, wide * 0.3, 3), pick(rng, "ceramic", "steel"), (length * 0.27, 0, side * 7)
            )
            solids += [part.moved(offset_mm=(0, side * spread, 0)) for part in (*arm, plate, heater)]
        solids.append(cylinder(5, 34, "steel", sides=12).moved(offset_mm=(-length * 0.44, 0, 0)))
        solids.append(lying_box((60, wide * 0.6, 1.6), "fr4", (-length * 0.15, 0, 10)))
    else:
        radius = uniform(rng, 8, 19)
        reach = length * 0.55
        solids += [
            along_x(part, (reach / 2, 0, 0))
            for part in vessel(
                [(radius, -reach / 2), (radius, reach / 2)], 1.4, pick(rng, "steel", "aluminium"), sides=18
            )
        ]
        solids.append(along_x(cylinder(radius * 0.4, reach * 0.8, "ceramic", sides=12), (reach / 2, 0, 0)))
        solids.append(lying_box((reach * 0.95, radius * 1.2, 1.2), "steel", (reach / 2, 0, radius + 2)))
        grip = [(radius * 1.2, 0), (radius * 1.35, 40), (radius * 1.1, length * 0.42)]
        solids += [along_x(part, (-length * 0.42, 0, 0)) for part in vessel(grip, 2.4, "abs", sides=18)]
        solids.append(along_x(cylinder(4, 16, "steel", sides=8), (0, 0, radius + 7)))
    end = np.array([-length / 2, 0.0, 0.0])
    loops = np.cumsum(rng.uniform(-1, 0.6, (6, 3)) * (26, 34, 2), axis=0) + end
    solids += cable(smooth(np.concatenate([[end], loops]), 4, closed=False), uniform(rng, 2.0, 3.4))
    return finish("look_alikes/hair_iron", solids, keep_pose=True)


def hole_punch(rng: np.random.Generator) -> Phantom:
    """Return a hole punch, a ticket punch or eyelet pliers: a stamped lever over a base, dies and springs."""
    length, width = uniform(rng, 85, 140), uniform(rng, 28, 110)
    metal = pick(rng, "steel", "steel", "zinc_alloy", "aluminium")
    base = hollow_box((length, width, uniform(rng, 8, 14)), 1.2, metal)
    arm = np.array(
        [
            (length / 2, 6),
            (-length * 0.2, 26),
            (-length * 0.55, uniform(rng, 30, 55)),
            (-length * 0.5, 26),
            (length * 0.4, 5),
        ]
    )
    upright = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
    lever = extrude(smooth(arm, 2), width * 0.7, metal).moved(upright)
    solids: list[Solid] = [*base, lever]
    spots = [(0, side * width * 0.3, 12.0) for side in (-1, 1)]
    solids.append(copies(cylinder(3, 26, "steel", sides=10), spots))
    solids.append(copies(tube(9, 3.2, 8, pick(rng, "steel", "brass"), sides=14), spots))
    path, out = helix(14, 5, 4, 26)
    upright_coil = wire(path, 0.9, "steel", sides=5, up=out).moved(np.array([[0, 0, -1.0], [0, 1, 0], [1, 0, 0]]))
    solids.append(copies(upright_coil, [(x, y, z + 4) for x, y, z in spots]))
    solids.append(along_y(cylinder(3, width, "steel", sides=8), (length * 0.42, 0, 8)))
    return finish("look_alikes/hole_punch", solids)


def utensils(rng: np.random.Generator) -> Phantom:
    """Return kitchen utensils in a bunch: spatulas, ladles, whisks, tongs, peelers and skewers, or a roll of knives."""
    solids: list[Solid] = []
    metal = pick(rng, "stainless", "stainless", "steel", "aluminium")
    for index in range(int(rng.integers(2, 7))):
        reach = uniform(rng, 90, 190)
        match int(rng.integers(5)):
            case 0:
                wide = uniform(rng, 30, 75)
                slots = [np.add(rounded(wide * 0.6, 5, 2, steps=2), (reach / 2 + wide * 0.5, y)) for y in (-11, 0, 11)]
                head = [
                    extrude(
                        np.add(rounded(wide * 1.2, max(wide * 0.9, 36), 8), (reach / 2 + wide * 0.5, 0)),
                        1.4,
                        metal,
                        holes_mm=slots,
                    )
                ]
            case 1:
                bowl = vessel([(6, -20), (24, -16), (30, 0)], 1.2, metal, sides=16)
                head = [part.moved(offset_mm=(reach / 2 + 26, 0, 0)) for part in bowl]
            case 2:
                angles = np.arange(4) * np.pi / 4
                path = smooth(
                    [
                        (reach / 2, 2, 0),
                        (reach / 2 + 60, 28, 0),
                        (reach / 2 + 100, 0, 0),
                        (reach / 2 + 60, -28, 0),
                        (reach / 2, -2, 0),
                    ],
                    closed=False,
                )
                loop = wire(path, 1.1, metal, sides=5)
                head = [
                    loop.moved(np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]]))
                    for a in angles
                ]
            case 3:
                arm = strip(smooth([(-reach / 2, 0), (0, 14), (reach / 2, 10), (reach / 2 + 50, 20)], closed=False), 9)
                head = [extrude(arm * (1, side), 14, metal) for side in (-1, 1)]
            case _:
                edge = np.array(
                    [
                        (reach / 2, -9),
                        (reach / 2 + reach * 0.7, -9),
                        (reach / 2 + reach, 4),
                        (reach / 2 + reach * 0.8, 12),
                        (reach / 2, 12),
                    ]
                )
                head = [loft([edge * (1, 0.3), edge, edge, edge * (1, 0.3)], [-1.4, -0.2, 0.2, 1.4], metal)]
        grip = uniform(rng, 0.4, 0.7) * reach
        parts = [*head, lying_box((reach, uniform(rng, 5, 11), 2.4), metal, (0, 0, 0))]
        if chance(rng, 0.6):
            parts.append(
                pillow(rounded(grip, uniform(rng, 15, 24), 7), 14, pick(rng, "nylon", "wood", "abs")).moved(
                    offset_mm=(-reach / 2 + grip * 0.4, 0, 0)
                )
            )
        yaw = rng.normal(0, 7) + (180 if chance(rng, 0.3) else 0)
        at = [(uniform(rng, -25, 25), uniform(rng, -30, 30), index * 9.0)]
        solids += [
            copies(part, at, yaw_deg=yaw) if part.weight > 0 else copies(part, at, yaw_deg=yaw).cavity()
            for part in parts
        ]
    return finish("kitchen/utensils", solids)
