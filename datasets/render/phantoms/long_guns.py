"""Long guns: families of silhouettes 350 to 1,100 mm long."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from datasets.render.phantoms.ammunition import round_for
from datasets.render.phantoms.assembly import Assembly, bored
from datasets.render.phantoms.long_gun_pieces import (
    action_of,
    grip_of,
    guard_of,
    rear_of,
    scope_of,
    stock_of,
    tube_of,
)  # fmt: skip
from datasets.render.phantoms.magazines import put_magazine
from datasets.render.phantoms.outlines import band, rectangle, rounded
from datasets.render.solids import Phantom

__all__ = ["LONG_GUNS"]

# x = 0 at the front of the receiver, y = 0 on the bore line, muzzle along +x.


def _bolt_rifle(rng: Generator) -> Phantom:
    a, u = Assembly(), rng.uniform
    body, reach, bore = u(150, 210), u(380, 600), u(2.8, 4.2)
    wood = str(rng.choice(["wood", "wood", "nylon"]))
    outer = tube_of(a, rng, reach, bore, taper=u(0.6, 0.9))
    a.turned(bored([(outer * 1.9, -body), (outer * 1.9, 0)], outer * 1.35), "steel")
    a.rod((-body - u(10, 40), 0), body * 0.95, outer * 1.15, "steel", bore_mm=2.5)
    x = -body * u(0.85, 1.0)
    a.plate(band([(x, 0), (x - 8, -u(25, 40))], [9, 7]), 8, "steel", z=12)
    a.pin((x - 8, -34), 8, 14)
    stock_of(a, rng, -body, wood, wall=4 if wood == "nylon" else 0)
    fore = reach * (u(0.35, 0.5) if rng.random() < 0.6 else u(0.75, 0.9))
    points = [(-body - 2, -8), (fore, -4), (fore, -u(16, 24)), (0, -36), (-body, -40)]
    if wood == "nylon":
        a.shell(points, 38, 4, wood, radius_mm=4)
    else:
        a.plate(rounded(points, 4), 30, wood)
    guard_of(a, rng, -body - 5, -body + 55, top=-38)
    put_magazine(
        a,
        rng,
        (-body * 0.45, -12),
        round_for(rng, "rifle"),
        u(26, 60),
        down_rad=-np.pi / 2,
        double=bool(rng.random() < 0.5),
    )
    if rng.random() < 0.55:
        scope_of(a, rng, -body - u(20, 60), outer * 1.9 + u(20, 30))
    return a.phantom("long_gun/bolt", "long_gun", ("polymer",) if wood == "nylon" else (), longest_mm=1100)


def _shotgun(rng: Generator, family: str) -> Phantom:
    a, u = Assembly(), rng.uniform
    bore, body = u(7.5, 9.6), u(90, 210) if family == "pump" else u(60, 90)
    reach = u(250, 420) if family == "sawn_off" else u(440, 720)
    wood = str(rng.choice(["wood", "wood", "abs"]))
    if family == "pump":
        outer = tube_of(a, rng, reach, bore, taper=0.85)
        low = -outer - bore - 4
        tube = reach * u(0.5, 0.95)
        a.rod((-10, low), tube, bore + 3, "steel", bore_mm=bore + 1.8)
        a.spring((tube * 0.3, low), tube * 0.6, bore, coils=18)
        at = u(0.15, 0.45) * reach
        a.turned(bored([(bore + 8, 0), (bore + 9, u(110, 160))], bore + 3.2), wood, (at, low))
        action_of(a, rng, body, 52, metal=str(rng.choice(["steel", "aluminium"])), thick=32)
        drop = -34.0
    else:
        side = bore + 1.6
        over = rng.random() < 0.5
        for sign in (-1, 1):
            a.turned(
                bored([(side * 1.2, -5), (side * 1.08, 60), (side, reach)], bore),
                "steel",
                (0, sign * side if over else 0),
                z=0 if over else sign * side,
            )
        a.plate(rectangle(20, (2 * side if over else side) - 0.5, reach, (2 * side if over else side) + 3), 7, "steel")
        low = -2 * side if over else -side
        a.plate(rounded([(15, low), (u(170, 260), low), (u(150, 240), low - 14), (15, low - 26)], 6), 36, wood)
        a.shell(
            [
                (-body, low * 0.6),
                (-body * 0.8, low - 14),
                (12, low - 14),
                (12, -low * 0.5),
                (-body * 0.6, -low * 0.9),
                (-body, -low * 0.2),
            ],
            40,
            5,
            "steel",
            radius_mm=6,
        )
        a.plate(band([(-body * 0.8, 10), (-body - 10, 24)], [7, 4]), 7, "steel")
        drop = low - 12
    guard_of(a, rng, -body - 5, -body + 55, top=drop + 2)
    if family == "sawn_off":
        t = np.linspace(0, 1, 8)
        heading = np.pi + u(0.6, 1.2) * np.minimum(1.5 * t, 1)
        path = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], axis=1), axis=0) * (u(120, 180) / 8) + (
            -body + 10,
            -14,
        )
        a.plate(band(path, u(32, 42)), 30, wood)
    else:
        stock_of(a, rng, -body, wood, wall=0 if wood == "wood" else 4)
    return a.phantom(f"long_gun/{family}", "long_gun", longest_mm=1100)


def _carbine(rng: Generator, family: str) -> Phantom:
    a, u = Assembly(), rng.uniform
    body, bore = u(170, 230), u(2.8, 4.2)
    short = family == "smg"
    reach = u(90, 200) if short else u(220, 480)
    if short:
        bore = u(4.2, 5)
    outer = tube_of(a, rng, reach, bore)
    for at in np.linspace(0, 1, 3):
        a.rod((reach + at * 14, 0), 5, outer + u(1, 3.5), "steel", bore_mm=bore + 1)
    metal = str(rng.choice(["aluminium", "aluminium", "steel"])) if family == "modern" else "steel"
    thick = u(24, 32)
    action_of(a, rng, body, u(40, 58), metal=metal, thick=thick, wall=u(1.2, 3.2))
    polymer = family == "modern" or rng.random() < 0.4
    furniture = str(rng.choice(["nylon", "abs"])) if polymer else "wood"
    fore = reach * u(0.45, 0.85)
    guard_points = [(0, 18), (fore, 14), (fore, -18), (0, -24)]
    if furniture == "wood":
        a.plate(rounded([(5, -8), (fore, -8), (fore, -24), (5, -30)], 5), 36, "wood")
    else:
        slots = (
            [rounded([(x, -4), (x + 16, -4), (x + 16, 4), (x, 4)], 3) for x in np.arange(14, fore - 24, 24)]
            if rng.random() < 0.6
            else []
        )
        a.shell(
            guard_points, 40, u(2, 4), str(rng.choice([furniture, furniture, "aluminium"])), radius_mm=4, holes=slots
        )
    if family in ("modern", "wooden") and rng.random() < 0.85:  # the gas tube and the sight tower
        a.rod((0, outer + 9), fore + 25, 4.5, "steel", bore_mm=3)
        a.plate(rounded([(fore + 12, -2), (fore + 34, -2), (fore + 26, 44), (fore + 20, 44)], 2), 8, "steel")
    if family == "modern":
        style = rng.choice(["rail", "handle", "scope"])
        if style == "handle":
            a.plate(
                band(
                    [(-body * 0.95, 20), (-body * 0.9, 46), (-body * 0.5, 56), (-body * 0.2, 50), (-body * 0.12, 20)],
                    10,
                ),
                14,
                "aluminium",
            )
        else:
            a.plate(rectangle(-body, 21, fore if rng.random() < 0.5 else 0, 27), 18, "aluminium")
            if style == "scope":
                scope_of(a, rng, -body - 20, 52)
    shape = round_for(rng, "pistol" if short else "intermediate")
    polymer_magazine = bool(rng.random() < 0.35)
    put_magazine(
        a,
        rng,
        (-u(35, 60) - shape.length / 2, -8.0),
        shape,
        u(120, 220),
        down_rad=-np.pi / 2 - u(-0.15, 0.05),
        double=True,
        material="nylon" if polymer_magazine else "steel",
        wall_mm=1.8 if polymer_magazine else 0.9,
        bend_rad=float(rng.choice([0.0, u(0.2, 0.8)])) if not short else 0.0,
        base_mm=5,
    )
    left = -body + u(15, 45)
    guard_of(a, rng, left, left + 60, top=-28, metal=metal)
    grip_of(a, rng, left + 4, -26, furniture)
    rear_of(a, rng, family, -body, furniture)
    if family == "smg" and rng.random() < 0.4:
        a.rod((reach * 0.3, -70), 62, 13, "nylon", angle_rad=np.pi / 2, bore_mm=9)
    return a.phantom(
        f"long_gun/{family}",
        "long_gun",
        ("polymer",) if family == "modern" and polymer_magazine else (),
        longest_mm=1100,
    )


def _bullpup(rng: Generator) -> Phantom:
    a, u = Assembly(), rng.uniform
    material, bore = str(rng.choice(["nylon", "abs"])), u(2.8, 4.2)
    body, reach = u(430, 520), u(120, 240)
    outer = bore + 3.5
    a.turned(bored([(outer * 1.3, -body * 0.55), (outer, 0), (outer * 0.9, reach)], bore), "steel")
    points = [
        (-body, 28),
        (-body, -u(60, 90)),
        (-body * 0.72, -u(40, 60)),
        (-body * 0.5, -34),
        (-body * 0.2, -34),
        (0, -22),
        (0, 20),
        (-body * 0.5, 26),
    ]
    a.shell(points, u(38, 46), u(3, 4.5), material, radius_mm=8)
    a.rod((-body * 0.93, 0), body * 0.3, 9, "steel", bore_mm=3)
    a.spring((-body * 0.9, 14), body * 0.3, 5, coils=18)
    shape = round_for(rng, "intermediate")
    put_magazine(
        a,
        rng,
        (-body * u(0.6, 0.7), -10),
        shape,
        u(130, 200),
        down_rad=-np.pi / 2,
        double=True,
        bend_rad=float(rng.choice([0, 0.3])),
        wall_mm=1.0,
    )
    x = -body * u(0.25, 0.38)
    grip_of(a, rng, x, -30, material)
    guard_of(a, rng, x - 2, x + 62, top=-30, metal=material)
    a.plate(band([(-body * 0.5, 24), (-body * 0.46, 62), (-body * 0.12, 62), (-body * 0.08, 20)], 9), 12, "aluminium")
    a.rod((-body * 0.45, 66), body * 0.3, 13, "aluminium", bore_mm=11)
    return a.phantom("long_gun/bullpup", "long_gun", ("polymer",), longest_mm=1100)


def _lever(rng: Generator) -> Phantom:
    a, u = Assembly(), rng.uniform
    bore, body, reach = u(3.2, 5.8), u(120, 160), u(380, 560)
    outer = tube_of(a, rng, reach, bore, taper=0.8)
    low = -outer - bore - 4
    a.rod((-5, low), reach * u(0.6, 0.97), bore + 3, "steel", bore_mm=bore + 1.8)
    a.plate(rounded([(5, low + 2), (u(180, 260), low + 2), (u(170, 250), low - 9), (5, low - 14)], 4), 32, "wood")
    action_of(a, rng, body, 52, metal=str(rng.choice(["steel", "steel", "brass"])), thick=26, wall=3.0)
    stock_of(a, rng, -body, "wood", length=u(250, 320))
    loop = [
        (-body * 0.35, -32),
        (-body * 0.3, -62),
        (-body * 0.75, -64),
        (-body * 1.1, -50),
        (-body * 1.75, -62),
        (-body * 1.8, -50),
        (-body * 0.9, -32),
    ]
    a.loop(loop, 4.5, 9, "steel", 9)
    a.plate(band([(-body * 0.65, -30), (-body * 0.67, -52)], [5, 3]), 6, "steel")
    a.plate(band([(-body * 0.9, 12), (-body - 8, 30), (-body - 16, 34)], [8, 6, 3]), 7, "steel")
    return a.phantom("long_gun/lever", "long_gun", longest_mm=1100)


def _air(rng: Generator) -> Phantom:
    a, u = Assembly(), rng.uniform
    bore, reach, body = u(2.2, 2.8), u(380, 480), u(260, 380)
    a.turned(bored([(u(6.5, 8), -20), (u(6, 8), reach)], bore), "steel")
    y = u(-4, 2)
    a.rod((-body, y), body, 14.5, "steel", bore_mm=12.2, sides=16)
    a.spring((-body + 20, y), body * 0.6, 10.5, coils=18)
    a.rod((-body * 0.38, y), 50, 12, "steel", bore_mm=9)
    material = str(rng.choice(["wood", "abs"]))
    points = [(-body + 8, -12), (u(10, 60), -12), (u(0, 50), -36), (-body * 0.5, -42), (-body, -44)]
    a.plate(rounded(points, 6), 34, material)
    stock_of(a, rng, -body, material, pistol=bool(rng.random() < 0.4))
    guard_of(a, rng, -body + 5, -body + 70, top=-42, metal=str(rng.choice(["steel", "abs"])))
    if rng.random() < 0.5:
        scope_of(a, rng, -body + 10, 42)
    return a.phantom("long_gun/air", "long_gun", longest_mm=1100)


LONG_GUNS: dict[str, Callable[[Generator], Phantom]] = {
    "bolt": _bolt_rifle,
    "pump": lambda rng: _shotgun(rng, "pump"),
    "double": lambda rng: _shotgun(rng, "double"),
    "sawn_off": lambda rng: _shotgun(rng, "sawn_off"),
    "modern": lambda rng: _carbine(rng, "modern"),
    "wooden": lambda rng: _carbine(rng, "wooden"),
    "smg": lambda rng: _carbine(rng, "smg"),
    "bullpup": _bullpup,
    "lever": _lever,
    "air": _air,
}
