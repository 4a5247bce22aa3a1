"""Scans as files: raw dual energy, pseudo-colour or grey; what comes in one kind goes out in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datasets.encoding import encode_dual_energy, encode_jpeg, encode_png
from detector.colour import dual_energy_to_rgb
from detector.images import decode, decode_dual_energy

__all__ = ["Scan", "encode_scan", "read_scan"]

# Sum over the luminance table of the JPEG standard (ITU-T T.81, annex K), which quality 50 uses as it is.
_STANDARD_SUM: Final = 3688
_GREY_STEP: Final = 6


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """One benign view.

    Attributes:
        image_rgb: (H, W, 3) uint8, as the file shows it.
        transmissions: (2, H, W) float32 where the file is raw dual energy, or None.
        jpeg_quality: of the file where it is a JPEG, or None.
    """

    image_rgb: NDArray[np.uint8]
    transmissions: NDArray[np.float32] | None = None
    jpeg_quality: int | None = None

    @property
    def kind(self) -> str:
        """Return "raw", "colour" or "grey", as `Look.kind`."""
        if self.transmissions is not None:
            return "raw"
        spread = self.image_rgb.max(axis=2).astype(np.int16) - self.image_rgb.min(axis=2)
        return "grey" if np.percentile(spread, 99.5) <= _GREY_STEP else "colour"


def read_scan(data: bytes) -> Scan:
    """Read the file of a view.

    Raises:
        ImageError: it cannot be decoded.
    """
    measured = decode_dual_energy(data)
    image_rgb = decode(data) if measured is None else dual_energy_to_rgb(*measured)
    return Scan(image_rgb, measured, _jpeg_quality(data))


def encode_scan(scan: Scan) -> tuple[bytes, str]:
    """Return the file of a view and its suffix."""
    if scan.transmissions is not None:
        return encode_dual_energy(scan.transmissions), "tiff"
    if scan.jpeg_quality is not None:
        return encode_jpeg(scan.image_rgb, scan.jpeg_quality), "jpg"
    return encode_png(scan.image_rgb), "png"


def _jpeg_quality(data: bytes) -> int | None:
    """Return the quality of a JPEG from its first quantisation table; 90 where that is not a scaled standard one."""
    if not data.startswith(b"\xff\xd8"):
        return None
    at = data.find(b"\xff\xdb")
    table = data[at + 5 : at + 69]
    if at < 0 or len(table) < 64 or data[at + 4] >> 4:
        return 90
    scale = 100 * sum(table) / _STANDARD_SUM
    quality = round((200 - scale) / 2) if scale <= 100 else round(5000 / scale)
    return min(max(quality, 30), 100)
