"""The pieces that long guns share: barrel, receiver, stocks, guard, grip, scope."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from datasets.render.phantoms.assembly import Assembly, bored
from datasets.render.phantoms.outlines import band, circle, rectangle, rounded

__all__ = ["action_of", "grip_of", "guard_of", "rear_of", "scope_of", "stock_of", "tube_of"]

# x = 0 at the front of the receiver, y = 0 on the bore line, muzzle along +x.


def tube_of(
    a: Assembly, rng: Generator, length: float, bore: float, *, y: float = 0.0, z: float = 0.0, taper: float = 1.0
) -> float:
    """Add a barrel and return its outer radius."""
    outer = bore + rng.uniform(2.2, 4.5)
    thin = max(outer * taper, bore + 1.2)
    a.turned(
        bored([(outer * 1.2, -30), (outer * 1.15, length * 0.15), (outer, length * 0.3), (thin, length)], bore),
        "steel",
        (0, y),
        z=z,
    )
    return outer


def stock_of(
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
    if rng.random() < 0.4 and not pistol:  # a sling ring below
        ring = (rear - 0.72 * long, (drop - butt - 42) / 2 - 6)
        a.plate(circle(ring, 9, sides=10), 3, "steel", holes=[circle(ring, 6.5, sides=10)])


def guard_of(a: Assembly, rng: Generator, left: float, right: float, *, top: float, metal: str = "steel") -> None:
    """Add trigger guard and trigger below y = `top`."""
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


def grip_of(a: Assembly, rng: Generator, x: float, top: float, material: str, *, wall: float = 3.0) -> None:
    """Add a pistol grip that hangs from y = `top`, its front edge at `x`."""
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


def scope_of(a: Assembly, rng: Generator, x: float, y: float) -> None:
    """Add a telescopic sight on two mounts, its rear end at (x, y)."""
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


def action_of(
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


def rear_of(a: Assembly, rng: Generator, family: str, rear: float, furniture: str) -> None:
    """Add what is behind the receiver: a fixed, telescoping, wire or folded stock, or nothing."""
    u = rng.uniform
    choice = rng.choice(
        ["fixed", "telescope", "wire", "folded", "none"],
        p=[0.1, 0.1, 0.4, 0.3, 0.1] if family == "smg" else [0.4, 0.25, 0.15, 0.1, 0.1],
    )
    if choice == "fixed":
        stock_of(a, rng, rear, furniture, wall=0 if furniture == "wood" else 3.5, length=u(200, 280))
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
        a.plate(
            rounded(ring, 5),
            6,
            "steel",
            z=offset,
            holes=[rounded(rectangle(rear + 8, -7, rear + long - 30, 0), 2)],
        )
