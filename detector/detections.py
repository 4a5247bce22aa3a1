"""The one validated type that every room passes on: what was found in one view."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detector.taxonomy import LABELS, Group, group_of

__all__ = ["MAX_DETECTIONS", "Detection", "Detections"]

# Of one view; the weakest beyond it are not kept.
MAX_DETECTIONS: Final = 300


@dataclass(frozen=True, slots=True)
class Detection:
    """One object found: box `xyxy` in pixels of the posted view, label, score in 0..1."""

    xyxy: tuple[float, float, float, float]
    label: str
    score: float

    @property
    def group(self) -> Group:
        """The group that the label belongs to."""
        return group_of(self.label)


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """What was found in one view, highest score first.

    Attributes:
        xyxy: (N, 4) float64, pixels of the posted view, x0 < x1 and y0 < y1.
        label_ids: (N,) int64, indices into `detector.taxonomy.LABELS`.
        scores: (N,) float64 in 0..1, in descending order.
        unlike_training: the view is unlike what the model knows: that nothing was found says nothing.
    """

    xyxy: NDArray[np.float64]
    label_ids: NDArray[np.int64]
    scores: NDArray[np.float64]
    unlike_training: bool = False

    @classmethod
    def of(cls, xyxy: ArrayLike, label_ids: ArrayLike, scores: ArrayLike) -> Self:
        """Validate and sort arrays into detections.

        Raises:
            ValueError: shapes differ, a value is not finite, a box is empty, a label id or score is out of range.
        """
        boxes = np.asarray(xyxy, dtype=np.float64).reshape(-1, 4)
        ids = np.asarray(label_ids, dtype=np.int64).reshape(-1)
        values = np.asarray(scores, dtype=np.float64).reshape(-1)
        if not len(boxes) == len(ids) == len(values):
            raise ValueError(
                f"expected as many boxes as labels and scores, got {len(boxes)}, {len(ids)}, {len(values)}"
            )
        if not (np.isfinite(boxes).all() and np.isfinite(values).all()):
            raise ValueError("expected finite boxes and scores")
        if (boxes[:, 2:] <= boxes[:, :2]).any():
            raise ValueError("expected boxes with x0 < x1 and y0 < y1")
        if ids.size and (ids.min() < 0 or ids.max() >= len(LABELS)):
            raise ValueError(f"expected label ids in 0..{len(LABELS) - 1}, got {ids.min()}..{ids.max()}")
        if values.size and (values.min() < 0 or values.max() > 1):
            raise ValueError(f"expected scores in 0..1, got {values.min()}..{values.max()}")
        order = np.argsort(-values, kind="stable")
        return cls(boxes[order], ids[order], values[order])

    @classmethod
    def none(cls) -> Self:
        """Return an empty result: the model looked and found nothing."""
        return cls.of(np.empty((0, 4)), [], [])

    def __len__(self) -> int:
        return len(self.scores)

    def __iter__(self) -> Iterator[Detection]:
        for box, label_id, score in zip(self.xyxy, self.label_ids, self.scores, strict=True):
            x0, y0, x1, y1 = (float(value) for value in box)
            yield Detection((x0, y0, x1, y1), LABELS[label_id], float(score))

    def at_least(self, score: float) -> Detections:
        """Return those with a score of at least `score`."""
        keep = self.scores >= score
        return replace(self, xyxy=self.xyxy[keep], label_ids=self.label_ids[keep], scores=self.scores[keep])
