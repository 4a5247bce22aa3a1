"""Hand tools: mostly solid metal in long shapes, the first thing to be taken for parts of a firearm."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.shapes import (
    Array,
    along_x,
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
    rounded,
    smooth,
    strip,
    uniform,
    vessel,
    wire,
)
from datasets.render.solids import Phantom, Solid, box, cylinder, extrude, lathe, tube

__all__ = [
    "bicycle_pump", "caulking_gun", "chisel", "drill_bits", "hacksaw", "hammer", "pliers", "scissors", "screwdriver",
    "socket_set", "stapler", "tape_measure", "tool_heap", "wrench",
]  # fmt: skip

_HEXAGON: Array = np.stack([np.cos(np.arange(6) * np.pi / 3), np.sin(np.arange(6) * np.pi / 3)], axis=1)


def _wrench(rng: np.random.Generator) -> list[Solid]:
    length, head = uniform(rng, 100, 280), uniform(rng, 0.12, 0.19)
    width = length * head
    metal, thick = pick(rng, "steel", "steel", "stainless", "aluminium"), uniform(rng, 4, 10)
    jaw = length / 2
    outline = corners(
        [(-jaw, -width * 0.3), (jaw - width * 1.3, -width * 0.28), (jaw - width * 0.8, -width * 0.62), (jaw + width * 0.2, -width * 0.5), (jaw + width * 0.1, -width * 0.26), (jaw - width * 0.5, -width * 0.26), (jaw - width * 0.5, width * 0.26), (jaw + width * 0.2, width * 0.26), (jaw + width * 0.2, width * 0.5), (jaw - width * 0.8, width * 0.62), (jaw - width * 1.3, width * 0.28), (-jaw, width * 0.3)],
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


def socket_set(rng: np.random.Generator) -> Phantom:
    """Return a case with rows of sockets, a ratchet, extensions and bits."""
    size = uniform(rng, 180, 390), uniform(rng, 110, 270), uniform(rng, 35, 65)
    solids = hollow_box(size, 2.2, pick(rng, "polypropylene", "polyethylene", "abs"))
    solids += [lying_box((size[0] * 0.92, size[1] * 0.9, 2), "polypropylene", (0, 0, 0))]
    lying = chance(rng, 0.4)
    for row in range(int(rng.integers(1, 4))):
        count = int(rng.integers(5, 14))
        pitch = size[0] * 0.9 / count
        y = (-0.38 + 0.22 * row) * size[1]
        for index in range(count):
            radius = min(pitch * 0.46, 4.5 + index * uniform(rng, 0.3, 0.9))
            part = extrude(
                np.asarray(gear(radius, 10, 0.3)), uniform(rng, 22, 30), "steel", holes_mm=[_HEXAGON * radius * 0.66]
            )
            at = ((index - (count - 1) / 2) * pitch, y, 0.0)
            solids.append(part.moved(np.array([[1, 0, 0], [0, 0, 1.0], [0, -1.0, 0]]) if lying else None, at))
    solids += [
        part.moved(offset_mm=(uniform(rng, -0.1, 0.1) * size[0], size[1] * 0.28, 0))
        for part in _ratchet(rng, size[0] * uniform(rng, 0.5, 0.75))
    ]
    bars = int(rng.integers(1, 4))
    for index in range(bars):
        length = size[0] * uniform(rng, 0.15, 0.4)
        solids.append(
            along_x(
                cylinder(uniform(rng, 4, 7), length, "steel", sides=12),
                (uniform(rng, -0.3, 0.3) * size[0], size[1] * (0.36 + 0.05 * index), 6),
            )
        )
    metal = pick(rng, "steel", "zinc_alloy")
    solids.append(boxes([(side * size[0] * 0.3, -size[1] / 2 - 4, 0) for side in (-1, 1)], (24, 8, 14), metal))
    return finish("tools/socket_set", solids)


def _ratchet(rng: np.random.Generator, length: float) -> list[Solid]:
    head = uniform(rng, 13, 20)
    arm = smooth(
        [
            (-length / 2, -8),
            (0, -6),
            (length / 2 - head, -6),
            (length / 2, -head),
            (length / 2 + head, 0),
            (length / 2, head),
            (length / 2 - head, 6),
            (0, 6),
            (-length / 2, 8),
        ],
        3,
    )
    drive = lying_box((10, 10, 24), "steel", (length / 2, 0, 8))
    grip = along_x(
        cylinder(uniform(rng, 9, 13), length * 0.4, pick(rng, "rubber", "steel", "pvc"), sides=12),
        (-length * 0.35, 0, 0),
    )
    return [pillow(arm, 13, "steel"), drive, grip]


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


def hacksaw(rng: np.random.Generator) -> Phantom:
    """Return a hacksaw: a bow, a toothed blade, a grip."""
    length, rise = uniform(rng, 150, 320), uniform(rng, 40, 85)
    path = corners([(-length / 2, 0), (-length / 2, rise), (length / 2, rise), (length / 2, 0)], 20)
    solids = [extrude(strip(path, uniform(rng, 7, 14)), uniform(rng, 4, 9), pick(rng, "steel", "aluminium"))]
    count = int(length / 4)
    teeth = np.stack([np.linspace(-length / 2, length / 2, count * 2), np.tile([-5.0, -7.0], count)], axis=1)
    solids.append(extrude(np.concatenate([teeth, [(length / 2, 5), (-length / 2, 5)]]), 0.9, "steel"))
    grip = smooth([(0, 8), (-20, 30), (-40, 28), (-30, -10), (-48, -62), (-22, -68), (0, -30)], 3)
    solids.append(pillow(grip, 22, pick(rng, "abs", "wood", "aluminium")).moved(offset_mm=(-length / 2, 10, 0)))
    return finish("tools/hacksaw", solids)


def drill_bits(rng: np.random.Generator) -> Phantom:
    """Return drill bits: twisted rods in a row, loose or in a metal or plastic case."""
    count, solids = int(rng.integers(4, 14)), []
    for index in range(count):
        radius = 1.0 + index * uniform(rng, 0.25, 0.6)
        length = 45 + radius * uniform(rng, 10, 16)
        turn = np.linspace(0, 1, 26)
        wobble = radius * np.where(turn < 0.35, 1.0, 0.8 + 0.2 * np.cos(turn * 60))
        rod = along_x(lathe(np.stack([wobble, (turn - 0.5) * length], axis=1), "steel", sides=8))
        solids.append(copies(rod, [(length / 2, index * 13.0, 0)], yaw_deg=rng.normal(0, 1.5)))
    if chance(rng, 0.5):
        frame = hollow_box(
            (150, count * 13.0 + 12, 24), 0.8, pick(rng, "steel", "polypropylene"), (60, (count - 1) * 6.5, 0)
        )
        solids += frame
    return finish("tools/drill_bits", solids)


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


def tape_measure(rng: np.random.Generator) -> Phantom:
    """Return a tape measure: a tight steel roll in a case, hook, belt clip."""
    size = uniform(rng, 50, 90)
    solids = hollow_box((size, size * 0.95, uniform(rng, 25, 40)), 3, pick(rng, "abs", "zinc_alloy", "abs"))
    inner = size * uniform(rng, 0.2, 0.3)
    for radius in np.linspace(inner, size * 0.42, 6):
        solids.append(tube(float(radius), float(radius) - uniform(rng, 0.5, 1.4), 18, "steel", sides=24))
    solids.append(lying_box((6, 20, 16), "steel", (size / 2 + 3, -size * 0.4, 0)))
    solids.append(lying_box((size * 0.6, 14, 1.4), "steel", (0, 0, 20)))
    return finish("tools/tape_measure", solids)


def caulking_gun(rng: np.random.Generator) -> Phantom:
    """Return a caulking gun: cradle, rod with hook, trigger and grip, at times with a cartridge of sealant."""
    length, radius = uniform(rng, 200, 260), uniform(rng, 22, 28)
    metal = pick(rng, "steel", "aluminium")
    solids = [
        lying_box((length, radius * 1.6, 1.5), metal, (0, 0, -radius)),
        along_x(cylinder(radius, 3, metal), (-length / 2, 0, 0)),
        along_x(tube(radius, 9, 3, metal), (length / 2, 0, 0)),
    ]
    rod = uniform(rng, 0.0, 0.8) * length
    path = corners([(-length / 2 - 40 - rod, -30, 0), (-length / 2 - 40 - rod, 0, 0), (length / 2 - rod, 0, 0)], 12)
    solids.append(wire(path, 4, "steel"))
    grip = smooth([(0, 6), (-24, 8), (-50, -30), (-66, -105), (-46, -110), (-28, -50), (-12, -20)], 3)
    trigger = smooth([(-8, -2), (-4, -40), (-22, -95), (-16, -98), (6, -40), (4, -2)], 3)
    solids += [
        pillow(grip, 20, pick(rng, metal, "abs")).moved(offset_mm=(-length / 2, 0, 0)),
        extrude(trigger, 9, metal).moved(offset_mm=(-length / 2, 0, 0)),
    ]
    if chance(rng, 0.6):
        profile = [(radius - 1, -length * 0.47), (radius - 1, length * 0.45), (5, length * 0.5), (2.5, length * 0.75)]
        solids += [
            along_x(part)
            for part in vessel(profile, 1.4, "polyethylene", content="soap", fill=uniform(rng, 0.4, 0.75), sides=20)
        ]
    return finish("tools/caulking_gun", solids)


def stapler(rng: np.random.Generator) -> Phantom:
    """Return a stapler or tacker with its magazine of staples and springs."""
    length = uniform(rng, 90, 170)
    metal = pick(rng, "steel", "zinc_alloy")
    profile = smooth(np.array([(-0.5, -8), (0.5, -10), (0.5, 4), (0.1, 14), (-0.4, 16), (-0.5, 6)]) * (length, 1), 3)
    solids = [
        extrude(profile, uniform(rng, 18, 26), pick(rng, "abs", metal)),
        extrude(profile * (0.93, 0.8), 14, "air"),
    ]
    solids = solids[:1] + [
        lying_box((length * 0.9, 10, 9), metal, (0, -8, 0)),
        lying_box((length, 3, 20), metal, (0, -18, 0)),
    ]
    path, out = helix(length * 0.6, 3, 16, 100)
    solids += [
        wire(path, 0.45, "steel", sides=4, up=out),
        lying_box((length * 0.4, 6, 12), "steel", (length * 0.2, -6, 0)),
    ]
    return finish("tools/stapler", solids)


def bicycle_pump(rng: np.random.Generator) -> Phantom:
    """Return a hand pump: tube in tube, piston, handle, hose."""
    length, radius = uniform(rng, 160, 320), uniform(rng, 9, 18)
    metal = pick(rng, "aluminium", "steel", "abs")
    reach = uniform(rng, 0.05, 0.5) * length
    solids = [
        tube(radius, radius - uniform(rng, 1, 2), length, metal),
        tube(radius * 0.6, radius * 0.45, length, "steel", sides=14).moved(offset_mm=(0, 0, reach)),
    ]
    solids += [
        cylinder(radius * 0.95, 12, "rubber").moved(offset_mm=(0, 0, reach - length / 2 + 8)),
        cylinder(radius, 14, "abs").moved(offset_mm=(0, 0, -length / 2)),
    ]
    solids = [along_x(part) for part in solids]
    solids.append(lying_box((18, 80, 20), "abs", (length / 2 + reach, 0, 0)))
    return finish("tools/bicycle_pump", solids)


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
