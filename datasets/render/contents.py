"""What people send and carry: themes that draw kinds of benign objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from datasets.render import clutter
from datasets.render.chances import Chances
from datasets.render.clutter.shapes import pick

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
    "hardware": clutter.HARDWARE,
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
    "camera",
    "charger",
    "coins",
    "cosmetics",
    "cutlery",
    "flashlight",
    "fruit",
    "grains",
    "hair_dryer",
    "headphones",
    "jar",
    "jewellery",
    "keys",
    "lighters",
    "medicine",
    "paper_clips",
    "pens",
    "perfume",
    "phone",
    "power_bank",
    "razors",
    "scissors",
    "shaver",
    "shoe",
    "shoe",
    "spectacles",
    "stapler",
    "stick_bundle",
    "toothbrush",
    "tube_of_cream",
    "umbrella",
    "watch",
    "wire_coil",
)
# What makes a parcel hard: metal that looks like parts of a firearm, and what has the shape of a pistol.
METAL_KINDS: Final = (*clutter.LOOK_ALIKES, *clutter.LOOK_ALIKES, *clutter.SMALL_METAL, *clutter.TOOLS)


@dataclass(frozen=True, slots=True)
class Theme:
    """A kind of parcel: how often each group of objects is drawn.

    Attributes:
        name: for provenance.
        share: of parcels with this theme.
        groups: how often each is drawn, by name.
        padding: fewest and most pieces of cloth laid through and over everything.
    """

    name: str
    share: float
    groups: Chances
    padding: tuple[int, int] = (0, 2)

    def draw_kind(self, rng: np.random.Generator) -> str:
        """Return a kind of object, a key of `clutter.CLUTTER`."""
        return pick(rng, *_GROUPS[self.groups.draw(rng)])


THEMES: Final = (
    Theme(
        "clothes", 3.0, Chances({"cloth": 7, "wardrobe": 2, "toiletry": 1, "electronics": 0.5, "metal": 0.5}), (4, 18)
    ),
    Theme(
        "travel", 2.5, Chances({"cloth": 3, "wardrobe": 2, "electronics": 2, "toiletry": 1.5, "kitchen": 0.5}), (0, 10)
    ),
    Theme("electronics", 1.5, Chances({"cloth": 0.5, "electronics": 5, "metal": 0.7})),
    Theme("tools", 1.2, Chances({"cloth": 1.0, "tools": 5, "metal": 1.5, "look_alikes": 1})),
    Theme("machine parts", 0.5, Chances({"metal": 3, "look_alikes": 4, "cloth": 1.0})),
    Theme("kitchen", 1.0, Chances({"cloth": 0.5, "kitchen": 5, "metal": 0.3})),
    Theme("food", 1.0, Chances({"food": 5, "kitchen": 1, "cloth": 0.7}), (0, 4)),
    Theme("desktop", 0.9, Chances({"desktop": 4, "electronics": 1.5, "metal": 0.5})),
    Theme("toiletry", 0.6, Chances({"toiletry": 5, "cloth": 1})),
    Theme("toys", 0.7, Chances({"toys": 5, "cloth": 1, "electronics": 0.5}), (0, 4)),
    Theme("mixed", 2.5, Chances(dict.fromkeys(_GROUPS, 1.0) | {"hardware": 0.2}), (0, 6)),
)
_BY_SHARE: Final = Chances({str(index): theme.share for index, theme in enumerate(THEMES)})


def draw_theme(rng: np.random.Generator) -> Theme:
    """Return a theme drawn by its share."""
    return THEMES[int(_BY_SHARE.draw(rng))]
