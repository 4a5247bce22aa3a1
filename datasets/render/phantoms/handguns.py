"""Pistols: families of silhouettes, with a slide; those without one are next door."""

from __future__ import annotations

from collections.abc import Callable

from numpy.random import Generator

from datasets.render.phantoms.assembly import Assembly
from datasets.render.phantoms.open_handguns import OPEN_HANDGUNS
from datasets.render.phantoms.outlines import rectangle
from datasets.render.phantoms.pistol_pieces import (
    METALS,
    Pistol,
    barrel_of,
    draw_pistol,
    frame_of,
    grip_of,
    grip_panels,
    guard_of,
    hammer_of,
    magazine_of,
    sights_of,
    skeleton_grip,
    slide_of,
)  # fmt: skip
from datasets.render.solids import Phantom

__all__ = ["HANDGUNS"]


def _pick(rng: Generator, *names: str) -> str:
    return str(names[rng.integers(len(names))])


def _shift(rng: Generator, p: Pistol) -> float:
    """Return how far the slide is locked back: usually not at all."""
    return p.length * rng.uniform(0.12, 0.24) if rng.random() < 0.12 else 0.0


def _service(rng: Generator) -> Phantom:
    a, p = Assembly(), draw_pistol(rng, rake=(0.15, 0.42))
    metal = _pick(rng, "steel", "stainless")
    frame = _pick(rng, metal, metal, "aluminium")
    slide_of(a, rng, p, metal, wall=rng.uniform(1.6, 3.2), shift=_shift(rng, p))
    barrel_of(a, rng, p, "steel", proud=rng.uniform(-2, 4))
    frame_of(a, rng, p, frame, wall=rng.uniform(1.8, 3.2))
    guard_of(a, rng, p, frame)
    points = grip_of(a, rng, p, frame, wall=rng.uniform(1.6, 2.8))
    grip_panels(a, rng, p, _pick(rng, "wood", "abs", "nylon", "rubber"), points)
    magazine_of(a, rng, p)
    hammer_of(a, rng, p)
    sights_of(a, rng, y=p.slide, front=p.length - rng.uniform(2, 14))
    return a.phantom("handgun/service", "handgun")


def _polymer(rng: Generator) -> Phantom:
    size = rng.uniform(0.72, 1.05)
    a, p = Assembly(), draw_pistol(rng, size, rake=(0.2, 0.45))
    frame = _pick(rng, "nylon", "nylon", "abs")
    slide_of(a, rng, p, _pick(rng, "steel", "stainless"), wall=rng.uniform(2, 3.6), shift=_shift(rng, p))
    barrel_of(a, rng, p, "steel", proud=rng.uniform(0, 2) if rng.random() < 0.9 else rng.uniform(10, 16))
    frame_of(a, rng, p, frame, wall=rng.uniform(2.5, 4), rail=bool(rng.random() < 0.6))
    for x in (p.length * 0.08, p.length * rng.uniform(0.5, 0.6)):  # steel rails moulded in
        a.sides(rectangle(x, -4, x + rng.uniform(8, 22), 0), p.thick * 0.5, 1.5, "steel")
    guard_of(a, rng, p, frame)
    grip_of(a, rng, p, frame, wall=rng.uniform(2.5, 4))
    magazine_of(a, rng, p, material=_pick(rng, "steel", "nylon"))
    sights_of(a, rng, y=p.slide, front=p.length - rng.uniform(2, 8))
    return a.phantom("handgun/polymer", "handgun", ("polymer",))


def _open_top(rng: Generator) -> Phantom:
    a, p = Assembly(), draw_pistol(rng, rng.uniform(0.8, 1.1), rake=(0.1, 0.4))
    metal, frame = _pick(rng, "steel", "stainless"), _pick(rng, "aluminium", "steel", "zinc_alloy")
    slide_of(a, rng, p, metal, wall=rng.uniform(1.8, 3), open_top=True)
    barrel_of(a, rng, p, "steel", proud=rng.uniform(0, 14))
    frame_of(a, rng, p, frame, wall=rng.uniform(2, 3))
    guard_of(a, rng, p, frame)
    points = grip_of(a, rng, p, frame, wall=rng.uniform(1.5, 2.6))
    grip_panels(a, rng, p, _pick(rng, "abs", "wood", "nylon"), points)
    magazine_of(a, rng, p)
    hammer_of(a, rng, p)
    sights_of(a, rng, y=p.slide, front=p.length - 3)
    return a.phantom("handgun/open_top", "handgun")


def _pocket(rng: Generator) -> Phantom:
    a, p = Assembly(), draw_pistol(rng, rng.uniform(0.5, 0.72), rake=(0.0, 0.3))
    metal = _pick(rng, *METALS)
    slide_of(a, rng, p, metal, wall=rng.uniform(1.4, 2.6), open_top=bool(rng.random() < 0.2))
    barrel_of(a, rng, p, "steel", proud=rng.uniform(-2, 5))
    frame_of(a, rng, p, metal, wall=rng.uniform(1.5, 2.6))
    guard_of(a, rng, p, metal)
    points = grip_of(a, rng, p, metal, wall=rng.uniform(1.4, 2.4))
    grip_panels(a, rng, p, _pick(rng, "abs", "wood", "nylon"), points)
    magazine_of(a, rng, p)
    if rng.random() < 0.5:
        hammer_of(a, rng, p)
    sights_of(a, rng, y=p.slide - 0.6, front=p.length - 3)
    return a.phantom("handgun/pocket", "handgun")


def _skeleton(rng: Generator) -> Phantom:
    a, p = Assembly(), draw_pistol(rng, rng.uniform(0.7, 1.05))
    metal = _pick(rng, "aluminium", "zinc_alloy", "steel", "stainless")
    slide_of(
        a,
        rng,
        p,
        _pick(rng, metal, "steel"),
        wall=rng.uniform(1.2, 2.4),
        shift=_shift(rng, p),
        open_top=bool(rng.random() < 0.3),
    )
    barrel_of(a, rng, p, "steel")
    frame_of(a, rng, p, metal, wall=rng.uniform(1.5, 2.6))
    guard_of(a, rng, p, metal)
    skeleton_grip(a, rng, p, metal)
    if rng.random() < 0.4:
        magazine_of(a, rng, p)
    if rng.random() < 0.7:
        hammer_of(a, rng, p)
    sights_of(a, rng, y=p.slide, front=p.length - 5)
    return a.phantom("handgun/skeleton", "handgun")


def _printed(rng: Generator) -> Phantom:
    a, p = Assembly(), draw_pistol(rng, rng.uniform(0.8, 1.1), rake=(0.0, 0.4))
    u = rng.uniform
    plastic = _pick(rng, "abs", "abs", "nylon", "polycarbonate")
    if rng.random() < 0.5:  # a blocky single shot
        high = p.slide * u(1.0, 1.4)
        a.shell(rectangle(0, 0, p.length * 0.75, high), p.thick * u(1.0, 1.25), u(5, 9), plastic, radius_mm=u(1, 7))
        if rng.random() < 0.7:
            a.rod((p.length * 0.25, high * 0.6), p.length * u(0.45, 0.7), p.bore + u(1.0, 3), "steel", bore_mm=p.bore)
        a.rod((p.length * 0.6, high * 0.6), p.length * u(0.3, 0.5), p.bore + u(8, 11), plastic, bore_mm=p.bore + 3.5)
    else:
        slide_of(a, rng, p, _pick(rng, plastic, "steel"), wall=u(2.2, 4))
        barrel_of(a, rng, p, "steel")
        magazine_of(a, rng, p, material=_pick(rng, plastic, "steel"))
    frame_of(a, rng, p, plastic, wall=u(4, 7), works=False)
    guard_of(a, rng, p, plastic)
    grip_of(a, rng, p, plastic, wall=u(4, 7))
    for _ in range(int(rng.integers(2, 6))):  # screws and nails; little else is metal
        a.pin((u(0, p.length * 0.6), u(-p.dust, p.slide * 0.8)), u(1, 2.5), p.thick * u(0.7, 1.1))
    a.spring((u(5, 20), p.slide * 0.5), u(20, 45), u(3, 5), coils=8)
    return a.phantom("handgun/printed", "handgun", ("polymer", "printed"))


def _converted(rng: Generator) -> Phantom:
    a, p = Assembly(), draw_pistol(rng, rng.uniform(0.65, 1.0), rake=(0.05, 0.4))
    u = rng.uniform
    slide_of(a, rng, p, "zinc_alloy", wall=u(2.2, 4.2), open_top=bool(rng.random() < 0.35))
    barrel_of(a, rng, p, _pick(rng, "steel", "zinc_alloy"))
    if rng.random() < 0.6:  # a new liner or a longer barrel gives it away
        a.rod(
            (p.length * 0.4, p.slide * 0.55),
            p.length * u(0.62, 0.95),
            p.bore * u(0.85, 1),
            "steel",
            bore_mm=p.bore * 0.6,
        )
    frame_of(a, rng, p, "zinc_alloy", wall=u(2.2, 4))
    guard_of(a, rng, p, "zinc_alloy")
    points = grip_of(a, rng, p, "zinc_alloy", wall=u(2, 3.5))
    grip_panels(a, rng, p, "abs", points)
    magazine_of(a, rng, p, material=_pick(rng, "steel", "zinc_alloy"))
    hammer_of(a, rng, p, "zinc_alloy")
    sights_of(a, rng, y=p.slide, front=p.length - 4)
    return a.phantom("handgun/converted", "handgun", ("converted",))


HANDGUNS: dict[str, Callable[[Generator], Phantom]] = {
    "service": _service,
    "polymer": _polymer,
    "open_top": _open_top,
    "pocket": _pocket,
    "skeleton": _skeleton,
    "printed": _printed,
    "converted": _converted,
    **OPEN_HANDGUNS,
}
