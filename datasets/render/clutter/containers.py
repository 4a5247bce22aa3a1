"""What the contents are packed in: cartons, envelopes, tubes, trays and crates; luggage lives in `baggage`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from datasets.render.clutter.baggage import backpack, carrier_bag, laptop_bag, sports_bag, trolley
from datasets.render.clutter.shapes import (
    Array,
    along_x,
    boxes,
    chance,
    copies,
    hollow_box,
    lying_box,
    pick,
    uniform,
)
from datasets.render.clutter.wrapping import Container, Size, box_container, fabric
from datasets.render.solids import Solid, cylinder, tube

__all__ = ["CONTAINERS", "Container", "carton", "crate", "mailing_tube", "padded_bag", "tray"]

Builder = Callable[[np.random.Generator, Size], Container]


def carton(rng: np.random.Generator, inner_size_mm: Size) -> Container:
    """Return a carton: liners with a corrugated core, flaps that overlap, tape, at times staples and filling."""
    x, y, z = inner_size_mm
    wall = uniform(rng, 2.5, 6.5)
    outer = (x + 2 * wall, y + 2 * wall, z + 2 * wall)
    solids = hollow_box(outer, 0.6, "cardboard") + hollow_box((x + 1.2, y + 1.2, z + 1.2), 0.6, "cardboard")
    pitch = max(uniform(rng, 5, 9), y / 70)
    ridges = np.arange(-y / 2 + pitch, y / 2 - pitch / 2, pitch)
    for height in (z / 2 + wall / 2, -z / 2 - wall / 2):
        at = np.stack([np.zeros(len(ridges)), ridges, np.full(len(ridges), height)], axis=1)
        solids.append(boxes(at, (x, 0.9, wall - 1.2), "cardboard"))
        flap = y / 2 * uniform(rng, 0.5, 0.99)
        flaps = [(0, side * (y / 2 - flap / 2), height) for side in (-1, 1)]
        solids.append(boxes(flaps, (x, flap, 1.0), "cardboard"))
        solids.append(boxes([(0, 0, height + np.sign(height) * wall / 2)], (x + 8, 50, 0.15), "polypropylene"))
    if chance(rng, 0.3):
        count = int(rng.integers(4, 12))
        spots = rng.uniform(-0.45, 0.45, (count, 3)) * (x, 16, 0) + (0, 0, outer[2] / 2)
        solids.append(boxes(spots, (2.2, 16, 1.2), pick(rng, "steel", "copper")))
    if chance(rng, 0.35):  # a label with a tracker, or a printed sheet
        solids.append(lying_box((min(150, x * 0.7), min(100, y * 0.7), 0.3), "paper", (0, 0, outer[2] / 2 + 0.2)))
    return box_container("container/carton", solids, inner_size_mm)


def padded_bag(rng: np.random.Generator, inner_size_mm: Size) -> Container:
    """Return a padded envelope: two wavy layers a side, bubbles between, a seam around."""
    x, y, z = inner_size_mm
    outside = pick(rng, "paper", "polyethylene")
    solids: list[Solid] = []
    for side in (-1, 1):
        face = side * (z / 2 + 4)
        solids.append(fabric(rng, (x + 24, y + 24), face, uniform(rng, 0.3, 0.9), outside, wave_mm=3))
        solids.append(fabric(rng, (x + 14, y + 14), face - side * 2, 0.3, "polyethylene", wave_mm=3))
        pitch = max(11.0, float(np.sqrt(x * y / 150)))
        spots_x, spots_y = np.meshgrid(np.arange(-x / 2, x / 2, pitch), np.arange(-y / 2, y / 2, pitch), indexing="ij")
        spots = np.stack([spots_x.ravel(), spots_y.ravel(), np.full(spots_x.size, face - side)], axis=1)
        solids.append(copies(cylinder(pitch * 0.42, 0.3, "polyethylene", sides=6), spots))
    solids.append(boxes([(0, side * (y / 2 + 9), 0) for side in (-1, 1)], (x + 20, 9, 1.6), outside))
    solids.append(boxes([(side * (x / 2 + 9), 0, 0) for side in (-1, 1)], (9, y + 20, 1.8), outside))
    return box_container("container/padded_bag", solids, inner_size_mm)


def mailing_tube(rng: np.random.Generator, inner_size_mm: Size) -> Container:
    """Return a paper tube with caps of plastic or tinplate, long along the longer side."""
    x, y, z = inner_size_mm
    radius = float(np.hypot(min(x, y), z)) / 2
    wall, long = uniform(rng, 1.5, 4), max(x, y)
    cap = pick(rng, "polypropylene", "tin")
    parts = [tube(radius + wall, radius, long + 20, "cardboard", sides=32)]
    disc = cylinder(radius, 0.5 if cap == "tin" else 3, cap, sides=32)
    parts += [disc.moved(offset_mm=(0, 0, side * (long / 2 + 6))) for side in (-1, 1)]
    solids = [along_x(part) for part in parts]
    if y > x:
        solids = [part.moved(np.array([[0, -1.0, 0], [1, 0, 0], [0, 0, 1]])) for part in solids]
    return box_container("container/mailing_tube", solids, inner_size_mm)


def tray(rng: np.random.Generator, inner_size_mm: Size) -> Container:
    """Return a plastic tray of the belt with ribs and a rim; a rim of wire in some."""
    x, y, z = inner_size_mm
    wall, depth = uniform(rng, 2, 4), min(z, uniform(rng, 50, 120))
    plastic = pick(rng, "polypropylene", "polyethylene", "abs")
    low = -z / 2
    solids = [lying_box((x + 2 * wall, y + 2 * wall, wall), plastic, (0, 0, low - wall / 2))]
    solids.append(
        boxes([(side * (x + wall) / 2, 0, low + depth / 2) for side in (-1, 1)], (wall, y + 2 * wall, depth), plastic)
    )
    solids.append(boxes([(0, side * (y + wall) / 2, low + depth / 2) for side in (-1, 1)], (x, wall, depth), plastic))
    count = int(rng.integers(3, 9))
    ribs = np.stack([np.linspace(-0.45, 0.45, count) * x, np.zeros(count), np.full(count, low - wall - 3)], axis=1)
    solids.append(boxes(ribs, (wall, y, 6), plastic))
    ring_at = [(0, side * (y / 2 + wall + 5), low + depth) for side in (-1, 1)]
    solids.append(boxes(ring_at, (x + 2 * wall + 20, 10, wall), plastic))
    return box_container("container/tray", solids, inner_size_mm)


def crate(rng: np.random.Generator, inner_size_mm: Size) -> Container:
    """Return a wooden crate: boards with gaps, corner battens, nails or screws."""
    x, y, z = inner_size_mm
    wall = uniform(rng, 6, 14)
    solids: list[Solid] = []
    count = max(2, int(y / uniform(rng, 60, 110)))
    rows = (np.arange(count) + 0.5) / count * y - y / 2
    for height in (-z / 2 - wall / 2, z / 2 + wall / 2):
        at = np.stack([np.zeros(count), rows, np.full(count, height)], axis=1)
        solids.append(boxes(at, (x + 2 * wall, y / count * uniform(rng, 0.75, 0.98), wall), "wood"))
    solids.append(boxes([(0, side * (y + wall) / 2, 0) for side in (-1, 1)], (x + 2 * wall, wall, z), "wood"))
    solids.append(boxes([(side * (x + wall) / 2, 0, 0) for side in (-1, 1)], (wall, y, z), "wood"))
    nail: Array = np.array(
        [(a * (x + wall) / 2, row, s * (z / 2 - 6)) for a in (-1, 1) for row in rows for s in (-1, 1)]
    )
    solids.append(copies(cylinder(1.6, 36, "steel", sides=6), nail))
    return box_container("container/crate", solids, inner_size_mm)


CONTAINERS: Final[dict[str, Builder]] = {
    "carton": carton,
    "padded_bag": padded_bag,
    "mailing_tube": mailing_tube,
    "tray": tray,
    "crate": crate,
    "trolley": trolley,
    "backpack": backpack,
    "laptop_bag": laptop_bag,
    "sports_bag": sports_bag,
    "carrier_bag": carrier_bag,
}
