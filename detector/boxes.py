"""How much boxes overlap: one definition for fusion, figures, test scans and comparisons of catalogues."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["intersection_over_union"]


def intersection_over_union(one: ArrayLike, other: ArrayLike) -> NDArray[np.float64]:
    """Return the (N, M) overlaps in 0..1 of (N, 4) and (M, 4) boxes `xyxy`; 0 where both are empty.

    Example:
        >>> intersection_over_union([(0, 0, 2, 2)], [(1, 0, 3, 2), (0, 0, 2, 2)]).round(3).tolist()
        [[0.333, 1.0]]
    """
    first, second = (np.asarray(boxes, np.float64).reshape(-1, 4) for boxes in (one, other))
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = (high - low).clip(0.0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    together = areas[0][:, None] + areas[1][None] - shared
    return np.asarray(np.divide(shared, together, out=np.zeros_like(shared), where=together > 0), np.float64)
