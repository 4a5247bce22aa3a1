"""Revolvers: families of silhouettes, and their bare frames."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from datasets.render.phantoms.assembly import Assembly, bored
from datasets.render.phantoms.cylinders import put_cylinder
from datasets.render.phantoms.outlines import Outline, band, inset, rounded
from datasets.render.solids import Phantom

__all__ = ["REVOLVERS", "bare_frame"]


def _butt(rng: Generator, root: Outline, length: float, width: float, rake: float) -> Outline:
    """Return the outline of a revolver's grip: slim at the root, flared and curved at the foot."""
    u = rng.uniform
    t = np.linspace(0, 1, 7)
    bend = u(-0.9, 1.5)
    heading = -np.pi / 2 - rake + bend * (t - 0.3) * t
    path = root + np.cumsum(np.stack([np.cos(heading), np.sin(heading)], axis=1), axis=0) * (length / 7)
    return band(path, width * (0.85 + u(0.1, 0.7) * t * t + u(0, 0.15) * np.sin(t * 7)))


def _frame(
    a: Assembly,
    rng: Generator,
    metal: str,
    *,
    radius: float,
    length: float,
    thick: float,
    grip: float,
    style: str,
    panels: bool = True,
) -> float:
    """Add a frame about a cylinder whose axis is y = 0 from x = 0 to `length`; return the front end of the frame."""
    u = rng.uniform
    top, bottom = radius + u(4, 8), -radius - u(4, 6)
    front, rear = length + u(10, 24), -u(16, 28)
    near, gap = u(0.4, 1.2), u(0.1, 0.6)
    closed = style != "open"
    low, ahead = -radius - gap, length + near
    window = [(-near, low), (ahead, low), (ahead, radius + gap), (-near, radius + gap)]
    points = [
        (rear, -radius * 0.4), (rear + 4, bottom), (max(front - u(0, 14), ahead + 4), bottom),
        (front, -radius * u(0.1, 0.7)), (front, top - u(2, 5)), (front - 3, top), (-u(2, 8), top),
        (rear + u(0, 6), top * u(0.3, 0.8)),
    ]  # fmt: skip
    if not closed:  # no top strap
        points[3:] = [
            (front, top * 0.6), (ahead, top * 0.6), (ahead, low), (-near, low),
            (-near, top * 0.8), (rear + 4, top * 0.7),
        ]  # fmt: skip
    holes = [rounded(window, 1)] if closed else []
    a.plate(rounded(points, u(2, 6)), thick * u(0.3, 0.5), metal, holes=holes, margin_mm=2.0)
    cover = [
        (rear + 1, -radius * 0.5),
        (rear + 5, bottom + 1),
        (-3, bottom + 1),
        (-3, top * 0.6),
        (rear + 6, top * 0.5),
    ]
    a.sides(rounded(cover, 4), thick * 0.3, u(1.2, 2.5), metal)
    drop = u(24, 34)
    left = rear + u(10, 20)
    guard = [
        (left, bottom + 3),
        (length * u(0.7, 1.0), bottom + 3),
        (length * u(0.6, 0.9), bottom - drop * 0.8),
        (length * 0.4, bottom - drop),
        (left + 4, bottom - drop),
    ]
    a.loop(guard, u(2.2, 3.6), u(6, 11), metal, u(8, 16))
    x = left + (length - left) * u(0.35, 0.5)
    a.plate(
        band([(x, bottom + 4), (x - 2, bottom - drop * 0.3), (x + 1, bottom - drop * 0.75)], [5, 4, 3]),
        u(4, 7),
        "steel",
    )
    spur = u(4, 12)
    a.plate(
        band(
            [(rear + 14, -2), (rear + 8, top * 0.8), (rear - spur * 0.3, top + 3), (rear - spur, top + u(0, 6))],
            [8, 7, 5, 3],
        ),
        6,
        "steel",
    )
    root = np.array([rear + 10.0, -radius * 0.6])
    rake = u(0.25, 0.8)
    outline = _butt(rng, root, grip, u(24, 34), rake)
    strap = rounded(outline, 2)
    core = inset(outline, u(3.0, 4.5))
    a.plate(strap, thick * u(0.3, 0.45), metal, holes=[core])
    along = np.array([-np.sin(rake), -np.cos(rake)])
    neck = band([(rear + 16, -radius * 0.1), root + along * 3, root + along * u(10, 18)], [u(20, 30), u(22, 28), 20])
    a.plate(rounded(neck, 3), thick * u(0.28, 0.42), metal)
    a.plate(
        band([root + along * 8, root + along * grip * 0.5 + (3, 0), root + along * grip * 0.85], [3, 2.4, 2]),
        3,
        "steel",
    )
    if panels:
        middle = outline.mean(axis=0)
        scale = middle + (outline - middle) * (u(0.9, 1.15), u(0.85, 1.1))
        a.sides(rounded(scale, 3), thick * 0.36, u(4, 8), str(rng.choice(["wood", "wood", "rubber", "abs"])))
        a.pin(root + along * grip * 0.55, 2.0, thick * 0.8)
    elif rng.random() < 0.6:
        centre = root + along * grip * u(0.4, 0.7)
        a.pin(centre, u(2, 4), thick * 0.4, metal)
    return front


def _barrel(
    a: Assembly,
    rng: Generator,
    metal: str,
    *,
    front: float,
    bore: float,
    ring: float,
    reach: float,
    rib: str,
) -> None:
    u = rng.uniform
    outer = bore + u(2.4, 5.2)
    a.turned(
        bored([(outer * 1.1, -6), (outer * 1.05, reach * 0.3), (outer * u(0.85, 1.05), reach)], bore),
        metal,
        (front, ring),
    )
    top = ring + outer
    if rib != "plain":
        high = u(2, 6)
        holes = []
        if rib == "vented" and reach > 60:
            holes = [
                rounded([(x, top - 0.5), (x + 9, top - 0.5), (x + 9, top + high * 0.6), (x, top + high * 0.6)], 1)
                for x in np.arange(front + 12, front + reach - 18, 20)
            ]
        a.plate(
            rounded(
                [
                    (front - 2, top - 1.5),
                    (front + reach, top - 1.5),
                    (front + reach - 2, top + high),
                    (front - 2, top + high),
                ],
                1,
            ),
            u(4, 8),
            metal,
            holes=holes,
        )
        lug = reach * float(rng.choice([1.0, 0.95, u(0.35, 0.6)]))
        low = ring - outer - u(5, 10)
        a.shell(
            [(front - 1, low), (front + lug - 4, low), (front + lug, ring - outer + 2), (front - 1, ring - outer + 2)],
            u(9, 13),
            u(1.8, 3),
            metal,
            radius_mm=2,
        )
        a.rod((front, (low + ring - outer) / 2), lug * 0.8, 1.8, "steel", sides=6)
        top += high
    blade = u(3, 8)
    a.plate(
        np.array([(front + reach - 14, top - 0.5), (front + reach - 1, top - 0.5), (front + reach - 4, top + blade)]),
        2.6,
        metal,
    )


def _revolver(
    rng: Generator, family: str, metal: str, *, reach: tuple[float, float], style: str = "solid", swung: bool = False,
    size: float = 1.0, panels: bool = True, ribs: tuple[str, ...] = ("plain", "solid", "vented"),
    attributes: tuple[str, ...] = (),
) -> Phantom:  # fmt: skip
    a, u = Assembly(), rng.uniform
    bore = u(4.6, 6.2) * (0.6 + 0.4 * size) if rng.random() < 0.85 else u(2.8, 3.4)
    chambers = int(rng.choice([5, 6, 6, 6, 7])) if bore > 4 else int(rng.integers(6, 10))
    radius = max((bore + u(0.7, 1.3)) / np.sin(np.pi / chambers), bore * 1.8) + bore + u(1.6, 2.6)
    radius = float(min(radius, 24.0))
    chambers = chambers if radius < 24 else 5
    length, thick = u(34, 46) * size, 2 * radius * u(0.85, 1.0)
    front = _frame(
        a, rng, metal, radius=radius, length=length, thick=thick, grip=u(75, 115) * size, style=style, panels=panels
    )
    loaded = bool(rng.random() < 0.5)
    drop = (-radius * u(0.9, 1.6), radius * u(1.0, 1.6)) if swung else (0.0, 0.0)
    hard = "steel" if metal in ("aluminium", "brass") else metal
    put_cylinder(
        a,
        rng,
        (0.0, drop[0]),
        radius=radius,
        length=length,
        material=hard,
        chambers=chambers,
        bore=bore,
        loaded=loaded,
        z=drop[1],
        flutes=bool(rng.random() < 0.7),
    )
    if swung:
        a.plate(band([(length + 4, -radius), (length + 4, drop[0])], 6), 5, metal, z=drop[1] * 0.6)
    ring = radius - bore - 1.6
    _barrel(
        a,
        rng,
        hard if rng.random() < 0.8 else metal,
        front=front,
        bore=bore * 0.9,
        ring=ring,
        reach=u(*reach),
        rib=str(rng.choice(ribs)),
    )
    return a.phantom(f"revolver/{family}", "revolver", attributes)


def _metal(rng: Generator) -> str:
    return str(rng.choice(["steel", "steel", "stainless", "aluminium"]))


def _solid(rng: Generator) -> Phantom:
    return _revolver(rng, "solid_frame", _metal(rng), reach=(70, 150))


def _swing(rng: Generator) -> Phantom:
    return _revolver(rng, "swing_out", _metal(rng), reach=(50, 160), swung=True)


def _snub(rng: Generator) -> Phantom:
    return _revolver(
        rng, "snub", _metal(rng), reach=(28, 58), size=rng.uniform(0.75, 0.92), panels=bool(rng.random() < 0.8)
    )


def _long(rng: Generator) -> Phantom:
    return _revolver(
        rng,
        "long_rib",
        _metal(rng),
        reach=(140, 250),
        size=rng.uniform(1.0, 1.15),
        ribs=("solid", "vented"),
        panels=bool(rng.random() < 0.7),
    )


def _antique(rng: Generator) -> Phantom:
    metal = str(rng.choice(["steel", "steel", "brass", "stainless"]))
    return _revolver(rng, "antique", metal, reach=(80, 220), style="open", ribs=("plain",))


def _alloy(rng: Generator) -> Phantom:
    attributes = ("converted",) if rng.random() < 0.6 else ()
    return _revolver(rng, "alloy", "zinc_alloy", reach=(35, 130), size=rng.uniform(0.8, 1), attributes=attributes)


def _bare_grip(rng: Generator) -> Phantom:
    return _revolver(rng, "bare_grip", _metal(rng), reach=(60, 210), panels=False)


REVOLVERS: dict[str, Callable[[Generator], Phantom]] = {
    "solid_frame": _solid,
    "swing_out": _swing,
    "snub": _snub,
    "long_rib": _long,
    "antique": _antique,
    "alloy": _alloy,
    "bare_grip": _bare_grip,
}


def bare_frame(rng: Generator) -> Phantom:
    """Return a revolver's frame without its cylinder, sometimes without grip panels."""
    a, u = Assembly(), rng.uniform
    radius, length = u(16, 22), u(34, 46)
    metal = _metal(rng)
    front = _frame(
        a,
        rng,
        metal,
        radius=radius,
        length=length,
        thick=2 * radius * u(0.8, 1),
        grip=u(75, 110),
        style=str(rng.choice(["solid", "solid", "open"])),
        panels=bool(rng.random() < 0.3),
    )
    if rng.random() < 0.5:  # the barrel is often still screwed in
        bore = u(3, 5.5)
        _barrel(a, rng, metal, front=front, bore=bore, ring=radius - bore - 1.6, reach=u(30, 150), rib="solid")
    return a.phantom("frame_receiver/revolver", "frame_receiver")
