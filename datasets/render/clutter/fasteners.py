"""Fasteners and fittings: bolts, nails, springs, bearings, chains, hinges, rings."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.shapes import (
    along_x,
    chance,
    copies,
    corners,
    finish,
    helix,
    lying_box,
    pick,
    ring,
    rounded,
    smooth,
    uniform,
    wire,
)
from datasets.render.solids import Phantom, Solid, cylinder, ellipsoid, extrude, lathe, tube

__all__ = [
    "ball_bearings",
    "chain",
    "d_rings",
    "hinges",
    "nails",
    "nuts_and_bolts",
    "pipe_fittings",
    "springs",
    "wire_coil",
]

_HEX = np.stack([np.cos(np.arange(6) * np.pi / 3), np.sin(np.arange(6) * np.pi / 3)], axis=1)


def nuts_and_bolts(rng: np.random.Generator) -> Phantom:
    """Return a bag of bolts, nuts and washers, all of one or two sizes."""
    metal = pick(rng, "steel", "stainless", "brass", "zinc_alloy")
    radius = uniform(rng, 1.5, 6)
    length = radius * uniform(rng, 4, 12)
    count = int(rng.integers(5, 26))
    spread = radius * np.sqrt(count) * 3.2
    thread = np.tile([radius, radius * 0.86], 9)
    bolt = along_x(lathe(np.stack([thread, np.linspace(0, length, 18)], axis=1), metal, sides=8))
    head = along_x(extrude(_HEX * radius * 1.9, radius * 1.3, metal), (-radius * 0.6, 0, 0))
    at, yaw = rng.uniform(-1, 1, (count, 3)) * (spread, spread, radius * 2), rng.uniform(0, 360, count)
    solids = [copies(part, at, yaw_deg=yaw) for part in (bolt, head)]
    nut = extrude(_HEX * radius * 1.9, radius * 1.6, metal, holes_mm=[_HEX * radius])
    washer = tube(radius * 2.1, radius * 1.1, 1.4, metal, sides=12)
    for part in (nut, washer):
        solids.append(copies(part, rng.uniform(-1, 1, (count, 3)) * (spread, spread, radius * 2)))
    if chance(rng, 0.6):
        solids.append(lying_box((spread * 2.6, spread * 2.6, 0.15), "polyethylene", (0, 0, radius * 3)))
    return finish("small_metal/nuts_and_bolts", solids)


def nails(rng: np.random.Generator) -> Phantom:
    """Return loose nails or screws, in a heap or a bundle."""
    length, radius = uniform(rng, 25, 110), uniform(rng, 0.8, 2.4)
    count = int(rng.integers(10, 45))
    neat = chance(rng, 0.4)
    yaw = rng.normal(0, 6, count) if neat else rng.uniform(0, 360, count)
    at = rng.normal(0, 1, (count, 3)) * ((8, 18, 5) if neat else (30, 30, 5))
    metal = pick(rng, "steel", "steel", "brass", "stainless")
    parts = [
        cylinder(radius, length, metal, sides=6),
        cylinder(radius * 2.1, radius, metal, sides=8).moved(offset_mm=(0, 0, length / 2)),
    ]
    return finish("small_metal/nails", [copies(along_x(part), at, yaw_deg=yaw) for part in parts])


def springs(rng: np.random.Generator) -> Phantom:
    """Return coil springs, of compression and of tension with hooks."""
    solids: list[Solid] = []
    for index in range(int(rng.integers(1, 5))):
        radius, gauge = uniform(rng, 3, 12), uniform(rng, 0.5, 2.0)
        turns = uniform(rng, 6, 20)
        path, out = helix(max(turns * gauge * 2.2, uniform(rng, 25, 130)), radius, turns, int(turns * 9))
        at = (uniform(rng, -10, 10), index * 30.0, 0)
        solids.append(
            copies(
                wire(path, gauge, pick(rng, "steel", "steel", "stainless"), sides=5, up=out),
                [at],
                yaw_deg=rng.normal(0, 20),
            )
        )
        if chance(rng, 0.4):
            hook = ring(radius, gauge, "steel", points=12, sides=5)
            solids.append(
                copies(hook, [np.add(at, (side * (np.ptp(path[:, 0]) / 2 + radius), 0, 0)) for side in (-1, 1)])
            )
    return finish("small_metal/springs", solids)


def ball_bearings(rng: np.random.Generator) -> Phantom:
    """Return ball bearings and loose balls."""
    solids: list[Solid] = []
    for index in range(int(rng.integers(1, 5))):
        radius, height = uniform(rng, 9, 34), uniform(rng, 6, 14)
        at = np.array([index * 62.0, uniform(rng, -10, 10), 0])
        solids += [
            tube(radius, radius * 0.84, height, "steel").moved(offset_mm=at),
            tube(radius * 0.56, radius * 0.4, height, "steel").moved(offset_mm=at),
        ]
        count = int(rng.integers(7, 11))
        angle = np.arange(count) * 2 * np.pi / count
        spots = np.stack([np.cos(angle), np.sin(angle), np.zeros(count)], axis=1) * radius * 0.7 + at
        solids.append(copies(ellipsoid((radius * 0.14,) * 3, "steel", sides=8, rings=6), spots))
    return finish("small_metal/ball_bearings", solids)


def chain(rng: np.random.Generator) -> Phantom:
    """Return a chain of steel links, laid in a curve."""
    gauge = uniform(rng, 1.3, 4.5)
    size = gauge * 3.1
    count = min(int(rng.integers(10, 34)), int(420 / (size * 1.9)))
    turn = np.cumsum(rng.normal(0, 16, count)) + uniform(rng, -14, 14) * np.arange(count)
    step = np.stack([np.cos(np.radians(turn)), np.sin(np.radians(turn)), np.zeros(count)], axis=1) * size * 1.9
    at = np.cumsum(step, axis=0)
    flat = ring(size * 0.75, gauge, pick(rng, "steel", "stainless", "brass"), points=12, sides=5, stretch=1.75)
    edge = flat.moved(np.array([[1, 0, 0], [0, 0, -1.0], [0, 1, 0]]))
    solids = [copies(flat, at[::2], yaw_deg=turn[::2]), copies(edge, at[1::2], yaw_deg=turn[1::2])]
    return finish("small_metal/chain", solids)


def hinges(rng: np.random.Generator) -> Phantom:
    """Return hinges and angle plates with screw holes."""
    solids: list[Solid] = []
    for index in range(int(rng.integers(1, 5))):
        length, width = uniform(rng, 40, 110), uniform(rng, 18, 38)
        metal = pick(rng, "steel", "brass", "stainless")
        holes = [np.add(rounded(6, 6, 3, steps=3), (x * length, 0)) for x in (-0.33, 0.0, 0.33)]
        for side in (-1, 1):
            leaf = extrude(rounded(length, width, 3), uniform(rng, 1.4, 3), metal, holes_mm=holes)
            solids.append(leaf.moved(offset_mm=(0, side * (width / 2 + 3) + index * 95, 0)))
        solids.append(along_x(tube(5, 2.8, length, metal, sides=12), (0, index * 95.0, 0)))
        solids.append(along_x(cylinder(2.6, length + 4, "steel", sides=8), (0, index * 95.0, 0)))
    return finish("small_metal/hinges", solids)


def pipe_fittings(rng: np.random.Generator) -> Phantom:
    """Return pipe fittings: elbows, tees, unions with hexagons, a tap."""
    metal = pick(rng, "brass", "brass", "copper", "steel", "pvc")
    radius = uniform(rng, 7, 20)
    bore = radius * 0.75
    solids: list[Solid] = []
    for index in range(int(rng.integers(1, 5))):
        at = np.array([index % 2 * radius * 7, index // 2 * radius * 6, 0])
        length = radius * uniform(rng, 2.5, 4.5)
        parts = [
            along_x(tube(radius, bore, length, metal, sides=18)),
            along_x(extrude(_HEX * radius * 1.35, radius * 0.9, metal, holes_mm=[_HEX * bore]), (length * 0.4, 0, 0)),
        ]
        if chance(rng, 0.5):
            turn = np.array([[1, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])
            parts.append(tube(radius, bore, radius * 2, metal, sides=18).moved(turn, (0, radius * 1.7, 0)))
        if chance(rng, 0.3):
            parts += [
                lying_box((radius * 3, radius * 0.7, 3), "steel", (0, radius * 1.5, radius * 1.4)),
                cylinder(radius * 0.3, radius * 2, metal, sides=10).moved(offset_mm=(0, 0, radius)),
            ]
        solids += [copies(part, [at], yaw_deg=uniform(rng, 0, 0.1)) for part in parts]
    return finish("small_metal/pipe_fittings", solids)


def d_rings(rng: np.random.Generator) -> Phantom:
    """Return strap hardware: D-rings, slides, snap hooks and clips."""
    metal = pick(rng, "steel", "zinc_alloy", "brass", "nylon")
    size = uniform(rng, 10, 20)
    loop = corners(
        [(-size, 0, 0), (size, 0, 0), (size, size, 0), (0, size * 1.6, 0), (-size, size, 0)],
        size * 0.6,
        closed=True,
        steps=3,
    )
    count = int(rng.integers(1, 4))
    solids = [
        copies(
            wire(loop, uniform(rng, 1.5, 3), metal, sides=6, closed=True),
            rng.uniform(-1, 1, (count, 3)) * (55, 40, 4),
            yaw_deg=rng.uniform(0, 360, count),
        )
    ]
    slide = extrude(
        rounded(size * 2.2, size * 1.6, 3),
        3,
        metal,
        holes_mm=[np.add(rounded(size * 1.6, size * 0.4, 2), (0, y * size)) for y in (-0.42, 0.42)],
    )
    solids.append(
        copies(
            slide, rng.uniform(-1, 1, (count // 2 + 1, 3)) * (55, 40, 4), yaw_deg=rng.uniform(0, 360, count // 2 + 1)
        )
    )
    hook = smooth(
        [(-30, 0, 0), (-10, 0, 0), (0, 8, 0), (18, 9, 0), (26, 0, 0), (18, -9, 0), (4, -8, 0)], 4, closed=False
    )
    solids.append(
        copies(
            wire(hook, 2.6, metal, sides=6), rng.uniform(-1, 1, (2, 3)) * (55, 40, 4), yaw_deg=rng.uniform(0, 360, 2)
        )
    )
    return finish("small_metal/d_rings", solids)


def wire_coil(rng: np.random.Generator) -> Phantom:
    """Return a coil of bare wire or a string of solder."""
    gauge, radius = uniform(rng, 0.6, 2.4), uniform(rng, 20, 70)
    turns = int(rng.integers(4, 14))
    path, out = helix(turns * gauge * 2.1, radius, turns, turns * 20)
    metal = pick(rng, "copper", "steel", "aluminium", "solder", "brass")
    return finish("small_metal/wire_coil", [wire(path, gauge, metal, sides=4, up=out)])
