"""Pistols without a slide over the barrel: exposed and target barrels, antiques, derringers, flare guns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from datasets.render.phantoms.ammunition import load_cartridge, round_for
from datasets.render.phantoms.assembly import Assembly, bored
from datasets.render.phantoms.magazines import put_magazine
from datasets.render.phantoms.outlines import Outline, band, circle, inset, rectangle, rounded
from datasets.render.phantoms.pistol_pieces import (
    Pistol,
    draw_pistol,
    frame_of,
    grip_of,
    grip_panels,
    guard_of,
    hammer_of,
    magazine_of,
    skeleton_grip,
)  # fmt: skip
from datasets.render.solids import Phantom

__all__ = ["OPEN_HANDGUNS"]


def _pick(rng: Generator, *names: str) -> str:
    return str(names[rng.integers(len(names))])


def _bare_barrel(rng: Generator, family: str, *, length: tuple[float, float]) -> tuple[Assembly, Pistol]:
    """Start a pistol with a slim bare barrel before a short receiver."""
    a = Assembly()
    u = rng.uniform
    p = draw_pistol(rng, u(0.8, 1.0), rake=(0.15, 0.6) if family == "exposed" else (0.05, 0.45))
    metal = _pick(rng, "steel", "steel", "stainless")
    body, high = p.back + p.width + p.guard * u(0.5, 1.0), p.slide * u(0.75, 1.0)
    heel = u(0.2, 0.9) * high
    points = [
        (-u(0, 8), 0),
        (body, 0),
        (body, high * 0.95),
        (body * 0.55, high),
        (body * 0.2, high * u(0.85, 1.1)),
        (0, heel),
    ]
    a.shell(points, p.thick * u(0.65, 0.9), u(1.8, 3), metal, radius_mm=u(1, 6))
    a.rod((body * 0.06, high * 0.55), body * u(0.4, 0.6), u(3.5, 5.5), metal, sides=10)
    a.spring((body * 0.05, high * 0.3), body * 0.4, 3.0, coils=8)
    if family == "exposed":
        knob = np.array([body * u(0.15, 0.5), high * 0.9])
        size = u(5, 9)
        a.plate(circle(knob, size, sides=12), p.thick * u(0.3, 0.9), metal, holes=[circle(knob, size * 0.6, sides=10)])
    reach = u(*length)
    outer = p.bore + u(2, 4)
    step = u(0.15, 0.4) * reach
    ring = outer * u(1.0, 1.5)
    a.turned(
        bored(
            [
                (outer * 1.25, -18),
                (outer * 1.2, step),
                (outer, step + 3),
                (outer * u(0.8, 1), reach - 9),
                (ring, reach - 8),
                (ring, reach),
            ],
            p.bore,
        ),
        metal,
        (body, high * u(0.5, 0.65)),
    )
    a.plate(
        np.array(
            [
                (body + reach - 9, high * 0.6 + outer),
                (body + reach - 1, high * 0.6 + outer),
                (body + reach - 4, high * 0.6 + outer + u(4, 9)),
            ]
        ),
        3,
        metal,
    )
    frame_of(
        a,
        rng,
        Pistol(
            body / u(0.96, 1),
            p.slide,
            p.dust * 0.8,
            1.0,
            p.thick,
            p.grip,
            p.width,
            p.rake,
            p.back,
            p.guard,
            p.guard_drop,
            p.bore,
        ),
        metal,
        wall=u(1.6, 2.6),
    )
    guard_of(a, rng, p, metal)
    return a, p


def _exposed(rng: Generator) -> Phantom:
    a, p = _bare_barrel(rng, "exposed", length=(60, 150))
    points = grip_of(a, rng, p, "steel", wall=rng.uniform(1.2, 2))
    grip_panels(a, rng, p, _pick(rng, "wood", "abs"), points)
    magazine_of(a, rng, p)
    return a.phantom("handgun/exposed_barrel", "handgun")


def _target(rng: Generator) -> Phantom:
    a, p = _bare_barrel(rng, "target", length=(90, 210))
    if rng.random() < 0.5:
        points = grip_of(a, rng, p, "steel", wall=rng.uniform(1.2, 2))
        grip_panels(a, rng, p, _pick(rng, "wood", "wood", "abs"), points)
    else:  # a big carved grip
        points = grip_of(a, rng, p, "wood", wall=rng.uniform(5, 8))
        shelf = p.throat + p.down * p.grip * rng.uniform(0.85, 1.0)
        a.plate(rounded(rectangle(shelf[0] - 30, shelf[1] - 6, shelf[0] + 36, shelf[1] + 6), 5), p.thick * 1.2, "wood")
    magazine_of(a, rng, p)
    if rng.random() < 0.25:
        y = p.slide + rng.uniform(14, 24)
        a.rod((0, y), p.length * 0.6, rng.uniform(12, 18), "aluminium", bore_mm=10)
    return a.phantom("handgun/target", "handgun")


def _front_magazine(rng: Generator) -> Phantom:
    a, p = _bare_barrel(rng, "front", length=(70, 190))
    u = rng.uniform
    shape = round_for(rng, "pistol")
    x = p.back + p.width + p.guard + shape.length * 0.5
    put_magazine(
        a, rng, (x, 0.0), shape, u(35, 110), down_rad=-np.pi / 2 + u(-0.1, 0.2), double=bool(rng.random() < 0.5)
    )
    a.shell(rectangle(x - 22, -p.dust - 4, x + 22, p.slide * 0.7), p.thick * 0.8, 1.8, "steel", radius_mm=3)
    if rng.random() < 0.4:
        skeleton_grip(a, rng, p, "steel")
    else:
        points = grip_of(a, rng, p, "steel", wall=1.5)
        grip_panels(a, rng, p, "wood", points)
    hammer_of(a, rng, p)
    return a.phantom("handgun/front_magazine", "handgun")


def _butt(rng: Generator, start: Outline, length: float, width: float, droop: float) -> Outline:
    """Return the outline of a curved wooden butt that leaves backwards and turns down."""
    t = np.linspace(0, 1, 9)
    heading = np.pi + droop * np.minimum(t * 1.6, 1)
    path = start + np.cumsum(np.stack([np.cos(heading), np.sin(heading)], axis=1), axis=0) * (length / 9)
    return band(path, width * (1 + rng.uniform(0, 0.5) * (t - 0.4)))


def _antique(rng: Generator) -> Phantom:
    a, u = Assembly(), rng.uniform
    metal, reach, thick = _pick(rng, "steel", "steel", "brass"), u(90, 260), u(20, 30)
    bore, outer, y = u(4, 8), 0.0, 0.0
    outer = bore + u(2.5, 5)
    count = 2 if rng.random() < 0.2 else 1
    for index in range(count):
        profile = bored([(outer * u(1.0, 1.3), -10), (outer, reach * 0.4), (outer * u(0.75, 1), reach)], bore)
        a.turned(profile, "steel", (0, y), z=(index - (count - 1) / 2) * 2 * outer)
    lock = rounded([(-u(45, 70), -u(4, 12)), (0, -10), (12, 4), (-10, 12), (-40, 12)], 5)
    a.sides(lock, thick - 6, u(1.5, 3), metal)
    width = u(22, 32)
    a.plate(_butt(rng, np.array([0.0, -4.0]), u(110, 160), width, u(0.7, 1.5)), thick, "wood")
    if rng.random() < 0.7:
        a.plate(rounded(rectangle(-5, -outer - u(7, 12), reach * u(0.4, 0.95), -outer * 0.8), 4), thick * 0.8, "wood")
        a.rod((reach * 0.2, -outer - 4), reach * 0.75, u(2, 3), _pick(rng, "steel", "wood", "brass"), sides=8)
    cock = np.array([-u(25, 45), 16.0])
    a.plate(
        band(cock + np.array([(8, -12), (0, 4), (6, 16), (14, u(18, 26))]), [8, 6, 5, 4]),
        7,
        metal,
        z=thick * 0.4,
    )
    a.plate(rounded([(-20, 6), (-6, 6), (-2, 24), (-9, 22)], 2), 4, metal, z=thick * 0.4)
    a.loop([(-48, -10), (-5, -10), (-8, -32), (-40, -32)], u(2, 3.5), u(7, 12), _pick(rng, metal, "brass"), 9)
    a.plate(band([(-28, -8), (-26, -18), (-29, -26)], [4, 3, 2]), 5, "steel")
    return a.phantom("handgun/antique", "handgun")


def _derringer(rng: Generator) -> Phantom:
    a, u = Assembly(), rng.uniform
    metal, reach, thick, bore = _pick(rng, "steel", "stainless", "zinc_alloy"), u(45, 95), u(15, 24), u(3, 5.8)
    outer = bore + u(1.8, 3)
    rows = 2 if rng.random() < 0.75 else 1
    loaded = rng.random() < 0.4
    for index in range(rows):
        y = index * 2 * outer * 0.97
        a.rod((0, y), reach, outer, metal, bore_mm=bore)
        if loaded:
            r = round_for(rng, "pistol")
            s = bore * 0.95 / r.radius
            load_cartridge(a, type(r)(r.radius * s, r.case * s, r.neck * s, r.bullet * s, r.nose, 0, "brass"), (0.5, y))
    top = rows * 2 * outer - outer
    a.shell(
        [(-38, -outer), (4, -outer - 2), (6, -outer + 3), (1, top), (-12, top + 4), (-30, top - 4)],
        thick,
        u(2, 4),
        metal,
        radius_mm=4,
    )
    butt = _butt(rng, np.array([-14.0, -outer + 4]), u(60, 85), u(22, 30), u(0.9, 1.4))
    a.sides(butt, thick * 0.5, u(3, 5), _pick(rng, "wood", "abs"))
    a.plate(butt, thick * 0.5, metal, holes=[inset(butt, u(2.5, 4))])
    a.plate(band([(-12, -outer + 2), (-9, -outer - 9), (-13, -outer - 14)], [5, 4, 3]), 5, "steel")
    if rng.random() < 0.4:
        a.loop([(-28, -outer - 1), (4, -outer - 1), (0, -outer - 22), (-24, -outer - 22)], 2.5, 6, metal, 8)
    a.plate(band([(-34, top - 6), (-36, top + 6), (-44, top + 10)], [7, 5, 3]), 6, "steel")
    return a.phantom("handgun/derringer", "handgun")


def _flare(rng: Generator) -> Phantom:
    a, u = Assembly(), rng.uniform
    metal = _pick(rng, "aluminium", "zinc_alloy", "steel", "abs")
    reach, bore = u(80, 190), u(9, 14)
    outer, thick = bore + u(1.5, 3.5), u(22, 32)
    a.turned(
        bored([(outer * 1.1, 0), (outer, 20), (outer, reach - 8), (outer * u(1, 1.2), reach)], bore),
        metal,
        (0, 0),
        sides=18,
    )
    p = draw_pistol(rng, 0.85, rake=(0.1, 0.5))
    a.shell(
        [(-48, -outer - 2), (15, -outer - 8), (18, -outer + 1), (0, outer), (-20, outer + 2), (-44, outer * 0.4)],
        thick,
        u(2.5, 4),
        metal,
        radius_mm=5,
    )
    q = Pistol(100, 20, outer, 1, thick, u(75, 105), u(32, 44), p.rake, -48, p.guard, p.guard_drop, bore)
    grip_panels(a, rng, q, _pick(rng, "abs", "wood"), grip_of(a, rng, q, metal, wall=u(2, 3.5)))
    guard_of(a, rng, q, metal)
    a.plate(band([(-46, 4), (-52, 14), (-58, 18)], [7, 5, 3]), 6, metal)
    a.pin((12, -outer - 4), 3, thick)
    return a.phantom("handgun/flare", "handgun")


OPEN_HANDGUNS: dict[str, Callable[[Generator], Phantom]] = {
    "exposed_barrel": _exposed,
    "target": _target,
    "front_magazine": _front_magazine,
    "antique": _antique,
    "derringer": _derringer,
    "flare": _flare,
}
