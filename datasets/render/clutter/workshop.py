"""Workshop tools with many parts: socket sets, caulking guns, pumps, drill bits."""

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
    smooth,
    strip,
    uniform,
    vessel,
    wire,
)
from datasets.render.solids import Phantom, Solid, cylinder, extrude, lathe, tube

__all__ = [
    "bicycle_pump",
    "caulking_gun",
    "drill_bits",
    "hacksaw",
    "socket_set",
    "stapler",
    "tape_measure",
]

_HEXAGON: Array = np.stack([np.cos(np.arange(6) * np.pi / 3), np.sin(np.arange(6) * np.pi / 3)], axis=1)


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
