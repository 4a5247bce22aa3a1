"""Long guns: families of silhouettes 350 to 1,100 mm long."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from datasets.render.phantoms.ammunition import round_for
from datasets.render.phantoms.assembly import Assembly, bored
from datasets.render.phantoms.magazines import put_magazine
from datasets.render.phantoms.outlines import band, circle, rectangle, rounded
from datasets.render.solids import Phantom

__all__ = ["LONG_GUNS"]

# x = 0 at the front of the receiver, y = 0 on the bore line, muzzle along +x.


def _tube(
    a: Assembly, rng: Generator, length: float, bore: float, *, y: float = 0.0, z: float = 0.0, taper: float = 1.0
) -> float:
    outer = bore + rng.uniform(2.2, 4.5)
    thin = max(outer * taper, bore + 1.2)
    a.turned(
        bored([(outer * 1.2, -30), (outer * 1.15, length * 0.15), (outer, length * 0.3), (thin, length)], bore),
        "steel",
        (0, y),
        z=z,
    )
    return outer


def _stock(
    a: Assembly,
    rng: Generator,
    rear: float,
    material: str,
    *,
    wall: float = 0.0,
    length: float | None = None,
    pistol: bool = False,
) -> None:
    """Add a shoulder stock that starts at x = `rear` and runs backwards."""
    u = rng.uniform
    long = u(230, 330) if length is None else length
    comb, drop, butt = u(-18, -4), u(-50, -22), u(100, 140)
    end = rear - long
    points = [
        (rear + 12, 2),
        (rear, -4),
        (rear - 0.35 * long, comb - 8),
        (end, drop + 14),
        (end - u(-6, 6), drop - butt + 14),
        (end + 12, drop - butt + 12),
        (rear - 0.38 * long, -52),
        (rear - 25, -42),
        (rear + 12, -34),
    ]
    thick = u(28, 40)
    if pistol:
        points[6:8] = [
            (rear - 0.45 * long, -62),
            (rear - 0.36 * long, -70),
            (rear - 0.28 * long, -110),
            (rear - 0.15 * long, -104),
            (rear - 0.1 * long, -44),
        ]
    if wall > 0:
        a.shell(points, thick, wall, material, radius_mm=u(3, 10))
    else:
        holes = (
            [
                rounded(
                    [(rear - 0.55 * long, -38), (end + 40, drop - 20), (end + 40, drop - 60), (rear - 0.5 * long, -54)],
                    12,
                )
            ]
            if rng.random() < 0.12
            else []
        )
        a.plate(rounded(points, u(4, 14)), thick, material, holes=holes)
    plate = np.array(
        [(end - 6, drop + 14), (end + 1, drop + 14), (end + 1, drop - butt + 13), (end - 6, drop - butt + 13)]
    )
    a.plate(plate, thick, str(rng.choice(["rubber", "steel", "abs"])))
    a.pin((end + 4, drop - 0.3 * butt), 3, 6)


def _guard(a: Assembly, rng: Generator, left: float, right: float, top: float, metal: str = "steel") -> None:
    u = rng.uniform
    deep = u(24, 34)
    a.loop(
        [(left, top), (right, top), (right - u(0, 10), top - deep), (left + u(2, 8), top - deep)],
        2.6,
        u(8, 14),
        metal,
        u(4, 12),
    )
    x = left + (right - left) * u(0.35, 0.6)
    a.plate(band([(x, top + 1), (x - 2, top - deep * 0.4), (x + 1, top - deep * 0.75)], [5, 4, 3]), 6, "steel")


def _grip(a: Assembly, rng: Generator, x: float, top: float, material: str, *, wall: float = 3.0) -> None:
    u = rng.uniform
    length, rake, width = u(85, 115), u(0.15, 0.6), u(30, 40)
    sin, cos = np.sin(rake) * length, np.cos(rake) * length
    a.shell(
        [(x - width, top), (x, top), (x - sin + 4, top - cos), (x - sin - width - 2, top - cos + 8)],
        u(24, 32),
        wall,
        material,
        radius_mm=5,
    )
    a.pin((x - width * 0.5 - sin * 0.3, top - cos * 0.3), 2.5, u(10, 30))


def _scope(a: Assembly, rng: Generator, x: float, y: float) -> None:
    u = rng.uniform
    length, tube = u(180, 340), u(12.5, 17)
    front, rear = tube * u(1.2, 2.0), tube * u(1.15, 1.5)
    wall = u(1.4, 2.2)
    body = [
        (rear, 0),
        (rear, length * 0.22),
        (tube, length * 0.3),
        (tube, length * 0.68),
        (front, length * 0.8),
        (front, length),
    ]
    hollow = [(r - wall, d) for r, d in reversed(body)]
    a.turned([*body, *hollow], "aluminium", (x, y), sides=16)
    for at, r in ((0.03, rear), (0.3, tube), (0.62, tube), (0.95, front)):
        a.turned([(r - wall - 0.2, 0), (r - wall - 0.2, u(2, 5))], "glass", (x + at * length, y))
    a.rod((x + length * 0.48, y), tube + 10, tube * 0.7, "aluminium", angle_rad=np.pi / 2, bore_mm=tube * 0.45)
    for at in (0.36, 0.62):
        a.plate(
            rectangle(x + at * length - 6, y - tube - 14, x + at * length + 6, y - tube + 1),
            tube * 1.4,
            str(rng.choice(["steel", "aluminium"])),
        )


def _sling(a: Assembly, rng: Generator, rear: float, front: float) -> None:
    for x, y in ((rear - rng.uniform(120, 200), -110 if rng.random() < 0.5 else -70), (front, -22)):
        a.plate(circle((x, y), 9, sides=10), 3, "steel", holes=[circle((x, y), 6.5, sides=10)])


def _action(
    a: Assembly,
    rng: Generator,
    length: float,
    high: float,
    *,
    metal: str = "steel",
    thick: float = 28.0,
    wall: float = 2.6,
) -> None:
    """Add a receiver that ends at x = 0 and the bolt inside it."""
    u = rng.uniform
    points = [
        (-length, -high * 0.6),
        (0, -high * 0.6),
        (0, high * 0.4),
        (-length * 0.8, high * 0.42),
        (-length, high * u(0, 0.4)),
    ]
    a.shell(points, thick, wall, metal, radius_mm=u(1, 6))
    start = -length * u(0.75, 0.95)
    a.rod((start, 0), length * u(0.5, 0.7), u(6, 8.5), "steel", bore_mm=2.5)
    a.spring((-length * 0.95, -high * 0.2), length * 0.5, 4, coils=12)
    for _ in range(int(rng.integers(2, 6))):
        a.pin((u(-length * 0.9, -10), u(-high * 0.5, high * 0.3)), u(1.5, 3), thick + 1)


def _bolt_rifle(rng: Generator) -> Phantom:
    a, u = Assembly(), rng.uniform
    body, reach, bore = u(150, 210), u(380, 600), u(2.8, 4.2)
    wood = str(rng.choice(["wood", "wood", "nylon"]))
    outer = _tube(a, rng, reach, bore, taper=u(0.6, 0.9))
    a.turned(bored([(outer * 1.9, -body), (outer * 1.9, 0)], outer * 1.35), "steel")
    a.rod((-body - u(10, 40), 0), body * 0.95, outer * 1.15, "steel", bore_mm=2.5)
    x = -body * u(0.85, 1.0)
    a.plate(band([(x, 0), (x - 8, -u(25, 40))], [9, 7]), 8, "steel", z=12)
    a.pin((x - 8, -34), 8, 14)
    _stock(a, rng, -body, wood, wall=4 if wood == "nylon" else 0)
    fore = reach * (u(0.35, 0.5) if rng.random() < 0.6 else u(0.75, 0.9))
    points = [(-body - 2, -8), (fore, -4), (fore, -u(16, 24)), (0, -36), (-body, -40)]
    if wood == "nylon":
        a.shell(points, 38, 4, wood, radius_mm=4)
    else:
        a.plate(rounded(points, 4), 30, wood)
    _guard(a, rng, -body - 5, -body + 55, -38)
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
        _scope(a, rng, -body - u(20, 60), outer * 1.9 + u(20, 30))
    _sling(a, rng, -body, fore * 0.9)
    return a.phantom("long_gun/bolt", "long_gun", ("polymer",) if wood == "nylon" else ())


def _shotgun(rng: Generator, family: str) -> Phantom:
    a, u = Assembly(), rng.uniform
    bore, body = u(7.5, 9.6), u(90, 210) if family == "pump" else u(60, 90)
    reach = u(250, 420) if family == "sawn_off" else u(440, 720)
    wood = str(rng.choice(["wood", "wood", "abs"]))
    if family == "pump":
        outer = _tube(a, rng, reach, bore, taper=0.85)
        low = -outer - bore - 4
        tube = reach * u(0.5, 0.95)
        a.rod((-10, low), tube, bore + 3, "steel", bore_mm=bore + 1.8)
        a.spring((tube * 0.3, low), tube * 0.6, bore, coils=18)
        at = u(0.15, 0.45) * reach
        a.turned(bored([(bore + 8, 0), (bore + 9, u(110, 160))], bore + 3.2), wood, (at, low))
        _action(a, rng, body, 52, metal=str(rng.choice(["steel", "aluminium"])), thick=32)
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
    _guard(a, rng, -body - 5, -body + 55, drop + 2)
    if family == "sawn_off":
        t = np.linspace(0, 1, 8)
        heading = np.pi + u(0.6, 1.2) * np.minimum(1.5 * t, 1)
        path = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], axis=1), axis=0) * (u(120, 180) / 8) + (
            -body + 10,
            -14,
        )
        a.plate(band(path, u(32, 42)), 30, wood)
    else:
        _stock(a, rng, -body, wood, wall=0 if wood == "wood" else 4)
        _sling(a, rng, -body, reach * 0.7)
    return a.phantom(f"long_gun/{family}", "long_gun")


def _carbine(rng: Generator, family: str) -> Phantom:
    a, u = Assembly(), rng.uniform
    body, bore = u(170, 230), u(2.8, 4.2)
    short = family == "smg"
    reach = u(90, 200) if short else u(220, 480)
    if short:
        bore = u(4.2, 5)
    outer = _tube(a, rng, reach, bore)
    for at in np.linspace(0, 1, 3):
        a.rod((reach + at * 14, 0), 5, outer + u(1, 3.5), "steel", bore_mm=bore + 1)
    metal = str(rng.choice(["aluminium", "aluminium", "steel"])) if family == "modern" else "steel"
    thick = u(24, 32)
    _action(a, rng, body, u(40, 58), metal=metal, thick=thick, wall=u(1.2, 3.2))
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
                _scope(a, rng, -body - 20, 52)
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
    _guard(a, rng, left, left + 60, -28, metal)
    _grip(a, rng, left + 4, -26, furniture)
    _rear(a, rng, family, -body, furniture)
    if family == "smg" and rng.random() < 0.4:
        a.rod((reach * 0.3, -70), 62, 13, "nylon", angle_rad=np.pi / 2, bore_mm=9)
    return a.phantom(f"long_gun/{family}", "long_gun", ("polymer",) if family == "modern" and polymer_magazine else ())


def _rear(a: Assembly, rng: Generator, family: str, rear: float, furniture: str) -> None:
    """Add what is behind the receiver: a fixed, telescoping, wire or folded stock, or nothing."""
    u = rng.uniform
    choice = rng.choice(
        ["fixed", "telescope", "wire", "folded", "none"],
        p=[0.1, 0.1, 0.4, 0.3, 0.1] if family == "smg" else [0.4, 0.25, 0.15, 0.1, 0.1],
    )
    if choice == "fixed":
        _stock(a, rng, rear, furniture, wall=0 if furniture == "wood" else 3.5, length=u(200, 280))
    elif choice == "telescope":
        long = u(150, 230)
        a.rod((rear - long, 2), long, 15, "aluminium", bore_mm=12.8)
        a.spring((rear - long + 8, 2), long - 14, 11, coils=18)
        a.shell(
            [
                (rear - long - 15, 18),
                (rear - 60, 18),
                (rear - 70, -20),
                (rear - long + 10, -90),
                (rear - long - 15, -95),
            ],
            34,
            3,
            "nylon",
            radius_mm=5,
        )
    elif choice == "wire":
        long = u(180, 260)
        a.loop(
            [
                (rear, 8),
                (rear - long, 2),
                (rear - long, -90),
                (rear - long + 14, -92),
                (rear - long * 0.75, -18),
                (rear, -16),
            ],
            u(6, 10),
            u(5, 22),
            "steel",
            6,
        )
    elif choice == "folded":
        long = u(180, 240)
        offset = 24.0 if rng.random() < 0.5 else -24.0
        ring = [
            (rear, 6),
            (rear + long, 6),
            (rear + long + 4, -70),
            (rear + long - 12, -72),
            (rear + long - 26, -12),
            (rear, -12),
        ]
        hole = rounded(
            np.array(
                [(rear + 8, 0), (rear + long - 8, 0), (rear + long - 6, -58), (rear + long - 20, -6), (rear + 8, -6)]
            ),
            2,
        )
        a.plate(
            rounded(ring, 5),
            6,
            "steel",
            z=offset,
            holes=[hole] if False else [rounded(rectangle(rear + 8, -7, rear + long - 30, 0), 2)],
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
    _grip(a, rng, x, -30, material)
    _guard(a, rng, x - 2, x + 62, -30, material)
    a.plate(band([(-body * 0.5, 24), (-body * 0.46, 62), (-body * 0.12, 62), (-body * 0.08, 20)], 9), 12, "aluminium")
    a.rod((-body * 0.45, 66), body * 0.3, 13, "aluminium", bore_mm=11)
    return a.phantom("long_gun/bullpup", "long_gun", ("polymer",))


def _lever(rng: Generator) -> Phantom:
    a, u = Assembly(), rng.uniform
    bore, body, reach = u(3.2, 5.8), u(120, 160), u(380, 560)
    outer = _tube(a, rng, reach, bore, taper=0.8)
    low = -outer - bore - 4
    a.rod((-5, low), reach * u(0.6, 0.97), bore + 3, "steel", bore_mm=bore + 1.8)
    a.plate(rounded([(5, low + 2), (u(180, 260), low + 2), (u(170, 250), low - 9), (5, low - 14)], 4), 32, "wood")
    _action(a, rng, body, 52, metal=str(rng.choice(["steel", "steel", "brass"])), thick=26, wall=3.0)
    _stock(a, rng, -body, "wood", length=u(250, 320))
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
    return a.phantom("long_gun/lever", "long_gun")


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
    _stock(a, rng, -body, material, pistol=bool(rng.random() < 0.4))
    _guard(a, rng, -body + 5, -body + 70, -42, str(rng.choice(["steel", "abs"])))
    if rng.random() < 0.5:
        _scope(a, rng, -body + 10, 42)
    return a.phantom("long_gun/air", "long_gun")


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
