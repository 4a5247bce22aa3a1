"""What powered tools are made of: pistol-shaped shells, motors, drill chucks."""

from __future__ import annotations

import numpy as np

from datasets.render.clutter.shapes import (
    Array,
    along_x,
    chance,
    gear,
    loft,
    pick,
    smooth,
    uniform,
)
from datasets.render.solids import Solid, cylinder, extrude, lathe, tube

__all__ = ["chuck", "motor", "pistol_body"]


def pistol_body(
    rng: np.random.Generator, size_mm: tuple[float, float, float, float], material: str
) -> tuple[list[Solid], Array]:
    """Return a hollow pistol-shaped plastic shell, barrel to +x, and the point where the grip ends.

    `size_mm` is length of the barrel, its radius, length of the grip, thickness.

    The axis of the barrel is x; the grip leans back from the origin towards -y.
    """
    barrel_mm, bore_mm, grip_mm, thick_mm = size_mm
    lean = uniform(rng, -0.05, 0.35) * grip_mm
    wide = uniform(rng, 30, 46)
    back = uniform(rng, 0.15, 0.8) * bore_mm
    outline = smooth(
        [
            (barrel_mm, -bore_mm * 0.8), (barrel_mm, bore_mm * 0.8), (barrel_mm * 0.4, bore_mm),
            (-wide * 0.5, bore_mm), (-wide * 0.6 - back, bore_mm * 0.3), (-wide * 0.6, -bore_mm),
            (-wide * 0.5 - lean, -grip_mm), (wide * 0.45 - lean, -grip_mm - 4), (wide * 0.55, -bore_mm * 1.5),
            (wide * 0.9, -bore_mm),
        ],
        5,
    )  # fmt: skip
    wall = uniform(rng, 2.0, 3.2)
    centre = np.array([barrel_mm * 0.25, -bore_mm * 0.2])
    half = thick_mm / 2
    along = np.roll(outline, -1, axis=0) - np.roll(outline, 1, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    # The outline runs counter-clockwise. The inside is kept only where it stays within the outside.
    inner = outline + np.stack([-along[:, 1], along[:, 0]], axis=1) * wall * 1.4
    heights = [-half, -half * 0.7, half * 0.7, half]
    shrunk = centre + (outline - centre) * 0.93
    shell = loft([shrunk, outline, outline, shrunk], heights, material)
    hollow = loft([inner, inner], [-half * 0.62, half * 0.62], material)
    cut = _common(outline, inner)
    solids = [shell] if not cut else [shell, hollow.cavity()]
    trigger = smooth(
        np.array(
            [
                (wide * 0.5, -bore_mm),
                (wide * 0.75, -bore_mm - 2),
                (wide * 0.72, -bore_mm - 26),
                (wide * 0.62, -bore_mm - 24),
            ]
        ),
        3,
    )
    solids.append(extrude(trigger, 10, pick(rng, "abs", "abs", "zinc_alloy")))
    return solids, np.array([-lean, -grip_mm, 0.0])


def _common(outline: Array, inner: Array) -> bool:
    """Tell whether every point of `inner` lies inside the outline (even-odd rule)."""
    a, b = outline, np.roll(outline, -1, axis=0)
    x, y = inner[:, :1], inner[:, 1:]
    across = (a[:, 1] > y) != (b[:, 1] > y)
    slope = np.where(across, (b[:, 0] - a[:, 0]) / np.where(across, b[:, 1] - a[:, 1], 1.0), 0.0)
    hits = across & (x < a[:, 0] + (y - a[:, 1]) * slope)
    return bool((hits.sum(axis=1) % 2 == 1).all())


def motor(rng: np.random.Generator, radius: float, length: float) -> list[Solid]:
    """Return a motor along x: steel case, wound rotor, magnets, shaft, pinion."""
    parts = [
        tube(radius, radius * 0.93, length, "steel", sides=20),
        tube(radius * 0.9, radius * 0.72, length * 0.6, "iron", sides=16),
        extrude(gear(radius * 0.62, 5, radius * 0.25), length * 0.5, "iron"),
        tube(radius * 0.6, radius * 0.3, length * 0.72, "copper", sides=12),
        cylinder(radius * 0.13, length * 1.5, "steel", sides=8).moved(offset_mm=(0, 0, length * 0.2)),
        cylinder(radius * 0.3, length * 0.14, "copper", sides=10).moved(offset_mm=(0, 0, -length * 0.4)),
        extrude(gear(radius * 0.3, 9, radius * 0.08), 8, pick(rng, "brass", "steel")).moved(
            offset_mm=(0, 0, length * 0.9)
        ),
    ]
    return [along_x(part) for part in parts]


def chuck(rng: np.random.Generator, start: float, bore: float) -> list[Solid]:
    """Return a drill chuck along x with its jaws, at times with a bit in it."""
    profile = [(bore * 0.72, 0), (bore * 0.75, 22), (bore * 0.5, 42), (bore * 0.32, 52)]
    body = lathe(profile, pick(rng, "steel", "abs"), sides=18)
    parts = [body, cylinder(9, 60, "steel", sides=12).moved(offset_mm=(0, 0, 22))]
    for angle in np.arange(3) * 2 * np.pi / 3:
        jaw = cylinder(3.5, 34, "steel", sides=8).moved(offset_mm=(7 * np.cos(angle), 7 * np.sin(angle), 36))
        parts.append(jaw)
    if chance(rng, 0.5):
        parts.append(
            cylinder(uniform(rng, 1.5, 5), uniform(rng, 50, 110), "steel", sides=8).moved(offset_mm=(0, 0, 80))
        )
    return [along_x(part, (start, 0, 0)) for part in parts]
