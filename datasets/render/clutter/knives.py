"""Knives, cutlery and corkscrews."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.shapes import (
    along_x,
    chance,
    copies,
    finish,
    gear,
    helix,
    loft,
    lying_box,
    pick,
    pillow,
    smooth,
    strip,
    uniform,
    wire,
)
from datasets.render.solids import Phantom, Solid, cylinder, extrude, lathe, tube

__all__ = [
    "corkscrew",
    "cutlery",
    "knife",
    "pocket_knife",
]


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


def _blade(rng: np.random.Generator, length: float, width: float, metal: str, *, double: bool = False) -> Solid:
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
    solids = [_blade(rng, length, width, steel, double=dagger)]
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
        part = _blade(rng, length * uniform(rng, 0.6, 0.85), width * uniform(rng, 0.4, 0.65), "stainless")
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
