"""Hand tools: mostly solid metal in long shapes, the first thing to be taken for parts of a firearm."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.shapes import (
    along_x,
    chance,
    copies,
    corners,
    finish,
    gear,
    helix,
    lying_box,
    pick,
    pillow,
    rounded,
    smooth,
    strip,
    uniform,
    wire,
)
from datasets.render.clutter.workshop import drill_bits
from datasets.render.solids import Phantom, Solid, box, cylinder, extrude, lathe, tube

__all__ = [
    "chisel",
    "hammer",
    "pliers",
    "scissors",
    "screwdriver",
    "tool_heap",
    "wrench",
]


def _wrench(rng: np.random.Generator) -> list[Solid]:
    length, head = uniform(rng, 100, 280), uniform(rng, 0.12, 0.19)
    width = length * head
    metal, thick = pick(rng, "steel", "steel", "stainless", "aluminium"), uniform(rng, 4, 10)
    jaw = length / 2
    outline = corners(
        [
            (-jaw, -width * 0.3), (jaw - width * 1.3, -width * 0.28), (jaw - width * 0.8, -width * 0.62),
            (jaw + width * 0.2, -width * 0.5), (jaw + width * 0.1, -width * 0.26),
            (jaw - width * 0.5, -width * 0.26), (jaw - width * 0.5, width * 0.26), (jaw + width * 0.2, width * 0.26),
            (jaw + width * 0.2, width * 0.5), (jaw - width * 0.8, width * 0.62), (jaw - width * 1.3, width * 0.28),
            (-jaw, width * 0.3),
        ],
        width * 0.2, closed=True, steps=3,
    )  # fmt: skip
    solids = [extrude(outline, thick, metal)]
    if chance(rng, 0.6):  # ring end
        solids.append(
            extrude(
                gear(width * 0.62, 12, 0.2), thick * 1.3, metal, holes_mm=[gear(width * 0.4, 12, width * 0.06)]
            ).moved(offset_mm=(-jaw - width * 0.5, 0, 0))
        )
    else:  # adjustable: lower jaw and worm
        solids.append(lying_box((width * 0.7, width * 0.3, thick), metal, (jaw - width * 0.1, -width * 0.5, 0)))
        solids.append(along_x(cylinder(width * 0.16, width * 0.4, metal, sides=10), (jaw - width, -width * 0.3, 0)))
    return solids


def wrench(rng: np.random.Generator) -> Phantom:
    """Return one to four wrenches, fanned out."""
    solids = []
    for index in range(int(rng.integers(1, 5))):
        yaw, at = rng.normal(0, 9), (rng.normal(0, 8), index * uniform(rng, 14, 26), index * 2.0)
        solids += [copies(part, [at], yaw_deg=yaw) for part in _wrench(rng)]
    return finish("tools/wrench", solids)


def pliers(rng: np.random.Generator) -> Phantom:
    """Return pliers or cutters, closed to half open, with sleeves on the handles."""
    length, thick = uniform(rng, 60, 115), uniform(rng, 6, 11)
    metal = pick(rng, "steel", "steel", "stainless")
    opening = uniform(rng, 4, 28)
    slim = uniform(rng, 0.6, 1.2)
    nose = uniform(rng, 30, 75)
    solids = []
    for side in (-1, 1):
        half = smooth(
            np.array(
                [
                    (nose, 1),
                    (nose, 4 * slim),
                    (14, 13 * slim),
                    (-12, 14 * slim),
                    (-length, 22 * slim),
                    (-length, 14 * slim),
                    (-14, 0),
                    (6, -6 * slim),
                    (14, 1),
                ]
            ),
            3,
        )
        sleeve = [(-length - 2, 18 * slim), (-length * 0.7, 15 * slim), (-28, 9 * slim)]
        flip = (1, side)
        for part in (
            pillow(half * flip, thick, metal, edge=0.92),
            extrude(strip(np.array(sleeve) * flip, 12 * slim), thick * 1.6, pick(rng, "pvc", "rubber")),
        ):
            solids.append(copies(part, [(0, 0, side * 0.8)], yaw_deg=-side * opening / 2))
    solids.append(cylinder(7 * slim, thick * 1.4, metal, sides=14))
    if chance(rng, 0.4):
        path, out = helix(18, 4, 5, 30)
        solids.append(
            wire(path, 0.7, "steel", sides=4, up=out).moved(np.array([[0, -1.0, 0], [1, 0, 0], [0, 0, 1]]), (-30, 0, 0))
        )
    return finish("tools/pliers", solids)


def _screwdriver(rng: np.random.Generator) -> list[Solid]:
    shaft, radius = uniform(rng, 50, 190), uniform(rng, 2, 5)
    grip, thick = uniform(rng, 70, 120), uniform(rng, 10, 18)
    profile = np.array([(0.75, 0), (1, 0.12), (0.9, 0.5), (1, 0.75), (0.6, 0.92), (0.7, 1)]) * (thick, grip)
    handle = lathe(profile, pick(rng, "abs", "rubber", "wood", "pvc"), sides=12)
    rod = cylinder(radius, shaft + grip * 0.7, pick(rng, "steel", "steel", "stainless"), sides=10).moved(
        offset_mm=(0, 0, grip * 0.65 + shaft / 2)
    )
    tip = lying_box((radius * 2.6, 1.2, 12), "steel", (0, 0, grip + shaft + 4))
    return [along_x(part) for part in (handle, rod, tip)]


def screwdriver(rng: np.random.Generator) -> Phantom:
    """Return one to five screwdrivers side by side, some the other way round."""
    solids = []
    for index in range(int(rng.integers(1, 6))):
        yaw = (180 if chance(rng, 0.5) else 0) + rng.normal(0, 6)
        solids += [
            copies(part, [(110 if abs(yaw) > 90 else -110, index * uniform(rng, 20, 32), 0)], yaw_deg=yaw)
            for part in _screwdriver(rng)
        ]
    return finish("tools/screwdriver", solids)


def hammer(rng: np.random.Generator) -> Phantom:
    """Return a hammer or mallet: head across a handle."""
    length, head = uniform(rng, 180, 340), uniform(rng, 70, 135)
    steel = pick(rng, "steel", "steel", "iron", "rubber")
    radius = uniform(rng, 10, 20)
    if chance(rng, 0.5):
        face = smooth([(radius, -head / 2), (radius, -head / 4), (-radius, -head / 4), (-radius, -head / 2)], 1)
        claw = np.concatenate(
            [
                face[:2],
                [(radius, head * 0.15), (radius * 0.4, head * 0.42), (-radius * 0.5, head / 2), (-radius, head * 0.1)],
                face[2:],
            ]
        )
        solids = [pillow(claw, radius * 1.6, steel, edge=0.9)]
    else:
        solids = [
            box((radius * 1.8, head, radius * 1.8), steel),
            lying_box((radius * 2, 12, radius * 2), steel, (0, head / 2, 0)),
        ]
    grip = smooth(
        np.array([(0, -8), (-0.5, -7), (-0.8, -13), (-1, -12), (-1, 12), (-0.8, 13), (-0.5, 7), (0, 8)]) * (length, 1),
        3,
    )
    material = pick(rng, "wood", "wood", "abs", "steel")
    solids.append(pillow(grip, 10 if material == "steel" else 20, material))
    if material != "wood" and chance(rng, 0.5):
        solids.append(along_x(cylinder(15, length * 0.4, "rubber", sides=14), (-length * 0.78, 0, 0)))
    return finish("tools/hammer", solids)


def scissors(rng: np.random.Generator) -> Phantom:
    """Return scissors or shears."""
    blade, thick = uniform(rng, 45, 140), uniform(rng, 1.4, 3.2)
    opening, loop = uniform(rng, 3, 40), uniform(rng, 14, 26)
    plastic = pick(rng, "abs", "abs", "stainless")
    solids = []
    for side in (-1, 1):
        knife = smooth(
            np.array(
                [
                    (blade, 0),
                    (blade * 0.5, 7),
                    (0, 9),
                    (-blade * 0.55, 4),
                    (-blade * 0.55, -4),
                    (0, -5),
                    (blade * 0.6, -1),
                ]
            )
            * (1, side),
            2,
        )
        bow = extrude(
            rounded(loop * 2.6, loop * 1.7, loop * 0.8),
            thick * 3,
            plastic,
            holes_mm=[rounded(loop * 2, loop * 1.1, loop * 0.5)],
        )
        bow = bow.moved(offset_mm=(-blade * 0.55 - loop, -side * loop * 0.35, 0))
        metal = pick(rng, "steel", "stainless")
        solids += [
            copies(part, [(0, 0, side * thick / 2)], yaw_deg=side * opening / 2)
            for part in (extrude(knife, thick, metal), bow)
        ]
    return finish("tools/scissors", [*solids, cylinder(4, thick * 3, "steel", sides=10)])


def chisel(rng: np.random.Generator) -> Phantom:
    """Return chisels or files: a flat bar in a grip with a ferrule."""
    solids: list[Solid] = []
    for index in range(int(rng.integers(1, 5))):
        length, width = uniform(rng, 80, 200), uniform(rng, 6, 32)
        y = index * 38.0
        solids.append(lying_box((length, width, uniform(rng, 2.5, 6)), "steel", (length / 2, y, 0)))
        solids.append(along_x(cylinder(3, 70, "steel", sides=8), (-30, y, 0)))
        grip = lathe([(9, -110), (14, -90), (11, -40), (13, -12), (10, 0)], pick(rng, "wood", "abs"), sides=14)
        solids += [
            along_x(grip, (0, y, 0)),
            along_x(tube(11, 9.5, 14, pick(rng, "brass", "steel"), sides=14), (-4, y, 0)),
        ]
    return finish("tools/chisel", solids)


def tool_heap(rng: np.random.Generator) -> Phantom:
    """Return a heap of tools one over the other."""
    makers = (wrench, pliers, screwdriver, hammer, chisel, drill_bits, scissors)
    solids: list[Solid] = []
    for index in range(int(rng.integers(3, 6))):
        part = makers[int(rng.integers(len(makers)))](rng)
        angle = rng.uniform(0, 2 * np.pi)
        c, s = np.cos(angle), np.sin(angle)
        turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
        solids += part.moved(turn, (uniform(rng, -40, 40), uniform(rng, -30, 30), index * 14.0)).solids
    return finish("tools/tool_heap", solids)
