"""Cartridges and shotshells, one phantom each, and the groups they come in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from datasets.render.phantoms.assembly import Assembly
from datasets.render.phantoms.outlines import Outline
from datasets.render.solids import Phantom, ellipsoid

__all__ = ["CARTRIDGES", "SHOTSHELLS", "Round", "cartridge_group", "load_cartridge", "round_for", "shotshell_group"]


@dataclass(frozen=True, slots=True)
class Round:
    """Proportions of one cartridge in millimetres.

    Attributes:
        radius: of the case at its head.
        case: length of the case.
        neck: radius of the case's mouth; smaller than `radius` on a bottle neck.
        bullet: length of the bullet outside the case.
        nose: 0 flat, 1 round, 2 pointed.
        rim: how far the rim stands out.
        metal: of the case.
    """

    radius: float
    case: float
    neck: float
    bullet: float
    nose: int
    rim: float
    metal: str = "brass"

    @property
    def length(self) -> float:
        """Length over all."""
        return self.case + self.bullet


def round_for(rng: Generator, family: str) -> Round:
    """Draw the proportions of a cartridge of one family."""
    u = rng.uniform
    metal = str(rng.choice(["brass", "brass", "brass", "brass", "steel", "aluminium"]))
    if family == "rimfire":
        radius = u(2.5, 3.2)
        return Round(radius, u(11, 27), radius * 0.98, u(5, 11), int(rng.integers(0, 2)), u(0.5, 0.8))
    if family == "pistol":
        radius = u(4.2, 6.2)
        return Round(radius, u(16, 24), radius * u(0.96, 1), u(7, 13), int(rng.integers(0, 2)), u(0, 0.2), metal)
    if family == "revolver":
        radius = u(4.4, 6.4)
        return Round(radius, u(22, 36), radius, u(6, 13), int(rng.integers(0, 2)), u(0.5, 1.0))
    if family == "intermediate":
        radius = u(4.6, 5.8)
        return Round(radius, u(32, 46), radius * u(0.58, 0.74), u(12, 20), 2, u(0, 0.1), metal)
    if family == "rifle":
        radius = u(5.6, 7.2)
        return Round(radius, u(48, 68), radius * u(0.58, 0.78), u(16, 28), 2, u(0, 0.6), metal)
    raise ValueError(f"unknown cartridge family {family!r}")


def load_cartridge(
    into: Assembly,
    shape: Round,
    origin_mm: tuple[float, float] = (0.0, 0.0),
    *,
    angle_rad: float = 0.0,
    z: float = 0.0,
    sides: int = 8,
    spent: bool = False,
    plain: bool = False,
) -> None:
    """Put one cartridge into an assembly, its head at `origin_mm`, pointing along an angle.

    `plain` leaves out what cannot be seen when many lie in a stack: the groove and the jacket.
    """

    def turned(profile: NDArray[np.float64], material: str, *, cavity: bool = False) -> None:
        into.turned(profile, material, origin_mm, angle_rad=angle_rad, z=z, sides=sides, cavity=cavity)

    wall, floor = 0.11 * shape.radius, min(0.14 * shape.case + 1.0, 5.0)
    shoulder = (0.76 if shape.neck < 0.9 * shape.radius else 0.9) * shape.case
    throat = shoulder + 0.06 * shape.case
    inner_neck = shape.neck - 0.7 * wall
    case = [
        (shape.radius + shape.rim, 0.0),
        (shape.radius + shape.rim, 0.09 * shape.radius + 0.7),
        (shape.radius * 0.88, 1.2),
        (shape.radius, 2.6),
        (shape.radius * 0.97, shoulder),
        (shape.neck, throat),
        (shape.neck, shape.case),
        (inner_neck, shape.case),
        (inner_neck, throat),
        (shape.radius * 0.97 - wall, shoulder),
        (shape.radius - 1.5 * wall, floor),
    ]
    turned(np.array(case[:1] + case[4:] if plain else case), shape.metal)
    if spent:
        return
    seat = shape.case - 0.55 * shape.bullet
    powder = min(seat - 0.4, shoulder)
    turned(np.array([(shape.radius - 1.7 * wall, floor + 0.1), (shape.radius * 0.93 - wall, powder)]), "propellant")
    bullet = _nose(shape, seat, inner_neck)
    if shape.radius > 3.3 and not plain:  # jacketed: a thin copper skin about lead
        turned(bullet, "copper")
        centre = np.array([0.0, (seat + shape.length) / 2])
        core = (bullet - centre) * (0.86, 0.93) + centre
        turned(core, "copper", cavity=True)
        turned(core, "lead")
    else:
        turned(bullet, "lead")


def _nose(shape: Round, seat: float, radius: float) -> Outline:
    tip, start = shape.length, shape.case + 0.1 * shape.bullet
    t = np.array([0.0, 0.4, 0.75, 1.0])
    ends = {0: (1.2, 0.55), 1: (2.2, 0.12), 2: (1.6, 0.06)}
    power, flat = ends[shape.nose]
    width = radius * np.maximum((1 - t**power) ** (0.6 if shape.nose < 2 else 0.9), flat)
    curve = np.stack([width, start + t * (tip - start)], axis=1)
    return np.concatenate([[(radius * 0.99, seat)], curve])


def _cartridge(family: str) -> Callable[[Generator], Phantom]:
    def build(rng: Generator) -> Phantom:
        assembly = Assembly()
        load_cartridge(assembly, round_for(rng, family), sides=14, spent=bool(rng.random() < 0.05))
        return assembly.phantom(f"cartridge/{family}", "cartridge")

    return build


CARTRIDGES: dict[str, Callable[[Generator], Phantom]] = {
    family: _cartridge(family) for family in ("rimfire", "pistol", "revolver", "intermediate", "rifle")
}


def _shotshell(family: str) -> Callable[[Generator], Phantom]:
    def build(rng: Generator) -> Phantom:
        u = rng.uniform
        assembly = Assembly()
        radius = u(9.5, 10.6) if rng.random() < 0.8 else u(5.5, 9.0)
        length, head, wall = radius * u(5.0, 7.2), radius * u(0.7, 2.4), u(0.5, 0.9)
        metal = str(rng.choice(["brass", "brass", "steel"]))
        hull = str(rng.choice(["polyethylene", "polyethylene", "paper"]))
        assembly.turned(
            [
                (radius + 0.9, 0),
                (radius + 0.9, 1.4),
                (radius, 1.6),
                (radius, head),
                (radius - 0.35, head),
                (radius - 0.35, 1.6),
            ],
            metal,
        )
        inside = radius - 0.4 - wall
        assembly.turned(
            [
                (radius - 0.4, 1.7),
                (radius - 0.4, length),
                (inside, length),
                (inside, length - 2),
                (0.5, length - 3),
                (0.5, length - 4),
                (inside, length - 4),
                (inside, 7.0),
            ],
            hull,
        )
        assembly.turned([(2.6, -0.1), (2.6, 6.5)], "brass", sides=8)
        powder = 7.0 + 0.16 * length
        assembly.turned([(inside - 0.1, 7.1), (inside - 0.1, powder)], "propellant")
        wad = powder + 0.15 * length
        assembly.turned([(inside - 0.1, powder + 0.1), (inside - 0.1, wad)], "polyethylene")
        top = length - 4.4
        if family == "slug":
            slug = inside * u(0.86, 0.97)
            assembly.turned(
                [
                    (slug, wad),
                    (slug, wad + 0.55 * (top - wad)),
                    (slug * 0.5, top),
                    (slug * 0.2, top),
                    (slug * 0.7, wad + 2),
                ],
                "lead",
            )
        else:
            _pellets(assembly, rng, (wad, top), inside - 0.2, buck=family == "buckshot")
        return assembly.phantom(f"shotshell/{family}", "shotshell")

    return build


def _pellets(assembly: Assembly, rng: Generator, span: tuple[float, float], radius: float, *, buck: bool) -> None:
    low, high = span
    size = radius * rng.uniform(0.4, 0.47) if buck else radius * rng.uniform(0.19, 0.27)
    ball = ellipsoid((size, size, size), "lead", sides=6, rings=4)
    if buck:
        ring = np.array([(np.cos(t), np.sin(t)) for t in np.arange(3) * (2 * np.pi / 3)]) * (radius - size)
    else:
        count = int(np.pi * (radius - size) / size * 0.85)
        outer = np.arange(count) * (2 * np.pi / count)
        ring = np.stack([np.cos(outer), np.sin(outer)], axis=1) * (radius - size)
        half = np.arange(count // 2) * (4 * np.pi / count)
        ring = np.concatenate([ring, np.stack([np.cos(half), np.sin(half)], axis=1) * (radius - size) * 0.45])
    for layer in range(max(1, min(int((high - low) / (2 * size)), 4))):
        twist = rng.uniform(0, 2 * np.pi)
        cos, sin = np.cos(twist), np.sin(twist)
        for a, b in ring:
            assembly.add(ball, (low + size * (2 * layer + 1), a * cos - b * sin, a * sin + b * cos))


SHOTSHELLS: dict[str, Callable[[Generator], Phantom]] = {
    family: _shotshell(family) for family in ("birdshot", "buckshot", "slug")
}


def _group(single: Callable[[Generator], Phantom], rng: Generator) -> list[Phantom]:
    """Repeat one round in the rows of a box, on a strip, or as a loose handful."""
    first = single(rng)
    low, high = first.bounds_mm()
    length, _, width = (float(v) for v in high - low)
    layout = rng.choice(["box", "strip", "loose"])
    if layout == "box":  # upright or lying side by side
        columns, rows = int(rng.integers(4, 11)), int(rng.integers(2, 6))
        pitch = width * rng.uniform(1.03, 1.2)
        if rng.random() < 0.6:
            turn = np.array([(0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (-1.0, 0.0, 0.0)])
            turn = turn.T if rng.random() < 0.5 else turn
            return [first.moved(turn, (i * pitch, j * pitch, 0)) for i in range(columns) for j in range(rows)]
        flip = np.diag((-1.0, -1.0, 1.0))
        return [
            first.moved(flip if (i + j) % 2 and pitch < 0 else None, (j * length * 1.05, i * pitch, 0))
            for i in range(columns)
            for j in range(min(rows, 3))
        ]
    if layout == "strip":
        pitch = width * rng.uniform(1.02, 1.4)
        return [first.moved(None, (0, i * pitch, 0)) for i in range(int(rng.integers(3, 13)))]
    rounds: list[Phantom] = []
    count = int(rng.integers(2, 16))
    cell = length * 1.05
    side = int(np.ceil(np.sqrt(count)))
    for index in range(count):  # a loose heap, one to a cell so that none are inside each other
        angle = rng.uniform(0, 2 * np.pi)
        tilt = rng.uniform(-0.25, 0.25)
        cos, sin, rise, fall = np.cos(angle), np.sin(angle), np.sin(tilt), np.cos(tilt)
        turn = np.array([(cos, -sin, 0), (sin, cos, 0), (0, 0, 1.0)]) @ np.array(
            [(fall, 0, rise), (0, 1.0, 0), (-rise, 0, fall)]
        )
        shift = rng.uniform(-0.1, 0.1, 3) * length
        rounds.append(
            first.moved(turn, shift + np.array((index % side * cell, index // side * cell, rng.uniform(0, width))))
        )
    return rounds


def _shifted_to_origin(phantoms: list[Phantom]) -> list[Phantom]:
    bounds = [phantom.bounds_mm() for phantom in phantoms]
    low = np.min([pair[0] for pair in bounds], axis=0)
    high = np.max([pair[1] for pair in bounds], axis=0)
    return [phantom.moved(None, -(low + high) / 2) for phantom in phantoms]


def cartridge_group(rng: Generator, build: Callable[[Generator], Phantom] | None = None) -> list[Phantom]:
    """Return cartridges of one kind as they come: in rows of a box, on a strip, or loose; each is one phantom."""
    names = list(CARTRIDGES)
    return _shifted_to_origin(_group(build or CARTRIDGES[names[rng.integers(len(names))]], rng))


def shotshell_group(rng: Generator, build: Callable[[Generator], Phantom] | None = None) -> list[Phantom]:
    """Return shotshells of one kind as they come; each is one phantom."""
    names = list(SHOTSHELLS)
    return _shifted_to_origin(_group(build or SHOTSHELLS[names[rng.integers(len(names))]], rng))
