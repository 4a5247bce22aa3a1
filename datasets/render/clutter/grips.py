"""What is held like a pistol or bent like one: staple and soldering guns, sprays, tripod heads, levers, brackets."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.boards import lead, transformer
from datasets.render.clutter.shapes import (
    along_x,
    along_y,
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
from datasets.render.solids import Phantom, Solid, cylinder, extrude, lathe, tube

__all__ = ["angle_brackets", "shift_lever", "soldering_gun", "staple_gun", "trigger_spray", "tripod_head"]

_UPRIGHT = np.array([[0, 0, -1.0], [1.0, 0, 0], [0, -1.0, 0]])  # x becomes y


def staple_gun(rng: np.random.Generator) -> Phantom:
    """Return a staple gun: a bent sheet-metal body with a hand hole, a long lever, a spring and a rail of staples."""
    length, rise = uniform(rng, 130, 190), uniform(rng, 38, 60)
    metal, wide = pick(rng, "steel", "steel", "zinc_alloy", "abs"), uniform(rng, 16, 26)
    nose = uniform(rng, 0.5, 0.75) * rise
    body = smooth(
        [(-0.5 * length, -rise / 2), (0.5 * length, -rise / 2), (0.5 * length, nose), (0.32 * length, nose * 1.15),
         (0.2 * length, rise / 2), (-0.2 * length, rise * 0.35), (-0.5 * length, rise * 0.05)],
        3,
    )  # fmt: skip
    hole = np.add(rounded(length * 0.5, rise * uniform(rng, 0.28, 0.4), rise * 0.12), (-length * 0.12, -rise * 0.08))
    solids = [extrude(body, wide if metal == "abs" else wide * 0.3, metal, holes_mm=[hole])]
    lever = [(0.3 * length, nose), (0, rise * uniform(rng, 0.7, 1.0)), (-0.55 * length, rise * uniform(rng, 0.6, 1.3))]
    solids.append(extrude(strip(smooth(lever, closed=False), 9), wide * 0.6, pick(rng, "steel", metal)))
    solids.append(lying_box((length * 0.95, 9, 11), "steel", (0, -rise / 2 + 2, 0)))
    solids.append(lying_box((length * uniform(rng, 0.2, 0.6), 6, 9), "steel", (length * 0.15, -rise / 2 + 3, 0)))
    path, out = helix(rise * 0.9, 6, 8, 64)
    spring = wire(path, 1.3, "steel", sides=5, up=out).moved(_UPRIGHT)
    solids.append(spring.moved(offset_mm=(length * 0.4, 0, 0)))
    pins = [(length * 0.3, nose * 0.8, 0.0), (-length * 0.44, -rise * 0.3, 0.0), (length * 0.42, -rise * 0.4, 0.0)]
    solids.append(copies(cylinder(2.4, wide, "steel", sides=8), pins))
    return finish("look_alikes/staple_gun", solids)


def soldering_gun(rng: np.random.Generator) -> Phantom:
    """Return a soldering gun: an iron core over the grip, two copper bars to a loop of wire, a trigger, a lead."""
    grip, high, reach = uniform(rng, 75, 115), uniform(rng, 22, 32), uniform(rng, 70, 150)
    lean, wide = uniform(rng, 0, 0.3) * grip, uniform(rng, 15, 21)
    outline = smooth(
        [(45, -high), (52, high * 0.3), (25, high), (-35, high), (-48, 0), (-wide - 8, -high),
         (-wide - lean, -grip), (wide - lean, -grip - 3), (wide, -high * 1.4)],
        3,
    )  # fmt: skip
    solids = [pillow(outline, uniform(rng, 34, 48), "abs"), pillow(outline * 0.86, 28, "abs").cavity()]
    solids += transformer(rng, high * 0.72, (-4, 0, 0))
    for side in (-1, 1):
        solids.append(along_x(cylinder(uniform(rng, 2.5, 4), reach, "copper", sides=10), (40 + reach / 2, side * 6, 0)))
    end = 40 + reach
    tip = smooth([(end, 6, 0), (end + 22, 5, 0), (end + 34, 0, 0), (end + 22, -5, 0), (end, -6, 0)], closed=False)
    solids.append(wire(tip, uniform(rng, 0.9, 1.7), "copper", sides=6))
    solids.append(lying_box((10, 22, 11), "abs", (wide, -high - 14, 0)))
    tail = lead(rng, np.array([-lean, -grip, 0.0]), rng.normal(-90, 25), 3.0)
    return finish("look_alikes/soldering_gun", [*solids, *tail])


def trigger_spray(rng: np.random.Generator) -> Phantom:
    """Return a spray bottle: a shouldered bottle half full, a head with nozzle, spring, piston and trigger."""
    radius, high = uniform(rng, 26, 42), uniform(rng, 90, 175)
    shape = [(radius * 0.9, 0), (radius, high * 0.15), (radius * uniform(rng, 0.75, 1), high * 0.6), (14, high)]
    bottle = vessel(shape, 1.2, "polyethylene", content=pick(rng, "water", "soap"), fill=uniform(rng, 0.1, 0.9))
    solids = [along_y(part, (0, -high, 0)) for part in bottle]
    solids.append(along_y(tube(15, 12.5, 16, "polypropylene"), (0, 4, 0)))
    reach = uniform(rng, 40, 70)
    head = smooth([(-28, 14), (-22, 38), (reach, 40), (reach, 24), (10, 20), (8, 10), (-12, 10)], 3)
    solids.append(pillow(head, uniform(rng, 16, 24), "polypropylene"))
    trigger = smooth([(reach * 0.6, 26), (reach * 0.75, 22), (reach * 0.6, -30), (reach * 0.45, -32)], 4)
    solids.append(extrude(trigger, 12, "polypropylene"))
    solids.append(along_x(tube(9, 2, 12, pick(rng, "polypropylene", "brass"), sides=14), (reach + 4, 32, 0)))
    path, out = helix(20, 4, 6, 48)
    solids.append(wire(path, 0.7, "steel", sides=4, up=out).moved(offset_mm=(reach * 0.45, 26, 0)))
    dip = smooth([(0, 15, 0), (2, -high * 0.4, 0), (radius * 0.6, -high * 0.93, 0)], closed=False)
    solids.append(wire(dip, 2.2, "polyethylene", sides=6))
    return finish("look_alikes/trigger_spray", solids)


def tripod_head(rng: np.random.Generator) -> Phantom:
    """Return a tripod or pan head: a stack of light-metal discs, a plate with a screw, knobs, a long handle."""
    radius, high = uniform(rng, 18, 30), uniform(rng, 50, 90)
    metal = pick(rng, "magnesium_alloy", "aluminium", "zinc_alloy", "abs")
    neck = radius * uniform(rng, 0.45, 0.8)
    profile = [(radius, 0), (radius, high * 0.25), (neck, high * 0.32), (neck, high * 0.6), (radius * 0.8, high)]
    solids = [along_y(lathe(profile, metal, sides=20))]
    solids.append(pillow(rounded(radius * 2.6, radius * 0.35, 3), radius * 1.8, metal).moved(offset_mm=(0, high, 0)))
    solids.append(along_y(cylinder(3, 20, "steel", sides=10), (0, high + 8, 0)))
    solids.append(along_x(cylinder(radius * 0.5, radius * 2.3, metal, sides=16), (0, high * 0.72, 0)))
    reach, drop = uniform(rng, 110, 220), uniform(rng, -70, 30)
    solids.append(wire([(0, high * 0.7, 0), (-reach, high * 0.7 + drop, 0)], uniform(rng, 3, 5), "steel", sides=8))
    grip = wire([(-reach * 0.5, high * 0.7 + drop / 2, 0), (-reach * 1.05, high * 0.7 + drop * 1.05, 0)], 9, "rubber")
    solids.append(grip)
    knob = along_x(tube(radius * 0.55, 3, 14, "abs", sides=10), (radius + 14, high * 0.3, 0))
    solids += [knob, along_x(cylinder(3, 40, "steel", sides=8), (radius, high * 0.3, 0))]
    return finish("look_alikes/tripod_head", solids)


def shift_lever(rng: np.random.Generator) -> Phantom:
    """Return a bicycle's brake and shift lever: a hooked hood, a curved blade, a clamp band, ratchet and cable."""
    length, grip = uniform(rng, 70, 110), uniform(rng, 80, 130)
    body = smooth([(-length / 2, -12), (-length / 2, 14), (length * 0.3, 18), (length / 2, 34), (length * 0.62, 20),
                   (length * 0.45, -10), (0, -16)], 3)  # fmt: skip
    solids: list[Solid] = [pillow(body, uniform(rng, 20, 30), pick(rng, "rubber", "abs", "aluminium"))]
    sag = uniform(rng, 10, 40)
    blade = smooth([(length * 0.42, 10), (length * 0.5, -grip * 0.4), (length * 0.5 - sag, -grip)], 6, closed=False)
    metal = pick(rng, "aluminium", "aluminium", "steel", "abs")
    solids.append(extrude(strip(blade, np.linspace(15, 9, len(blade))), uniform(rng, 5, 11), metal))
    if chance(rng, 0.6):
        paddle = blade[: len(blade) * 2 // 3] - (14, 0)
        solids.append(extrude(strip(paddle, 9), 4, metal))
    band = tube(16, 14, 10, "steel", sides=18)
    solids.append(
        along_x(band, (-length / 2 - 2, 0, 0)) if chance(rng, 0.5) else along_y(band, (-length / 2 - 12, 0, 0))
    )
    for index in range(int(rng.integers(2, 5))):
        wheel = tube(uniform(rng, 6, 11), 3, 2, pick(rng, "steel", "brass"), sides=14)
        solids.append(wheel.moved(offset_mm=(length * 0.1, 2, index * 3.5 - 5)))
    solids.append(cylinder(2.6, 24, "steel", sides=8).moved(offset_mm=(length * 0.42, 8, 0)))
    tail = smooth([(-length * 0.3, 8, 0), (-length, 20, 4), (-length * 1.5, uniform(rng, -70, 70), 2)], 8, closed=False)
    solids += [wire(tail, 2.4, "pvc", sides=6), wire(tail, 0.8, "steel", sides=4)]
    return finish("look_alikes/shift_lever", solids)


def angle_brackets(rng: np.random.Generator) -> Phantom:
    """Return L-shaped brackets of different sizes, with ribs and screw holes, nested or in a carton."""
    metal = pick(rng, "steel", "steel", "aluminium", "zinc_alloy", "brass")
    solids: list[Solid] = []
    size = uniform(rng, 45, 150)
    for index in range(int(rng.integers(1, 4))):
        along, up = size * uniform(rng, 0.5, 1.2), size * uniform(rng, 0.4, 1.1)
        wide, thick = uniform(rng, 14, 40), uniform(rng, 1.5, 6)
        if chance(rng, 0.5):  # flat, cut from plate
            path = corners([(along, 0), (0, 0), (0, up)], wide * 0.25)
            holes = [np.add(rounded(6, 6, 3, steps=3), spot) for spot in ((along * 0.75, 0), (0, up * 0.75))]
            parts = [extrude(strip(path, wide * 0.6), thick, metal, holes_mm=holes)]
        else:  # bent, seen from any side
            path = corners([(along, 0), (0, 0), (0, up)], thick * 2)
            parts = [extrude(strip(path, thick), wide, metal)]
            if chance(rng, 0.5):
                parts.append(extrude([(2, 2), (along * 0.6, 2), (2, up * 0.6)], thick, metal))
        shift = (index * uniform(rng, 8, 30), index * uniform(rng, 8, 30), index * 8.0)
        solids += [copies(part, [shift], yaw_deg=rng.normal(0, 12) + 180 * int(rng.integers(2))) for part in parts]
    if chance(rng, 0.3):
        solids += hollow_box((size * 1.7, size * 1.6, 45), 1.0, "cardboard", (size * 0.4, size * 0.4, 8))
    return finish("look_alikes/angle_brackets", solids)
