"""What a parcel holds that should be found, or might be taken for it: loose, in groups or hidden, and how it lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from datasets.render.chances import Chances
from datasets.render.clutter import LOOK_ALIKES, random_clutter
from datasets.render.concealment import conceal
from datasets.render.phantoms import random_threat, threat_group
from datasets.render.placement import bounds_of, random_attitude, turned
from datasets.render.recipe import Recipe
from datasets.render.solids import Phantom
from detector.taxonomy import TAXONOMY, Group

__all__ = ["Threat", "draw_decoy", "draw_labels", "draw_threats"]

_FIREARMS: Final = Chances({"handgun": 0.46, "revolver": 0.28, "long_gun": 0.26})
_SHORT_FIREARMS: Final = Chances({"handgun": 0.46, "revolver": 0.28})  # in small parcels
_AMMUNITION: Final = Chances({"cartridge": 0.65, "shotshell": 0.35})
_PARTS: Final = tuple(name for name, info in TAXONOMY.items() if info.group is Group.PART)
# How often these come in boxes, strips, handfuls or pairs instead of alone.
_IN_NUMBERS: Final = {"cartridge": 0.75, "shotshell": 0.75, "magazine": 0.3}
_WITH_MAGAZINE: Final = 0.15
# Shares on edge and tilted. Operators are trained on turned views because a gun seen from its back is a mere bar.
_ATTITUDES: Final = {Group.FIREARM: (0.13, 0.22), Group.PART: (0.14, 0.16), Group.AMMUNITION: (0.1, 0.1)}


@dataclass(frozen=True, slots=True, eq=False)
class Threat:
    """Phantoms that keep their places and their attitude, up to a turn about z, with whatever hides them.

    Attributes:
        phantoms: labelled and hiding objects.
        concealment: name of the way it is hidden, or None.
    """

    phantoms: tuple[Phantom, ...]
    concealment: str | None = None

    @property
    def sought(self) -> bool:
        """Whether there is anything to find: a decoy has no label."""
        return any(phantom.label for phantom in self.phantoms)


def draw_threats(rng: np.random.Generator, recipe: Recipe, *, close_up: bool) -> tuple[str, list[Threat]]:
    """Return the name of the plan ("firearm", "part", "ammunition", "mixed" or "benign") and its threats."""
    plan, labels = draw_labels(rng, recipe, close_up=close_up)
    return plan, [_threat(label, rng, recipe) for label in labels]


def draw_labels(rng: np.random.Generator, recipe: Recipe, *, close_up: bool) -> tuple[str, list[str]]:
    """Return the plan and the label of each of its threats, without making them."""
    plan = _plan(rng, recipe)
    return plan, _labels(plan, rng, close_up=close_up)


def _plan(rng: np.random.Generator, recipe: Recipe) -> str:
    draw = rng.random()
    for name, share in (
        ("firearm", recipe.firearm_share),
        ("part", recipe.part_share),
        ("ammunition", recipe.ammunition_share),
        ("mixed", recipe.mixed_share),
    ):
        draw -= share
        if draw < 0:
            return name
    return "benign"


def _labels(plan: str, rng: np.random.Generator, *, close_up: bool) -> list[str]:
    def firearms(count: int) -> list[str]:
        return [(_SHORT_FIREARMS if close_up else _FIREARMS).draw(rng) for _ in range(count)]

    def parts(count: int) -> list[str]:
        return [str(rng.choice(_PARTS)) for _ in range(count)]

    match plan:
        case "firearm":
            return firearms(1 if close_up or rng.random() < 0.75 else 2)
        case "part":
            return parts(int(rng.integers(1, 5)))
        case "ammunition":
            return [_AMMUNITION.draw(rng) for _ in range(int(rng.integers(1, 3)))]
        case "mixed":
            return [*firearms(1), *parts(int(rng.integers(1, 3))), _AMMUNITION.draw(rng)]
        case _:
            return []


def _threat(label: str, rng: np.random.Generator, recipe: Recipe) -> Threat:
    phantoms = _draw_group(label, rng, recipe)
    if TAXONOMY[label].group is Group.FIREARM and rng.random() < _WITH_MAGAZINE:
        phantoms = _beside(phantoms, _draw_group("magazine", rng, recipe), rng)
    return _laid(phantoms, _ATTITUDES[TAXONOMY[label].group], rng, recipe)


def draw_decoy(rng: np.random.Generator, recipe: Recipe) -> Threat:
    """Return a harmless look-alike that lies and is hidden as a threat may be, so that neither gives one away."""
    return _laid([random_clutter(rng, kinds=LOOK_ALIKES)], _ATTITUDES[Group.PART], rng, recipe)


def _laid(phantoms: list[Phantom], shares: tuple[float, float], rng: np.random.Generator, recipe: Recipe) -> Threat:
    """Turn a group to how it lies, and often hide it."""
    low, high = bounds_of(phantoms)
    on_edge, tilted = shares
    attitude = random_attitude(rng, float((high - low).max()), on_edge=on_edge, tilted=tilted)
    phantoms = turned(phantoms, attitude)
    if rng.random() >= recipe.concealed_share:
        return Threat(tuple(phantoms))
    hidden, name = conceal(list(phantoms), rng)
    return Threat(tuple(hidden), name)


def _draw_group(label: str, rng: np.random.Generator, recipe: Recipe) -> list[Phantom]:
    """Draw one threat, or several in their natural number, from the families that the recipe lets in."""
    families, held_out = recipe.families.get(label), recipe.holdout_families.get(label, ())
    if rng.random() < _IN_NUMBERS.get(label, 0.0):
        return threat_group(rng, label, families, exclude=held_out)
    return [random_threat(label, rng, families, exclude=held_out)]


def _beside(group: list[Phantom], others: list[Phantom], rng: np.random.Generator) -> list[Phantom]:
    """Lay others next to a group, on its long side."""
    low, high = bounds_of(group)
    other_low, other_high = bounds_of(others)
    shift = np.zeros(3)
    shift[0] = rng.uniform(low[0] - other_low[0], max(high[0] - other_high[0], low[0] - other_low[0] + 1))
    shift[1] = high[1] - other_low[1] + rng.uniform(2, 40)
    return [*group, *(phantom.moved(offset_mm=shift) for phantom in others)]
