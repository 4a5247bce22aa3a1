"""Magazines: thin boxes, straight or curved, with a spring, a follower and a stack of cartridges, and drums."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from datasets.render.phantoms.ammunition import Round, load_cartridge, round_for
from datasets.render.phantoms.assembly import Assembly
from datasets.render.phantoms.outlines import Outline, circle
from datasets.render.solids import Phantom

__all__ = ["MAGAZINES", "put_magazine"]


def put_magazine(
    into: Assembly,
    rng: Generator,
    top_mm: tuple[float, float],
    shape: Round,
    length_mm: float,
    *,
    down_rad: float,
    material: str = "steel",
    wall_mm: float = 0.9,
    bend_rad: float = 0.0,
    fill: float | None = None,
    double: bool = False,
    base_mm: float = 4.0,
) -> None:
    """Put a magazine into an assembly.

    Args:
        into: the assembly.
        rng: source of chance.
        top_mm: middle of its mouth.
        shape: the cartridges it takes; they point along +x turned with the box.
        length_mm: along its middle line.
        down_rad: direction from mouth to base.
        material: of the box.
        wall_mm: of the box.
        bend_rad: how much a curved one turns forward from mouth to base.
        fill: share of the stack that is loaded; drawn where None.
        double: two columns of cartridges.
        base_mm: height of the base plate.
    """
    if fill is None:
        fill = float(rng.choice([0.0, rng.uniform(0.2, 1.0), 1.0], p=[0.35, 0.35, 0.3]))
    width = shape.length * 1.06 + 2 * wall_mm
    thickness = shape.radius * (3.5 if double else 2.15) + 2 * wall_mm
    steps = 2 if bend_rad == 0 else 9
    t = np.linspace(0, 1, steps)
    heading = down_rad + bend_rad * t
    middle = _follow(top_mm, heading, length_mm)
    forward = np.stack([-np.sin(heading), np.cos(heading)], axis=1)
    outline = np.concatenate([middle + forward * width / 2, (middle - forward * width / 2)[::-1]])
    slim = width / 2 - wall_mm
    hollow = np.concatenate([middle + forward * slim, (middle - forward * slim)[::-1]])
    ribs = rng.random() < 0.4 and length_mm > 60
    holes = _peep_holes(rng, middle, forward, width) if not ribs and material != "nylon" and rng.random() < 0.5 else []
    into.sides(outline, thickness - 2 * wall_mm, wall_mm, material, holes=holes)
    into.plate(outline, thickness - 2 * wall_mm, material, holes=[hollow])
    if ribs:
        for share in np.linspace(0.15, 0.85, int(rng.integers(2, 4))):
            line = middle + forward * (share - 0.5) * width
            rib = np.concatenate([line + forward * 1.2, (line - forward * 1.2)[::-1]])
            into.sides(rib, thickness, 0.5, material)
    end, last = middle[-1], heading[-1]
    along = np.array([np.cos(last), np.sin(last)])
    side = forward[-1] * (width / 2 + rng.uniform(0, 2))
    base = np.array([end + side, end + along * base_mm + side, end + along * base_mm - side, end - side])
    into.plate(base, thickness + 1, material if rng.random() < 0.5 else "nylon")
    _stack(into, rng, shape, middle=middle, heading=heading, fill=fill, length_mm=length_mm, double=double)


def _stack(
    into: Assembly,
    rng: Generator,
    shape: Round,
    *,
    middle: Outline,
    heading: Outline,
    fill: float,
    length_mm: float,
    double: bool,
) -> None:
    pitch = shape.radius * (1.05 if double else 1.9)
    room = length_mm * 0.84
    count = int(fill * room / pitch)
    at = np.linspace(0, 1, len(middle))
    slack = 0.5 * (1.06 * shape.length - shape.length)
    one = Assembly()
    load_cartridge(one, shape, sides=5 if count > 14 else 6, plain=True)
    index = np.arange(count)
    share = (shape.radius + index * pitch) / length_mm
    angles = np.interp(share, at, heading) + np.pi / 2
    ahead = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    heads = np.zeros((count, 3))
    heads[:, :2] = _between(middle, at, share) - ahead * (shape.length / 2 - slack)
    heads[:, 2] = shape.radius * 0.72 * (2 * (index % 2) - 1) if double else 0.0
    into.stamp(one, heads, angles)
    below = min((count * pitch + shape.radius * 0.5) / length_mm, 0.8)
    centre = _between(middle, at, below)
    down = float(np.interp(below, at, heading))
    along, ahead = np.array([np.cos(down), np.sin(down)]), np.array([-np.sin(down), np.cos(down)]) * shape.length * 0.45
    follower = np.array([centre + ahead, centre + along * 4 + ahead, centre + along * 4 - ahead, centre - ahead])
    into.plate(follower, shape.radius * 1.8, "nylon" if rng.random() < 0.6 else "aluminium")
    rest = length_mm * (1 - below) - 6
    if rest > 4:
        runs = 1 if heading[0] == heading[-1] else 3
        for run in range(runs):  # a curved box bends its spring
            from_top = below + (4 + rest * run / runs) / length_mm
            turn = float(np.interp(from_top + 0.5 * rest / runs / length_mm, at, heading))
            into.spring(
                _between(middle, at, from_top), rest / runs, shape.length * 0.36, angle_rad=turn,
                coils=4 if runs > 1 else 6 if count else 10, squash=0.45,
            )  # fmt: skip


def _follow(start: tuple[float, float], heading: Outline, length_mm: float) -> Outline:
    step = length_mm / (len(heading) - 1)
    mid = (heading[1:] + heading[:-1]) / 2
    moves = np.stack([np.cos(mid), np.sin(mid)], axis=1) * step
    return np.concatenate([[np.asarray(start, np.float64)], np.asarray(start) + np.cumsum(moves, axis=0)])


def _between(line: Outline, at: Outline, share: float | NDArray[np.floating]) -> Outline:
    return np.stack([np.interp(share, at, line[:, 0]), np.interp(share, at, line[:, 1])], axis=-1)


def _peep_holes(rng: Generator, middle: Outline, forward: Outline, width: float) -> list[Outline]:
    shares = np.arange(0.2, 0.85, rng.uniform(0.1, 0.2))
    at = np.linspace(0, 1, len(middle))
    offset = rng.uniform(-0.25, 0.25) * width
    return [
        circle(
            (
                np.interp(s, at, middle[:, 0]) + forward[0, 0] * offset,
                np.interp(s, at, middle[:, 1]) + forward[0, 1] * offset,
            ),
            min(1.8, 0.08 * width),
            sides=6,
        )
        for s in shares
    ]


def _pistol(rng: Generator) -> Phantom:
    assembly = Assembly()
    double = bool(rng.random() < 0.5)
    shape = round_for(rng, "pistol")
    length = rng.uniform(70, 130) if rng.random() < 0.85 else rng.uniform(150, 240)
    put_magazine(assembly, rng, (0, 0), shape, length, down_rad=0.0, double=double, base_mm=rng.uniform(2, 10))
    return assembly.phantom("magazine/pistol", "magazine")


def _rimfire(rng: Generator) -> Phantom:
    assembly = Assembly()
    shape = round_for(rng, "rimfire")
    put_magazine(
        assembly,
        rng,
        (0, 0),
        shape,
        rng.uniform(35, 110),
        down_rad=0.0,
        material=str(rng.choice(["steel", "nylon"])),
        wall_mm=rng.uniform(0.8, 1.6),
    )
    return assembly.phantom("magazine/rimfire", "magazine")


def _rifle(bend: tuple[float, float], family: str) -> Callable[[Generator], Phantom]:
    def build(rng: Generator) -> Phantom:
        assembly = Assembly()
        shape = round_for(rng, "intermediate")
        polymer = bool(rng.random() < 0.45)
        put_magazine(
            assembly,
            rng,
            (0, 0),
            shape,
            rng.uniform(90, 230),
            down_rad=0.0,
            double=True,
            material="nylon" if polymer else str(rng.choice(["steel", "steel", "aluminium"])),
            wall_mm=rng.uniform(1.8, 2.6) if polymer else rng.uniform(0.8, 1.2),
            bend_rad=rng.uniform(*bend),
            base_mm=rng.uniform(3, 8),
        )
        return assembly.phantom(f"magazine/{family}", "magazine", ("polymer",) if polymer else ())

    return build


def _box(rng: Generator) -> Phantom:
    assembly = Assembly()
    shape = round_for(rng, "rifle")
    put_magazine(
        assembly,
        rng,
        (0, 0),
        shape,
        rng.uniform(30, 90),
        down_rad=rng.uniform(-0.15, 0.15),
        double=bool(rng.random() < 0.7),
    )
    return assembly.phantom("magazine/box", "magazine")


def _drum(rng: Generator) -> Phantom:
    u = rng.uniform
    assembly = Assembly()
    polymer = bool(rng.random() < 0.5)
    material, wall = ("nylon", u(1.8, 2.8)) if polymer else ("steel", u(0.8, 1.3))
    shape = round_for(rng, str(rng.choice(["pistol", "intermediate"])))
    radius, depth = u(45, 85), shape.length * 1.08 + 2 * wall
    rim = circle((0, 0), radius, sides=28)
    assembly.sides(rim, depth - 2 * wall, wall, material)
    assembly.plate(rim, depth - 2 * wall, material, holes=[circle((0, 0), radius - wall, sides=28)])
    assembly.pin((0, 0), radius * u(0.15, 0.3), depth + 6, material)
    one = Assembly()
    flat = Assembly()
    load_cartridge(flat, shape, (-shape.length / 2, 0.0), sides=6, plain=True)
    for solid in flat.phantom("cartridge/drum", "cartridge").solids:  # they stand along the axis of the drum
        one.add(solid, rotation=[(0, 0, -1), (0, 1, 0), (1, 0, 0)])
    ring_radius = radius - wall - shape.radius * 1.2
    count = int(2 * np.pi * ring_radius / (shape.radius * 2.1))
    turn = np.arange(int(count * rng.choice([0.0, 0.6, 1.0]))) * (2 * np.pi / count)
    assembly.stamp(one, np.stack([np.cos(turn), np.sin(turn), 0 * turn], axis=1) * ring_radius)
    neck = u(25, 55)
    put_magazine(
        assembly,
        rng,
        (0, radius + neck),
        shape,
        neck + wall,
        down_rad=-np.pi / 2,
        material=material,
        wall_mm=wall,
        double=True,
        base_mm=1.0,
        fill=float(rng.choice([0.0, 1.0])),
    )
    return assembly.phantom("magazine/drum", "magazine", ("polymer",) if polymer else ())


MAGAZINES: dict[str, Callable[[Generator], Phantom]] = {
    "pistol": _pistol,
    "rimfire": _rimfire,
    "rifle_straight": _rifle((0.0, 0.02), "rifle_straight"),
    "rifle_curved": _rifle((0.25, 0.9), "rifle_curved"),
    "box": _box,
    "drum": _drum,
}
