"""Phantoms of firearms, their parts and ammunition: silhouette-level solids with proportions drawn at random.

They exist to cast a plausible X-ray shadow. Nothing in them is functional, none has the dimensions of a real model,
and none could serve as a drawing to make one.

>>> import numpy as np
>>> random_threat("slide", np.random.default_rng(1)).label
'slide'
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from numpy.random import Generator

from datasets.render.phantoms.ammunition import CARTRIDGES, SHOTSHELLS, cartridge_group, shotshell_group
from datasets.render.phantoms.cylinders import CYLINDERS
from datasets.render.phantoms.frames import FRAMES, SLIDES
from datasets.render.phantoms.handguns import HANDGUNS
from datasets.render.phantoms.long_guns import LONG_GUNS
from datasets.render.phantoms.magazines import MAGAZINES
from datasets.render.phantoms.revolvers import REVOLVERS
from datasets.render.phantoms.turned_parts import BARRELS, BOLTS, SUPPRESSORS
from datasets.render.solids import Phantom

__all__ = ["FAMILIES", "cartridge_group", "random_threat", "shotshell_group", "threat_group"]

FAMILIES: dict[str, dict[str, Callable[[Generator], Phantom]]] = {
    "handgun": HANDGUNS,
    "revolver": REVOLVERS,
    "long_gun": LONG_GUNS,
    "barrel": BARRELS,
    "frame_receiver": FRAMES,
    "slide": SLIDES,
    "cylinder": CYLINDERS,
    "bolt": BOLTS,
    "suppressor": SUPPRESSORS,
    "magazine": MAGAZINES,
    "cartridge": CARTRIDGES,
    "shotshell": SHOTSHELLS,
}


def random_threat(
    label: str, rng: Generator, families: Collection[str] | None = None, *, exclude: Collection[str] = ()
) -> Phantom:
    """Return one threat, centred on the origin, its longest axis along x and lying flat (thickness along z).

    Args:
        label: a name in `detector.taxonomy.LABELS`.
        rng: source of chance; equal states give equal phantoms.
        families: names in `FAMILIES[label]` to draw from; all where None.
        exclude: names to leave out, for example those held out for a test split.

    Raises:
        ValueError: the label or a family is unknown, or no family is left.
    """
    builders = _builders(label, families, exclude)
    return builders[int(rng.integers(len(builders)))](rng)


def threat_group(
    rng: Generator, label: str, families: Collection[str] | None = None, *, exclude: Collection[str] = ()
) -> list[Phantom]:
    """Return threats of one label in their natural number, placed about the origin; each is one phantom.

    Ammunition comes in boxes, strips and handfuls, magazines by one to three, all else alone.

    Raises:
        ValueError: as `random_threat`.
    """
    builders = _builders(label, families, exclude)
    build = builders[int(rng.integers(len(builders)))]
    if label == "cartridge":
        return cartridge_group(rng, build)
    if label == "shotshell":
        return shotshell_group(rng, build)
    first = build(rng)
    count = int(rng.integers(1, 4)) if label == "magazine" else 1
    low, high = first.bounds_mm()
    pitch = float(high[1] - low[1]) * rng.uniform(1.05, 1.4)
    return [first.moved(offset_mm=(0, (i - (count - 1) / 2) * pitch, 0)) for i in range(count)]


def _builders(
    label: str, families: Collection[str] | None, exclude: Collection[str]
) -> list[Callable[[Generator], Phantom]]:
    if label not in FAMILIES:
        raise ValueError(f"unknown label {label!r}; known labels: {', '.join(FAMILIES)}")
    known = FAMILIES[label]
    unknown = {*(families or ()), *exclude} - set(known)
    if unknown:
        raise ValueError(f"unknown families {sorted(unknown)} of {label}; known families: {', '.join(known)}")
    left = [known[name] for name in known if (families is None or name in families) and name not in exclude]
    if not left:
        raise ValueError(f"no family of {label} is left to draw from; known families: {', '.join(known)}")
    return left
