"""Several looks of one network at one view become one answer.

A network that was trained on one range of sizes sees an object better at one size than at another, and which one is
best depends on the pixel size of a scanner that nobody has told us. So it looks more than once, at other sizes or
mirrored, and the looks vote: what only one of them sees counts for less than what all see. Scores are averaged as
log-odds (a geometric mean of odds, Satopaa et al., International Journal of Forecasting 30, 2014), boxes by their
scores (Solovyev, Wang and Gabruseva, "Weighted boxes fusion", Image and Vision Computing 107, 2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.boxes import intersection_over_union
from detector.yolo_head import Decoded

__all__ = ["SAME_OBJECT_IOU", "UNSEEN", "fuse"]

SAME_OBJECT_IOU: Final = 0.5
# What a look says of a place where it found nothing; nothing below it is asked of any look.
UNSEEN: Final = 0.005
# Bounds the time on a view where everything fires.
_MAX_BOXES: Final = 300


def fuse(looks: Sequence[Decoded]) -> Decoded:
    """Return the fused boxes (N, 4), label ids (N,) and scores (N,), highest score first.

    Args:
        looks: of each look its boxes on the view, label ids and scores of at least `UNSEEN`, highest first.
    """
    boxes = np.vstack([look[0][:_MAX_BOXES] for look in looks])
    labels = np.concatenate([look[1][:_MAX_BOXES] for look in looks])
    scores = np.concatenate([look[2][:_MAX_BOXES] for look in looks])
    of_look = np.repeat(np.arange(len(looks)), [min(len(look[2]), _MAX_BOXES) for look in looks])
    fused: list[tuple[NDArray[np.float64], int, float]] = []
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        mine = mine[np.argsort(-scores[mine], kind="stable")]
        overlap = intersection_over_union(boxes[mine], boxes[mine])
        free = np.ones(len(mine), bool)
        for first in range(len(mine)):
            if not free[first]:
                continue
            same = np.flatnonzero(free & (overlap[first] >= SAME_OBJECT_IOU))
            free[same] = False
            # Of each look the surest box speaks; they come in order of score.
            _, best = np.unique(of_look[mine[same]], return_index=True)
            voters = mine[same[best]]
            odds = _logit(scores[voters]).sum() + (len(looks) - len(voters)) * _logit(np.array(UNSEEN))
            box = np.average(boxes[voters], axis=0, weights=scores[voters])
            fused.append((box, int(label), float(1 / (1 + np.exp(-odds / len(looks))))))
    fused.sort(key=lambda one: -one[2])
    return (
        np.array([box for box, _, _ in fused], np.float64).reshape(-1, 4),
        np.array([label for _, label, _ in fused], np.int64),
        np.array([score for _, _, score in fused], np.float64),
    )


def _logit(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = scores.clip(UNSEEN, 1 - 1e-9)
    return np.asarray(np.log(inside) - np.log1p(-inside), np.float64)
