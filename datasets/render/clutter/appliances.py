"""Powered things: drills, motors, dryers, guns for glue, paint and bar codes; several are shaped like a pistol."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.boards import board, cell, fan, lead
from datasets.render.clutter.powered import chuck, motor, pistol_body
from datasets.render.clutter.shapes import (
    along_x,
    chance,
    copies,
    finish,
    gear,
    helix,
    hollow_box,
    lying_box,
    pick,
    pillow,
    smooth,
    uniform,
    vessel,
    wire,
)
from datasets.render.solids import Phantom, cylinder, extrude, lathe, tube

__all__ = [
    "barcode_scanner", "electric_motor", "glue_gun", "hair_dryer", "hot_air_gun", "power_drill", "spray_gun",
]  # fmt: skip


def electric_motor(rng: np.random.Generator) -> Phantom:
    """Return an electric motor with flange, screws and leads."""
    radius, length = uniform(rng, 14, 45), uniform(rng, 35, 120)
    solids = motor(rng, radius, length)
    solids.append(along_x(tube(radius * 1.3, radius * 0.4, 5, pick(rng, "aluminium", "steel")), (length / 2, 0, 0)))
    spots = [(length / 2, radius * 1.1 * np.cos(a), radius * 1.1 * np.sin(a)) for a in np.arange(4) * np.pi / 2 + 0.4]
    solids.append(copies(along_x(cylinder(2, 12, "steel", sides=8)), spots))
    path = smooth(np.cumsum(rng.uniform(-1, 0.6, (5, 3)) * (26, 22, 4), axis=0) - (length / 2, 0, 0), closed=False)
    return finish("appliances/electric_motor", [*solids, wire(path, 1.5, "pvc"), wire(path, 0.8, "copper", sides=4)])


def power_drill(rng: np.random.Generator) -> Phantom:
    """Return a cordless drill: motor, gears, chuck with jaws, battery of round cells, trigger switch, bit."""
    bore, grip = uniform(rng, 24, 33), uniform(rng, 85, 125)
    barrel = uniform(rng, 55, 110)
    solids, foot = pistol_body(rng, (barrel, bore, grip, bore * 1.7), "abs")
    solids += [part.moved(offset_mm=(-5, 0, 0)) for part in motor(rng, bore * 0.72, uniform(rng, 45, 60))]
    for index in range(3):
        wheel = extrude(gear(bore * uniform(rng, 0.5, 0.75), 18, 1.8), 8, "steel")
        solids.append(along_x(wheel, (40 + index * 9.0, 0, 0)))
    solids += chuck(rng, barrel, bore)
    solids.append(lying_box((26, 34, 16), "abs", (4, -bore - 14, 0)))
    solids.append(lying_box((14, 8, 5), "copper", (4, -bore - 20, 0)))
    count, rows = int(rng.integers(2, 4)), int(rng.integers(1, 3))
    spots = [
        (foot[0] + (i - (count - 1) / 2) * 19.0 + 10, foot[1] - 18 - j * 19, 0.0)
        for i in range(count)
        for j in range(rows)
    ]
    for part in cell(rng, 9.0, 50):
        block = copies(part.moved(np.array([[0, 0, -1.0], [0, 1, 0], [1, 0, 0]])), spots)
        solids.append(block.cavity() if part.weight < 0 else block)
    size = (count * 19.0 + 14, rows * 19.0 + 12, 62.0)
    solids += hollow_box(size, 2.4, "abs", (foot[0] + 10, foot[1] - 20 - (rows - 1) * 9, 0))
    return finish("appliances/power_drill", solids)


def hair_dryer(rng: np.random.Generator) -> Phantom:
    """Return a hair dryer: fan motor, heater of resistance wire, grip with switches, lead, at times a flat nozzle."""
    bore = uniform(rng, 28, 42)
    barrel = uniform(rng, 80, 150)
    solids, foot = pistol_body(rng, (barrel, bore, uniform(rng, 90, 130), bore * 1.8), "abs")
    solids += motor(rng, bore * 0.45, 34)
    solids += [part.moved(np.array([[0, 0, 1.0], [0, 1, 0], [-1, 0, 0]])) for part in fan(rng, bore * 0.8, (0, 0, 25))]
    for turns, radius in ((9, bore * 0.62), (12, bore * 0.4)):
        path, out = helix(barrel * 0.55, radius, turns, turns * 9)
        solids.append(wire(path, 0.6, "stainless", sides=4, up=out).moved(offset_mm=(barrel * 0.62, 0, 0)))
    solids.append(lying_box((barrel * 0.6, bore * 1.3, 0.8), "ceramic", (barrel * 0.6, 0, 0)))
    solids.append(lying_box((22, 30, 12), pick(rng, "copper", "abs"), (foot[0] * 0.5, foot[1] * 0.5, 0)))
    if chance(rng, 0.5):  # a flat nozzle
        solids.append(lying_box((uniform(rng, 25, 50), bore * 1.6, 1.8), "abs", (barrel + 18, 0, 7)))
        solids.append(lying_box((uniform(rng, 25, 50), bore * 1.6, 1.8), "abs", (barrel + 18, 0, -7)))
    return finish("appliances/hair_dryer", [*solids, *lead(rng, foot, rng.normal(-90, 25), 3.0)])


def hot_air_gun(rng: np.random.Generator) -> Phantom:
    """Return a hot-air gun: steel nozzle, heater, fan motor, grip."""
    bore = uniform(rng, 26, 36)
    barrel = uniform(rng, 60, 100)
    solids, foot = pistol_body(rng, (barrel, bore, uniform(rng, 95, 130), bore * 1.8), "abs")
    nozzle = tube(bore * 0.6, bore * 0.6 - 0.8, uniform(rng, 60, 100), "stainless", sides=20)
    solids += [
        along_x(nozzle, (barrel + 30, 0, 0)),
        along_x(tube(bore * 0.45, bore * 0.3, 60, "ceramic", sides=14), (barrel + 10, 0, 0)),
    ]
    path, out = helix(55, bore * 0.38, 10, 90)
    solids.append(wire(path, 0.8, "stainless", sides=4, up=out).moved(offset_mm=(barrel + 10, 0, 0)))
    solids += motor(rng, bore * 0.55, 42)
    return finish("appliances/hot_air_gun", [*solids, *lead(rng, foot, rng.normal(-90, 25), 3.0)])


def glue_gun(rng: np.random.Generator) -> Phantom:
    """Return a glue gun: heater block, metal nozzle, glue stick, trigger linkage."""
    bore = uniform(rng, 15, 24)
    barrel = uniform(rng, 60, 110)
    solids, foot = pistol_body(rng, (barrel, bore, uniform(rng, 70, 105), bore * 1.7), "abs")
    block = along_x(tube(bore * 0.55, 6, 55, "aluminium", sides=14), (barrel - 28, 0, 0))
    tip = along_x(
        lathe([(bore * 0.5, 0), (bore * 0.35, 12), (3, 26)], pick(rng, "brass", "aluminium"), sides=14), (barrel, 0, 0)
    )
    stick = along_x(cylinder(5.6, uniform(rng, 60, 160), "polyethylene", sides=12), (-30, 0, 0))
    path, out = helix(30, 4, 8, 64)
    spring = wire(path, 0.6, "steel", sides=4, up=out).moved(offset_mm=(10, -bore * 0.7, 0))
    link = lying_box((40, 5, 4), "steel", (12, -bore * 0.4, 0))
    return finish(
        "appliances/glue_gun", [*solids, block, tip, stick, spring, link, *lead(rng, foot, rng.normal(-90, 25), 3.0)]
    )


def spray_gun(rng: np.random.Generator) -> Phantom:
    """Return a paint or air spray gun of light metal: needle, cap, cup, hose nipple; or a garden nozzle."""
    metal = pick(rng, "aluminium", "zinc_alloy", "brass", "abs")
    grip = uniform(rng, 80, 120)
    body = smooth(
        [(75, -9), (75, 9), (20, 13), (-22, 12), (-24, 0), (-12, -14), (-30, -grip), (-8, -grip - 4), (12, -18)], 3
    )
    solids = [pillow(body, uniform(rng, 18, 26), metal, edge=0.85)]
    solids += [
        along_x(tube(14, 5, 18, "brass", sides=16), (82, 0, 0)),
        along_x(cylinder(1.5, 130, "stainless", sides=6), (20, 0, 8)),
    ]
    trigger = smooth([(26, 0), (32, -6), (24, -70), (16, -68), (20, -20)], 3)
    solids.append(extrude(trigger, 14, pick(rng, "steel", metal)))
    path, out = helix(40, 5, 9, 70)
    solids.append(wire(path, 0.8, "steel", sides=4, up=out).moved(offset_mm=(-10, 3, 0)))
    solids.append(
        tube(8, 4.5, 24, "brass", sides=12).moved(np.array([[1, 0, 0], [0, 0, -1.0], [0, 1, 0]]), (-20, -grip - 14, 0))
    )
    if chance(rng, 0.6):
        cup = vessel([(30, 0), (38, 20), (38, 80)], 1.2, pick(rng, "aluminium", "polypropylene"), sides=20)
        side = 1 if chance(rng, 0.6) else -1
        turn = np.array([[1, 0, 0], [0, 0, -side], [0, side, 0]], float)
        solids += [part.moved(turn.T, (45, side * 18, 0)) for part in cup]
    return finish("appliances/spray_gun", solids)


def barcode_scanner(rng: np.random.Generator) -> Phantom:
    """Return a bar-code scanner: head with window, boards, mirror, trigger, coiled lead."""
    bore = uniform(rng, 18, 30)
    solids, foot = pistol_body(rng, (uniform(rng, 40, 70), bore, uniform(rng, 90, 120), bore * 1.9), "abs")
    for size, at in (((60, 30), (10, 0, 4)), ((40, 22), (20, 4, -6))):
        solids += [part.scaled((1, 1, 0.5)).moved(offset_mm=at) for part in board(rng, size, 0, density=0.9)]
    solids += [
        lying_box((3, bore * 1.4, bore), "glass", (46, 0, 0)),
        lying_box((14, 60, 4), "lithium_cell", (foot[0] * 0.5, foot[1] * 0.6, 0)),
    ]
    path, out = helix(110, 6, 16, 110)
    lead = wire(path, 1.8, "pvc", sides=4, up=out).moved(
        np.array([[0, -1.0, 0], [1, 0, 0], [0, 0, 1]]), (foot[0], foot[1] - 60, 0)
    )
    return finish("appliances/barcode_scanner", [*solids, lead])
