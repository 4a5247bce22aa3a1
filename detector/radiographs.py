"""Tells grey scans of parcels from radiographs of bodies, which their brightness alone does not.

A linear rule on statistics of how brightness falls into pieces: parcels hold many sharp things of many sizes, bodies
few soft ones. It is fitted to a model's own grey reference scans against rendered bodies, with a limit that one in a
hundred of the scans exceeds, each judged by a rule that did not see it. Colour views are not judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["RadiographRule", "pieces_of"]

FloatArray = NDArray[np.float32]
PIECES: Final = 15
_SIGMAS_PX: Final = (0.7, 1.4, 2.8, 5.6, 11.2)  # of a picture of 160 pixels
_EDGES: Final = (0.1, 0.3, 0.8, 1.6)  # of the picture's range, over the width of a Sobel kernel
_LEVELS: Final = (0.25, 0.5, 0.75)
_LEAST_PIECE_PX: Final = 6
_FOLDS: Final = 5
_ALARMS: Final = 0.01
_RIDGE: Final = 1.0
_ROUNDS: Final = 30
_LEAST_SCANS: Final = 50


@dataclass(frozen=True, slots=True, eq=False)
class RadiographRule:
    """A linear rule.

    Attributes:
        centre: (N,) mean of each statistic.
        weights: (N,) of each, after the centre is taken off.
        limit: what a scan's sum stays below.
    """

    centre: FloatArray
    weights: FloatArray
    limit: float

    @classmethod
    def fit(cls, scans: FloatArray, bodies: FloatArray) -> Self | None:
        """Return the rule for statistics (M, N) of scans and of bodies; None of fewer than 50 scans."""
        if len(scans) < _LEAST_SCANS:
            return None
        fold = np.arange(len(scans)) % _FOLDS
        sums = np.empty(len(scans))
        for number in range(_FOLDS):
            centre, weights = _separated(scans[fold != number], bodies)
            sums[fold == number] = (scans[fold == number] - centre) @ weights
        centre, weights = _separated(scans, bodies)
        return cls(
            centre.astype(np.float32), weights.astype(np.float32), max(float(np.quantile(sums, 1 - _ALARMS)), 0.0)
        )

    def applies(self, statistics: FloatArray) -> bool:
        """Whether a grey view with (N,) statistics is like bodies rather than like scans."""
        return float((statistics - self.centre) @ self.weights) > self.limit

    def to_dict(self) -> dict[str, Any]:
        """Return what a model card keeps."""
        return {
            "centre": [float(f"{value:.6g}") for value in self.centre],
            "weights": [float(f"{value:.6g}") for value in self.weights],
            "limit": round(self.limit, 4),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], statistics: int) -> Self:
        """Read what `to_dict` wrote, for so many statistics.

        Raises:
            ValueError: it is not that.
        """
        rule = cls(
            np.array(values["centre"], np.float32), np.array(values["weights"], np.float32), float(values["limit"])
        )
        numbers = np.concatenate([rule.centre, rule.weights, [rule.limit]])
        if rule.centre.shape != (statistics,) or rule.weights.shape != (statistics,) or not np.isfinite(numbers).all():
            raise ValueError(f"expected a centre, weights and a limit for {statistics} statistics")
        return rule


def pieces_of(grey: FloatArray) -> FloatArray:
    """Return 15 statistics of an (H, W) picture of about 160 pixels, 0..255: sharpness by scale, edges, pieces."""
    low, high = np.percentile(grey, (2, 98))
    span = float(high - low) + 1e-3
    smooth = [grey, *(cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in _SIGMAS_PX)]
    bands = [fine - coarse for fine, coarse in pairwise(smooth)]
    peaks = [_peakedness(band) for band in bands]
    slope = cv2.magnitude(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    edges = [(slope > share * span).mean() for share in _EDGES]
    counts = []
    for level in _LEVELS:
        dark = grey < low + level * span
        counts += [_pieces(dark), _pieces(~dark)]
    return np.array([*peaks, *edges, *counts], np.float32)


def _peakedness(band: FloatArray) -> float:
    squares = np.square(band - band.mean())  # powers by ** take forty times as long
    return float(np.log1p(np.square(squares).mean() / (squares.mean() + 1e-6) ** 2))


def _pieces(mask: NDArray[np.bool_]) -> float:
    _, _, about, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return float(np.log1p(np.count_nonzero(about[1:, cv2.CC_STAT_AREA] > _LEAST_PIECE_PX)))


def _separated(scans: FloatArray, bodies: FloatArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return centre and weights of a ridge logistic regression in which both sides weigh the same, by Newton's method.

    The constant is folded into the centre, so that the rule is one product.
    """
    rows = np.vstack([scans, bodies]).astype(np.float64)
    mean, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-3
    table = np.column_stack([(rows - mean) / spread, np.ones(len(rows))])
    wanted = np.concatenate([np.zeros(len(scans)), np.ones(len(bodies))])
    weigh = np.where(wanted > 0, len(scans) / len(bodies), 1.0)
    ridge = np.append(np.full(table.shape[1] - 1, _RIDGE), 1e-6)
    solution = np.zeros(table.shape[1])
    for _ in range(_ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(table @ solution, -30, 30)))
        gradient = table.T @ (weigh * (chance - wanted)) + ridge * solution
        curvature = (table * (weigh * chance * (1 - chance))[:, None]).T @ table + np.diag(ridge)
        solution -= np.linalg.solve(curvature, gradient)
    weights = solution[:-1] / spread
    return mean - weights * (solution[-1] / (weights @ weights)), weights
