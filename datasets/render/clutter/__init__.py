"""Benign objects: what parcels and luggage are full of, and what is easily taken for a firearm.

Every builder takes a random generator and returns a phantom without a label, centred on the origin.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Final

import numpy as np

from datasets.render.clutter import electronics, kitchen, soft, tools
from datasets.render.solids import Phantom

__all__ = ["CLUTTER", "ELECTRONICS", "KITCHEN", "SOFT", "TOOLS", "random_clutter"]

Builder = Callable[[np.random.Generator], Phantom]


def _builders(module: ModuleType) -> dict[str, Builder]:
    return {name: getattr(module, name) for name in module.__all__}


SOFT: Final = tuple(soft.__all__)
ELECTRONICS: Final = tuple(electronics.__all__)
KITCHEN: Final = tuple(kitchen.__all__)
TOOLS: Final = tuple(tools.__all__)
CLUTTER: Final[dict[str, Builder]] = {
    name: builder for module in (soft, electronics, kitchen, tools) for name, builder in _builders(module).items()
}


def random_clutter(rng: np.random.Generator, kind: str | None = None, *, kinds: Sequence[str] | None = None) -> Phantom:
    """Return a benign object of a kind, or of one drawn from `kinds` (default: all).

    Raises:
        KeyError: no such kind.
    """
    if kind is None:
        names = tuple(CLUTTER) if kinds is None else tuple(kinds)
        kind = names[int(rng.integers(len(names)))]
    return CLUTTER[kind](rng)
