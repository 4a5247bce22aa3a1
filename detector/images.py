"""Bytes of an image file in, one RGB view out; hostile bytes get an error that says what is wrong with them.

How values become 8-bit RGB, white = air:

- 8-bit samples stay as they are; grey becomes three equal channels; alpha is laid over white.
- 16-bit and float samples are divided by their white level: the format's full scale (65535; for floats 1, 255 or
  65535, whichever first holds every value) if the brightest 0.1 % of the view reach half of it. Otherwise the scanner
  used fewer bits, and the level that 99.9 % of the view stay below is white.
- A TIFF of two grey pages of the same size is a dual-energy view. Low energy penetrates less, so the darker page is
  the low one. Each page is divided by its white level, and `detector.colour` makes the picture.
- EXIF orientation is applied; boxes refer to the upright view.
- A DICOS DX file is turned to white = air first (`detector.dicos`), then treated as any grey picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.colour import dual_energy_to_rgb
from detector.dicos import read_pixels
from detector.errors import ImageTooLargeError, UnreadableImageError
from detector.image_headers import Header, read_header

__all__ = ["ImageLimits", "checked_header", "decode", "decode_dual_energy"]

_BRIGHTEST: Final = 99.9
# The white level is looked up on a grid of about so many pixels.
_SAMPLED_PIXELS: Final = 1_000_000
# What 8-bit colour with opacity and a dual-energy pair need for a pixel; 16-bit colour needs up to twice as much.
_PIXEL_BYTES: Final = 4
_DAMAGED: Final = "the picture data are damaged or of a variant that is not supported; save it again as PNG"


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What is refused before decoding.

    Attributes:
        max_bytes: size of the file.
        max_pixels: width times height; one that takes over four bytes when decoded counts as more.
        max_aspect: the longer side divided by the shorter one.
        min_side_px: the shorter side.
    """

    max_bytes: int = 32 << 20
    max_pixels: int = 40_000_000
    max_aspect: float = 20.0
    min_side_px: int = 16

    def check_bytes(self, size_bytes: int) -> None:
        """Refuse a file of this size.

        Raises:
            ImageTooLargeError: over the limit.
        """
        if size_bytes > self.max_bytes:
            raise ImageTooLargeError(
                f"the file has {size_bytes} bytes, over the limit of {self.max_bytes}; send it smaller"
            )

    def check(self, header: Header) -> None:
        """Refuse a picture of this size and kind.

        Raises:
            ImageTooLargeError: over the limits.
            UnreadableImageError: too small to hold a view.
        """
        for size in header.sizes:
            self._check_size(*size)
        width_px, height_px = header.sizes[0]
        decoded_bytes = header.pixels * header.pixel_bytes
        if decoded_bytes > self.max_pixels * _PIXEL_BYTES:
            raise ImageTooLargeError(
                f"the view is {width_px} x {height_px} pixels, {decoded_bytes} bytes when decoded, over the limit of "
                f"{self.max_pixels * _PIXEL_BYTES}; send it smaller, or with 8 bits a channel"
            )

    def _check_size(self, width_px: int, height_px: int) -> None:
        if min(width_px, height_px) < self.min_side_px:
            raise UnreadableImageError(
                f"the view is {width_px} x {height_px} pixels, smaller than {self.min_side_px}; send the whole view"
            )
        if width_px * height_px > self.max_pixels:
            raise ImageTooLargeError(
                f"the view is {width_px} x {height_px} pixels, over the limit of {self.max_pixels}; send it smaller"
            )
        if max(width_px, height_px) > self.max_aspect * min(width_px, height_px):
            raise ImageTooLargeError(
                f"the view is {width_px} x {height_px} pixels, longer than {self.max_aspect:g} times its width; "
                "send one parcel a view"
            )


def decode(data: bytes, limits: ImageLimits | None = None, *, header: Header | None = None) -> NDArray[np.uint8]:
    """Return the (H, W, 3) RGB view in a PNG, JPEG, TIFF, BMP, WebP or DICOS DX file.

    `header` is what `checked_header` returned for these bytes, where it was called already.
    A JPEG whose compressed data are damaged in the middle cannot be told from a whole one; one that ends early can.

    Raises:
        ImageTooLargeError: over a limit; found before decoding.
        UnreadableImageError: not an image that can be screened.
    """
    header = header or checked_header(data, limits)
    pages = _decode_pages(data, header)
    if len(pages) == 2:
        return dual_energy_to_rgb(*_dual_energy(pages))
    return _upright(_to_rgb(pages[0], header), header.orientation)


def decode_dual_energy(data: bytes, limits: ImageLimits | None = None) -> NDArray[np.float32] | None:
    """Return the (2, H, W) transmissions, low and high, of a dual-energy TIFF; None where the file is not one.

    Raises:
        ImageTooLargeError: over a limit; found before decoding.
        UnreadableImageError: not an image that can be screened.
    """
    header = checked_header(data, limits)
    if len(header.sizes) != 2:
        return None
    return np.stack(_dual_energy(_decode_pages(data, header)))


def checked_header(data: bytes, limits: ImageLimits | None = None, *, header: Header | None = None) -> Header:
    """Return what a complete file within the limits says about itself; no pixel is decoded.

    `header` is what `read_header` returned for these bytes, where it was called already.

    Raises:
        ImageTooLargeError: over a limit.
        UnreadableImageError: not an image that can be screened.
    """
    limits = ImageLimits() if limits is None else limits
    limits.check_bytes(len(data))
    header = header or read_header(data)
    limits.check(header)
    return header


def _decode_pages(data: bytes, header: Header) -> list[NDArray[Any]]:
    """Return the stored pictures, (H, W) or (H, W, 3 or 4) in OpenCV's channel order, none of them half decoded."""
    if header.dicos is not None:
        return [read_pixels(data, header.dicos)]
    # What the decoder would print is in the error that is raised.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    raw = np.frombuffer(data, np.uint8)
    flags = (
        cv2.IMREAD_UNCHANGED
        if header.alpha
        else cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
    )
    pages: list[NDArray[Any]]
    try:
        if header.format == "tiff":
            ok, found = cv2.imdecodemulti(raw, cv2.IMREAD_UNCHANGED)
            pages = list(found) if ok else []
        else:
            picture = cv2.imdecode(raw, flags)
            pages = [] if picture is None else [picture]
    except (cv2.error, MemoryError) as error:
        raise UnreadableImageError(_DAMAGED) from error
    shapes = [page.shape[:2] for page in pages]
    if shapes != [(height, width) for width, height in header.sizes]:
        raise UnreadableImageError(_DAMAGED)
    return pages


def _to_rgb(picture: NDArray[Any], header: Header) -> NDArray[np.uint8]:
    levels = _as_uint8(picture) if picture.dtype == np.uint8 else _to_8_bits(picture)
    if header.inverted:
        levels = 255 - levels
    if levels.ndim == 2:
        return _as_uint8(cv2.cvtColor(levels, cv2.COLOR_GRAY2RGB))
    if levels.shape[2] == 4:
        return _over_white(levels, premultiplied=header.alpha == "premultiplied")
    return _as_uint8(cv2.cvtColor(levels, cv2.COLOR_BGR2RGB))


def _to_8_bits(picture: NDArray[Any]) -> NDArray[np.uint8]:
    colours = picture[..., :3] if picture.ndim == 3 else picture
    if picture.dtype == np.uint16:
        # A table instead of arithmetic: a large view in floats would take gigabytes.
        table = _quantised(np.arange(65536, dtype=np.float32) / np.float32(_white_level(colours)))
        levels = _as_uint8(cv2.LUT(picture, table))
        if picture.ndim == 3 and picture.shape[2] == 4:
            # Opacity has the full scale of its type, whatever the scanner's white is.
            levels[..., 3] = picture[..., 3] >> 8
        return levels
    return _quantised(picture / np.float32(_white_level(picture)))


def _quantised(shares: NDArray[Any]) -> NDArray[np.uint8]:
    levels: NDArray[np.uint8] = np.rint(shares.clip(0.0, 1.0) * 255).astype(np.uint8)
    return levels


def _over_white(bgra: NDArray[np.uint8], *, premultiplied: bool) -> NDArray[np.uint8]:
    opacity, picture = cv2.extractChannel(bgra, 3), cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGB)
    if cv2.minMaxLoc(opacity)[0] < 255:
        opacity = cv2.merge([opacity] * 3)
        if not premultiplied:
            cv2.multiply(picture, opacity, picture, 1 / 255)
        cv2.add(picture, cv2.bitwise_not(opacity, opacity), picture)
    return _as_uint8(picture)


def _dual_energy(pages: list[NDArray[Any]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the transmissions at low and at high energy."""
    first, second = pages
    if first.ndim != 2 or first.shape != second.shape or first.dtype != second.dtype or first.dtype == np.uint8:
        raise UnreadableImageError(
            "expected the two pages to be the low and high energy of one view: grey, 16 bits or float, the same size; "
            "send other pages as separate views"
        )
    transmissions = [np.asarray(page / np.float32(_white_level(page)), np.float32) for page in pages]
    low, high = sorted(transmissions, key=lambda page: float(page.mean()))
    return low, high


def _white_level(values: NDArray[Any]) -> float:
    """Return the level that means air; see the module's docstring."""
    full = _full_scale(values)
    step = 1 + int((values.shape[0] * values.shape[1] / _SAMPLED_PIXELS) ** 0.5)
    level = float(np.percentile(values[::step, ::step], _BRIGHTEST))
    return full if level >= full / 2 or level <= 0 else level


def _full_scale(values: NDArray[Any]) -> float:
    if values.dtype == np.uint16:
        return 65535.0
    if not np.isfinite(values).all():
        raise UnreadableImageError("the image holds values that are not numbers (NaN or infinity); export it again")
    top = float(values.max())
    return next((scale for scale in (1.0, 255.0, 65535.0) if top <= scale), top)


def _upright(image_rgb: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Apply EXIF orientation 1..8."""
    if orientation >= 5:
        image_rgb = image_rgb.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image_rgb = image_rgb[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image_rgb = image_rgb[::-1]
    return np.ascontiguousarray(image_rgb)


def _as_uint8(picture: NDArray[Any]) -> NDArray[np.uint8]:
    return picture.astype(np.uint8, copy=False)
