"""Fits a view into the square that the network takes, and brings boxes back.

The rounding is that of `ultralytics.data.augment.LetterBox` (square, centred, border 114, bilinear), because the
networks are trained through it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["PAD_VALUE", "Placement", "blob_of", "letterbox"]

PAD_VALUE: Final = 114


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the view lies in the canvas.

    Attributes:
        view_wh: width and height of the view, pixels.
        fitted_wh: width and height of the resized view in the canvas, pixels.
        left: first canvas column of the view.
        top: first canvas row of the view.
        canvas_wh: width and height of the canvas, pixels.
    """

    view_wh: tuple[int, int]
    fitted_wh: tuple[int, int]
    left: int
    top: int
    canvas_wh: tuple[int, int]

    @classmethod
    def of(cls, view_wh: tuple[int, int], size_px: int, multiple_px: int = 0) -> Placement:
        """Place a view of `view_wh` pixels in a square canvas of `size_px`.

        With `multiple_px` in the smallest canvas that holds it and has sides that are multiples of that.
        """
        width, height = view_wh
        ratio = min(size_px / height, size_px / width)
        fitted_w, fitted_h = max(round(width * ratio), 1), max(round(height * ratio), 1)
        sides = (fitted_w, fitted_h)
        canvas_w, canvas_h = (-(-side // multiple_px) * multiple_px if multiple_px else size_px for side in sides)
        # -0.1 puts the odd pixel of the border to the right and below, as in training.
        left, top = round((canvas_w - fitted_w) / 2 - 0.1), round((canvas_h - fitted_h) / 2 - 0.1)
        return cls((width, height), sides, left, top, (canvas_w, canvas_h))

    @property
    def scale_xy(self) -> NDArray[np.float64]:
        """Canvas pixels per view pixel, (2,); the axes differ by the rounding to whole pixels."""
        return np.array(self.fitted_wh, np.float64) / np.array(self.view_wh, np.float64)

    def to_canvas(self, xyxy: ArrayLike) -> NDArray[np.float64]:
        """Map (N, 4) boxes from view pixels to canvas pixels."""
        boxes = np.asarray(xyxy, np.float64).reshape(-1, 2, 2)
        return (boxes * self.scale_xy + (self.left, self.top)).reshape(-1, 4)

    def to_view(self, xyxy: ArrayLike) -> NDArray[np.float64]:
        """Map (N, 4) boxes from canvas pixels to view pixels and clip them to the view."""
        boxes = np.asarray(xyxy, np.float64).reshape(-1, 2, 2)
        view = (boxes - (self.left, self.top)) / self.scale_xy
        return view.clip(0.0, np.array(self.view_wh, np.float64)).reshape(-1, 4)


def letterbox(image_rgb: NDArray[np.uint8], size_px: int, multiple_px: int = 0) -> tuple[NDArray[np.uint8], Placement]:
    """Return the (H, W, 3) canvas with the view in its middle, and where it lies; see `Placement.of`."""
    height, width = image_rgb.shape[:2]
    place = Placement.of((width, height), size_px, multiple_px)
    fitted = image_rgb
    if (width, height) != place.fitted_wh:
        fitted = cv2.resize(image_rgb, place.fitted_wh, interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
    canvas = np.full((*place.canvas_wh[::-1], 3), PAD_VALUE, np.uint8)
    fitted_w, fitted_h = place.fitted_wh
    canvas[place.top : place.top + fitted_h, place.left : place.left + fitted_w] = fitted
    return canvas, place


def blob_of(canvas: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return an (H, W, 3) canvas as networks take it: (1, 3, H, W) float32, RGB in 0..1."""
    return np.ascontiguousarray(canvas.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
