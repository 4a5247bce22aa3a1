"""Names that are drawn as often as their weights say."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping

import numpy as np

__all__ = ["Chances"]


class Chances:
    """Draws names by weight: what `rng.choice(names, p=...)` gives, with everything but the draw done beforehand."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        shares = np.array(list(weights.values()), np.float64)
        ends = (shares / shares.sum()).cumsum()
        self._names = tuple(weights)
        self._ends: list[float] = (ends / ends[-1]).tolist()

    def draw(self, rng: np.random.Generator) -> str:
        """Return one name."""
        return self._names[bisect_right(self._ends, rng.random())]
