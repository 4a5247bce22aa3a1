"""Writers of image files that can also lie about themselves."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

TiffWriter = Callable[..., bytes]
PngWriter = Callable[..., bytes]


def _tiff(
    pages: Sequence[NDArray[Any]], *, order: str = "<", big: bool = False, tags: Mapping[int, int] | None = None
) -> bytes:
    """Return an uncompressed TIFF of (H, W) or (H, W, C) pages, one strip each; `tags` override or add SHORT/LONGs."""
    word, offset_at = ("Q", 8) if big else ("I", 4)
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    data = bytearray(head + (struct.pack(order + "HHQ", 8, 0, 0) if big else struct.pack(order + "I", 0)))
    for given in pages:
        page = np.ascontiguousarray(given, given.dtype.newbyteorder("<" if order == "<" else ">"))
        samples = page.shape[2] if page.ndim == 3 else 1
        strip_at = len(data)
        data += page.tobytes()
        values = {
            256: page.shape[1],
            257: page.shape[0],
            258: page.dtype.itemsize * 8,
            259: 1,
            262: 2 if samples >= 3 else 1,
            273: strip_at,
            277: samples,
            278: page.shape[0],
            279: page.nbytes,
            339: 3 if page.dtype.kind == "f" else 1,
        }
        values.update(tags or {})
        at = len(data)
        struct.pack_into(order + word, data, offset_at, at)
        data += struct.pack(order + ("Q" if big else "H"), len(values))
        for tag, value in sorted(values.items()):
            repeat = samples if tag in (258, 339) and samples > 1 else 1
            entry = struct.pack(f"{order}HH{word}", tag, 3 if tag in (258, 339) else 4, repeat)
            if repeat * 2 > (8 if big else 4):
                # Values that do not fit lie behind the directory.
                where = at + (8 if big else 2) + len(values) * (20 if big else 12) + (8 if big else 4)
                where += 8 * (tag == 339)
                body = struct.pack(order + word, where)
            else:
                body = struct.pack(order + ("H" if tag in (258, 339) else "I"), value) * repeat
            data += entry + body.ljust(8 if big else 4, b"\0")
        offset_at = len(data)
        data += struct.pack(order + word, 0)
        for tag in (258, 339):
            data += (struct.pack(order + "H", values[tag]) * samples).ljust(8, b"\0")[:8]
    return bytes(data)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png(width: int, height: int, bits: int, colour_type: int, rows: bytes, *, extra: bytes = b"") -> bytes:
    """Return a PNG with this header whatever `rows` (each with its filter byte) really hold; `extra` are chunks."""
    head = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    body = _chunk(b"IHDR", head) + extra + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.fixture(scope="session")
def write_tiff() -> TiffWriter:
    """Return `_tiff`."""
    return _tiff


@pytest.fixture(scope="session")
def write_png() -> PngWriter:
    """Return `_png`."""
    return _png


@pytest.fixture(scope="session")
def png_chunk() -> Callable[[bytes, bytes], bytes]:
    """Return a function (kind, body) -> chunk with a right checksum."""
    return _chunk


@pytest.fixture(scope="session")
def photo_rgb() -> NDArray[np.uint8]:
    """A smooth (48, 70, 3) picture without symmetry, so that a wrong turn or channel order shows."""
    y, x = np.mgrid[0:48, 0:70]
    return np.stack([x * 3, y * 5, 255 - x - y], axis=-1).astype(np.uint8)
