"""Choose what a scan's contents are packed in, and how large it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datasets.render.chances import Chances
from datasets.render.clutter.containers import CONTAINERS
from datasets.render.recipe import Recipe
from datasets.render.solids import Phantom

__all__ = ["Parcel", "draw_parcel"]

Bounds = tuple[NDArray[np.float64], NDArray[np.float64]]
# Weights by container; the shortest and longest inner side across, along and up in mm are in _SIZES_MM.
_PARCELS: Final = Chances({"carton": 5.0, "padded_bag": 2.0, "mailing_tube": 0.4, "crate": 0.4, "carrier_bag": 0.5})
_BAGS: Final = {"trolley": 4.0, "backpack": 3.0, "laptop_bag": 1.5, "sports_bag": 1.5}
_ANY_BAG: Final = Chances(_BAGS)
_SIZES_MM: Final = {
    "parcel": ((150, 520), (120, 420), (50, 320)),
    "bag": ((300, 520), (230, 400), (100, 240)),
    "flat": ((160, 420), (120, 340), (15, 70)),
    "close_up": ((80, 250), (80, 250), (40, 140)),
}
_STACKED_MM: Final = 260.0  # threats that stand lie beside each other rather than over each other
_FLAT: Final = frozenset({"padded_bag"})


@dataclass(frozen=True, slots=True, eq=False)
class Parcel:
    """A container, or none, and the room inside it.

    Attributes:
        name: of the container, or "bare".
        phantoms: the container itself.
        inner_low_mm: lowest corner of the room for the contents, (3,).
        inner_high_mm: its highest corner.
        on_side: how often it lies on one of its sides.
    """

    name: str
    phantoms: tuple[Phantom, ...]
    inner_low_mm: NDArray[np.float64]
    inner_high_mm: NDArray[np.float64]
    on_side: float = 0.0


def draw_parcel(rng: np.random.Generator, recipe: Recipe, threats: Sequence[Bounds], *, close_up: bool) -> Parcel:
    """Draw a container, large enough for what must go in.

    Args:
        rng: source of chance.
        recipe: shares of bags and of bare contents.
        threats: bounds of what must fit in, as it lies.
        close_up: small parcel.
    """
    name = _name(rng, recipe, close_up=close_up)
    size = _size(name, rng, close_up=close_up)
    heights = [float(high[2] - low[2]) * 1.05 + 4.0 for low, high in threats]
    size[2] = max(size[2], *heights, min(sum(heights), _STACKED_MM)) if heights else size[2]
    for low, high in threats:  # along its own axes at least, with room to turn a little
        extent = (high - low) * rng.uniform(1.02, 1.3) + 12.0
        if extent[0] > extent[1] and size[0] < size[1]:
            extent = extent[[1, 0, 2]]
        size = np.maximum(size, extent)
    if name == "bare":
        return Parcel(name, (), -size / 2, size / 2)
    container = CONTAINERS[name](rng, (float(size[0]), float(size[1]), float(size[2])))
    return Parcel(
        name,
        tuple(container.phantoms),
        np.asarray(container.inner_low_mm, np.float64),
        np.asarray(container.inner_high_mm, np.float64),
        0.04 if name in _BAGS else 0.12,
    )


def _name(rng: np.random.Generator, recipe: Recipe, *, close_up: bool) -> str:
    draw = rng.random()
    if draw < recipe.bare_share:
        return "bare"
    return (_PARCELS if close_up or draw > recipe.bare_share + recipe.baggage_share else _ANY_BAG).draw(rng)


def _size(name: str, rng: np.random.Generator, *, close_up: bool) -> NDArray[np.float64]:
    kind = "bag" if name in _BAGS else "flat" if name in _FLAT else "parcel"
    if close_up:
        kind = "close_up"
    size = np.array([rng.uniform(*limits) for limits in _SIZES_MM[kind]])
    if kind == "close_up" and name in _FLAT:
        size[2] = min(size[2], 60.0)
    return size[[1, 0, 2]] if rng.random() < 0.5 else size
