"""The pieces that self-loading pistols share: slide, barrel, frame, grip, guard, magazine.

The frame of reference of a pistol: x = 0 at the rear of the slide, y = 0 at the top of the frame, muzzle along +x.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from datasets.render.phantoms.ammunition import round_for
from datasets.render.phantoms.assembly import Assembly
from datasets.render.phantoms.magazines import put_magazine
from datasets.render.phantoms.outlines import Outline, band, circle, placed, rectangle, rounded

__all__ = [
    "METALS", "Pistol", "barrel_of", "draw_pistol", "frame_of", "grip_of", "grip_panels", "guard_of", "hammer_of",
    "magazine_of", "sights_of", "skeleton_grip", "slide_of",
]  # fmt: skip

METALS = ("steel", "steel", "stainless", "stainless", "zinc_alloy", "aluminium")


@dataclass(frozen=True, slots=True)
class Pistol:
    """Proportions of one pistol in millimetres and radians; drawn anew for every phantom.

    One in `heavy` has sides so thick that they leave no more room than what is inside takes: a black shadow.
    """

    length: float
    slide: float
    dust: float
    reach: float
    thick: float
    grip: float
    width: float
    rake: float
    back: float
    guard: float
    guard_drop: float
    bore: float
    heavy: bool = False

    @property
    def down(self) -> Outline:
        """Unit vector down the grip."""
        return np.array([-np.sin(self.rake), -np.cos(self.rake)])

    @property
    def throat(self) -> Outline:
        """Middle of the grip where it meets the frame."""
        return np.array([self.back + self.width / 2, -self.dust * 0.6])


def draw_pistol(rng: Generator, size: float = 1.0, *, rake: tuple[float, float] = (0.0, 0.5)) -> Pistol:
    """Draw proportions; `size` near 1 is a service pistol."""
    u = rng.uniform
    length = u(150, 225) * size
    width = u(40, 56) * (0.5 + 0.5 * size)
    back = u(0.0, 0.12) * length
    guard = u(38, 56) * (0.6 + 0.4 * size)
    least = (back + width + guard) / length
    return Pistol(
        length, u(20, 32) * (0.45 + 0.55 * size), u(9, 22) * (0.5 + 0.5 * size), u(min(least, 1.0), 1.0),
        u(22, 34) * (0.55 + 0.45 * size), u(68, 120) * (0.35 + 0.65 * size), width, u(*rake), back, guard,
        u(22, 34) * (0.6 + 0.4 * size), u(2.8, 6.0), bool(rng.random() < 0.65),
    )  # fmt: skip


def slide_of(
    a: Assembly, rng: Generator, p: Pistol, material: str, *, wall: float, shift: float = 0.0, open_top: bool = False
) -> None:
    """Add a hollow slide; `shift` draws it back, `open_top` leaves most of the barrel bare."""
    u, high, thick = rng.uniform, p.slide, p.thick * rng.uniform(0.9 if p.heavy else 0.72, 0.95)
    nose, heel = u(0, 0.3) * high, u(-0.15, 0.25) * high
    left, lap = -shift, -u(0.05, 0.35) * p.dust  # its flanks reach over the frame
    if open_top:
        low = high * u(0.38, 0.55)
        a_, b_ = p.length * u(0.3, 0.42), p.length * u(0.8, 0.93)
        points = [
            (0, lap),
            (p.length, lap),
            (p.length, high * u(0.7, 1)),
            (b_, high),
            (b_ - 4, low),
            (a_ + 6, low),
            (a_, high),
            (heel, high),
        ]
    else:
        points = [
            (0, lap),
            (p.length - nose, lap),
            (p.length, max(nose, lap + 1)),
            (p.length - u(0, 0.3) * high, high),
            (heel, high),
        ]
        if rng.random() < 0.6:  # an ejection opening in the top edge
            a_, b_ = p.length * u(0.36, 0.44), p.length * u(0.5, 0.62)
            deep = high * u(0.3, 0.6)
            points[4:4] = [(b_, high), (b_, high - deep), (a_, high - deep), (a_, high)]
    shape = np.array(points) - (shift, 0)
    holes = []
    if not open_top and rng.random() < 0.35:
        cut = np.linspace(0.66, 0.86, int(rng.integers(2, 5))) * p.length - shift
        holes = [placed(rectangle(-3, -0.16 * high, 3, 0.16 * high), (x, 0.5 * high), u(0.0, 0.3)) for x in cut]
    side = max(wall, thick / 2 - min(p.bore + 3.6, 0.42 * p.slide)) if p.heavy else wall
    edge = u(0.12, 0.45), u(0.4, 0.9)
    a.shell(shape, thick, side, material, radius_mm=u(0.5, 5), rim_mm=wall * u(0.9, 1.5), holes=holes, edge=edge)
    breech = p.length * u(0.14, 0.34)
    a.plate(
        rectangle(left + wall * 2, high * u(0.1, 0.3), left + breech, high - wall * 1.6), thick * u(0.3, 0.5), material
    )
    a.rod((left + 3, high * 0.5), breech, u(1.2, 2.0), "steel", sides=6)
    if rng.random() < 0.75:  # grooves to hold it by
        pitch, slant = u(3, 5.5), u(-0.35, 0.35)
        for index in range(int(rng.integers(4, 10))):
            x = left + 5 + index * pitch
            rib = placed(rectangle(0, 0.1 * high, pitch * 0.45, 0.88 * high), (x, 0), slant * 0.3)
            a.sides(rib, thick, 0.7, material)


def barrel_of(a: Assembly, rng: Generator, p: Pistol, material: str, *, proud: float = 0.0, back: float = 0.36) -> None:
    """Add the barrel with its chamber, and the recoil spring below or around it."""
    u = rng.uniform
    start, end = p.length * back, p.length + proud
    outer = min(p.bore + u(2.0, 3.6), p.slide * 0.42)
    y = p.slide * u(0.5, 0.62)
    chamber = min(p.length * 0.16, end - start - 8)
    bulge = min(outer * u(1.05, 1.3), p.slide * 0.46)
    profile = [(bulge, 0), (bulge, chamber), (outer, chamber + 2), (outer, end - start)]
    a.turned(
        [*profile, (p.bore, end - start), (p.bore, chamber), (p.bore * 1.12, chamber - 1), (p.bore * 1.12, 0)],
        material,
        (start, y),
    )
    if rng.random() < 0.5:
        a.plate(
            rounded(
                [
                    (start + 2, y),
                    (start + chamber, y),
                    (start + chamber * 0.8, y - outer - 6),
                    (start + 6, y - outer - 6),
                ],
                1,
            ),
            5,
            material,
        )
    room = p.length - start - chamber - 6
    if room > 15:
        if rng.random() < 0.35:
            a.spring((start + chamber, y), room, outer + 1.5, coils=12)
        else:
            low = y - outer - u(2.5, 4.5)
            a.rod((start + chamber * 0.6, low), room, u(1.2, 2.2), "steel" if rng.random() < 0.6 else "nylon", sides=6)
            a.spring((start + chamber * 0.6, low), room, u(3.0, 4.2), coils=int(rng.choice([12, 18])))


def frame_of(
    a: Assembly, rng: Generator, p: Pistol, material: str, *, wall: float, rail: bool = False, works: bool = True
) -> None:
    """Add the hollow upper frame, from the tang to the dust cover, with a bar of steel and often trigger `works`."""
    u = rng.uniform
    end, tang = p.length * p.reach, u(2, 16)
    nose = u(0.1, 0.9) * p.dust
    points = [(-tang, u(-0.5, 0.1) * p.dust), (0, -0.2), (end, -0.2), (end, -nose), (end - u(2, 10), -p.dust)]
    if rail:
        for x in (end - 14, end - 24):
            points += [(x, -p.dust), (x, -p.dust + 3), (x - 4, -p.dust + 3), (x - 4, -p.dust)]
    front = p.back + p.width
    points += [
        (front + 4, -p.dust - u(0, 4)),
        (front - 2, -p.dust - 6),
        (p.back + 2, -p.dust - 4),
        (-tang * 0.3, -p.dust * 0.55),
    ]
    rim = min(wall, 0.25 * p.dust, 2.4 if rail else wall)  # no edge may cross another
    side = max(wall, p.thick * u(0.14, 0.24)) if p.heavy else wall
    a.shell(points, p.thick * u(0.72, 0.92), side, material, radius_mm=u(0.5, 3), rim_mm=rim)
    for _ in range(int(rng.integers(2, 6))):
        a.pin((u(p.back, front + 14), -p.dust * u(0.25, 0.8)), u(1.2, 2.6), p.thick * 0.9)
    for _ in range(int(rng.integers(2, 5)) if works else 0):  # what makes the middle of a pistol its darkest place
        middle = np.array([u(p.back, front + 14), -p.dust * u(0.1, 0.7)])
        angles, size = np.linspace(0, 2 * np.pi, 7)[:6], (u(4, 14), u(0.2, 0.5) * p.dust)
        lump = middle + np.stack([np.cos(angles), np.sin(angles)], axis=1) * rng.uniform(0.5, 1.2, (6, 1)) * size
        a.plate(rounded(lump, 2), p.thick * u(0.15, 0.5), "steel")
    a.plate(
        rounded(
            [
                (p.back, -p.dust * 0.3),
                (front + 16, -p.dust * 0.35),
                (front + 14, -p.dust * 0.7),
                (p.back + 8, -p.dust * 0.75),
            ],
            2,
        ),
        u(1.2, 2.5),
        "steel",
        z=u(-5, 5),
    )


def guard_of(a: Assembly, rng: Generator, p: Pistol, material: str) -> None:
    """Add trigger guard and trigger."""
    u = rng.uniform
    left, right = p.back + p.width - 5, p.back + p.width + p.guard
    top, bottom = -p.dust + 2, -p.dust - p.guard_drop
    slope = u(0, 0.45) * p.guard
    hook = u(0, 0.2) * p.guard if rng.random() < 0.3 else 0.0
    points = [
        (left, top),
        (right, top),
        (right + hook - 0.3 * slope, bottom + u(0, 0.4) * p.guard_drop),
        (right - slope, bottom),
        (left + 4, bottom),
    ]
    a.loop(points, u(2.2, 4.5), min(u(6, 13), p.thick * 0.6), material, u(2, 16))
    x = left + p.guard * u(0.3, 0.55)
    curve = u(1, 6) * float(rng.choice([-1, 1, 1]))
    t = np.linspace(0, 1, 5)
    path = np.stack([x + curve * (4 * t * (1 - t)) - 2 * t, top - t * p.guard_drop * u(0.62, 0.8)], axis=1)
    a.plate(band(path[:, ::1], np.linspace(6, 3, 5)), u(4, 8), material if rng.random() < 0.4 else "steel")


def _grip_points(rng: Generator, p: Pistol, swell: float = 0.0) -> Outline:
    u = rng.uniform
    along, across = p.down, np.array([np.cos(p.rake), -np.sin(p.rake)])
    half, flare = p.width / 2, u(-0.06, 0.14) * p.width
    steps = [
        (0.0, -half), (0.3, -half * u(0.88, 1.02)), (0.62, -half * (1 + swell * u(0.05, 0.3))), (1.0, -half - flare),
        (1.0 + u(-0.05, 0.08), half + flare * u(0, 1)), (0.6, half * u(0.86, 1.04)),
        (0.25, half * u(0.84, 0.98)), (0.0, half),
    ]  # fmt: skip
    return np.array([p.throat + along * s * p.grip + across * w for s, w in steps])


def grip_of(a: Assembly, rng: Generator, p: Pistol, material: str, *, wall: float) -> Outline:
    """Add the hollow grip and return its outline."""
    points = _grip_points(rng, p, 1.0)
    holes: list[Outline] = []
    if rng.random() < 0.35:
        holes = [
            circle(p.throat + p.down * p.grip * s, rng.uniform(2, 4.5), sides=10)
            for s in (rng.uniform(0.24, 0.42), rng.uniform(0.58, 0.8))
        ]
    a.shell(points, p.thick * rng.uniform(0.78, 0.95), wall, material, radius_mm=rng.uniform(1, 7), holes=holes)
    return points


def grip_panels(a: Assembly, rng: Generator, p: Pistol, material: str, points: Outline) -> None:
    """Add two thin panels on the sides of the grip, with their screws."""
    middle = points.mean(axis=0)
    panel = rounded(middle + (points - middle) * (rng.uniform(0.7, 0.95), rng.uniform(0.78, 0.95)), rng.uniform(2, 8))
    a.sides(panel, p.thick * 0.9, rng.uniform(1.5, 5), material)
    for s in (0.18, 0.82):
        a.pin(p.throat + p.down * p.grip * s, rng.uniform(1.5, 3), p.thick * 1.05)
    if rng.random() < 0.3:
        a.pin(p.throat + p.down * p.grip * 0.45, rng.uniform(3, 7), p.thick * 0.3 + 2, "zinc_alloy")


def skeleton_grip(a: Assembly, rng: Generator, p: Pistol, material: str) -> None:
    """Add a grip that is only a frame with struts, as where the panels were taken off."""
    points = _grip_points(rng, p)
    wall = rng.uniform(3, 6)
    thick = p.thick * rng.uniform(0.3, 0.75)
    a.loop(points, wall, thick, material, rng.uniform(1, 4))
    across = np.array([np.cos(p.rake), -np.sin(p.rake)]) * (p.width / 2 - wall)
    for s in rng.uniform(0.2, 0.85, int(rng.integers(0, 4))):
        centre = p.throat + p.down * p.grip * s
        tilt = p.down * rng.uniform(-10, 10)
        a.plate(band([centre - across - tilt, centre + across + tilt], rng.uniform(2, 5)), thick * 0.7, material)
        if rng.random() < 0.5:
            a.pin(centre, rng.uniform(2, 4), thick)


def magazine_of(a: Assembly, rng: Generator, p: Pistol, *, material: str = "steel", room: float = 0.9) -> None:
    """Add a magazine in the grip: sometimes missing, sometimes long, loaded or empty."""
    if rng.random() < 0.15:
        return
    shape = round_for(rng, "pistol")
    scale = min(1.0, (p.width * 0.86 - 2) / (shape.length * 1.06), p.thick * 0.62 / (2.2 * shape.radius))
    shape = type(shape)(
        shape.radius * scale, shape.case * scale, shape.neck * scale, shape.bullet * scale, shape.nose, 0.0, shape.metal
    )
    length = p.grip * room + p.dust * 0.5
    if rng.random() < 0.15:
        length *= rng.uniform(1.3, 1.9)
    double = p.thick * 0.7 > shape.radius * 3.5 + 2 and rng.random() < 0.6
    top = p.throat - p.down * p.dust * 0.5
    put_magazine(
        a,
        rng,
        (float(top[0]), float(top[1])),
        shape,
        length,
        down_rad=-np.pi / 2 - p.rake,
        material=material,
        wall_mm=rng.uniform(0.6, 1.0),
        double=double,
        base_mm=rng.uniform(2, 9),
    )


def hammer_of(a: Assembly, rng: Generator, p: Pistol, material: str = "steel") -> None:
    """Add an outside hammer, rounded, spurred or a ring."""
    x, y, size = -rng.uniform(0, 5), rng.uniform(-4, 5), rng.uniform(5, 10) * min(1.0, p.slide / 24)
    tilt = rng.uniform(0.2, 1.4)
    tip = np.array([x - np.sin(tilt) * size * 1.6, y + np.cos(tilt) * size * 1.6])
    if rng.random() < 0.4:
        a.plate(circle(tip, size * 0.6, sides=12), 6, material, holes=[circle(tip, size * 0.28, sides=8)])
    else:
        a.plate(band(np.array([(tip[0] - size * 0.7, tip[1]), tip, (x, y)]), [2.0, 4.0, 6.0]), 6, material)
    a.plate(band(np.array([(x + 8, y - 6), tip]), [8.0, 5.0]), 6, material)


def sights_of(a: Assembly, rng: Generator, *, y: float, front: float, rear: float = 6.0) -> None:
    """Add a front blade and a rear notch."""
    u = rng.uniform
    tall = u(1.5, 6)
    a.plate(np.array([(front - u(4, 12), y - 0.5), (front, y - 0.5), (front - u(0, 3), y + tall)]), u(2, 4), "steel")
    a.plate(
        rounded([(rear, y - 0.5), (rear + u(5, 12), y - 0.5), (rear + 5, y + tall), (rear, y + tall)], 0.8),
        u(6, 12),
        "steel",
    )
