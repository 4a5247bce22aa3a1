"""Deliberate concealment, as seizures show it: a threat and what hides it, as one rigid group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from datasets.render.clutter import random_clutter
from datasets.render.clutter.drapery import crumpled_foil
from datasets.render.placement import bounds_of, turned
from datasets.render.solids import Phantom, Solid, box, cylinder, ellipsoid, tube

__all__ = ["CONCEALMENTS", "conceal"]

Group = list[Phantom]
_ALONG_X: Final = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
_ON_SIDE: Final = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
# Sheets that people lay over things: material, thinnest and thickest in mm.
_SHEETS: Final = (
    ("steel", 0.5, 4.0),
    ("stainless", 0.5, 3.0),
    ("aluminium", 1.0, 10.0),
    ("copper", 0.5, 2.0),
    ("brass", 0.5, 2.0),
    ("lead", 0.3, 1.2),
    ("ceramic", 3.0, 12.0),
    ("zinc_alloy", 1.0, 4.0),
)
_ELECTRONICS: Final = ("circuit_board", "circuit_board", "keyboard", "laptop", "laptop_battery", "power_supply")
_GOODS: Final = (
    "bottle", "can", "clothes_iron", "food_box", "fruit", "fruit", "grains", "jar", "pan", "shoe", "stick_bundle",
    "thermos", "tool_battery", "tool_heap", "tool_heap", "utensils",
)  # fmt: skip


def conceal(group: Group, rng: np.random.Generator) -> tuple[Group, str]:
    """Hide a group in a way drawn by chance; return the larger group and the name of the way."""
    name = str(rng.choice(sorted(CONCEALMENTS)))
    return CONCEALMENTS[name](group, rng), name


def _in_can(group: Group, rng: np.random.Generator) -> Group:
    low, high = bounds_of(group)
    centre, size = (low + high) / 2, high - low
    inner = float(np.hypot(size[1], size[2])) / 2 + rng.uniform(1, 8)
    length = float(size[0]) + rng.uniform(6, 60)
    steel = str(rng.choice(["steel", "stainless", "aluminium", "tin"]))
    wall = rng.uniform(0.3, 1.6)
    solids = [tube(inner + wall, inner, length, steel)]
    solids += [_at(cylinder(inner + wall, wall, steel), (0, 0, side * (length + wall) / 2)) for side in (-1, 1)]
    if rng.random() < 0.5:  # a vacuum flask has a second wall and a lid
        gap = rng.uniform(3, 8)
        solids.append(tube(inner + wall + gap + wall, inner + wall + gap, length + 2 * wall, steel))
        solids.append(_at(cylinder(inner, rng.uniform(15, 40), "polypropylene"), (0, 0, length / 2 + 25)))
    host = Phantom("concealment/can", tuple(solids)).moved(_ALONG_X, centre)
    return [*group, host]


def _in_tin(group: Group, rng: np.random.Generator) -> Group:
    low, high = bounds_of(group)
    centre, inner = (low + high) / 2, high - low + rng.uniform(2, 30, 3)
    wall = rng.uniform(0.25, 1.2)
    outer = inner + 2 * wall
    material = str(rng.choice(["tin", "steel", "aluminium", "zinc_alloy"]))
    host = Phantom("concealment/tin", (box(outer.tolist(), material), box(inner.tolist(), material).cavity()))
    return [*group, host.moved(offset_mm=centre)]


def _in_foil(group: Group, rng: np.random.Generator) -> Group:
    low, high = bounds_of(group)
    centre, inner = (low + high) / 2, high - low + (*rng.uniform(6, 40, 2), rng.uniform(8, 16))
    material, layer = [
        ("aluminium", rng.uniform(0.1, 0.8)),
        ("lead", rng.uniform(0.05, 0.5)),
        ("copper", rng.uniform(0.05, 0.3)),
    ][int(rng.integers(3))]
    sheets = [
        crumpled_foil(rng, (float(inner[0]), float(inner[1])), layer, material).moved(
            offset_mm=(0, 0, side * inner[2] / 2)
        )
        for side in (-1, 1)
    ]
    return [*group, Phantom("concealment/foil", tuple(sheets)).moved(offset_mm=centre)]


def _with_plates(group: Group, rng: np.random.Generator) -> Group:
    low, high = bounds_of(group)
    size = high - low
    hosts: Group = []
    for _ in range(int(rng.integers(1, 4))):
        material, thinnest, thickest = _SHEETS[int(rng.integers(len(_SHEETS)))]
        thickness = rng.uniform(thinnest, thickest)
        plate = box((size[0] * rng.uniform(0.4, 1.6), size[1] * rng.uniform(0.4, 1.8), thickness), material)
        shift = rng.uniform(-0.35, 0.35, 2) * size[:2]
        here_low, here_high = bounds_of([*group, *hosts])
        under = rng.random() < 0.5
        z = here_low[2] - thickness / 2 - 0.5 if under else here_high[2] + thickness / 2 + 0.5
        centre = (low + high) / 2
        hosts.append(Phantom("concealment/plate", (_at(plate, (centre[0] + shift[0], centre[1] + shift[1], z)),)))
    return [*group, *hosts]


def _in_toy(group: Group, rng: np.random.Generator) -> Group:
    """Return the group in the belly of a plush toy: stuffing and cloth around it, limbs and eyes outside."""
    low, high = bounds_of(group)
    radii = (high - low) * rng.uniform(0.62, 0.8) + 8.0
    belly, head = radii, np.full(3, float(radii[1:].max()) * rng.uniform(0.6, 0.9))
    neck = (float(belly[0] + head[0] * 0.8), 0.0, 0.0)
    stuffing = [ellipsoid(belly.tolist(), "foam"), _at(ellipsoid(head.tolist(), "foam"), neck)]
    skin = [part for solid in stuffing for part in _skin_of(solid, rng.uniform(1.02, 1.05))]
    limbs = [
        _at(ellipsoid((belly * (0.4, 0.25, 0.4)).tolist(), "cotton"), (x * float(belly[0]), y * float(belly[1]), 0))
        for x, y in ((0.6, 1.0), (0.6, -1.0), (-0.8, 0.9), (-0.8, -0.9))
    ]
    eyes = [
        _at(ellipsoid((4, 4, 3), "glass", sides=10, rings=6), (neck[0], side * 0.4 * float(head[1]), float(head[2])))
        for side in (-1, 1)
    ]
    toy = Phantom("concealment/toy", (*stuffing, *skin, *limbs, *eyes))
    return [*group, toy.moved(offset_mm=(low + high) / 2)]


def _skin_of(solid: Solid, scale: float) -> list[Solid]:
    low, high = Phantom("", (solid,)).bounds_mm()
    centre = (low + high) / 2
    around = solid.moved(offset_mm=-centre)
    return [
        Solid(part.triangles_mm, "cotton", part.weight).moved(offset_mm=centre)
        for part in (around.scaled(scale), around.cavity())
    ]


def _with_electronics(group: Group, rng: np.random.Generator) -> Group:
    return _with_host(group, rng, str(rng.choice(_ELECTRONICS)))


def _with_goods(group: Group, rng: np.random.Generator) -> Group:
    return _with_host(group, rng, str(rng.choice(_GOODS)))


def _with_host(group: Group, rng: np.random.Generator, kind: str) -> Group:
    host = random_clutter(rng, kind=kind)
    host_low, host_high = host.bounds_mm()
    size = host_high - host_low
    if size[2] > min(size[0], size[1]):
        host = host.moved(_ON_SIDE)
    angle = rng.uniform(0, 2 * np.pi)
    spin = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
    return _stacked(group, [host.moved(spin)], rng, spread=0.3)


def _taped_to_block(group: Group, rng: np.random.Generator) -> Group:
    low, high = bounds_of(group)
    size = high - low
    material = str(
        rng.choice(["steel", "iron", "brass", "zinc_alloy", "lithium_cell", "aluminium", "concrete", "ceramic"])
    )
    thickness = rng.uniform(6, 30)
    block = box((size[0] * rng.uniform(0.3, 0.9), size[1] * rng.uniform(0.4, 1.1), thickness), material)
    return _stacked(group, [Phantom("concealment/block", (block,))], rng, spread=0.3)


def _among_steel(group: Group, rng: np.random.Generator) -> Group:
    """Rods, pipes and bars side by side with the threat and under it."""
    low, high = bounds_of(group)
    size, centre = high - low, (low + high) / 2
    hosts: Group = []
    across = {-1.0: float(low[1]), 1.0: float(high[1])}
    for _ in range(int(rng.integers(2, 9))):
        radius = rng.uniform(3, 14)
        length = size[0] * rng.uniform(0.4, 1.3)
        material = str(rng.choice(["steel", "stainless", "iron", "aluminium", "brass"]))
        shape = rng.integers(3)
        if shape == 0:
            solid = cylinder(radius, length, material, sides=16)
        elif shape == 1:
            solid = tube(radius, radius * rng.uniform(0.4, 0.9), length, material, sides=16)
        else:
            solid = box((2 * radius, 2 * radius * rng.uniform(0.3, 1), length), material)
        side = float(rng.choice([-1.0, 1.0]))
        y = across[side] + side * (radius + 1)
        across[side] += side * (2 * radius + 2)
        offset = (centre[0] + size[0] * rng.uniform(-0.2, 0.2), y, centre[2])
        hosts.append(Phantom("concealment/steel_part", (solid,)).moved(_ALONG_X, offset))
    if rng.random() < 0.5:
        bar = cylinder(rng.uniform(3, 9), size[0] * rng.uniform(0.6, 1.2), "steel", sides=16)
        return _stacked([*group, *hosts], [Phantom("concealment/steel_part", (bar,)).moved(_ALONG_X)], rng, spread=0.2)
    return [*group, *hosts]


def _on_edge(group: Group, rng: np.random.Generator) -> Group:
    return turned(group, _ON_SIDE if rng.random() < 0.7 else _ALONG_X)


def _stacked(group: Group, hosts: Group, rng: np.random.Generator, *, spread: float) -> Group:
    """Lay hosts under or over a group, shifted by a share of the group's size."""
    low, high = bounds_of(group)
    host_low, host_high = bounds_of(hosts)
    shift = (low + high) / 2 - (host_low + host_high) / 2 + rng.uniform(-spread, spread, 3) * (host_high - host_low)
    shift[2] = low[2] - host_high[2] - 0.5 if rng.random() < 0.6 else high[2] - host_low[2] + 0.5
    return [*group, *(host.moved(offset_mm=shift) for host in hosts)]


def _at(solid: Solid, offset_mm: Sequence[float]) -> Solid:
    return solid.moved(offset_mm=offset_mm)


CONCEALMENTS: Final[dict[str, Callable[[Group, np.random.Generator], Group]]] = {
    "among_steel": _among_steel,
    "in_can": _in_can,
    "in_foil": _in_foil,
    "in_tin": _in_tin,
    "in_toy": _in_toy,
    "on_edge": _on_edge,
    "taped_to_block": _taped_to_block,
    "with_electronics": _with_electronics,
    "with_goods": _with_goods,
    "with_plates": _with_plates,
}
