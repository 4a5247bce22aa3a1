"""Toiletry, cosmetics and medicine."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.boards import board, cell, heat_sink, transformer
from datasets.render.clutter.powered import motor
from datasets.render.clutter.shapes import (
    along_x,
    chance,
    copies,
    finish,
    gear,
    hollow_box,
    lying_box,
    pick,
    pillow,
    ring,
    rounded,
    smooth,
    uniform,
    vessel,
    wire,
)
from datasets.render.solids import Phantom, Solid, cylinder, ellipsoid, extrude, lathe, tube

__all__ = [
    "aerosol",
    "blood_pressure_cuff",
    "cosmetics",
    "inhaler",
    "medicine",
    "razors",
    "shaver",
    "soap",
    "spectacles",
    "toothbrush",
    "tube_of_cream",
]


def aerosol(rng: np.random.Generator) -> Phantom:
    """Return a spray can: dip tube, domed base, valve spring, cap."""
    radius, height = uniform(rng, 17, 33), uniform(rng, 90, 240)
    metal = pick(rng, "aluminium", "steel")
    profile = [(radius, 0), (radius, height * 0.85), (radius * 0.7, height * 0.95), (12, height)]
    solids = vessel(profile, 0.35, metal, content="water", fill=uniform(rng, 0.2, 0.7))
    solids += [
        lathe([(radius * 0.95, 1), (radius * 0.5, 7), (1, 9)], metal),
        cylinder(2, height * 0.9, "polyethylene", sides=6).moved(offset_mm=(0, 0, height * 0.48)),
    ]
    solids += [
        tube(13, 4, 5, "tin", sides=16).moved(offset_mm=(0, 0, height)),
        cylinder(1.5, 12, "steel", sides=6).moved(offset_mm=(0, 0, height)),
    ]
    solids += [
        part.moved(offset_mm=(0, 0, height * 0.86))
        for part in vessel([(radius, 0), (radius, 40)], 1.2, "polypropylene")
    ]
    if chance(rng, 0.5):
        solids.append(ellipsoid((5, 5, 5), "steel", sides=10, rings=6).moved(offset_mm=(radius * 0.4, 0, 12)))
    return finish("toiletry/aerosol", solids)


def tube_of_cream(rng: np.random.Generator) -> Phantom:
    """Return a squeezed tube of paste or cream with a cap."""
    length, width = uniform(rng, 80, 190), uniform(rng, 28, 56)
    shell = pick(rng, "polyethylene", "aluminium")
    body = vessel(
        [(width * 0.36, 0), (width * 0.4, length * 0.3), (width * 0.48, length)],
        0.5,
        shell,
        content="soap",
        fill=uniform(rng, 0.4, 0.95),
    )
    solids = [along_x(part).scaled((1, 1, 0.55)) for part in body]
    solids += [
        along_x(cylinder(width * 0.3, 24, "polypropylene", sides=18), (-10, 0, 0)),
        lying_box((6, width, 1.4), shell, (length, 0, 0)),
    ]
    return finish("toiletry/tube_of_cream", solids)


def soap(rng: np.random.Generator) -> Phantom:
    """Return bars of soap, bare or in a tin."""
    size = uniform(rng, 65, 100), uniform(rng, 42, 65)
    count = int(rng.integers(1, 5))
    bar = pillow(rounded(*size, size[1] * uniform(rng, 0.15, 0.45)), uniform(rng, 18, 32), "soap")
    at = [(index * (size[0] + 6), uniform(rng, -5, 5), 0.0) for index in range(count)]
    solids = [copies(bar, at)]
    if count == 1 and chance(rng, 0.5):
        solids += hollow_box((size[0] + 10, size[1] + 10, 42), 0.4, pick(rng, "steel", "polypropylene", "aluminium"))
    return finish("toiletry/soap", solids)


def cosmetics(rng: np.random.Generator) -> Phantom:
    """Return small cosmetics: lipsticks, compacts with mirrors, a bottle, brushes, tweezers."""
    solids: list[Solid] = []
    metal = pick(rng, "aluminium", "brass", "abs")
    for index in range(int(rng.integers(1, 5))):  # lipsticks: round in metal, like cartridges from afar
        y = index * 24.0
        solids += [
            along_x(tube(9.5, 8.6, 45, metal, sides=16), (0, y, 0)),
            along_x(cylinder(8, 28, "abs", sides=14), (-30, y, 0)),
            along_x(lathe([(6, 0), (6, 14), (2, 22)], "polyethylene", sides=12), (-5, y, 0)),
        ]
    radius = uniform(rng, 24, 38)
    compact = [part.moved(offset_mm=(70, 10, 0)) for part in vessel([(radius, -8), (radius, 8)], 1.5, "abs")]
    compact += [
        cylinder(radius * 0.85, 2, "glass").moved(offset_mm=(70, 10, 4)),
        cylinder(radius * 0.8, 5, "sugar").moved(offset_mm=(70, 10, -3)),
    ]
    flask = vessel([(15, 0), (15, 42), (6, 46), (6, 56)], 2.5, "glass", content="water", fill=0.7, base_mm=5)
    solids += compact + [part.moved(offset_mm=(65, 70, -20)) for part in flask]
    for side in (-1, 1):
        solids.append(
            extrude(
                np.array([(0, side * 1.0), (90, side * 5), (90, side * 6.5), (0, side * 2.4)]), 7, "stainless"
            ).moved(offset_mm=(-10, -22, 0))
        )
    brush = [
        along_x(cylinder(4, 90, "wood", sides=8), (20, -42, 0)),
        along_x(tube(6, 5, 20, "aluminium", sides=10), (72, -42, 0)),
    ]
    return finish("toiletry/cosmetics", [*solids, *brush])


def razors(rng: np.random.Generator) -> Phantom:
    """Return safety razors, blades and nail tools."""
    metal = pick(rng, "zinc_alloy", "brass", "abs")
    length = uniform(rng, 80, 110)
    solids = [
        along_x(cylinder(uniform(rng, 5, 7), length, metal, sides=12)),
        lying_box((8, 42, 6), metal, (length / 2 + 4, 0, 2)),
        lying_box((22, 43, 0.3), "stainless", (length / 2 + 4, 0, 4)),
    ]
    for index in range(int(rng.integers(1, 4))):
        clipper = [lying_box((70, 11, 1.6), "steel", (0, 28 + index * 16, sign * 3)) for sign in (-1, 1)]
        solids += [*clipper, cylinder(2.5, 14, "steel", sides=8).moved(offset_mm=(28, 28 + index * 16, 0))]
    return finish("toiletry/razors", solids)


def inhaler(rng: np.random.Generator) -> Phantom:
    """Return an inhaler: an L of plastic with a small metal canister."""
    shell = [along_x(part) for part in vessel([(14, -40), (15, 25)], 1.6, "polypropylene", sides=18)]
    mouth = lying_box((24, 38, 22), "polypropylene", (-32, 22, 0))
    can = vessel(
        [(10.5, -30), (10.5, 22), (7, 28)], 0.45, "aluminium", content="water", fill=uniform(rng, 0.2, 0.8), sides=16
    )
    valve = along_x(cylinder(2, 16, "steel", sides=8), (32, 0, 0))
    return finish("toiletry/inhaler", [*shell, mouth, *(along_x(part, (10, 0, 0)) for part in can), valve])


def spectacles(rng: np.random.Generator) -> Phantom:
    """Return spectacles, at times in a case with steel hinges."""
    metal = pick(rng, "steel", "titanium", "abs", "nylon")
    radius = uniform(rng, 19, 27)
    gauge = 1.0 if metal in {"steel", "titanium"} else 2.4
    solids: list[Solid] = []
    for side in (-1, 1):
        at = (side * radius * 1.3, 0, 0)
        loop = rounded(radius * 2.1, radius * 1.6, radius * 0.6)
        rim = np.concatenate([loop, np.zeros((len(loop), 1))], axis=1) + at
        solids += [
            wire(rim, gauge, metal, sides=5, closed=True),
            extrude(loop, 2.2, pick(rng, "polycarbonate", "glass")).moved(offset_mm=at),
        ]
        arm = smooth(
            [
                (side * radius * 2.4, 8, 0),
                (side * radius * 0.6, 14, 8),
                (-side * radius * 1.8, 10, 9),
                (-side * radius * 2.5, -10, 9),
            ],
            closed=False,
        )
        solids += [wire(arm, gauge * 1.2, metal, sides=5), lying_box((6, 4, 5), "steel", (side * radius * 2.4, 8, 1))]
    solids.append(wire([(-8, 4, 0), (0, 9, 1), (8, 4, 0)], gauge, metal))
    if chance(rng, 0.5):
        solids += hollow_box((165, 68, 48), 1.6, pick(rng, "abs", "leather"))
        solids.append(lying_box((150, 3, 3), "steel", (0, 33, 0)))
        if chance(rng, 0.5):
            solids += hollow_box((160, 62, 44), 0.4, "steel")
    return finish("toiletry/spectacles", solids)


def medicine(rng: np.random.Generator) -> Phantom:
    """Return blister packs and pill bottles."""
    solids: list[Solid] = []
    for index in range(int(rng.integers(1, 5))):
        z = index * 6.0
        solids += [lying_box((95, 40, 0.06), "aluminium", (0, 0, z)), lying_box((95, 40, 0.4), "pvc", (0, 0, z + 1))]
        x, y = np.meshgrid(np.linspace(-40, 40, 5), (-11.0, 11.0), indexing="ij")
        spots = np.stack([x.ravel(), y.ravel(), np.full(10, z + 2)], axis=1)
        solids.append(copies(cylinder(uniform(rng, 3.5, 7), 4, "sugar", sides=10), spots))
    bottle = vessel(
        [(18, 0), (18, 55), (14, 60), (14, 70)], 1.4, "polyethylene", content="sugar", fill=uniform(rng, 0.3, 0.8)
    )
    return finish("toiletry/medicine", [*solids, *(part.moved(offset_mm=(80, 0, 0)) for part in bottle)])


def shaver(rng: np.random.Generator) -> Phantom:
    """Return an electric shaver or clipper: motor, cell, steel cutters, board."""
    length, radius = uniform(rng, 105, 165), uniform(rng, 18, 28)
    shell = vessel(
        [
            (radius * 0.8, -length / 2),
            (radius, -length * 0.1),
            (radius * 0.8, length * 0.3),
            (radius * 1.1, length / 2),
        ],
        2.2,
        "abs",
        sides=20,
    )
    solids = [along_x(part) for part in shell]
    solids += [part.moved(offset_mm=(length * 0.15, 0, 0)) for part in motor(rng, radius * 0.5, 28)]
    solids += [part.moved(offset_mm=(-length * 0.22, 0, 0)) for part in cell(rng, 7.0, 50)]
    if chance(rng, 0.5):
        for angle in np.arange(3) * 2 * np.pi / 3:
            at = (length / 2 + 4, radius * 0.6 * np.cos(angle), radius * 0.6 * np.sin(angle))
            solids.append(along_x(tube(radius * 0.45, radius * 0.2, 6, "stainless", sides=14), at))
    else:
        comb = extrude(gear(radius, 26, 3), 3, "steel").scaled((0.35, 1.1, 1))
        solids.append(comb.moved(offset_mm=(length / 2 + 4, 0, 0)))
    solids += [
        part.scaled((1, 1, 0.4)).moved(offset_mm=(-10, 0, radius * 0.4))
        for part in board(rng, (length * 0.5, radius), 0)
    ]
    return finish("appliances/shaver", solids)


def toothbrush(rng: np.random.Generator) -> Phantom:
    """Return an electric toothbrush on or off its charger."""
    shell = vessel([(13, 0), (14, 60), (12, 115), (7, 140)], 2, "abs", sides=18)
    solids = [along_x(part) for part in shell]
    solids += [part.moved(offset_mm=(45, 0, 0)) for part in cell(rng, 7.1, 50)]
    solids += [part.moved(offset_mm=(95, 0, 0)) for part in motor(rng, 8, 24)]
    solids += [
        along_x(cylinder(1.8, 70, "steel", sides=8), (155, 0, 0)),
        along_x(tube(5, 2.2, 60, "abs", sides=10), (175, 0, 0)),
        pillow(np.array([(-8, -6), (8, -6), (8, 6), (-8, 6)]), 14, "nylon").moved(offset_mm=(210, 0, 0)),
    ]
    if chance(rng, 0.5):
        base = [cylinder(22, 20, "abs"), tube(12, 8, 12, "copper", sides=16), ring(26, 2, "pvc")]
        solids += [part.moved(offset_mm=(40, 55, 0)) for part in base] + transformer(rng, 10, (90, 60, 0))
    return finish("appliances/toothbrush", solids)


def blood_pressure_cuff(rng: np.random.Generator) -> Phantom:
    """Return a blood pressure meter: cuff, hose, case with pump, display and cells."""
    solids = [lying_box((130, 100, 50), "abs", (0, 0, 0)), lying_box((125, 95, 45), "abs", (0, 0, 0)).cavity()]
    solids += board(rng, (110, 80), 10, density=0.7) + motor(rng, 12, 30)
    solids += [
        copies(part, [(-20, y, -14) for y in (-30, -15, 0, 15)])
        if part.weight > 0
        else copies(part, [(-20, y, -14) for y in (-30, -15, 0, 15)]).cavity()
        for part in cell(rng, 7.1, 50)
    ]
    hose = smooth([(65, 0, 0), (110, 40, 0), (160, -30, 5), (130, -90, 4), (60, -110, 0)], 5, closed=False)
    cuff = [
        lying_box((250, 130, uniform(rng, 2, 4)), "nylon", (80, -150, 0)),
        lying_box((130, 110, 3), "rubber", (60, -150, 3)),
    ]
    return finish(
        "toiletry/blood_pressure_cuff", [*solids, wire(hose, 4, "rubber"), *cuff, *heat_sink(rng, np.zeros(3))[:1]]
    )
