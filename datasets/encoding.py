"""Images to the bytes of files: what `detector.images` reads back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["OPEN_BEAM", "encode_dual_energy", "encode_jpeg", "encode_png"]

OPEN_BEAM: Final = 65535
_DEFLATE: Final = 8


def encode_png(image_rgb: NDArray[np.uint8]) -> bytes:
    """Return an (H, W, 3) picture as PNG."""
    return _encode(".png", image_rgb, [cv2.IMWRITE_PNG_COMPRESSION, 3])


def encode_jpeg(image_rgb: NDArray[np.uint8], quality: int) -> bytes:
    """Return an (H, W, 3) picture as JPEG of a quality from 1 to 100."""
    return _encode(".jpg", image_rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])


def encode_dual_energy(transmissions: NDArray[np.float32]) -> bytes:
    """Return (2, H, W) transmissions as a TIFF of two 16-bit pages, low and high energy.

    The open beam is 65535; noise above it is cut off, as `detector.images` would.
    """
    levels = np.rint(np.clip(transmissions, 0.0, 1.0) * OPEN_BEAM).astype(np.uint16)
    _, data = cv2.imencodemulti(".tiff", list(levels), [cv2.IMWRITE_TIFF_COMPRESSION, _DEFLATE])
    return data.tobytes()


def _encode(suffix: str, image_rgb: NDArray[np.uint8], options: Sequence[int]) -> bytes:
    _, data = cv2.imencode(suffix, np.ascontiguousarray(image_rgb[..., ::-1]), options)
    return data.tobytes()
