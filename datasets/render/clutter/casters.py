"""What cases roll on: wheels in fixed housings, and swivelling casters with one wheel or two."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.shapes import Array, along_x, along_y, chance, hollow_box, pick, turned, uniform
from datasets.render.solids import Solid, box, cylinder, extrude, tube

__all__ = ["wheels"]


def wheels(rng: np.random.Generator, x: float, y: float, z: float) -> list[Solid]:
    """Return two fixed wheels or four casters, below the face at -x / 2 of a case of inner size (x, y, z) in mm."""
    radius, metal = uniform(rng, 15, 29), pick(rng, "steel", "steel", "iron", "zinc_alloy")
    rubber, plastic = pick(rng, "rubber", "pvc", "abs"), pick(rng, "abs", "polypropylene")
    solids: list[Solid] = []
    if chance(rng, 0.45):
        reach, wide = uniform(rng, 0.37, 0.45) * y, uniform(rng, 14, 26)
        wheel = _wheel(rng, radius, wide, rubber, plastic)
        for side in (-1, 1):
            at = (-x / 2 - radius * 0.4, side * reach, -z * 0.36)
            solids += [part.moved(offset_mm=at) for part in wheel]
            solids.append(along_y(cylinder(uniform(rng, 2.0, 3.5), wide + 4, metal, sides=8), at))
            solids += _housing(rng, at, radius, wide, plastic)
        return solids
    radius, twin = radius * 0.85, chance(rng, 0.6)
    caster = _caster(rng, radius, metal, rubber, plastic, twin=twin)
    for side in (-1, 1):
        for height in (-0.38, 0.38):
            swivel = turned("x", uniform(rng, 0, 360))  # each stands as it stopped
            at = (-x / 2 - 4, side * y * 0.42, height * z)
            solids += [part.moved(swivel).moved(offset_mm=at) for part in caster]
    return solids


def _wheel(rng: np.random.Generator, radius: float, wide: float, rubber: str, plastic: str) -> list[Solid]:
    """Return a wheel about the y axis: tyre, a disc with openings between its spokes, and two ball races."""
    rim, spokes = radius * uniform(rng, 0.7, 0.84), int(rng.integers(3, 8))
    parts = [along_y(tube(radius, rim, wide, rubber, sides=20))]
    angles = np.arange(spokes) * 2 * np.pi / spokes
    opening = _circle(rim * 0.55 * np.sin(np.pi / spokes))
    holes = [opening + rim * 0.62 * np.array([np.cos(angle), np.sin(angle)]) for angle in angles]
    parts.append(along_y(extrude(_circle(rim, 20), wide * 0.5, plastic, holes_mm=[*holes, _circle(rim * 0.16)])))
    if chance(rng, 0.7):
        race = tube(rim * 0.3, rim * 0.16, wide * 0.25, "steel", sides=12)
        parts += [along_y(race, (0, side * wide * 0.38, 0)) for side in (-1, 1)]
    return parts


def _caster(
    rng: np.random.Generator, radius: float, metal: str, rubber: str, plastic: str, *, twin: bool
) -> list[Solid]:
    """Return a caster that swivels about x and hangs from the origin towards -x."""
    wide = uniform(rng, 6, 10) if twin else uniform(rng, 12, 18)
    gap = uniform(rng, 6, 11)
    trail, drop = radius * uniform(rng, 0.3, 0.7), radius * uniform(rng, 1.15, 1.4)
    wheel = _wheel(rng, radius, wide, rubber, plastic)
    places = [side * (wide + gap) / 2 for side in (-1, 1)] if twin else [0.0]
    solids = [part.moved(offset_mm=(-drop, place, trail)) for part in wheel for place in places]
    across = 2 * wide + gap if twin else wide + 6
    solids.append(along_y(cylinder(uniform(rng, 1.8, 3.2), across, metal, sides=8), (-drop, 0, trail)))
    if twin:
        solids.append(
            box((drop * 1.1, gap * 0.7, radius * 0.9), plastic).moved(offset_mm=(-drop * 0.55, 0, trail * 0.7))
        )
    else:  # a fork
        for side in (-1, 1):
            leg = box((drop * 1.1, 2.5, radius * 0.7), pick(rng, plastic, metal))
            solids.append(leg.moved(offset_mm=(-drop * 0.55, side * (wide / 2 + 2), trail * 0.7)))
    solids.append(along_x(tube(radius * 0.62, radius * 0.3, 4.5, "steel", sides=14), (-1, 0, 0)))
    solids.append(along_x(cylinder(uniform(rng, 3, 5), radius * 0.8, metal, sides=8), (radius * 0.1, 0, 0)))
    solids.append(along_x(cylinder(radius * 0.95, 2.5, plastic, sides=16), (3.5, 0, 0)))
    return solids


def _housing(
    rng: np.random.Generator, at: Array | tuple[float, ...], radius: float, wide: float, plastic: str
) -> list[Solid]:
    """Return the box that a fixed wheel turns in."""
    size = radius * uniform(rng, 1.9, 2.3), wide + uniform(rng, 6, 14), radius * uniform(rng, 1.7, 2.1)
    return hollow_box(size, 2.2, plastic, np.add(at, (radius * 0.7, 0, 0)))


def _circle(radius: float, sides: int = 10) -> Array:
    angles = np.arange(sides) * 2 * np.pi / sides
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * radius
