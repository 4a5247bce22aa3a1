"""Tells views that are like the scans a model was fitted on from photographs, medical images, noise and the like.

A view is described by 13 statistics of brightness, colour, border and sharpness, and by the share of its pixels in
colours that the reference scans hardly ever show. Its distance is that to its third nearest reference scan (k nearest
neighbours, Ramaswamy, Rastogi and Shim, SIGMOD 2000), each statistic measured in its own spread. Grey views are also
judged by the rule of `radiographs`. A model that was never shown anything like a view must not say that it is clear.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.errors import ModelCardError
from detector.radiographs import PIECES, RadiographRule, pieces_of

__all__ = ["Familiarity"]

FloatArray = NDArray[np.float32]
_SIDE_PX: Final = 160
_CROP_PX: Final = 256
_MOST_SIDE_PX: Final = 960
_BINS: Final = 8  # a colour channel
_RARE: Final = 1e-4  # of the pixels of all references
# So that scans of one scanner, all alike, do not make every other view strange. In the order of the statistics.
_LEAST_SPREAD: Final = np.array([0.05, 0.02, 5, 5, 5, 0.05, 5, 5, 0.5, 1, 1, 0.05, 0.2, 0.05], np.float32)
_NEIGHBOUR: Final = 3
_QUANTILE: Final = 0.995
_MOST_REFERENCES: Final = 512
_LEAST_REFERENCES: Final = 50
_COLOURFULNESS: Final = 4  # the statistic of that place
_MOST_GREY: Final = 4.0  # of it, for a view that counts as grey


@dataclass(frozen=True, slots=True, eq=False)
class Familiarity:
    """Reference scans as statistics.

    Attributes:
        references: (N, 14) statistics, each divided by its spread.
        spread: (14,) standard deviation of each statistic.
        rare: (512,) whether a colour is hardly ever seen, 8 levels a channel.
        limit: the largest distance of a familiar view.
        radiographs: tells grey scans from bodies; None where it could not be fitted.
    """

    references: FloatArray
    spread: FloatArray
    rare: NDArray[np.bool_]
    limit: float
    radiographs: RadiographRule | None = None

    @classmethod
    def fit(cls, views_rgb: Iterable[NDArray[np.uint8]], bodies_rgb: Iterable[NDArray[np.uint8]] = ()) -> Self | None:
        """Return the references of (H, W, 3) views, of which 0.5 % lie beyond the limit; None of fewer than 50.

        `bodies_rgb` are looked at only where there are grey views enough to tell them from.
        """
        measured, grey = [], []
        for view in views_rgb:
            small = _small(view)
            measured.append(_measure(view, small))
            if _is_grey(measured[-1][0]):
                grey.append(np.append(measured[-1][0], _pieces(small)))
        if len(measured) < _LEAST_REFERENCES:
            return None
        colours = np.stack([histogram for _, histogram in measured])
        rare = colours.mean(axis=0) < _RARE
        table = np.stack([statistics for statistics, _ in measured])
        table = np.column_stack([table, colours[:, rare].sum(axis=1)]).astype(np.float32)
        spread = np.maximum(table.std(axis=0), _LEAST_SPREAD)
        # What the card keeps is what distances are measured with.
        table = (table / spread).astype(np.float16).astype(np.float32)
        kept = table[np.linspace(0, len(table) - 1, min(len(table), _MOST_REFERENCES)).round().astype(int)]
        distances = [_distance(row, kept[(kept != row).any(axis=1)]) for row in table]
        rule = None
        if len(grey) >= _LEAST_REFERENCES and (bodies := [_with_pieces(body) for body in bodies_rgb]):
            rule = RadiographRule.fit(np.stack(grey), np.stack(bodies))
        return cls(kept, spread, rare, float(np.quantile(distances, _QUANTILE)), rule)

    def distance(self, view_rgb: NDArray[np.uint8]) -> float:
        """Return how far an (H, W, 3) view is from the references; beyond `limit` it is unlike them."""
        return self._distance(*_measure(view_rgb, _small(view_rgb)))

    def is_unlike(self, view_rgb: NDArray[np.uint8]) -> bool:
        """Whether an (H, W, 3) view lies beyond the limit, or is grey and like a body."""
        small = _small(view_rgb)
        statistics, colours = _measure(view_rgb, small)
        if self._distance(statistics, colours) > self.limit:
            return True
        if self.radiographs is None or not _is_grey(statistics):
            return False
        return self.radiographs.applies(np.append(statistics, _pieces(small)))

    def _distance(self, statistics: FloatArray, colours: FloatArray) -> float:
        row = np.append(statistics, colours[self.rare].sum()) / self.spread
        return _distance(row.astype(np.float32), self.references)

    def to_dict(self) -> dict[str, Any]:
        """Return what a model card keeps."""
        return {
            "references": base64.b64encode(self.references.astype("<f2").tobytes()).decode(),
            "spread": [float(f"{value:.6g}") for value in self.spread],
            "rare": np.packbits(self.rare).tobytes().hex(),
            "limit": round(self.limit, 4),
            **({"radiographs": self.radiographs.to_dict()} if self.radiographs else {}),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            ModelCardError: it is not that.
        """
        try:
            data = np.frombuffer(base64.b64decode(values["references"], validate=True), "<f2")
            references = data.reshape(-1, len(_LEAST_SPREAD)).astype(np.float32)
            spread = np.array(values["spread"], np.float32)
            rare = np.unpackbits(np.frombuffer(bytes.fromhex(values["rare"]), np.uint8)).astype(bool)
            limit = float(values["limit"])
            rule = values.get("radiographs")
            rule = None if rule is None else RadiographRule.from_dict(rule, len(_LEAST_SPREAD) - 1 + PIECES)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelCardError(f"the card's familiarity cannot be read ({error}); export again") from error
        sound = spread.shape == _LEAST_SPREAD.shape and rare.shape == (_BINS**3,) and len(references) >= _NEIGHBOUR
        if not (sound and (spread > 0).all() and np.isfinite(references).all() and 0 < limit < math.inf):
            raise ModelCardError("the card's familiarity is damaged; export again")
        return cls(references, spread, rare, limit, rule)


def _distance(row: FloatArray, references: FloatArray) -> float:
    squares = ((references - row) ** 2).mean(axis=1)
    return float(np.sqrt(np.partition(squares, _NEIGHBOUR - 1)[_NEIGHBOUR - 1]))


def _small(view_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the view at 160 pixels of its longer side."""
    height, width = view_rgb.shape[:2]
    step = max(1, max(height, width) // _MOST_SIDE_PX)  # averaging a large view would take longer than looking at it
    scale = _SIDE_PX / max(height, width)
    size = max(2, round(width * scale)), max(2, round(height * scale))
    return np.asarray(cv2.resize(view_rgb[::step, ::step], size, interpolation=cv2.INTER_AREA), np.uint8)


def _is_grey(statistics: FloatArray) -> bool:
    return bool(statistics[_COLOURFULNESS] < _MOST_GREY)


def _pieces(small: NDArray[np.uint8]) -> FloatArray:
    return pieces_of(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32))


def _with_pieces(view_rgb: NDArray[np.uint8]) -> FloatArray:
    small = _small(view_rgb)
    return np.append(_measure(view_rgb, small)[0], _pieces(small))


def _measure(view_rgb: NDArray[np.uint8], small: NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
    """Return 13 statistics, and the (512,) share of pixels in each colour, of a view and its small copy."""
    height, width = view_rgb.shape[:2]
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    red, green, blue = cv2.split(small)
    level = (red.astype(np.float32) + green + blue) / np.float32(3)
    colourfulness = cv2.max(cv2.max(red, green), blue) - cv2.min(cv2.min(red, green), blue)
    border = np.concatenate([level[0], level[-1], level[:, 0], level[:, -1]])
    edges = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
    colours = cv2.calcHist([small], [0, 1, 2], None, [_BINS] * 3, [0, 256] * 3).ravel() / level.size
    present = colours[colours > 0]
    top, left = max(0, (height - _CROP_PX) // 2), max(0, (width - _CROP_PX) // 2)
    middle = np.ascontiguousarray(view_rgb[top : top + _CROP_PX, left : left + _CROP_PX])
    fine = np.abs(cv2.Laplacian(cv2.cvtColor(middle, cv2.COLOR_RGB2GRAY).astype(np.float32), cv2.CV_32F))
    statistics = [
        (level > 225).mean(),
        (level < 40).mean(),
        level.mean(),
        level.std(),
        colourfulness.mean(),
        (colourfulness > 60).mean(),
        np.median(border),
        border.std(),
        (np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean()) / 2,
        edges.mean(),
        fine.mean(),
        (edges < 2).mean(),
        -(present * np.log(present)).sum(),
    ]
    return np.array(statistics, np.float32), colours.astype(np.float32)
