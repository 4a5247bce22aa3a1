"""Parts that lie alone: barrels, frames and receivers, slides, bolts, suppressors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from datasets.render.phantoms.assembly import Assembly, bored
from datasets.render.phantoms.outlines import band, circle, rectangle, rounded
from datasets.render.phantoms.pistol_pieces import (
    METALS,
    barrel_of,
    draw_pistol,
    frame_of,
    grip_of,
    grip_panels,
    guard_of,
    sights_of,
    skeleton_grip,
    slide_of,
)  # fmt: skip
from datasets.render.phantoms.revolvers import bare_frame
from datasets.render.solids import Phantom

__all__ = ["BARRELS", "BOLTS", "FRAMES", "SLIDES", "SUPPRESSORS"]

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
        _barrel_extras(a, rng, family, metal, outer=outer, wide=wide, length=length, chamber=chamber, bore=bore)
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
    bore: float,
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
    del bore


BARRELS: dict[str, Family] = {
    name: _barrel(name) for name in ("plain", "lugged", "rifle", "ribbed", "threaded", "shotgun", "double", "liner")
}


def _pistol_frame(family: str) -> Family:
    def build(rng: Generator) -> Phantom:
        a, p = Assembly(), draw_pistol(rng, rng.uniform(0.65, 1.05))
        attributes: tuple[str, ...] = ()
        metal = str(METALS[rng.integers(len(METALS))])
        wall = rng.uniform(1.6, 3)
        if family in ("pistol_polymer", "pistol_printed"):
            metal, wall = str(rng.choice(["nylon", "abs"])), rng.uniform(2.5, 5)
            attributes = ("polymer", "printed") if family == "pistol_printed" else ("polymer",)
            for x in (p.length * 0.05, p.length * rng.uniform(0.45, 0.6)):
                if family == "pistol_polymer":
                    a.sides(rectangle(x, -4, x + rng.uniform(8, 22), 3), p.thick * 0.5, 1.5, "steel")
        frame_of(a, rng, p, metal, wall=wall, rail=bool(attributes) and bool(rng.random() < 0.6))
        guard_of(a, rng, p, metal)
        if family == "pistol_skeleton":
            skeleton_grip(a, rng, p, metal)
        else:
            points = grip_of(a, rng, p, metal, wall=wall)
            if not attributes and rng.random() < 0.4:
                grip_panels(a, rng, p, str(rng.choice(["wood", "abs"])), points)
        return a.phantom(f"frame_receiver/{family}", "frame_receiver", attributes)

    return build


def _lower(rng: Generator) -> Phantom:
    a, u = Assembly(), rng.uniform
    polymer = bool(rng.random() < 0.3)
    metal, wall = ("nylon", u(3, 5)) if polymer else ("aluminium", u(2.2, 4))
    length, thick = u(170, 215), u(20, 26)
    well = length * u(0.28, 0.36)
    points = [
        (0, 0),
        (length, 0),
        (length, -u(30, 55)),
        (length - well, -u(32, 58)),
        (length - well - 4, -22),
        (50, -24),
        (36, -34),
        (12, -30),
        (0, -14),
    ]
    hole = rounded(
        [(length - well - 44, -7), (length - well - 12, -7), (length - well - 12, -18), (length - well - 44, -18)], 2
    )
    a.shell(points, thick, wall, metal, radius_mm=2, holes=[hole] if rng.random() < 0.6 else [])
    a.turned(bored([(u(14, 17), -8), (15.5, 8)], 12.5), metal, (2, 8))
    left, right = 46.0, length - well
    a.loop([(left, -22), (right, -22), (right, -46), (left + 6, -46)], 2.5, 8, metal, 5)
    for x, y in ((12, -8), (length - 10, -7), (60, -12), (78, -14), (length - well - 10, -14)):
        a.pin((x, y), u(2, 3.5), thick + 1)
    if rng.random() < 0.5:
        a.plate(band([(76, -20), (73, -30), (76, -40)], [5, 4, 3]), 6, "steel")
    if rng.random() < 0.5:
        a.shell([(8, -26), (36, -28), (24, -110), (-14, -104)], 26, 3, "nylon", radius_mm=6)
    if rng.random() < 0.3:
        a.rod((-150, 8), 150, 14.5, "aluminium", bore_mm=12.6)
        a.spring((-140, 8), 130, 11, coils=18)
    return a.phantom("frame_receiver/rifle_lower", "frame_receiver", ("polymer",) if polymer else ())


def _upper(rng: Generator) -> Phantom:
    a, u = Assembly(), rng.uniform
    length, outer = u(175, 230), u(13, 17)
    a.rod((0, 0), length, outer, "aluminium", bore_mm=outer - u(2, 3.5), sides=18)
    top = outer - 1
    if rng.random() < 0.7:
        a.plate(rectangle(0, top, length, top + 5), 18, "aluminium")
        for x in np.arange(4, length - 8, 10):
            a.plate(rectangle(x, top + 5, x + 5.2, top + 8), 20, "aluminium")
    else:
        a.plate(band([(10, top), (14, top + 26), (60, top + 32), (130, top + 28), (150, top)], 9), 12, "aluminium")
    a.plate(
        rounded([(0, -outer - 4), (18, -outer - 4), (20, -outer + 2), (0, -outer + 2)], 2),
        12,
        "aluminium",
        holes=[circle((9, -outer - 1), 2.2, sides=8)],
    )
    a.plate(
        rounded(
            [(length - 22, -outer - 7), (length - 6, -outer - 7), (length, -outer + 2), (length - 26, -outer + 2)], 2
        ),
        12,
        "aluminium",
        holes=[circle((length - 14, -outer - 3), 2.6, sides=8)],
    )
    a.rod((length, 0), u(10, 18), outer * 0.9, "aluminium", bore_mm=9)
    return a.phantom("frame_receiver/rifle_upper", "frame_receiver")


def _trough(rng: Generator) -> Phantom:
    a, u = Assembly(), rng.uniform
    length, high, thick = u(210, 280), u(34, 46), u(28, 38)
    gap = u(60, 85)
    sheet = [(0, high), (length, high), (length, 4), (length - 24, 0), (length - 24 - gap, 0), (0, 0)]
    holes = [circle((x, u(8, high - 6)), u(1.8, 3.5), sides=8) for x in u(10, length - 10, 7)]
    a.sides(rounded(sheet, 2), thick - 2.4, u(1.0, 1.6), "steel", holes=holes)
    a.plate(rectangle(0, 0, length - 24 - gap, 1.4), thick, "steel")
    a.plate(
        rectangle(length - 34, high * 0.2, length, high),
        thick - 3,
        "steel",
        holes=[circle((length - 17, high * 0.62), 10, sides=12)],
    )
    a.plate(
        rectangle(-10, high * 0.1, 22, high * 0.9),
        thick - 3,
        "steel",
        holes=[rectangle(-5, high * 0.3, 16, high * 0.7)],
    )
    a.loop([(50, 2), (120, 2), (118, -30), (54, -30)], 2, 12, "steel", 8)
    for x in u(30, 140, 3):
        a.pin((x, u(8, 24)), 2.2, thick + 2)
    return a.phantom("frame_receiver/sheet_trough", "frame_receiver")


def _tubular(rng: Generator) -> Phantom:
    a, u = Assembly(), rng.uniform
    metal, length, outer = _steel(rng), u(190, 300), u(14, 19)
    a.rod((0, 0), length, outer, metal, bore_mm=outer - u(1.6, 3.2), sides=18)
    well = length * u(0.35, 0.7)
    a.shell(
        [(well, -outer + 2), (well + 42, -outer + 2), (well + 40, -outer - 30), (well + 2, -outer - 30)],
        26,
        1.8,
        metal,
        radius_mm=1,
    )
    a.shell([(20, -outer + 2), (well, -outer + 2), (well, -outer - 12), (28, -outer - 14)], 24, 2, metal, radius_mm=3)
    a.loop([(40, -outer - 10), (well, -outer - 10), (well - 4, -outer - 38), (44, -outer - 38)], 2.4, 8, metal, 6)
    a.plate(rectangle(length * 0.3, outer - 1, length * 0.34, outer + 8), 4, metal)
    return a.phantom("frame_receiver/tubular", "frame_receiver")


FRAMES: dict[str, Family] = {
    "pistol_metal": _pistol_frame("pistol_metal"),
    "pistol_polymer": _pistol_frame("pistol_polymer"),
    "pistol_printed": _pistol_frame("pistol_printed"),
    "pistol_skeleton": _pistol_frame("pistol_skeleton"),
    "revolver": bare_frame,
    "rifle_lower": _lower,
    "rifle_upper": _upper,
    "sheet_trough": _trough,
    "tubular": _tubular,
}


def _slide(family: str) -> Family:
    def build(rng: Generator) -> Phantom:
        size = rng.uniform(0.5, 0.72) if family == "pocket" else rng.uniform(0.75, 1.1)
        a, p = Assembly(), draw_pistol(rng, size)
        metal = "zinc_alloy" if family == "alloy" else _steel(rng)
        slide_of(a, rng, p, metal, wall=rng.uniform(1.6, 3.4), open_top=family == "open_top")
        if rng.random() < 0.25:
            barrel_of(a, rng, p, "steel")
        if rng.random() < 0.85:
            sights_of(a, rng, p, y=p.slide, front=p.length - rng.uniform(2, 10))
        return a.phantom(f"slide/{family}", "slide", ("converted",) if family == "alloy" and rng.random() < 0.4 else ())

    return build


SLIDES: dict[str, Family] = {name: _slide(name) for name in ("closed", "open_top", "pocket", "alloy")}


def _turning_bolt(rng: Generator) -> Phantom:
    a, u, metal = Assembly(), rng.uniform, _steel(rng)
    length, outer = u(110, 190), u(6.5, 10)
    a.turned(bored([(outer, 0), (outer, length - 8), (outer * 0.95, length)], 3.0), metal)
    a.rod((2, 0), length - 4, 2.2, "steel", sides=8)
    a.plate(rectangle(length - 14, -outer - 4, length - 3, outer + 4), u(5, 9), metal)
    x, drop, tip = u(12, 40), u(35, 65), u(7, 10)
    lean = u(-0.4, 0.1)
    end = np.array([x + np.sin(lean) * drop, -np.cos(lean) * drop])
    a.plate(band([(x, 0), end], [11, 7]), 8, metal)
    a.add(_knob(tip, metal), (end[0], end[1], 0))
    a.turned([(outer * 1.1, -u(18, 40)), (outer * 1.15, -2)], metal)
    if rng.random() < 0.5:
        a.spring((20, 0), length - 50, outer * 0.6, coils=18)
    return a.phantom("bolt/turning", "bolt")


def _knob(radius: float, material: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
    from datasets.render.solids import ellipsoid

    return ellipsoid((radius, radius, radius), material, sides=10, rings=6)


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


def _suppressor(family: str) -> Family:
    def build(rng: Generator) -> Phantom:
        a, u = Assembly(), rng.uniform
        metal = str(rng.choice(["steel", "aluminium", "aluminium", "titanium", "stainless"]))
        length, outer, bore = u(90, 260), u(14, 24), u(3.5, 7)
        wall = u(1.0, 2.5)
        inner = outer - wall
        a.rod((0, 0), length, outer, metal, bore_mm=inner, sides=20)
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
        return a.phantom(f"suppressor/{family}", "suppressor", ("printed",) if False else ())

    return build


SUPPRESSORS: dict[str, Family] = {name: _suppressor(name) for name in ("cones", "discs", "monocore", "filter")}
