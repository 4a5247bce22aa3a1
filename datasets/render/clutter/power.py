"""Power and sound: cells, chargers, cables, supplies, loudspeakers, lamps."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.boards import board, cable, cell, fan, heat_sink, lead, transformer
from datasets.render.clutter.shapes import (
    along_x,
    boxes,
    chance,
    copies,
    finish,
    helix,
    hollow_box,
    pick,
    ring,
    smooth,
    uniform,
    vessel,
    wire,
)
from datasets.render.solids import Phantom, cylinder, tube

__all__ = [
    "batteries",
    "cables",
    "charger",
    "headphones",
    "lamp",
    "power_bank",
    "power_supply",
    "speaker",
]

_CELLS = {"AA": (7.1, 50.0), "AAA": (5.2, 44.0), "18650": (9.2, 65.0), "C": (13.0, 50.0), "D": (16.5, 61.0)}


def batteries(rng: np.random.Generator) -> Phantom:
    """Return a row or a block of round cells."""
    radius, length = _CELLS[pick(rng, *_CELLS)]
    rows, count = int(rng.integers(1, 3)), int(rng.integers(2, 7))
    grid = [(0.0, (i - count / 2) * radius * 2.05, j * radius * 2.05) for i in range(count) for j in range(rows)]
    solids = []
    for part in cell(rng, radius, length):
        block = copies(part, grid)
        solids.append(block.cavity() if part.weight < 0 else block)
    return finish("electronics/batteries", solids)


def power_bank(rng: np.random.Generator) -> Phantom:
    """Return a power bank: flat or round cells, a small board, a plastic or metal case."""
    size = uniform(rng, 90, 160), uniform(rng, 45, 80), uniform(rng, 18, 26)
    solids = hollow_box(size, 1.8, pick(rng, "abs", "aluminium"))
    count = int((size[1] - 6) // 19)
    spots = [(-8.0, (i - (count - 1) / 2) * 19.0, 0.0) for i in range(count)]
    for part in cell(rng, min(9.0, size[2] / 2 - 2), 65):
        solids.append(copies(part, spots).cavity() if part.weight < 0 else copies(part, spots))
    solids += [
        part.moved(np.array([[0, -1.0, 0], [1, 0, 0], [0, 0, 1]]), (size[0] / 2 - 10, 0, 0)).scaled((1, 1, 0.5))
        for part in board(rng, (size[1] * 0.8, 14), 0)
    ]
    return finish("electronics/power_bank", solids)


def charger(rng: np.random.Generator) -> Phantom:
    """Return a plug-in or brick charger: transformer, capacitors, pins, and a lead with copper cores."""
    size = uniform(rng, 45, 130), uniform(rng, 35, 65), uniform(rng, 25, 40)
    solids = hollow_box(size, 2.0, "abs")
    core = uniform(rng, 0.3, 0.42) * size[1]
    solids += transformer(rng, core, (-size[0] * 0.15, 0, 0))
    solids += [
        part.moved(offset_mm=(0, 0, -size[2] * 0.3))
        for part in board(rng, (size[0] * 0.9, size[1] * 0.85), 0, density=0.5)
    ]
    blades = [(-size[0] / 2 - 8, side, 0.0) for side in (-9.5, 9.5)]
    solids.append(copies(along_x(cylinder(uniform(rng, 2.0, 2.5), 19, "brass", sides=8)), blades))
    start = np.array([size[0] / 2, 0.0, 0.0])
    return finish("electronics/charger", [*solids, *lead(rng, start, 0.0, uniform(rng, 1.4, 2.6))])


def cables(rng: np.random.Generator) -> Phantom:
    """Return a cable with plugs: coiled, or in a figure of eight with a tie in the middle."""
    turns, radius = int(rng.integers(2, 7)), uniform(rng, 28, 85)
    angle = np.linspace(0, 2 * np.pi * turns, 22 * turns)
    wobble = 1 + 0.12 * np.sin(angle * 0.37 + rng.uniform(0, 6)) + 0.05 * np.sin(angle * 1.31)
    path = np.stack(
        [
            np.cos(angle) * radius * wobble * uniform(rng, 1, 1.8),
            np.sin(angle) * radius * wobble,
            5 * np.sin(angle * 0.61),
        ],
        axis=1,
    )
    gauge = uniform(rng, 1.5, 4.2)
    eight = chance(rng, 0.35)
    if eight:
        path[:, 1] = np.sin(2 * angle) * radius * wobble * 0.4
        path[:, 2] = np.linspace(-1, 1, len(angle)) * turns * gauge
    solids = cable(path, gauge)
    if eight:
        solids.append(along_x(tube(turns * gauge * 1.2 + 4, turns * gauge * 1.2 + 2, 12, pick(rng, "nylon", "steel"))))
    for end, before in ((path[0], path[1]), (path[-1], path[-2])):
        ahead = (end - before) / np.linalg.norm(end - before)
        yaw = float(np.degrees(np.arctan2(ahead[1], ahead[0])))
        body = uniform(rng, 18, 38)
        solids.append(boxes([end + ahead * body / 2], (body, gauge * 4, gauge * 2.6), "abs", yaw_deg=yaw))
        tip = end + ahead * (body + 6)
        solids.append(boxes([tip], (14, gauge * 2.6, gauge * 1.2), pick(rng, "steel", "brass"), yaw_deg=yaw))
    return finish("electronics/cables", solids)


def power_supply(rng: np.random.Generator) -> Phantom:
    """Return a boxed power supply: sheet steel, fan, transformers, heat sinks, a bundle of leads."""
    size = uniform(rng, 100, 165), uniform(rng, 90, 150), uniform(rng, 45, 86)
    solids = hollow_box(size, uniform(rng, 0.7, 1.2), pick(rng, "steel", "aluminium"))
    solids += board(rng, (size[0] * 0.9, size[1] * 0.9), -size[2] * 0.4, density=0.5)
    solids += transformer(rng, uniform(rng, 14, 22), (-size[0] * 0.1, size[1] * 0.1, -size[2] * 0.15))
    solids += heat_sink(rng, np.array([size[0] * 0.15, -size[1] * 0.15, -size[2] * 0.35]))
    solids += fan(rng, size[1] * 0.36, (0, 0, size[2] * 0.42))
    for _ in range(int(rng.integers(3, 7))):
        start = (size[0] / 2, uniform(rng, -30, 0), 0)
        points = np.cumsum(rng.uniform(-0.3, 1, (5, 3)) * (28, 20, 2), axis=0) + np.array(start)
        solids += cable(smooth(points, 3, closed=False), 1.4)
    return finish("electronics/power_supply", solids, keep_pose=True)


def headphones(rng: np.random.Generator) -> Phantom:
    """Return headphones: a sprung steel band, two cups with magnets and coils."""
    span, rise = uniform(rng, 75, 95), uniform(rng, 80, 105)
    angle = np.linspace(-0.15, np.pi + 0.15, 18)
    path = np.stack([np.cos(angle) * span, np.sin(angle) * rise, np.zeros(18)], axis=1)
    solids = [wire(path, uniform(rng, 5, 9), "foam", sides=6), wire(path, uniform(rng, 1.2, 2.4), "steel", sides=4)]
    radius = uniform(rng, 28, 42)
    cup = vessel([(radius, -14), (radius, 14)], 2, "abs", sides=18)
    cup += [ring(radius, 7, "foam", points=16), tube(10, 4, 7, "iron", sides=14), tube(16, 15, 3, "steel", sides=16)]
    tilt = 0 if chance(rng, 0.5) else 1
    turn = np.eye(3) if tilt == 0 else np.array([[0, 0, 1.0], [1, 0, 0], [0, 1, 0]])
    for side in (-1, 1):
        solids += [part.moved(turn, (side * span, -10, 0)) for part in cup]
    return finish("electronics/headphones", solids)


def speaker(rng: np.random.Generator) -> Phantom:
    """Return a loudspeaker: box, cone, ring magnet, coil, a battery or a crossover board."""
    size = uniform(rng, 80, 220), uniform(rng, 70, 160), uniform(rng, 60, 130)
    solids = hollow_box(size, uniform(rng, 2.5, 10), pick(rng, "abs", "wood"))
    for side in (-1, 1) if size[0] > 1.5 * size[1] else (0,):
        radius = min(size[1] * 0.4, size[0] * 0.22)
        x, top = side * size[0] * 0.26, size[2] / 2 - 12
        solids.append(
            tube(radius * 0.6, radius * 0.25, 12, "iron", sides=20).moved(offset_mm=(x, 0, top - radius * 0.6))
        )
        solids.append(
            tube(radius, radius * 0.9, 4, pick(rng, "steel", "aluminium"), sides=24).moved(offset_mm=(x, 0, top))
        )
        solids.append(cylinder(radius * 0.22, 14, "copper", sides=12).moved(offset_mm=(x, 0, top - radius * 0.5)))
    solids += [
        part.moved(offset_mm=(0, 0, -size[2] * 0.3))
        for part in board(rng, (size[0] * 0.5, size[1] * 0.4), 0, density=0.5)
    ]
    return finish("electronics/speaker", solids)


def lamp(rng: np.random.Generator) -> Phantom:
    """Return a light bulb or torch: glass, base with thread, driver board or cells."""
    if chance(rng, 0.5):
        radius = uniform(rng, 22, 34)
        glass = [(13, -30), (13, -5), (radius * 0.8, 18), (radius, 34), (radius * 0.8, 52), (4, 62)]
        solids = vessel(glass, 1.2, pick(rng, "glass", "polycarbonate"), sides=20)
        solids += [tube(13.6, 12.8, 22, pick(rng, "brass", "aluminium"), sides=16).moved(offset_mm=(0, 0, -32))]
        solids += [
            part.moved(np.array([[0, 0, 1.0], [0, 1, 0], [-1, 0, 0]]), (0, 0, -12)) for part in board(rng, (24, 18), 0)
        ]
        return finish("electronics/lamp", solids)
    radius, length = uniform(rng, 11, 22), uniform(rng, 90, 210)
    profile = [(radius, -length / 2), (radius, length * 0.25), (radius * 1.6, length * 0.4), (radius * 1.6, length / 2)]
    solids = vessel(profile, uniform(rng, 1.2, 3), pick(rng, "aluminium", "abs"), sides=20)
    reach = length * 0.6 / 2
    path, out = helix(14, radius * 0.5, 4, 28)
    parts = cell(rng, radius * 0.7, reach)
    for z in (-0.5, 0.5):
        solids += [
            part.moved(np.array([[0, 0, -1.0], [0, 1, 0], [1, 0, 0]]), (0, 0, -length * 0.15 + z * reach * 1.03))
            for part in parts
        ]
    spring = wire(path, 0.5, "steel", sides=4, up=out).moved(
        np.array([[0, 0, -1.0], [0, 1, 0], [1, 0, 0]]), (0, 0, -length * 0.46)
    )
    lens = cylinder(radius * 1.4, 3, "glass", sides=18).moved(offset_mm=(0, 0, length * 0.44))
    return finish("electronics/lamp", [*solids, spring, lens])
