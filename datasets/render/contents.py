"""What people send and carry: themes that draw kinds of benign objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from datasets.render import clutter

__all__ = ["DAILY_KINDS", "METAL_KINDS", "PADDING_KINDS", "SOFT_KINDS", "SPREAD_KINDS", "THEMES", "Theme", "draw_theme"]

# These give way: they are squeezed to fit and take little room from what lies over them.
SOFT_KINDS: Final = frozenset({"clothes", "crumpled_cloth", "folded_pack", "jeans", "towel"})
# These lie anywhere, also through one another: folds and layers.
SPREAD_KINDS: Final = frozenset({"clothes", "crumpled_cloth", "folded_pack"})
PADDING_KINDS: Final = ("clothes", "crumpled_cloth", "jeans", "folded_pack")
_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "cloth": tuple(sorted(SOFT_KINDS)),
    "wardrobe": clutter.SOFT,
    "electronics": clutter.ELECTRONICS,
    "kitchen": clutter.KITCHEN,
    "tools": clutter.TOOLS,
    "toiletry": clutter.TOILETRY,
    "toys": clutter.TOYS,
    "metal": clutter.SMALL_METAL,
    "look_alikes": clutter.LOOK_ALIKES,
    "food": ("bottle", "can", "food_box", "fruit", "fruit", "glass_bottle", "grains", "grains", "jar", "thermos"),
    "desktop": (
        "cables",
        "charger",
        "circuit_board",
        "circuit_board",
        "hard_disk",
        "keyboard",
        "laptop",
        "laptop_battery",
        "power_supply",
        "ring_binder",
        "speaker",
    ),
}
# What a full bag holds beside its theme: little of it is dense, all of it shows.
DAILY_KINDS: Final = (
    "belt",
    "bottle",
    "cables",
    "cables",
    "charger",
    "coins",
    "cosmetics",
    "cutlery",
    "d_rings",
    "findings",
    "flashlight",
    "fruit",
    "grains",
    "headphones",
    "jar",
    "jewellery",
    "keys",
    "lighters",
    "paper_clips",
    "pens",
    "perfume",
    "power_bank",
    "razors",
    "shoe",
    "spectacles",
    "stick_bundle",
    "strap_clips",
    "toothbrush",
    "tube_of_cream",
    "umbrella",
    "watch",
    "wire_coil",
    "zip_pulls",
)
# What makes a parcel hard: metal that looks like parts of a firearm, and what has the shape of a pistol.
METAL_KINDS: Final = (*clutter.LOOK_ALIKES, *clutter.LOOK_ALIKES, *clutter.SMALL_METAL, *clutter.TOOLS)


@dataclass(frozen=True, slots=True)
class Theme:
    """A kind of parcel: how often each group of objects is drawn.

    Attributes:
        name: for provenance.
        share: of parcels with this theme.
        weights: by name of the group.
        padding: fewest and most pieces of cloth laid through and over everything.
    """

    name: str
    share: float
    weights: Mapping[str, float]
    padding: tuple[int, int] = (0, 2)

    def draw_kind(self, rng: np.random.Generator) -> str:
        """Return a kind of object, a key of `clutter.CLUTTER`."""
        return str(rng.choice(_GROUPS[_draw(self.weights, rng)]))


THEMES: Final = (
    Theme("clothes", 3.0, {"cloth": 7, "wardrobe": 2, "toiletry": 1, "electronics": 0.5, "metal": 0.5}, (4, 18)),
    Theme("travel", 2.5, {"cloth": 3, "wardrobe": 2, "electronics": 2, "toiletry": 1.5, "kitchen": 0.5}, (0, 10)),
    Theme("electronics", 1.5, {"cloth": 0.5, "electronics": 5, "metal": 0.7}),
    Theme("tools", 1.2, {"cloth": 1.0, "tools": 5, "metal": 1.5, "look_alikes": 1}),
    Theme("machine parts", 0.5, {"metal": 3, "look_alikes": 4, "cloth": 1.0}),
    Theme("kitchen", 1.0, {"cloth": 0.5, "kitchen": 5, "metal": 0.3}),
    Theme("food", 1.0, {"food": 5, "kitchen": 1, "cloth": 0.7}, (0, 4)),
    Theme("desktop", 0.9, {"desktop": 4, "electronics": 1.5, "metal": 0.5}),
    Theme("toiletry", 0.6, {"toiletry": 5, "cloth": 1}),
    Theme("toys", 0.7, {"toys": 5, "cloth": 1, "electronics": 0.5}, (0, 4)),
    Theme("mixed", 2.5, dict.fromkeys(_GROUPS, 1.0), (0, 6)),
)


def draw_theme(rng: np.random.Generator) -> Theme:
    """Return a theme drawn by its share."""
    shares = {str(index): theme.share for index, theme in enumerate(THEMES)}
    return THEMES[int(_draw(shares, rng))]


def _draw(weights: Mapping[str, float], rng: np.random.Generator) -> str:
    shares = np.array(list(weights.values()))
    return str(rng.choice(list(weights), p=shares / shares.sum()))
