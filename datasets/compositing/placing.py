"""Where in a scan the parcel is, and where in the parcel a shadow fits."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.errors import InsertionError

__all__ = ["place", "silhouette"]

# Mean attenuation from which a pixel is matter and not open beam: a few sheets of cardboard.
_PARCEL_FROM: Final = 0.04
_LEAST_SHARE: Final = 0.02
_INSIDE: Final = 0.995
_STEP: Final = 4


def silhouette(transmissions: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the (H, W) pixels of the parcels in a scan (2, H, W), without holes.

    Raises:
        InsertionError: there is nothing but open beam.
    """
    attenuation = cv2.GaussianBlur(-np.log(transmissions).mean(axis=0), (0, 0), 1.5)
    matter = (attenuation > _PARCEL_FROM).astype(np.uint8)
    matter = cv2.morphologyEx(matter, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    matter = cv2.morphologyEx(matter, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    outlines, _ = cv2.findContours(matter, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    large = [one for one in outlines if cv2.contourArea(one) > _LEAST_SHARE * matter.size]
    if not large:
        raise InsertionError("the scan shows no parcel, only open beam; leave it out")
    filled = np.zeros_like(matter)
    cv2.drawContours(filled, large, -1, 1, cv2.FILLED)
    return filled.astype(np.bool_)


def place(mask: NDArray[np.bool_], parcel: NDArray[np.bool_], rng: np.random.Generator) -> tuple[int, int] | None:
    """Return the row and column of the corner where a mask (h, w) lies in the parcel (H, W), or None."""
    # On a coarse grid: a cell of the mask counts whole, so that nothing sticks out between the cells.
    height, width = (-(-side // _STEP) for side in mask.shape)
    padded = np.zeros((height * _STEP, width * _STEP), np.bool_)
    padded[: mask.shape[0], : mask.shape[1]] = mask
    small_mask = padded.reshape(height, _STEP, width, _STEP).any(axis=(1, 3)).astype(np.float32)
    rows, columns = (side // _STEP for side in parcel.shape)
    small = parcel[: rows * _STEP, : columns * _STEP].reshape(rows, _STEP, columns, _STEP).all(axis=(1, 3))
    if height > rows or width > columns:
        return None
    covered = (
        cv2.matchTemplate(np.asarray(small, np.float32), np.asarray(small_mask, np.float32), cv2.TM_CCORR)
        / small_mask.sum()
    )
    free = np.argwhere(covered >= _INSIDE)
    if not len(free):
        return None
    row, column = free[int(rng.integers(len(free)))]
    return int(row) * _STEP, int(column) * _STEP
