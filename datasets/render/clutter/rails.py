"""Rails and rods that slide into each other or lie side by side: what is long, narrow and of metal, but no barrel."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.shapes import (
    Array,
    along_x,
    along_y,
    boxes,
    chance,
    copies,
    finish,
    hollow_box,
    lying_box,
    pick,
    ring,
    rounded,
    smooth,
    uniform,
    wire,
)
from datasets.render.clutter.telescope import telescopic_rails
from datasets.render.solids import Phantom, Solid, cylinder, extrude, lathe, tube

__all__ = ["drawer_slides", "folding_poles", "ring_binder", "stick_bundle", "trolley_handle"]

_UP = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])  # z becomes y


def trolley_handle(rng: np.random.Generator) -> Phantom:
    """Return the pull-out handle of a trolley case, with grip, foot plate and screws, or a single mast."""
    reach = uniform(rng, 280, 480)
    spread = 0.0 if chance(rng, 0.25) else uniform(rng, 35, 100)
    solids = telescopic_rails(rng, reach, spread)
    grip = (uniform(rng, 20, 34), spread * 2 + uniform(rng, 30, 60), uniform(rng, 16, 24))
    solids += hollow_box(grip, 2.5, "abs", (grip[0] / 2 + 2, 0, 0))
    solids.append(along_y(cylinder(4.5, grip[1] * 0.4, "steel", sides=10), (grip[0] / 2 + 2, 0, 0)))
    solids += hollow_box(
        (uniform(rng, 25, 60), spread * 2 + uniform(rng, 30, 80), 18), 2, pick(rng, "abs", "aluminium"), (-reach, 0, 0)
    )
    screws = [(-reach + dx, side * (spread + 8), 10.0) for dx in (-8, 8) for side in (-1, 1)]
    solids.append(copies(cylinder(2.6, 14, "steel", sides=8), screws))
    return finish("look_alikes/trolley_handle", solids)


def drawer_slides(rng: np.random.Generator) -> Phantom:
    """Return drawer slides: nested channels of sheet steel with rows of balls and screw holes."""
    length, width = uniform(rng, 220, 460), uniform(rng, 26, 46)
    wall = uniform(rng, 0.9, 1.5)
    solids: list[Solid] = []
    for index in range(int(rng.integers(1, 4))):
        parts = []
        for stage, scale in enumerate((1.0, 0.72)):
            count = int(rng.integers(3, 9))
            holes = [
                np.add(rounded(uniform(rng, 5, 14), 5, 2.4, steps=2), (x, 0))
                for x in np.linspace(-0.44, 0.44, count) * length
            ]
            plate = extrude(rounded(length, width * scale, 1, steps=2), wall, "steel", holes_mm=holes)
            parts.append(plate.moved(offset_mm=(stage * uniform(rng, 0, 60), 0, stage * 5.0)))
            sides = [(stage * 10.0, side * width * scale / 2, 4.0 + stage) for side in (-1, 1)]
            parts.append(boxes(sides, (length, wall, 7), "steel"))
        balls = np.stack([np.linspace(-0.3, 0.3, 14) * length, np.full(14, width * 0.41), np.full(14, 5.0)], axis=1)
        row = lathe([(1.2, -1.9), (2.2, 0), (1.2, 1.9)], "steel", sides=6)
        parts.append(copies(row, np.concatenate([balls, balls * (1, -1, 1)])))
        shift = (uniform(rng, -20, 20), index * width * 0.55, index * 15.0)
        solids += [part.moved(offset_mm=shift) for part in parts]
    return finish("look_alikes/drawer_slides", solids)


def ring_binder(rng: np.random.Generator) -> Phantom:
    """Return a ring binder: a steel spine with lever or rings, between boards, with paper or empty."""
    length, width = uniform(rng, 190, 320), uniform(rng, 180, 260)
    spine = uniform(rng, 14, 24)
    arc = np.linspace(0, 1, 8)[:, None]
    bend = np.concatenate([np.zeros((8, 1)), (arc - 0.5) * spine, 5 * np.sin(np.pi * arc)], axis=1)
    solids: list[Solid] = [lying_box((length * 0.9, spine, 1.2), "steel", (0, 0, 0))]
    radius = uniform(rng, 10, 26)
    loop = ring(radius, uniform(rng, 1.3, 2.2), "steel", points=16, sides=5).moved(_UP)
    turned = loop.moved(np.array([[0, -1.0, 0], [1, 0, 0], [0, 0, 1]]))
    spots = [
        (x * length, 0.0, radius * 0.9) for x in ((-0.25, 0.25) if chance(rng, 0.5) else (-0.38, -0.12, 0.12, 0.38))
    ]
    solids.append(copies(turned, spots))
    solids.append(wire(np.add(bend, (length * 0.4, 0, 2)), 2.0, "steel", sides=5, up=(1, 0, 0)))
    if chance(rng, 0.5):
        lever = smooth([(-length * 0.3, 6, 6), (-length * 0.15, 9, 14), (length * 0.05, 12, 15)], closed=False)
        solids.append(wire(lever, uniform(rng, 2, 4), "steel", sides=6))
    if chance(rng, 0.6):
        boards = [lying_box((length, width, 2.2), "cardboard", (0, width / 2, side * radius)) for side in (-1, 2.2)]
        solids += [
            *boards,
            lying_box((length * 0.95, width * 0.85, uniform(rng, 2, 22)), "paper", (0, width / 2, radius)),
        ]
    return finish("look_alikes/ring_binder", solids)


_STICKS = (  # barrel, core, radius in mm, length in mm
    ("wood", "silicon", (3.2, 4.0), (120, 180)),  # pencils: leads of clay and graphite
    ("abs", "brass", (3.5, 5.0), (120, 150)),
    ("polypropylene", "brass", (1.2, 2.2), (90, 140)),  # refills
    ("stainless", None, (1.2, 3.5), (150, 300)),  # needles, skewers, chopsticks
    ("aluminium", None, (1.5, 5.0), (120, 330)),
    ("steel", None, (1.0, 4.5), (90, 320)),
    ("brass", None, (1.2, 3.5), (90, 250)),
    ("wood", None, (2.0, 4.5), (150, 260)),
)


def stick_bundle(rng: np.random.Generator) -> Phantom:
    """Return a tight bundle of pencils, refills, needles, skewers or rods, at times with a tie or in a case."""
    barrel, core, radii, lengths = _STICKS[int(rng.integers(len(_STICKS)))]
    radius, length, count = uniform(rng, *radii), uniform(rng, *lengths), int(rng.integers(6, 46))
    across = max(2, round(np.sqrt(count) * uniform(rng, 0.8, 2.4)))
    row, column = np.divmod(np.arange(count), across)
    at = np.stack(
        [
            rng.normal(0, length * 0.02, count),
            (column + 0.5 * (row % 2) - across / 2) * radius * 2.1,
            row * radius * 1.85,
        ],
        axis=1,
    )
    yaw = rng.normal(0, uniform(rng, 0.05, 2.0), count)
    solids: list[Solid] = []
    if core is None:
        solids.append(copies(along_x(cylinder(radius, length, barrel, sides=8)), at, yaw_deg=yaw))
    else:
        solids.append(copies(along_x(tube(radius, radius * 0.42, length, barrel, sides=8)), at, yaw_deg=yaw))
        solids.append(copies(along_x(cylinder(radius * 0.36, length * 0.96, core, sides=6)), at, yaw_deg=yaw))
    if core and chance(rng, 0.5):  # ferrules of pencils, tips of pens
        ends = np.add(at, (length / 2 + 4, 0, 0))
        solids.append(copies(along_x(tube(radius, radius * 0.8, 9, pick(rng, "aluminium", "brass"), sides=8)), ends))
    width, depth = across * radius * 2.2, (row.max() + 1) * radius * 2.0
    if chance(rng, 0.3):
        size = (length * 1.15, width + 10, depth + 8)
        solids += hollow_box(size, uniform(rng, 0.5, 1.6), pick(rng, "abs", "tin", "polypropylene"), (0, 0, depth / 2))
    elif chance(rng, 0.5):
        band = _belt(width + 3, depth + 3, uniform(rng, 4, 16), pick(rng, "rubber", "nylon", "steel"))
        solids.append(band.moved(offset_mm=(length * uniform(rng, -0.3, 0.3), -radius, depth / 2 - radius)))
    return finish("look_alikes/stick_bundle", solids)


def _belt(width: float, depth: float, length: float, material: str) -> Solid:
    """Return a band around the x axis."""
    hole: Array = rounded(depth, width, 3, steps=2)
    return along_x(extrude(rounded(depth + 2, width + 2, 4, steps=2), length, material, holes_mm=[hole]))


def folding_poles(rng: np.random.Generator) -> Phantom:
    """Return folded poles: tent poles, a folding cane or trekking poles, with cord, ferrules, handles and tips."""
    count, length = int(rng.integers(2, 9)), uniform(rng, 220, 460)
    radius = uniform(rng, 4, 11)
    metal = pick(rng, "aluminium", "aluminium", "steel", "stainless")
    piece = [along_x(tube(radius, radius - uniform(rng, 0.7, 1.4), length, metal, sides=12))]
    piece.append(along_x(tube(radius + 0.6, radius, 22, pick(rng, metal, "abs"), sides=12), (length / 2 - 11, 0, 0)))
    if chance(rng, 0.5):
        piece.append(along_x(cylinder(1.4, length, "rubber", sides=6)))
    turned_round = rng.integers(0, 2, count) * 180.0
    at = np.stack(
        [rng.normal(0, 6, count), (np.arange(count) % 4) * radius * 2.4, (np.arange(count) // 4) * radius * 2.4], axis=1
    )
    solids = [copies(part, at, yaw_deg=turned_round + rng.normal(0, 0.5, count)) for part in piece]
    if chance(rng, 0.5):
        grip = lathe(
            [(radius * 1.3, 0), (radius * 1.9, 30), (radius * 1.5, 90), (radius * 2.1, 110)], "rubber", sides=14
        )
        solids.append(along_x(grip, (length / 2 - 40, 0, -radius * 3.2)))
        solids.append(along_x(lathe([(radius * 0.6, 0), (1.5, 38)], "steel", sides=8), (-length / 2 - 36, 0, 0)))
    return finish("look_alikes/folding_poles", solids)
