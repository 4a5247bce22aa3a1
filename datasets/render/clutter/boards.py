"""What electronic goods are made of: populated boards, heat sinks, fans, cells, transformers, leads."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.shapes import (
    Array,
    along_x,
    along_y,
    boxes,
    chance,
    copies,
    gear,
    lying_box,
    pick,
    rounded,
    uniform,
    vessel,
    wandering,
    wire,
)
from datasets.render.solids import Solid, box, cylinder, extrude, tube

__all__ = ["board", "cable", "cell", "fan", "heat_sink", "lead", "transformer"]


def board(rng: np.random.Generator, size_mm: tuple[float, float], z_mm: float, *, density: float = 1.0) -> list[Solid]:
    """Return a populated circuit board lying at height z: chips, chip parts, capacitors, connectors, tracks."""
    width, depth = size_mm
    area = width * depth
    solids = [lying_box((width, depth, 1.6), "fr4", (0, 0, z_mm))]
    solids.append(lying_box((width * 0.98, depth * 0.98, uniform(rng, 0.035, 0.15)), "copper", (0, 0, z_mm + 0.6)))
    top = z_mm + 0.8

    def spots(count: int, height: float, margin: float = 0.46) -> Array:
        at = rng.uniform(-margin, margin, (count, 3)) * (width, depth, 0)
        at[:, 2] = top + height / 2
        return at

    chips = int(np.clip(area / 1500 * density, 2, 30))
    sides = rng.uniform(5, 26, chips)
    sizes = np.stack([sides, sides * rng.uniform(0.4, 1, chips), np.full(chips, 1.6)], axis=1)
    at = spots(chips, 1.6, 0.42)
    solids.append(boxes(at, sizes * (1, 1, 0.7), "abs", yaw_deg=rng.integers(0, 2, chips) * 90))
    solids.append(boxes(at - (0, 0, 0.6), sizes * (0.8, 0.8, 0.18), "copper", yaw_deg=0))
    small = int(np.clip(area / 90 * density, 10, 260))
    sizes = rng.uniform(0.8, 3.2, (small, 3)) * (1, 0.6, 0.5)
    solids.append(
        boxes(
            spots(small, 1.0, 0.48),
            sizes,
            pick(rng, "ceramic", "solder", "silicon"),
            yaw_deg=rng.integers(0, 2, small) * 90,
        )
    )
    pins = int(np.clip(area / 350 * density, 6, 90))
    solids.append(boxes(spots(pins, 1.2), (1.2, 1.2, 2.4), "solder"))
    tall = int(np.clip(area / 2500 * density, 1, 16))
    can = cylinder(uniform(rng, 2.5, 6), uniform(rng, 6, 16), "aluminium", sides=10)
    solids.append(copies(can, spots(tall, 10, 0.44)))
    links = int(rng.integers(2, 6))
    sizes = np.stack([rng.uniform(8, 35, links), rng.uniform(4, 12, links), rng.uniform(3, 11, links)], axis=1)
    edge = spots(links, 6, 0.45)
    edge[:, 1] = np.sign(edge[:, 1]) * depth * 0.45
    solids.append(boxes(edge, sizes, pick(rng, "steel", "nylon", "brass"), yaw_deg=0))
    if chance(rng, 0.5):
        solids += _inductors(rng, spots(int(rng.integers(1, 4)), 6, 0.4))
    if min(width, depth) > 60 and density > 0.6 and chance(rng, 0.6):
        solids += heat_sink(rng, spots(1, 0, 0.25)[0])
    return solids


def _inductors(rng: np.random.Generator, at: Array) -> list[Solid]:
    radius, height = uniform(rng, 4, 9), uniform(rng, 5, 10)
    wound = extrude(gear(radius, 14, 1.2), height, "copper", holes_mm=[gear(radius * 0.45, 8, 0.3)])
    return [copies(wound, at)]


def heat_sink(rng: np.random.Generator, at_mm: Array) -> list[Solid]:
    """Return a finned block of aluminium standing on a point."""
    side, height = uniform(rng, 18, 55), uniform(rng, 8, 24)
    count = int(side / uniform(rng, 2.8, 5))
    fins = np.zeros((count, 3))
    fins[:, 0] = np.linspace(-0.48, 0.48, count) * side
    fins[:, 2] = 2 + height / 2
    base = box((side, side * 0.9, 3), "aluminium").moved(offset_mm=(0, 0, 1.5))
    offset = np.asarray(at_mm) * (1, 1, 0) + (0, 0, float(at_mm[2]))
    parts = [base, boxes(fins, (1.0, side * 0.9, height), "aluminium")]
    return [part.moved(offset_mm=offset) for part in parts]


def fan(rng: np.random.Generator, radius: float, at_mm: tuple[float, float, float]) -> list[Solid]:
    """Return a flat fan: rotor with blades, hub magnet and coils."""
    blades = int(rng.integers(7, 25))
    rotor = extrude(gear(radius, blades, radius * 0.45), 4, "abs")
    hub = tube(radius * 0.38, radius * 0.3, 4.5, "iron", sides=16)
    coil = tube(radius * 0.26, radius * 0.1, 4, "copper", sides=12)
    return [part.moved(offset_mm=at_mm) for part in (rotor, hub, coil)]


def cell(rng: np.random.Generator, radius: float, length: float) -> list[Solid]:
    """Return one round cell along x: a steel can around its filling, with a positive pole."""
    shell = vessel(
        [(radius, -length / 2), (radius, length / 2)],
        0.35,
        "steel",
        content=pick(rng, "lithium_cell", "zinc_alloy", "lithium_cell"),
        sides=14,
    )
    shell.append(cylinder(1.0, length * 0.75, "brass", sides=6))
    shell.append(cylinder(radius * 0.38, 1.4, "steel", sides=8).moved(offset_mm=(0, 0, length / 2 + 0.7)))
    return [along_x(part) for part in shell]


def transformer(rng: np.random.Generator, half_mm: float, at_mm: tuple[float, float, float]) -> list[Solid]:
    """Return an iron core with two windows and a copper winding."""
    side = half_mm * 2
    window = [np.add(rounded(side * 0.22, side * 0.6, 0.5, steps=2), (x * side, 0)) for x in (-0.27, 0.27)]
    iron = extrude(rounded(side, side, 1, steps=2), side * uniform(rng, 0.35, 0.6), "iron", holes_mm=window)
    winding = along_y(tube(side * 0.36, side * 0.18, side * 0.55, "copper", sides=12))
    return [part.moved(offset_mm=at_mm) for part in (iron, winding)]


def cable(path_mm: Array, radius_mm: float) -> list[Solid]:
    """Return an insulated lead along a path: a plastic jacket and a copper core."""
    return [wire(path_mm, radius_mm, "pvc", sides=6), wire(path_mm, radius_mm * 0.45, "copper", sides=4)]


def lead(rng: np.random.Generator, start_mm: Array, heading_deg: float, radius_mm: float) -> list[Solid]:
    """Return a lead that leaves a point at a heading in the xy plane, in slow bends or wound up, with its plug."""
    count = int(rng.integers(24, 46))
    bends = np.interp(np.linspace(0, 1, count), np.linspace(0, 1, 7), rng.normal(0, 11, 7))
    if chance(rng, 0.4):  # wound up
        bends += uniform(rng, 14, 24) * pick(rng, -1.0, 1.0) * np.linspace(0.2, 1, count)
    angles = np.radians(heading_deg + bends.cumsum())
    path = wandering(angles, 0.06, uniform(rng, 4, 7)) + start_mm
    yaw = float(np.degrees(angles[-1]))
    ahead = np.array([np.cos(angles[-1]), np.sin(angles[-1]), 0.0])
    across = np.array([-ahead[1], ahead[0], 0.0])
    reach, wide = uniform(rng, 18, 34), radius_mm * uniform(rng, 3.5, 6)
    plug = [boxes([path[-1] + ahead * reach / 2], (reach, wide, wide * 0.6), "abs", yaw_deg=yaw)]
    tip = path[-1] + ahead * (reach + 7)
    if chance(rng, 0.5):  # pins
        plug.append(boxes([tip + across * side * wide * 0.3 for side in (-1, 1)], (16, 3.2, 3.2), "brass", yaw_deg=yaw))
    else:
        plug.append(boxes([tip], (13, wide * 0.6, wide * 0.3), "steel", yaw_deg=yaw))
    return [*cable(path, radius_mm), *plug]
