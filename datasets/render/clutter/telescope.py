"""What pull-out handles are made of: rails in rails."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.shapes import (
    along_x,
    chance,
    copies,
    hollow_box,
    lying_box,
    pick,
    rounded,
    uniform,
)
from datasets.render.solids import Solid, box, cylinder, extrude, tube

__all__ = ["telescopic_rails"]


def telescopic_rails(rng: np.random.Generator, reach: float, spread: float) -> list[Solid]:
    """Return the two rails of a trolley handle along x from 0 down to -reach, `spread` to either side of y = 0.

    Round or rectangular tubes, or U-profiles, slide into each other; there are rows of stop holes, locking
    blocks, and rods that work them.
    """
    metal = pick(rng, "aluminium", "aluminium", "steel", "steel", "stainless")
    width, height, wall = uniform(rng, 9, 26), uniform(rng, 7, 15), uniform(rng, 0.7, 1.8)
    shape = int(rng.integers(3))
    solids: list[Solid] = []
    start, length = 0.0, reach
    for stage in range(int(rng.integers(2, 4))):
        wide, high = width * 0.8**stage, height * 0.8**stage
        if shape == 0:
            profile = [along_x(tube(wide / 2, wide / 2 - wall, length, metal, sides=14))]
        elif shape == 1:
            profile = hollow_box((length, wide, high), min(wall, high * 0.2), metal)
        else:  # a U, open at the top
            profile = [
                lying_box((length, wide, wall), metal, (0, 0, -high / 2)),
                *(lying_box((length, wall, high - wall), metal, (0, side * (wide - wall) / 2, 0)) for side in (-1, 1)),
            ]
        if stage == 0 and shape and chance(rng, 0.7):  # a row of stop holes in a strip along one side
            count = int(rng.integers(5, 22))
            holes = [
                np.add(rounded(wide * 0.3, wide * 0.3, wide * 0.14, steps=2), (x, 0))
                for x in np.linspace(-0.46, 0.46, count) * length
            ]
            strip = extrude(rounded(length, wide * 0.7, 1, steps=2), wall, metal, holes_mm=holes)
            profile.append(strip.moved(offset_mm=(0, 0, high / 2 + wall)))
        solids += _both(profile, start - length / 2, spread)
        if stage:
            block = [box((uniform(rng, 18, 45), wide * 0.7, high * 0.6), pick(rng, "nylon", "abs", "zinc_alloy"))]
            solids += _both(block, start - length + 14, spread)
        start, length = start + uniform(rng, 0, 0.06) * reach, length * uniform(rng, 0.6, 0.97)
    if chance(rng, 0.6):
        solids += _both([along_x(cylinder(uniform(rng, 1.4, 2.6), reach * 0.9, "steel", sides=6))], -reach / 2, spread)
    return solids


def _both(parts: list[Solid], x: float, spread: float) -> list[Solid]:
    """Return a part at x on both rails, or on the only one where there is no spread."""
    at = [(x, side * spread, 0.0) for side in ((-1, 1) if spread else (0,))]
    moved = [copies(part, at) for part in parts]
    return [part.cavity() if old.weight < 0 else part for old, part in zip(parts, moved, strict=True)]
