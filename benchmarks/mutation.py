"""Damages image files in the ways that find mistakes in readers: from a seed, so that every file can be made again."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.dicos_writing import write_dx

__all__ = ["mutated", "seeds"]

_NUMBERS: Final = (0, 1, 2, 0x7F, 3999, 4000, 0x7FFF, 0xFFFE, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
_DICOS_TYPES: Final = (b"SQ", b"UN", b"OB", b"US", b"UT", b"LO", b"??")
_PNG: Final = b"\x89PNG\r\n\x1a\n"
# Structure comes first in every format, so most changes go there.
_HEAD_BYTES: Final = 1700


def seeds() -> dict[str, list[bytes]]:
    """Return small whole files by format."""
    rng = np.random.default_rng(7)
    rgba = rng.integers(0, 256, (24, 30, 4), np.uint8)
    wide = rng.integers(0, 65536, (24, 30, 4), np.uint16)
    rgb, grey, grey16 = rgba[..., :3].copy(), rgba[..., 0].copy(), wide[..., 0].copy()
    dicos = write_dx(grey16, item_id="RR473124829CA")
    at = 144 + struct.unpack_from("<I", dicos, 140)[0]
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
    sequence = struct.pack("<HH2sHI", 0x0008, 0x0005, b"SQ", 0, 0xFFFFFFFF) + item * 3
    nested = dicos[:at] + sequence + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0) + dicos[at:]
    return {
        "png": [_with_exif(_encoded(".png", picture), grey) for picture in (grey, rgb, rgba, grey16, wide)],
        "jpeg": [_encoded(".jpg", grey), _encoded(".jpg", rgb), _encoded(".jpg", rgb, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)],
        "bmp": [_encoded(".bmp", picture) for picture in (grey, rgb, rgba)],
        "webp": [_encoded(".webp", rgba, cv2.IMWRITE_WEBP_QUALITY, quality) for quality in (80, 101)],
        "tiff": [
            *(_encoded(".tiff", picture) for picture in (rgb, rgba, grey16, grey16.astype(np.float32))),
            cv2.imencodemulti(".tiff", [grey16, grey16 // 2])[1].tobytes(),
        ],
        "dicos": [dicos, write_dx(grey16, for_processing=False), nested],
    }


def mutated(rng: np.random.Generator, files: Sequence[bytes]) -> bytes:
    """Return one of the files with a few changes; three of four PNGs get checksums that fit, to come further."""
    data = bytearray(files[int(rng.integers(len(files)))])
    for _ in range(rng.geometric(0.4)):
        # A DICOS file begins with bytes that mean nothing.
        first = 128 if data[128:132] == b"DICM" else 2
        if len(data) <= first + 4:
            break
        _change(rng, data, int(rng.integers(first, min(len(data), _HEAD_BYTES))), files)
    return _with_checksums(bytes(data)) if data.startswith(_PNG) and rng.integers(4) else bytes(data)


def _change(rng: np.random.Generator, data: bytearray, at: int, files: Sequence[bytes]) -> None:
    match int(rng.integers(8)):
        case 0:
            data[at] ^= 1 << int(rng.integers(8))
        case 1:
            data[at] = int(rng.integers(256))
        case 2:  # another length, offset or size, of two or four bytes in either order
            kind = ("<I", "<H", ">I", ">H")[rng.integers(4)]
            size = struct.calcsize(kind)
            data[at : at + size] = struct.pack(kind, _NUMBERS[rng.integers(len(_NUMBERS))] & (1 << 8 * size) - 1)
        case 3:
            del data[at : at + int(rng.integers(1, 40))]
        case 4:
            data[at:at] = rng.bytes(int(rng.integers(1, 40)))
        case 5:  # a piece of another file, which may be a whole element
            other = files[int(rng.integers(len(files)))]
            start = int(rng.integers(0, min(len(other), 1500)))
            data[at:at] = other[start : start + int(rng.integers(1, 200))]
        case 6:
            del data[int(rng.integers(len(data))) :]
        case _:  # in DICOS another type of value
            data[at : at + 2] = _DICOS_TYPES[rng.integers(len(_DICOS_TYPES))]


def _with_exif(png: bytes, picture: NDArray[np.uint8]) -> bytes:
    """Put a block before the pixels that is read too: any change in those alone makes the picture unreadable."""
    block = _encoded(".tiff", picture)
    return _with_checksums(png[:33] + struct.pack(">I4s", len(block), b"eXIf") + block + bytes(4) + png[33:])


def _with_checksums(png: bytes) -> bytes:
    parts, at = [png[:8]], 8
    while at + 12 <= len(png):
        end = at + 8 + int.from_bytes(png[at : at + 4], "big")
        if end + 4 > len(png):
            break
        parts += [png[at:end], struct.pack(">I", zlib.crc32(png[at + 4 : end]))]
        at = end + 4
    return b"".join([*parts, png[at:]])


def _encoded(suffix: str, picture: NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32], *flags: int) -> bytes:
    return cv2.imencode(suffix, picture, flags)[1].tobytes()
