"""How far the scores of a scanner's scans have moved since a model began to serve there.

The population stability index compares the top scores of the last scans with those of the first: the sum over bins of
(p - q) ln(p / q). By custom below 0.1 is no change, 0.1 to 0.25 a change to look at, above that another population:
other parcels, a scanner that shows them otherwise, or software that reads them otherwise. Of two samples of 1,000
from the same scans it is about 0.02.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from typing import Final

__all__ = ["WINDOW", "ScoreDrift"]

WINDOW: Final = 1000
_BINS: Final = 11  # one for scans in which nothing was found, ten for scores
_SMOOTHING: Final = 0.5


class ScoreDrift:
    """The first scans of each scanner, which are the reference, and the last ones; in memory, for one model."""

    def __init__(self, window: int = WINDOW) -> None:
        self._window = window
        self._first: dict[str, Counter[int]] = {}
        self._last: dict[str, deque[int]] = {}

    def add(self, scanner: str, score: float) -> float | None:
        """Count a scan by its best score, 0 where nothing was found; returns the index once there are enough scans."""
        place = math.ceil(score * (_BINS - 1))
        first = self._first.setdefault(scanner, Counter())
        if first.total() < self._window:
            first[place] += 1
            return None
        last = self._last.setdefault(scanner, deque(maxlen=self._window))
        last.append(place)
        return _index(first, Counter(last)) if len(last) == self._window else None


def _index(one: Counter[int], other: Counter[int]) -> float:
    shares = [
        [(counts[place] + _SMOOTHING) / (counts.total() + _SMOOTHING * _BINS) for place in range(_BINS)]
        for counts in (one, other)
    ]
    return float(sum((p - q) * math.log(p / q) for p, q in zip(*shares, strict=True)))
