"""What suitcases roll on: twin wheels that swivel, and single wheels in a housing."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.shapes import (
    along_x,
    along_y,
    chance,
    copies,
    pick,
    pillow,
    smooth,
    strip,
    turned,
    uniform,
)
from datasets.render.phantoms.outlines import circle
from datasets.render.solids import Solid, cylinder, extrude, tube

__all__ = ["roller", "spinner"]

_UPRIGHT = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])  # y becomes z


def _wheel(rng: np.random.Generator, radius: float, wide: float, tyre: str) -> list[Solid]:
    """Return a wheel about z: a tyre with a crown, a spoked rim, a bearing."""
    rim = radius * uniform(rng, 0.62, 0.78)
    spokes = int(rng.integers(3, 7))
    holes = [circle(spot, rim * 0.2, sides=8) for spot in circle((0, 0), rim * 0.62, sides=spokes)]
    return [
        tube(radius, rim, wide * 0.6, tyre, sides=22),
        tube(radius * 0.95, rim, wide, tyre, sides=22),
        extrude(circle((0, 0), rim, sides=22), wide * 0.55, pick(rng, "abs", "nylon", "polypropylene"), holes_mm=holes),
        tube(radius * 0.26, radius * 0.14, wide * 0.7, "steel", sides=12),
    ]


def spinner(rng: np.random.Generator, radius: float, *, tyre: str, yaw_deg: float) -> list[Solid]:
    """Return a swivelling twin wheel that hangs from the origin towards -x, turned about x.

    Two wheels on one axle, a hood between them, a stem in its bearing, and a cup with screws that sits in the case.
    """
    wide, gap = radius * uniform(rng, 0.4, 0.6), radius * uniform(rng, 0.25, 0.5)
    trail, drop = radius * uniform(rng, 0.35, 0.7), -radius * uniform(rng, 1.15, 1.4)
    side = (wide + gap) / 2
    parts = [
        copies(along_y(part), [(trail, turn * side, drop) for turn in (-1, 1)])
        for part in _wheel(rng, radius, wide, tyre)
    ]
    parts.append(along_y(cylinder(radius * 0.12, wide * 2 + gap, "steel", sides=8), (trail, 0, drop)))
    hood = smooth(
        [(-radius * 0.6, 0), (radius * 0.5, 0), (trail + radius * 0.9, drop + radius * 0.4),
         (trail + radius * 0.25, drop - radius * 0.3), (trail - radius * 0.4, drop), (-radius * 0.5, -radius * 0.6)],
        3,
    )  # fmt: skip
    parts.append(pillow(hood, gap * 0.9, pick(rng, "abs", "nylon", "zinc_alloy")).moved(_UPRIGHT))
    parts.append(cylinder(radius * 0.16, radius * 1.4, "steel", sides=10).moved(offset_mm=(0, 0, radius * 0.1)))
    parts.append(tube(radius * 0.42, radius * 0.2, radius * 0.3, pick(rng, "steel", "nylon"), sides=14))
    cup = radius * uniform(rng, 0.9, 1.2)
    parts.append(tube(cup, cup * 0.9, radius * 0.8, "abs", sides=18).moved(offset_mm=(0, 0, radius * 0.4)))
    spots = np.concatenate([circle((0, 0), cup * 0.75, sides=3), np.full((3, 1), radius * 0.4)], axis=1)
    parts.append(copies(cylinder(1.6, radius * 0.5, "steel", sides=6), spots))
    return [along_x(part.moved(turned("z", yaw_deg))) for part in parts]


def roller(rng: np.random.Generator, radius: float, *, tyre: str) -> list[Solid]:
    """Return a single wheel about y at the origin, half of it under a housing that lies towards +x."""
    wide = radius * uniform(rng, 0.5, 0.9)
    parts = [along_y(part) for part in _wheel(rng, radius, wide, tyre)]
    parts.append(along_y(cylinder(radius * 0.13, wide * 1.6, "steel", sides=8)))
    angle = np.radians(np.linspace(-100, 100, 12))
    arch = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius * 1.2
    shell = pick(rng, "abs", "polypropylene")
    parts.append(extrude(strip(arch, 2.6), wide * 1.5, shell).moved(_UPRIGHT))
    cheek = np.concatenate([arch, [(-radius * 0.15, 0.0)]])
    for side in (-1, 1):
        parts.append(extrude(cheek, 2, shell).moved(_UPRIGHT, (0, side * wide * 0.78, 0)))
    spots = [(radius * 1.25, side * wide * 0.5, at * radius) for side in (-1, 1) for at in (-0.5, 0.5)]
    screw = along_x(cylinder(1.6, 11, "steel", sides=6))
    parts.append(copies(screw, spots[:: 1 if chance(rng, 0.5) else 2]))
    return parts
