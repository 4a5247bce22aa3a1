"""Looks at a view before anybody trusts what a model says of it: is there a picture at all, a sharp and a whole one?

The limits were chosen on 400 rendered scans, drawn at random from five catalogues; of 300 others, 2 were called blank
and none anything else. Views are judged at 640 pixels of their longer side, so that the same parcel gets the same
answer from a fine and a coarse scanner.

Bright and dark exchanged: of 280 rendered scans none was called inverted, and 88 % of their negatives were (chosen on
the same scans); of 121 real baggage scans none, and 86 % of their negatives. Which way up a parcel lies means nothing.

A cut-off parcel can be told only where a scanner's pictures hold whole ones: in 14 % of rendered scans, which fill the
picture, and in more than half of real baggage scans something touches an edge. Laid on a margin of air, 2 of 280
rendered scans were called clipped and none of 121 real ones; cut through the middle, 98 % were.

A picture lies otherwise than its scanner's do when it is not as wide, across the belt, as one of the scanner's detector
lines; a picture that is only mirrored or upside down shows a parcel that lies so, and cannot be told.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Belt", "Flaw", "Framing", "flaw_of"]

_SIDE: Final = 640
_MIN_CONTRAST: Final = 16.0  # grey levels between the darkest and the brightest half per cent; renders: 27 at 0.5 %
_BLACK_LEVEL: Final = 8
_MAX_BLACK: Final = 0.45  # share of pixels that nothing came through; renders: 0.29 at 99.5 %
_MIN_SHARPNESS: Final = 0.28  # renders: 0.29 at the least; blurred by 2 pixels: 0.22 at the median
_NOISE_FLOOR: Final = 0.3
_EVEN: Final = 0.05  # a neighbourhood of five pixels differs by less, as a share of the picture's range
_MAX_BRIGHT_GROUND: Final = 0.1
_DARK_FRAME: Final = 0.2  # of the picture's range; renders: 0.4 at 0.5 %
_EDGE: Final = 0.015  # width of the strips that are looked at, as a share of the shorter side
_CONTENT: Final = 0.25  # darker than air by this share of what the picture shows
_MAX_CONTENT_AT_EDGE: Final = 0.05


class Flaw(StrEnum):
    """What is wrong with a view."""

    BLANK = "blank"
    SATURATED = "saturated"
    BLURRED = "blurred"
    INVERTED = "inverted"
    CLIPPED = "clipped"
    MISORIENTED = "misoriented"


class Belt(StrEnum):
    """How the belt runs in a picture: parcels are cut off, if at all, at the edges it runs through."""

    HORIZONTAL = "horizontal"
    VERTICAL = "vertical"


@dataclass(frozen=True, slots=True)
class Framing:
    """How a scanner's pictures lie, where each of them holds a whole parcel with air before and behind it.

    Attributes:
        belt: how the belt runs in them.
        across_px: how many pixels they have across the belt, a number a view; empty where that is not known.
    """

    belt: Belt
    across_px: tuple[int, ...] = ()

    def fits(self, height: int, width: int) -> bool:
        """Whether a picture of this size may be one of the scanner's."""
        across = height if self.belt is Belt.HORIZONTAL else width
        return not self.across_px or across in self.across_px


def flaw_of(image_rgb: NDArray[np.uint8], framing: Framing | None = None) -> Flaw | None:
    """Return what makes an (H, W, 3) view unfit to be cleared, or None; `framing` where the scanner has one."""
    if framing is not None and not framing.fits(*image_rgb.shape[:2]):
        return Flaw.MISORIENTED
    small = _small(image_rgb)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    if _contrast(grey) < _MIN_CONTRAST:
        return Flaw.BLANK
    if _is_inverted(grey):
        return Flaw.INVERTED
    # Coloured pictures show thick steel as a dark blue: black means that no channel has anything.
    black = cv2.inRange(small, np.zeros(3), np.full(3, float(_BLACK_LEVEL)))
    if cv2.countNonZero(black) > _MAX_BLACK * black.size:
        return Flaw.SATURATED
    if _sharpness(grey) < _MIN_SHARPNESS:
        return Flaw.BLURRED
    return Flaw.CLIPPED if framing is not None and _is_cut_off(grey, framing.belt) else None


def _small(image_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image_rgb.shape[:2]
    scale = _SIDE / max(height, width)
    if scale >= 1:
        return image_rgb
    size_wh = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(image_rgb, size_wh, interpolation=cv2.INTER_AREA), np.uint8)


def _contrast(grey: NDArray[np.uint8] | cv2.typing.MatLike) -> float:
    low, high = _percentiles(grey, 0.5, 99.5)
    return high - low


def _percentiles(grey: NDArray[np.uint8] | cv2.typing.MatLike, *shares: float) -> list[float]:
    """Return percentiles of grey levels as `numpy.percentile` does, from a histogram: ten times as fast."""
    ends = np.cumsum(cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel())
    ranks = np.array(shares) / 100 * (grey.size - 1)
    below, above = (np.searchsorted(ends, rank, side="right") for rank in (np.floor(ranks), np.ceil(ranks)))
    return [float(level) for level in below + (above - below) * (ranks - np.floor(ranks))]


def _sharpness(grey: NDArray[np.uint8] | cv2.typing.MatLike) -> float:
    """Return the strength of detail of about one pixel against detail of two to four pixels."""
    pixels = grey.astype(np.float32)
    fine, middle, coarse = (cv2.GaussianBlur(pixels, (0, 0), sigma) for sigma in (1, 2, 4))
    return float(np.std(pixels - fine)) / max(float(np.std(middle - coarse)), _NOISE_FLOOR)


def _is_inverted(grey: NDArray[np.uint8] | cv2.typing.MatLike) -> bool:
    """Whether the even ground that parcels lie on, which is air, is the dark end of the picture and not the bright."""
    low, high = _percentiles(grey, 1, 99)
    share = (grey.astype(np.float32) - low) / max(high - low, 1.0)
    even = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8)) <= _EVEN * (high - low)
    dark, bright = float((even & (share < 0.25)).mean()), float((even & (share > 0.75)).mean())
    frame = np.concatenate([strip.ravel() for strip in _edges(share)])
    return float(np.median(frame)) < _DARK_FRAME and bright < min(dark, _MAX_BRIGHT_GROUND)


def _is_cut_off(grey: NDArray[np.uint8] | cv2.typing.MatLike, belt: Belt) -> bool:
    """Whether something denser than air touches an edge that the belt runs through."""
    low, air = _percentiles(grey, 1, 95)
    limit = air - _CONTENT * (air - low)
    top, bottom, left, right = _edges(np.asarray(grey, np.float32))
    lines = (left.mean(1), right.mean(1)) if belt is Belt.HORIZONTAL else (top.mean(0), bottom.mean(0))
    return any(float((line < limit).mean()) > _MAX_CONTENT_AT_EDGE for line in lines)


def _edges(picture: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
    """Return the strips along the top, bottom, left and right edge."""
    width = max(1, round(_EDGE * min(picture.shape)))
    return picture[:width], picture[-width:], picture[:, :width], picture[:, -width:]
