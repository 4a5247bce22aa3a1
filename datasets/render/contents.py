"""What people send and carry: themes that draw kinds of benign objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from datasets.render import clutter

__all__ = ["METAL_KINDS", "SOFT_KINDS", "SPREAD_KINDS", "THEMES", "Theme", "draw_theme"]

_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "soft": tuple(clutter.SOFT),
    "electronics": tuple(clutter.ELECTRONICS),
    "tools": tuple(clutter.TOOLS),
    "kitchen": tuple(clutter.KITCHEN),
}
# These give way and take little room: they are squeezed to fit, and at times lie anywhere.
SOFT_KINDS: Final = frozenset(clutter.SOFT)
SPREAD_KINDS: Final = frozenset(clutter.SOFT)
# What makes a benign parcel hard: metal that looks like parts of a firearm.
METAL_KINDS: Final = tuple(clutter.TOOLS)


@dataclass(frozen=True, slots=True)
class Theme:
    """A kind of parcel: how often each group of objects is drawn.

    Attributes:
        name: for provenance.
        share: of parcels with this theme.
        weights: by name of the group.
    """

    name: str
    share: float
    weights: Mapping[str, float]

    def draw_kind(self, rng: np.random.Generator) -> str:
        """Return a kind of object, a key of `clutter.CLUTTER`."""
        return str(rng.choice(_GROUPS[_draw(self.weights, rng)]))


THEMES: Final = (
    Theme("clothes", 3, {"soft": 6, "electronics": 0.5, "kitchen": 0.5}),
    Theme("electronics", 2, {"soft": 1, "electronics": 5}),
    Theme("tools", 2, {"soft": 1, "tools": 5}),
    Theme("mixed", 3, {"soft": 2, "tools": 1, "electronics": 1, "kitchen": 1}),
)


def draw_theme(rng: np.random.Generator) -> Theme:
    """Return a theme drawn by its share."""
    shares = {str(index): theme.share for index, theme in enumerate(THEMES)}
    return THEMES[int(_draw(shares, rng))]


def _draw(weights: Mapping[str, float], rng: np.random.Generator) -> str:
    shares = np.array(list(weights.values()))
    return str(rng.choice(list(weights), p=shares / shares.sum()))
