"""Frames, receivers and slides that lie alone."""

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

__all__ = ["FRAMES", "SLIDES"]

Family = Callable[[Generator], Phantom]


def _steel(rng: Generator) -> str:
    return str(rng.choice(["steel", "steel", "stainless"]))


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
        rail = bool(attributes) and bool(rng.random() < 0.6)
        frame_of(a, rng, p, metal, wall=wall, rail=rail, works=family != "pistol_printed")
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
    holes = [circle((x, u(8, high - 6)), u(1.8, 3.5), sides=8) for x in np.linspace(16, length - 16, 7) + u(-6, 6, 7)]
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
            sights_of(a, rng, y=p.slide, front=p.length - rng.uniform(2, 10))
        return a.phantom(f"slide/{family}", "slide", ("converted",) if family == "alloy" and rng.random() < 0.4 else ())

    return build


SLIDES: dict[str, Family] = {name: _slide(name) for name in ("closed", "open_top", "pocket", "alloy")}
