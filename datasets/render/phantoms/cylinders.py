"""Cylinders of revolvers, alone or in a gun, with empty or loaded chambers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.random import Generator

from datasets.render.phantoms.ammunition import Round, load_cartridge
from datasets.render.phantoms.assembly import Assembly
from datasets.render.solids import Phantom

__all__ = ["CYLINDERS", "put_cylinder"]

_SIDES: Final = 20


def put_cylinder(
    into: Assembly, rng: Generator, origin_mm: tuple[float, float], *, radius: float, length: float, material: str,
    chambers: int, bore: float, loaded: bool, z: float = 0.0, flutes: bool = True, rimmed: bool = True,
) -> None:  # fmt: skip
    """Put a chambered cylinder into an assembly, its rear face at `origin_mm`, its axis along +x."""
    angle = np.arange(chambers) * (2 * np.pi / chambers) + rng.uniform(0, 2 * np.pi)
    ring = radius - bore - rng.uniform(1.2, 2.2)
    least = (ring + bore) / np.cos(np.pi / _SIDES) + 0.1  # else the chambers would cut through the bevelled ends
    into.turned(
        [(max(radius * 0.96, least), 0), (radius, 1.5), (radius, length - 2), (max(radius * 0.93, least), length)],
        material,
        origin_mm,
        z=z,
        sides=_SIDES,
    )
    x, y = origin_mm
    deep = length * rng.uniform(0.45, 0.7)
    shape = Round(
        bore * 0.97, length * rng.uniform(0.55, 0.72), bore * 0.97, length * 0.2, int(rng.integers(0, 2)), 0.6
    )
    places = np.stack([0 * angle, np.cos(angle), np.sin(angle)], axis=1)
    chamber, one, scoop = Assembly(), Assembly(), Assembly()
    chamber.turned([(bore, 0.0), (bore, length)], material, sides=10, cavity=True)
    into.stamp(chamber, places * ring + np.array((x, y, z)))
    if loaded:
        load_cartridge(one, shape, sides=7, plain=True)
        into.stamp(one, places * ring + np.array((x - 0.6, y, z)))
    into.turned([(2.2, 0.0), (2.2, length)], material, origin_mm, z=z, sides=8, cavity=True)
    into.rod((x - 3, y), length + 10, 1.9, "steel", z=z, sides=8)
    if rimmed:
        into.rod((x - 2.5, y), 2.4, radius * 0.45, "steel", z=z, sides=12)
    if flutes:  # scooped outside between the chambers; shallow enough to stay clear of them
        wide = bore * 0.42
        scoop.turned(
            [(wide * 0.3, length - deep), (wide, length - deep + 4), (wide, length - 2.2)],
            material,
            sides=8,
            cavity=True,
        )
        between = angle + np.pi / chambers
        away = np.stack([0 * between, np.cos(between), np.sin(between)], axis=1) * (radius - wide * 1.3)
        into.stamp(scoop, away + np.array((x, y, z)))


def _cylinder(family: str, *, loaded: bool, flutes: bool) -> Callable[[Generator], Phantom]:
    def build(rng: Generator) -> Phantom:
        a, u = Assembly(), rng.uniform
        chambers = int(rng.integers(5, 10))
        bore = u(4.4, 6.2) if chambers < 8 else u(2.8, 4.2)
        radius = (bore + u(0.7, 1.3)) / float(np.sin(np.pi / chambers)) + bore + u(1.6, 2.6)
        metal = str(rng.choice(["steel", "steel", "stainless", "zinc_alloy"]))
        put_cylinder(
            a,
            rng,
            (0, 0),
            radius=radius,
            length=u(30, 50),
            material=metal,
            chambers=chambers,
            bore=bore,
            loaded=loaded,
            flutes=flutes,
            rimmed=bool(rng.random() < 0.6),
        )
        return a.phantom(f"cylinder/{family}", "cylinder")

    return build


CYLINDERS: dict[str, Callable[[Generator], Phantom]] = {
    "fluted": _cylinder("fluted", loaded=False, flutes=True),
    "plain": _cylinder("plain", loaded=False, flutes=False),
    "loaded": _cylinder("loaded", loaded=True, flutes=True),
}
