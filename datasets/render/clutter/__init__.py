"""Benign objects: what parcels and luggage are full of, and what is easily taken for a firearm.

Every builder takes a random generator and returns a phantom without a label, centred on the origin.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from datasets.render.clutter import (
    appliances,
    electronics,
    fasteners,
    household,
    kitchen,
    knives,
    levers,
    look_alikes,
    machines,
    packs,
    power,
    rails,
    small_metal,
    soft,
    stuffing,
    toiletry,
    tools,
    toys,
    workshop,
)
from datasets.render.solids import Phantom

__all__ = [
    "CLUTTER", "ELECTRONICS", "HARDWARE", "KITCHEN", "LOOK_ALIKES", "SMALL_METAL", "SOFT", "TOILETRY", "TOOLS", "TOYS",
    "random_clutter",
]  # fmt: skip

Builder = Callable[[np.random.Generator], Phantom]


_PISTOL_SHAPED: Final = ("barcode_scanner", "glue_gun", "hair_dryer", "hot_air_gun", "power_drill", "spray_gun")

# In `packs`: all but what belongs in a bathroom.
_PACKED: Final = tuple(name for name in packs.__all__ if name != "perfume")

SOFT: Final = (*soft.__all__, "folded_pack")
ELECTRONICS: Final = (
    *electronics.__all__, *power.__all__, *_PACKED, "electric_motor", "power_drill", "hair_dryer", "barcode_scanner",
)  # fmt: skip
KITCHEN: Final = (*kitchen.__all__, *knives.__all__, "grains", "utensils")
TOOLS: Final = (
    *tools.__all__, *workshop.__all__, "clamp", "flashlight", "glue_gun", "grease_gun", "hot_air_gun", "multi_tool",
    "power_drill", "spray_gun", "tool_battery",
)  # fmt: skip
TOILETRY: Final = (*toiletry.__all__, "hair_iron", "perfume")
TOYS: Final = tuple(toys.__all__)
# What is sewn to bags and clothes, and seldom lies about.
HARDWARE: Final = ("d_rings", "findings", "strap_clips", "zip_pulls")
SMALL_METAL: Final = (*small_metal.__all__, *(name for name in fasteners.__all__ if name not in HARDWARE))
# Metal with the shapes of firearm parts, and tools and toys with the shape of a pistol.
LOOK_ALIKES: Final = (
    *(name for name in look_alikes.__all__ if name not in HARDWARE),
    *machines.__all__, *rails.__all__, *levers.__all__, *household.__all__, *_PACKED,
    *_PISTOL_SHAPED, "batteries", "bicycle_pump", "camera", "caulking_gun", "corkscrew", "glass_bottle", "knife",
    "pocket_knife", "power_supply", "scissors", "stapler", "thermos", "tool_heap", "toy_gun", "umbrella",
    "water_pistol",
)  # fmt: skip
CLUTTER: Final[dict[str, Builder]] = {
    name: getattr(module, name)
    for module in (
        soft, electronics, power, appliances, kitchen, knives, tools, workshop, toiletry, toys, small_metal, fasteners,
        look_alikes, machines, rails, levers, household, packs,
    )
    for name in module.__all__
} | {"findings": stuffing.findings, "folded_pack": stuffing.folded_pack, "grains": stuffing.grains}  # fmt: skip


def random_clutter(rng: np.random.Generator, kind: str | None = None, *, kinds: Sequence[str] | None = None) -> Phantom:
    """Return a benign object of a kind, or of one drawn from `kinds` (default: all).

    Raises:
        KeyError: no such kind.
    """
    if kind is None:
        names = tuple(CLUTTER) if kinds is None else tuple(kinds)
        kind = names[int(rng.integers(len(names)))]
    return CLUTTER[kind](rng)
