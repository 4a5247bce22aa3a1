"""Images for people: what the model saw, in a form that every browser shows, and small pictures for lists."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.errors import UnreadableImageError
from detector.image_headers import read_header
from detector.images import decode
from serving.files import write_whole
from serving.store.images import ImageStore

__all__ = ["display_form", "encoded", "thumbnail"]

_THUMBNAIL_PX: Final = 320
_AS_POSTED: Final = ("image/jpeg", "image/webp")
_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PNG_DEPTH_AT: Final = 24


def display_form(images: ImageStore, sha256: str, media_type: str, _: Path | None = None) -> tuple[bytes, str]:
    """Return an image and its media type: as posted where a browser shows it as the model saw it, else as PNG.

    Raises:
        FileNotFoundError: no such image.
        ImageError: the image turned out to be damaged.
    """
    data = images.read(sha256)
    eight_bit_png = data.startswith(_PNG_SIGNATURE) and data[_PNG_DEPTH_AT] <= 8
    # Boxes lie on the upright picture, and not every browser turns every format as its file says.
    if (media_type in _AS_POSTED or eight_bit_png) and read_header(data).orientation == 1:
        return data, media_type
    return encoded(decode(data), ".png"), "image/png"


def thumbnail(images: ImageStore, sha256: str, _: str, folder: Path) -> tuple[bytes, str]:
    """Return a small JPEG, kept in `folder` for the next time.

    Raises:
        FileNotFoundError: no such image.
        ImageError: the image turned out to be damaged.
    """
    path = folder / f"{sha256}.jpg"
    try:
        return path.read_bytes(), "image/jpeg"
    except FileNotFoundError:
        image_rgb = decode(images.read(sha256))
    scale = min(_THUMBNAIL_PX / max(image_rgb.shape[:2]), 1.0)
    size_wh = (max(round(image_rgb.shape[1] * scale), 1), max(round(image_rgb.shape[0] * scale), 1))
    data = encoded(cv2.resize(image_rgb, size_wh, interpolation=cv2.INTER_AREA).astype(np.uint8), ".jpg")
    write_whole(path, data)
    try:
        images.read(sha256)
    except FileNotFoundError:  # erased meanwhile, before there was a small picture to go with it
        path.unlink(missing_ok=True)
        raise
    return data, "image/jpeg"


def encoded(image_rgb: NDArray[np.uint8], extension: str) -> bytes:
    """Return an (H, W, 3) image as a file of the format that `extension` names."""
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1] if extension == ".png" else []
    done, data = cv2.imencode(extension, cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise UnreadableImageError(f"the image cannot be written as {extension}")
    return data.tobytes()
