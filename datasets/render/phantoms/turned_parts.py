"""Barrels, bolts and suppressors that lie alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from datasets.render.phantoms.assembly import Assembly, bored
from datasets.render.phantoms.outlines import band, circle, rectangle, rounded
from datasets.render.solids import Phantom, ellipsoid

__all__ = ["BARRELS", "BOLTS", "SUPPRESSORS"]

Family = Callable[[Generator], Phantom]


def _steel(rng: Generator) -> str:
    return str(rng.choice(["steel", "steel", "stainless"]))


def _barrel(family: str) -> Family:
    def build(rng: Generator) -> Phantom:
        a, u, metal = Assembly(), rng.uniform, _steel(rng)
        bore = u(2.8, 6)
        outer, length = bore + u(2, 5), u(60, 180)
        if family in ("rifle", "ribbed", "threaded"):
            length = u(180, 700)
        if family in ("shotgun", "double"):
            bore = u(6, 9.5)
            outer, length = bore + u(1.2, 2.2), u(250, 700)
        chamber = min(length * 0.2, u(20, 60))
        wide = outer * u(1.1, 1.6)
        profile = [
            (wide, 0),
            (wide, chamber),
            (outer, chamber + u(1, 20)),
            (outer * u(0.62, 1.0) if family == "rifle" else outer, length),
        ]
        profile = [(max(r, bore + 0.9), x) for r, x in profile]
        hollow = [(bore, length), (bore, chamber * 0.8), (bore * 1.15, chamber * 0.7), (bore * 1.2, 0)]
        offsets = [0.0] if family != "double" else [-outer * 1.02, outer * 1.02]
        upright = rng.random() < 0.5
        for offset in offsets:
            a.turned([*profile, *hollow], metal, (0, offset if upright else 0), z=0 if upright else offset, sides=16)
        _barrel_extras(a, rng, family, metal, outer=outer, wide=wide, length=length, chamber=chamber)
        return a.phantom(f"barrel/{family}", "barrel")

    return build


def _barrel_extras(
    a: Assembly,
    rng: Generator,
    family: str,
    metal: str,
    *,
    outer: float,
    wide: float,
    length: float,
    chamber: float,
) -> None:
    u = rng.uniform
    if family == "lugged":  # a pistol's barrel with hood and lug
        a.plate(
            rounded(
                [
                    (1, -wide + 1),
                    (chamber * 0.9, -wide + 1),
                    (chamber * u(0.5, 0.8), -wide - u(4, 10)),
                    (4, -wide - u(4, 10)),
                ],
                1.5,
            ),
            u(4, 8),
            metal,
        )
        a.plate(rectangle(-u(3, 7), wide * 0.3, 2, wide), wide * 1.2, metal)
        if rng.random() < 0.3:
            a.spring((chamber, 0), length - chamber - 6, outer + 2, coils=12)
    if family == "ribbed":
        for x in np.arange(chamber + 6, min(length * 0.6, chamber + 120), u(5, 9)):
            a.rod((x, 0), 2.2, outer + 2, metal, bore_mm=outer * 0.95, sides=12)
    if family == "threaded":
        for x in np.arange(length - u(12, 22), length - 1, 1.6):
            a.rod((x, 0), 0.8, outer * 1.12, metal, bore_mm=outer * 0.98, sides=12)
        if rng.random() < 0.5:
            a.rod((length * u(0.35, 0.6), 0), u(15, 28), outer * 1.7, metal, bore_mm=outer * 0.95)
            a.rod((length * 0.2, outer * 2), length * 0.35, 3.0, metal, bore_mm=2.0, sides=8)
    if family in ("shotgun", "double"):
        a.plate(
            rounded([(0, -wide), (u(40, 80), -wide), (u(30, 50), -wide - u(8, 16)), (0, -wide - u(8, 16))], 2),
            u(8, 14),
            metal,
        )
        if rng.random() < 0.6:
            a.plate(rectangle(chamber, wide + 0.5, length - 2, wide + u(2, 4)), u(5, 8), metal)
        a.pin((length - 4, wide + 2), 1.5, 3, "brass")
    if family == "liner":
        a.rod((0, 0), length * u(0.2, 0.5), wide + u(3, 8), "abs", bore_mm=wide)
    if family == "plain" and rng.random() < 0.4:
        a.plate(
            np.array([(length - 12, outer - 0.5), (length - 2, outer - 0.5), (length - 4, outer + u(4, 9))]), 3, metal
        )


BARRELS: dict[str, Family] = {
    name: _barrel(name) for name in ("plain", "lugged", "rifle", "ribbed", "threaded", "shotgun", "double", "liner")
}


def _turning_bolt(rng: Generator) -> Phantom:
    a, u, metal = Assembly(), rng.uniform, _steel(rng)
    length, outer = u(110, 190), u(6.5, 10)
    a.turned(bored([(outer, 0), (outer, length - 8), (outer * 0.95, length)], 3.0), metal)
    a.rod((2, 0), length - 4, 2.2, "steel", sides=8)
    a.plate(rectangle(length - 14, -outer - 4, length - 3, outer + 4), u(5, 9), metal)
    x, drop, tip = u(12, 40), u(35, 65), u(7, 10)
    lean = u(-0.4, 0.1)
    end = np.array([x + np.sin(lean) * drop, -np.cos(lean) * drop])
    a.plate(band(np.array([(x, 0), end]), [11, 7]), 8, metal)
    a.add(ellipsoid((tip, tip, tip), metal, sides=10, rings=6), (end[0], end[1], 0))
    a.turned([(outer * 1.1, -u(18, 40)), (outer * 1.15, -2)], metal)
    if rng.random() < 0.5:
        a.spring((20, 0), length - 50, outer * 0.6, coils=18)
    return a.phantom("bolt/turning", "bolt")


def _carrier(rng: Generator) -> Phantom:
    a, u, metal = Assembly(), rng.uniform, _steel(rng)
    length, outer = u(130, 190), u(10, 13)
    a.turned(bored([(outer, 0), (outer, length)], u(6, 7.5)), metal, sides=16)
    a.rod((length * 0.45, 0), length * 0.7, u(5, 5.9), metal, bore_mm=2)
    for turn in np.arange(7) * 2 * np.pi / 7:
        a.rod((length * 1.15 - 9, 8 * np.cos(turn)), 7, 1.8, metal, z=8 * np.sin(turn), sides=6)
    a.plate(rectangle(length * 0.45, outer, length * 0.75, outer + 7), 9, metal)
    a.rod((4, 0), length * 1.05, 1.8, "steel", sides=6)
    if rng.random() < 0.5:
        a.rod((length * 0.7, outer + 4), length * u(0.2, 0.9), 4, metal, bore_mm=2.6)
    return a.phantom("bolt/carrier", "bolt")


def _block(rng: Generator) -> Phantom:
    a, u, metal = Assembly(), rng.uniform, _steel(rng)
    length, high, thick = u(70, 160), u(16, 32), u(14, 24)
    notch = u(0.3, 0.6) * high
    points = [
        (0, 0),
        (length, 0),
        (length, high * u(0.6, 1)),
        (length * 0.7, high),
        (length * 0.4, high),
        (length * 0.38, high - notch),
        (length * 0.1, high - notch),
        (0, high * 0.8),
    ]
    a.plate(
        rounded(points, 2),
        thick * 0.4,
        metal,
        holes=[circle((length * u(0.5, 0.8), high * 0.4), high * u(0.12, 0.25), sides=10)],
    )
    a.shell(
        [(length * 0.4, 1), (length - 1, 1), (length - 1, high * 0.55), (length * 0.42, high * 0.9)],
        thick,
        u(2, 3.5),
        metal,
    )
    a.rod((-u(2, 30), high * 0.35), length * 0.9, u(2, 3.5), "steel", sides=8)
    if rng.random() < 0.6:
        a.rod((length * 0.25, high * 0.2), u(10, 20), 4, metal, angle_rad=-np.pi / 2, sides=8)
    if rng.random() < 0.5:
        a.spring((-60, high * 0.35), 80, 5, coils=12)
    return a.phantom("bolt/block", "bolt")


BOLTS: dict[str, Family] = {"turning": _turning_bolt, "carrier": _carrier, "block": _block}


def _casing(a: Assembly, rng: Generator, metal: str, *, length: float, outer: float, inner: float) -> None:
    """Add the tube: plain, wider or narrower over a part of its length, with raised bands, or flat-sided."""
    u = rng.uniform
    match str(rng.choice(["plain", "plain", "stepped", "banded", "flat"])):
        case "stepped":
            at, other = length * u(0.2, 0.8), min(outer * u(1.08, 1.35), 27.0)
            first, second = (other, outer) if rng.random() < 0.5 else (outer, other)
            outside = [(first, 0), (first, at), (second, at + u(0, 12)), (second, length)]
            a.turned([*outside, (inner, length), (inner, 0)], metal, sides=20)
        case "banded":
            a.rod((0, 0), length, outer, metal, bore_mm=inner, sides=20)
            for x in rng.uniform(0, length * 0.85, int(rng.integers(1, 4))):
                a.rod((x, 0), length * u(0.03, 0.15), outer + u(1.0, 3.0), metal, bore_mm=outer, sides=20)
        case "flat":
            sides = int(rng.integers(7, 9))
            corner = 1 / np.cos(np.pi / sides)  # so that the flats clear what is inside
            a.rod((0, 0), length, outer * corner, metal, bore_mm=inner * corner, sides=sides)
        case _:
            a.rod((0, 0), length, outer, metal, bore_mm=inner, sides=20)


def _suppressor(family: str) -> Family:
    def build(rng: Generator) -> Phantom:
        a, u = Assembly(), rng.uniform
        metal = str(rng.choice(["steel", "aluminium", "aluminium", "titanium", "stainless"]))
        length, outer, bore = u(90, 260), u(14, 24), u(3.5, 7)
        wall = u(1.0, 2.5)
        inner = outer - wall
        _casing(a, rng, metal, length=length, outer=outer, inner=inner)
        for x in (0.5, length - 6):
            a.rod((x, 0), 5, inner - 0.05, metal, bore_mm=bore, sides=16)
        if rng.random() < 0.6:
            a.rod((-u(6, 16), 0), 14, u(8, 11), "steel", bore_mm=6)
        baffle = metal if rng.random() < 0.6 else "steel"
        start, pitch = length * u(0.12, 0.38), u(10, 22)
        for x in np.arange(start, length - 14, pitch):
            if family == "cones":
                thin, deep = 1.4, min(pitch * 0.8, 12)
                a.turned(
                    [
                        (inner - 0.1, 0),
                        (inner - 0.1, 2),
                        (bore + 1.5, deep + 2),
                        (bore, deep + 2),
                        (bore, deep),
                        (inner - thin - 2, 0),
                    ],
                    baffle,
                    (x, 0),
                    sides=14,
                )
            elif family == "discs":
                a.rod((x, 0), u(1.5, 3.5), inner - 0.1, baffle, bore_mm=bore, sides=14)
            elif family == "filter":
                a.rod(
                    (x, 0),
                    pitch * 0.85,
                    inner - 0.1,
                    str(rng.choice(["steel", "rubber", "aluminium"])),
                    bore_mm=bore * 1.3,
                    sides=12,
                )
        if family == "monocore":
            core = rectangle(start, -inner * 0.85, length - 7, inner * 0.85)
            holes = [
                circle((x, u(-0.2, 0.2) * inner), min(pitch * 0.4, inner * 0.55), sides=10)
                for x in np.arange(start + 12, length - 18, pitch)
            ]
            a.plate(core, inner, metal, holes=holes)
        return a.phantom(f"suppressor/{family}", "suppressor")

    return build


SUPPRESSORS: dict[str, Family] = {name: _suppressor(name) for name in ("cones", "discs", "monocore", "filter")}
