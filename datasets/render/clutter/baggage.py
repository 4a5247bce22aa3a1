"""Luggage: trolley cases, backpacks, laptop and sports bags, carriers, with the metal they are full of."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.castors import roller, spinner
from datasets.render.clutter.sewing import zip_row
from datasets.render.clutter.shapes import (
    Array,
    along_x,
    along_y,
    boxes,
    chance,
    copies,
    corners,
    hollow_box,
    lying_box,
    pick,
    ring,
    rounded,
    sheet,
    smooth,
    strip,
    uniform,
    wire,
)
from datasets.render.clutter.telescope import telescopic_rails
from datasets.render.clutter.wrapping import Container, Size, box_container, creases, fabric, stitched_rim
from datasets.render.meshing import square_strings
from datasets.render.solids import Solid, box, cylinder, extrude, tube

__all__ = ["backpack", "carrier_bag", "laptop_bag", "sports_bag", "trolley"]


def _loop(x: float, y: float, z: float, radius: float) -> Array:
    outline = rounded(x, y, radius, steps=5)
    return np.concatenate([outline, np.full((len(outline), 1), z)], axis=1)


def _zip_loop(rng: np.random.Generator, x: float, y: float, z: float, *, share: float = 1.0) -> list[Solid]:
    metal = pick(rng, "nylon", "nylon", "brass", "aluminium")
    loop = _loop(x, y, z, min(x, y) * 0.16)
    start = int(rng.integers(len(loop)))
    loop = np.roll(loop, start, axis=0)[: max(4, int(len(loop) * share))]
    solids = zip_row(rng, loop, metal, pitch_mm=4.5)
    tapes = np.stack([loop * (1 + aside, 1 + aside, 1) + (0, 0, 1.5) for aside in (-0.03, 0.03)])
    return [*solids, Solid(square_strings(tapes, np.full(2, uniform(rng, 0.8, 1.6))), "nylon")]


def _screws(rng: np.random.Generator, spots: Array) -> list[Solid]:
    length = uniform(rng, 8, 16)
    heads = copies(cylinder(uniform(rng, 2.6, 4.2), 2.2, "steel", sides=8), spots)
    return [heads, copies(cylinder(1.4, length, "steel", sides=6), spots - (0, 0, length / 2))]


def _buckle(rng: np.random.Generator, at: Array, yaw: float) -> list[Solid]:
    metal = pick(rng, "nylon", "nylon", "steel", "zinc_alloy")
    width = uniform(rng, 22, 42)
    frame = extrude(
        rounded(width, width * 0.8, 3),
        4,
        metal,
        holes_mm=[np.add(rounded(width * 0.72, width * 0.22, 1.5, steps=2), (0, y * width)) for y in (-0.2, 0.2)],
    )
    webbing = box((width * 0.68, uniform(rng, 70, 220), uniform(rng, 1.6, 3.2)), "nylon")
    return [copies(frame, [at], yaw_deg=yaw), copies(webbing, [at], yaw_deg=yaw)]


def _d_ring(rng: np.random.Generator, at: Array) -> list[Solid]:
    """Return a D-shaped ring of wire at a point, and the webbing that holds it."""
    size = uniform(rng, 9, 18)
    path = corners(
        [(-size, 0, 0), (size, 0, 0), (size, size, 0), (0, size * 1.6, 0), (-size, size, 0)],
        size * 0.6,
        closed=True,
        steps=3,
    )
    metal = pick(rng, "steel", "steel", "zinc_alloy", "brass", "nylon")
    ring_of_wire = wire(path, uniform(rng, 1.4, 2.8), metal, sides=5, closed=True)
    length, yaw = uniform(rng, 30, 90), uniform(rng, 0, 360)
    webbing = box((size * 1.7, length, uniform(rng, 2, 4)), "nylon").moved(offset_mm=(0, 3 - length / 2, 0))
    return [copies(part, [at], yaw_deg=yaw) for part in (ring_of_wire, webbing)]


def _folds(rng: np.random.Generator, size_mm: Size, count: int, material: str) -> list[Solid]:
    x, y, z = size_mm
    solids = []
    for _ in range(count):
        size = x * uniform(rng, 0.3, 1.05), y * uniform(rng, 0.3, 1.05)
        part = fabric(rng, size, 0, uniform(rng, 0.25, 1.1), material, wave_mm=uniform(rng, 8, 36))
        at = (
            uniform(rng, -0.5, 0.5) * (x * 1.06 - size[0]),
            uniform(rng, -0.5, 0.5) * (y * 1.06 - size[1]),
            float(rng.choice([-1, 1])) * (z / 2 + 6),
        )
        solids.append(part.moved(offset_mm=at))
    return solids


def trolley(rng: np.random.Generator, inner_size_mm: Size) -> Container:
    """Return a trolley case: telescopic rails, handle boxes, wheels, frame wires, ribs, zips, screws, a lock."""
    x, y, z = inner_size_mm
    turn = np.eye(3)
    if y > x:  # built long along x
        x, y = y, x
        turn = np.array([[0, -1.0, 0], [1, 0, 0], [0, 0, 1.0]])
    hard = chance(rng, 0.35)
    shell = pick(rng, "polycarbonate", "abs", "polypropylene") if hard else pick(rng, "nylon", "pvc")
    solids: list[Solid] = []
    if hard:
        outline = rounded(x + 8, y + 8, 40)
        solids += [extrude(outline, z + 8, shell), extrude(outline * (1 - 5 / (x + 8)), z + 3, shell).cavity()]
        count = int(rng.integers(4, 12))
        at = np.stack([np.zeros(count), np.linspace(-0.42, 0.42, count) * y, np.full(count, z / 2 + 4)], axis=1)
        solids.append(boxes(at, (x * 0.85, uniform(rng, 4, 10), 2), shell))
    else:
        for side in (-1, 1):
            solids += [fabric(rng, (x + 10, y + 10), side * (z / 2 + 3), uniform(rng, 0.6, 1.6), shell, wave_mm=4)]
        outline = rounded(x + 10, y + 10, 30)
        solids.append(extrude(outline, z, shell, holes_mm=[rounded(x + 6, y + 6, 28)]))
    for height in (-0.42, 0.42) if chance(rng, 0.7) else (-0.42,):
        metal = pick(rng, "steel", "steel", "aluminium", "polypropylene")
        solids.append(wire(_loop(x + 6, y + 6, height * z, 30), uniform(rng, 1.2, 2.6), metal, sides=6, closed=True))
        solids.append(wire(_loop(x + 8, y + 8, height * z + 5, 32), uniform(rng, 2, 3.5), "pvc", sides=5, closed=True))
    solids += _rails(rng, x, y, -z / 2 - 6)
    solids += _wheels(rng, x, y, z)
    for height in (z * 0.2, z * 0.32)[: int(rng.integers(1, 3))]:
        solids += _zip_loop(rng, x + 12, y + 12, height)
    if chance(rng, 0.6):
        solids += _zip_loop(rng, x * 0.8, y * uniform(rng, 0.3, 0.8), z / 2 + 8, share=0.55)
    ribs = int(rng.integers(2, 7))
    at = np.stack([np.linspace(-0.4, 0.4, ribs) * x, np.zeros(ribs), np.full(ribs, -z / 2 - 2)], axis=1)
    solids.append(boxes(at, (uniform(rng, 4, 14), y * 0.9, 1.6), "polypropylene"))
    solids += _rivets(rng, x, y, z)
    if chance(rng, 0.5):
        solids += _corner_pieces(rng, x, y, z)
    if chance(rng, 0.5):
        solids += _lock(rng, np.array([uniform(rng, -0.2, 0.3) * x, y / 2 + 8, 0.0]))
    solids += _handle(rng, y * 0.5, x / 2 + 8) + ([] if chance(rng, 0.5) else _handle(rng, y * 0.4, -x / 2 - 8))
    if chance(rng, 0.5):
        solids += _folds(rng, (x, y, z), int(rng.integers(1, 4)), "nylon")
    solids += creases(rng, (x, y, z), int(rng.integers(4, 16)), "nylon")
    return box_container("baggage/trolley", [part.moved(turn) for part in solids], inner_size_mm)


def _rails(rng: np.random.Generator, x: float, y: float, z: float) -> list[Solid]:
    spread, reach = y * uniform(rng, 0.14, 0.32), x * uniform(rng, 0.75, 1.0)
    solids = telescopic_rails(rng, reach, 0.0 if chance(rng, 0.12) else spread)
    solids = [part.moved(offset_mm=(x / 2, 0, z)) for part in solids]
    grip = (uniform(rng, 22, 34), spread * 2 + 40, 20.0)
    solids += hollow_box(grip, 2.5, "abs", (x / 2 + 8, 0, z))
    solids.append(lying_box((8, spread * 2 + 20, 3), pick(rng, "steel", "aluminium"), (x / 2 + 8, 0, z)))
    solids += hollow_box(
        (uniform(rng, 30, 60), spread * 2 + uniform(rng, 30, 90), 16),
        2,
        pick(rng, "abs", "aluminium"),
        (-x / 2 + 30, 0, z),
    )
    at = (20, reach * 0.5, reach * 0.9)
    ends = np.array([(x / 2 - along, side * spread, z + 5) for side in (-1, 1) for along in at])
    return [*solids, *_screws(rng, ends)]


def _wheels(rng: np.random.Generator, x: float, y: float, z: float) -> list[Solid]:
    """Return four twin wheels, each as it last turned, or two wheels in housings."""
    radius, tyre = uniform(rng, 16, 27), pick(rng, "rubber", "pvc", "abs")
    solids: list[Solid] = []
    if chance(rng, 0.6):
        for at in ((-x / 2 - 4, side * y * 0.43, height * z * 0.36) for side in (-1, 1) for height in (-1, 1)):
            caster = spinner(rng, radius * 0.85, tyre=tyre, yaw_deg=uniform(rng, 0, 360))
            solids += [part.moved(offset_mm=at) for part in caster]
        return solids
    wheel = roller(rng, radius, tyre=tyre)
    return [copies(part, [(-x / 2 - radius * 0.3, side * y * 0.42, -z * 0.36) for side in (-1, 1)]) for part in wheel]


def _rivets(rng: np.random.Generator, x: float, y: float, z: float) -> list[Solid]:
    """Return the screws that hold lining, rails and corners: at even steps along the sides, in pairs at the corners."""
    steps = np.linspace(-0.4, 0.4, int(rng.integers(2, 6))) * x
    inset = y / 2 - uniform(rng, 6, 16)
    corner = x / 2 - uniform(rng, 12, 30)
    spots = [(at, side * inset) for at in steps for side in (-1, 1)]
    spots += [(end * corner, side * (inset - step)) for end in (-1, 1) for side in (-1, 1) for step in (0, 18)]
    return _screws(rng, np.array([(*spot, 6 - z / 2) for spot in spots]))


def _corner_pieces(rng: np.random.Generator, x: float, y: float, z: float) -> list[Solid]:
    """Return a bent guard round each corner of the case."""
    radius, reach = uniform(rng, 24, 40), uniform(rng, 30, 60)
    path = corners([(x / 2 + 5 - reach, y / 2 + 5), (x / 2 + 5, y / 2 + 5), (x / 2 + 5, y / 2 + 5 - reach)], radius)
    guard = extrude(strip(path, uniform(rng, 1.5, 4)), z * uniform(rng, 0.5, 0.9), pick(rng, "abs", "aluminium"))
    signs = [(1.0, 1.0, 1.0), (-1.0, -1.0, 1.0), (1.0, -1.0, -1.0), (-1.0, 1.0, -1.0)]
    return [guard.moved(np.diag(sign)) for sign in signs]


def _lock(rng: np.random.Generator, at: Array) -> list[Solid]:
    """Return a combination lock: a case with a row of dials, a bolt, a key cylinder."""
    width, dials = uniform(rng, 34, 60), int(rng.integers(3, 5))
    parts = hollow_box((width, 16, 18), 1.6, pick(rng, "zinc_alloy", "abs"), at)
    row = [np.add(at, ((index - (dials - 1) / 2) * 7, 0, 2)) for index in range(dials)]
    parts.append(copies(along_x(tube(6.5, 2, 4, pick(rng, "abs", "brass"), sides=14)), row))
    parts.append(along_x(cylinder(1.8, width * 0.9, "steel", sides=8), np.add(at, (0, 0, 2))))
    return [*parts, along_y(cylinder(4, 14, "brass", sides=12), np.add(at, (-width * 0.4, 0, -2)))]


def _handle(rng: np.random.Generator, width: float, x: float) -> list[Solid]:
    rise = uniform(rng, 14, 45) * np.sign(x)
    path = smooth(
        [(x, -width / 2, 0), (x + rise, -width * 0.36, 3), (x + rise, width * 0.36, 3), (x, width / 2, 0)], closed=False
    )
    solids = [wire(path, uniform(rng, 4, 9), pick(rng, "rubber", "abs", "nylon"), sides=8)]
    if chance(rng, 0.5):
        solids.append(wire(path, uniform(rng, 0.8, 1.8), "steel", sides=5))
    ends = np.array([path[0], path[-1]])
    solids.append(boxes(ends, (uniform(rng, 10, 20), uniform(rng, 18, 32), 8), pick(rng, "zinc_alloy", "abs", "steel")))
    return [*solids, *_screws(rng, np.add(ends, (0, 0, 5)))]


def _strap(rng: np.random.Generator, start: Array, stop: Array, bulge_mm: float) -> list[Solid]:
    along = stop - start
    aside = np.cross(along, (0, 0, 1.0))
    aside /= np.linalg.norm(aside)
    middle = (start + stop) / 2 + along * uniform(rng, -0.2, 0.2) + aside * uniform(rng, -bulge_mm, bulge_mm)
    path = smooth(
        [start, start * 0.6 + middle * 0.4 + (0, 0, 3), middle, stop * 0.6 + middle * 0.4, stop], 4, closed=False
    )
    across = aside * uniform(rng, 10, 30)  # one direction all along: a band that turned could fold into itself
    band = sheet(
        np.stack([path - across, path, path + across], axis=1),
        uniform(rng, 0.8, 5.0),
        pick(rng, "nylon", "nylon", "foam"),
    )
    seams = [wire(path + side * across, 0.9, "nylon", sides=4) for side in (-0.9, 0.9)]
    return [band, *seams, *_buckle(rng, middle, float(np.degrees(np.arctan2(along[1], along[0]))) - 90)]


def _soft_shell(rng: np.random.Generator, size: Size, *, folds: int, material: str) -> list[Solid]:
    x, y, z = size
    solids: list[Solid] = []
    for side in (-1, 1):
        solids.append(fabric(rng, (x + 16, y + 16), side * (z / 2 + 4), uniform(rng, 0.5, 1.6), material, wave_mm=6))
        for inside in rng.uniform(15, 75, int(rng.integers(1, 4))):
            height = side * z * uniform(rng, 0.1, 0.5)
            solids.append(stitched_rim(rng, (x - inside, y - inside), height, pick(rng, "nylon", "pvc", material)))
    solids += _folds(rng, size, folds, material) + creases(rng, size, int(rng.integers(6, 16)), material)
    return solids


def backpack(rng: np.random.Generator, inner_size_mm: Size) -> Container:
    """Return a backpack: folds, pockets, shoulder straps with foam, buckles, zips, rings, at times a frame."""
    x, y, z = inner_size_mm
    material = pick(rng, "nylon", "pvc", "cotton", "leather")
    solids = _soft_shell(rng, inner_size_mm, folds=int(rng.integers(2, 5)), material=material)
    solids.append(fabric(rng, (x * 0.9, y * 0.85), -z / 2 - 9, uniform(rng, 4, 10), "foam", wave_mm=4))
    for side in (-1, 1):
        start, stop = (
            np.array([x * 0.42, side * y * 0.1, -z / 2 - 12]),
            np.array([-x * 0.45, side * y * 0.46, -z / 2 - 8]),
        )
        solids += _strap(rng, start, stop, 40)
    solids += _zip_loop(rng, x * 0.98, y * 0.98, z * 0.15, share=uniform(rng, 0.5, 0.9))
    for _ in range(int(rng.integers(1, 4))):
        solids += _zip_loop(rng, x * uniform(rng, 0.3, 0.7), y * uniform(rng, 0.5, 0.85), z / 2 + 10, share=0.5)
    for _ in range(int(rng.integers(1, 5))):
        solids += _d_ring(rng, np.array([uniform(rng, -0.5, 0.5) * x, uniform(rng, -0.5, 0.5) * y, z / 2 + 8]))
    for _ in range(int(rng.integers(1, 5))):
        solids += _buckle(
            rng, np.array([uniform(rng, -0.5, 0.5) * x, uniform(rng, -0.5, 0.5) * y, z / 2 + 10]), uniform(rng, 0, 180)
        )
    if chance(rng, 0.25):
        stay = box((x * 0.85, uniform(rng, 8, 18), 1.6), "aluminium")
        solids.append(copies(stay, [(0, side * y * 0.14, -z / 2 - 6) for side in (-1, 1)]))
    return box_container("baggage/backpack", solids, inner_size_mm)


def laptop_bag(rng: np.random.Generator, inner_size_mm: Size) -> Container:
    """Return a laptop or shoulder bag: two piped rims, zips, handles, a strap with snap hooks, padding."""
    x, y, z = inner_size_mm
    material = pick(rng, "nylon", "pvc", "leather", "cotton")
    solids = _soft_shell(rng, inner_size_mm, folds=int(rng.integers(1, 4)), material=material)
    for side in (-1, 1):
        rim = _loop(x + 12, y + 12, side * z * 0.42, 40)
        solids.append(wire(rim, uniform(rng, 1.2, 2.2), pick(rng, "steel", "pvc", "pvc"), sides=5, closed=True))
        solids.append(fabric(rng, (x, y), side * (z / 2 + 1), uniform(rng, 3, 8), "foam", wave_mm=2))
        path = smooth(
            [
                (-x * 0.2, y / 2, side * 8),
                (-x * 0.17, y / 2 + 60, side * 9),
                (x * 0.17, y / 2 + 60, side * 9),
                (x * 0.2, y / 2, side * 8),
            ],
            closed=False,
        )
        solids.append(wire(path, uniform(rng, 4, 9), material, sides=6))
        solids += _d_ring(rng, np.array([side * (x / 2 + 12), y * 0.4, 0]))
    solids += _zip_loop(rng, x + 8, y + 8, 0, share=0.6) + _zip_loop(rng, x * 0.8, y * 0.6, z / 2 + 5, share=0.5)
    solids += _strap(rng, np.array([-x / 2, y * 0.4, z / 2 + 8]), np.array([x / 2, y * 0.4, z / 2 + 8]), 90)
    return box_container("baggage/laptop_bag", solids, inner_size_mm)


def sports_bag(rng: np.random.Generator, inner_size_mm: Size) -> Container:
    """Return a soft sports bag: many folds, a long zip, end pockets, web handles, rings."""
    x, y, z = inner_size_mm
    material = pick(rng, "nylon", "pvc")  # coated cloth looks pale green
    solids = _soft_shell(rng, inner_size_mm, folds=int(rng.integers(2, 6)), material=material)
    line = np.array([(-x * 0.47, 0, z / 2 + 7), (0, uniform(rng, -14, 14), z / 2 + 9), (x * 0.47, 0, z / 2 + 7)])
    solids += zip_row(rng, smooth(line, 6, closed=False), pick(rng, "nylon", "brass", "zinc_alloy"), pitch_mm=4.5)
    for side in (-1, 1):
        solids += _strap(
            rng, np.array([-x * 0.3, side * y * 0.3, z / 2 + 8]), np.array([x * 0.3, side * y * 0.3, z / 2 + 8]), 70
        )
        solids += _d_ring(rng, np.array([side * (x / 2 + 4), 0, 0]))
        solids.append(copies(ring(12, 2.2, "steel"), [(side * x * 0.3, y * 0.3, z / 2 + 9)]))
    return box_container("baggage/sports_bag", solids, inner_size_mm)


def carrier_bag(rng: np.random.Generator, inner_size_mm: Size) -> Container:
    """Return a thin plastic carrier: crumpled film and two handles."""
    x, y, z = inner_size_mm
    material = pick(rng, "polyethylene", "polyethylene", "paper")
    solids = []
    for _ in range(int(rng.integers(4, 8))):
        part = fabric(
            rng,
            (x * uniform(rng, 0.6, 1.2), y * uniform(rng, 0.6, 1.1)),
            0,
            uniform(rng, 0.08, 0.3),
            material,
            wave_mm=uniform(rng, 8, 30),
        )
        solids.append(part.moved(offset_mm=(uniform(rng, 0, 0.1) * x, 0, float(rng.choice([-1, 1])) * (z / 2 + 5))))
    for side in (-1, 1):
        path = smooth(
            [
                (x / 2, -y * 0.2, side * 5),
                (x / 2 + 70, -y * 0.12, side * 6),
                (x / 2 + 70, y * 0.12, side * 6),
                (x / 2, y * 0.2, side * 5),
            ],
            closed=False,
        )
        solids.append(wire(path, uniform(rng, 1.5, 3.5), material, sides=5))
    base = fabric(rng, (x + 10, y + 10), -z / 2 - 4, 0.2, material)
    solids += [base, tube(3, 1.6, 2, "aluminium", sides=8).moved(offset_mm=(x / 2 - 8, 0, z / 2 + 5))]
    return box_container("baggage/carrier_bag", solids, inner_size_mm)
