"""Reads what an image file says about itself, without decoding a pixel.

A few kilobytes can claim a picture of a thousand gigapixels, and OpenCV returns half-grey pictures for files cut short.
So format, size, pages and completeness are read here first, and only then is a decoder let near the bytes.
Formats: PNG (W3C), JPEG (ITU T.81), BMP, WebP (RFC 9649); others are in `detector.tiff_headers`, `detector.dicos`.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from detector.dicos import DxFile, is_dicos, read_dx
from detector.errors import ImageTooLargeError, UnreadableImageError
from detector.tiff_headers import exif_orientation, tiff_pages

__all__ = ["FORMATS", "START_BYTES", "Header", "check_start", "read_header"]

FORMATS: Final = "PNG, JPEG, TIFF, BMP, WebP, DICOS DX"
# So many bytes of a file tell its format.
START_BYTES: Final = 132
_PNG: Final = b"\x89PNG\r\n\x1a\n"
# Bounds the time of the walk through a file made of nothing else.
_MAX_CHUNKS: Final = 50_000
# A progressive JPEG may revisit every pixel in each of its scans; encoders write about ten.
_MAX_JPEG_SCANS: Final = 20
_JPEG_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PNG_CHANNELS: Final = {0: 1, 2: 3}  # the other colour types are decoded with opacity
# What people post by mistake, by the beginning of the file.
_OTHER_FORMATS: Final = (
    (b"GIF8", "GIF"),
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"\x7fELF", "program"),
    (b"<", "HTML, SVG or XML"),
    (b"{", "JSON"),
)


Alpha = Literal["straight", "premultiplied"]


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says about its picture.

    Attributes:
        format: "png", "jpeg", "bmp", "webp", "tiff" or "dicos".
        sizes: width and height of each page as OpenCV decodes it, pixels; one entry unless a TIFF has two pages.
        orientation: EXIF orientation 1..8 that is still to be applied to the decoded picture.
        alpha: how opacity is stored; None where there is none, or none that can be trusted.
        inverted: whether 0 means white in what OpenCV decodes.
        pixel_bytes: of one decoded pixel of one page, opacity included.
        dicos: what a DICOS file says besides; None for every other format.
    """

    format: str
    sizes: tuple[tuple[int, int], ...]
    orientation: int = 1
    alpha: Alpha | None = "straight"
    inverted: bool = False
    pixel_bytes: int = 3
    dicos: DxFile | None = None

    @property
    def resolution_wh(self) -> tuple[int, int]:
        """Width and height of the upright view, pixels."""
        width, height = self.sizes[0]
        return (height, width) if self.orientation >= 5 else (width, height)

    @property
    def pixels(self) -> int:
        """Pixels of all pages together."""
        return sum(width * height for width, height in self.sizes)

    @property
    def media_type(self) -> str:
        """The file's media type."""
        return "application/dicom" if self.format == "dicos" else f"image/{self.format}"


def read_header(data: bytes) -> Header:
    """Return the header of a complete image file.

    Raises:
        UnreadableImageError: empty, of another format, damaged or cut short.
        ImageTooLargeError: built of more pages, chunks or scans than an X-ray view needs.
    """
    if not data:
        raise UnreadableImageError(f"the file is empty; send an image ({FORMATS})")
    read = _reader_of(data)
    try:
        return read(data)
    except (struct.error, IndexError, OverflowError) as error:
        raise _cut_short() from error


def check_start(start: bytes) -> None:
    """Refuse what cannot become an image, by the first `START_BYTES` of the file, before the rest is even received.

    Raises:
        UnreadableImageError: of another format.
    """
    _reader_of(start)


def _reader_of(start: bytes) -> Callable[[bytes], Header]:
    if start.startswith(_PNG):
        return _png
    if start.startswith(b"\xff\xd8\xff"):
        return _jpeg
    if start.startswith(b"BM"):
        return _bmp
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return _webp
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return _tiff
    if is_dicos(start):
        return _dicos
    raise UnreadableImageError(f"{_guess(start)}; send the view as one of {FORMATS}")


def _cut_short(what: str = "image") -> UnreadableImageError:
    return UnreadableImageError(f"the {what} is cut short; send the whole file")


def _guess(data: bytes) -> str:
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    for magic, name in _OTHER_FORMATS:
        if start.startswith(magic):
            return f"this is a {name} file, not an image that can be screened"
    if data[4:8] == b"ftyp":
        return "this is an AVIF, HEIC or video file, not an image that can be screened"
    return "the format of the file is not known"


def _dicos(data: bytes) -> Header:
    dx = read_dx(data)
    return Header("dicos", (dx.resolution_wh,), alpha=None, pixel_bytes=dx.dtype.itemsize, dicos=dx)


def _png(data: bytes) -> Header:
    width, height, depth, colours = struct.unpack_from(">IIBB", data, 16)
    if data[12:16] != b"IHDR":
        raise UnreadableImageError("the PNG does not begin with its header; save it again")
    view, at, orientation = memoryview(data), 8, 1
    for _ in range(_MAX_CHUNKS):
        (length,) = struct.unpack_from(">I", data, at)
        kind, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data):
            raise _cut_short("PNG")
        if zlib.crc32(view[at + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            raise UnreadableImageError(f"the PNG is damaged (checksum of {kind!r}); send it again")
        if kind == b"acTL":
            raise UnreadableImageError("the PNG is animated; send one still view")
        if kind == b"eXIf":
            orientation = exif_orientation(data[at + 8 : end - 4])
        if kind == b"IEND":
            pixel_bytes = _PNG_CHANNELS.get(colours, 4) * (2 if depth == 16 else 1)
            return Header("png", ((width, height),), orientation, pixel_bytes=pixel_bytes)
        at = end
    raise ImageTooLargeError(f"the PNG has over {_MAX_CHUNKS} chunks; save it again")


def _jpeg(data: bytes) -> Header:
    at, size, orientation, scans = 2, None, 1, 0
    for _ in range(_MAX_CHUNKS):
        found = _JPEG_MARKER.search(data, at)
        if found is None:
            raise _cut_short("JPEG")
        marker, at = data[found.start() + 1], found.end()
        if marker == 0xD9:
            if size is None or not scans:
                raise UnreadableImageError("the JPEG holds no picture; send it again")
            return Header("jpeg", (size,), orientation, alpha=None)
        (length,) = struct.unpack_from(">H", data, at)
        if length < 2 or at + length > len(data):
            raise _cut_short("JPEG")
        if marker in _JPEG_FRAMES:
            if size is not None:
                raise UnreadableImageError("the JPEG has several frames; send one still view")
            height, width = struct.unpack_from(">HH", data, at + 3)
            size = width, height
        elif marker == 0xE1 and data[at + 2 : at + 8] == b"Exif\0\0":
            orientation = exif_orientation(data[at + 8 : at + length])
        elif marker == 0xDA:
            scans += 1
            if scans > _MAX_JPEG_SCANS:
                raise ImageTooLargeError(f"the JPEG has over {_MAX_JPEG_SCANS} scans; save it as a baseline JPEG")
        at += length
    raise ImageTooLargeError(f"the JPEG has over {_MAX_CHUNKS} segments; save it again")


def _bmp(data: bytes) -> Header:
    offset, info = struct.unpack_from("<II", data, 10)
    if info == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    if bits not in (1, 4, 8, 16, 24, 32):
        raise UnreadableImageError(f"the BMP has {bits} bits a pixel; save it with 8 or 24")
    if compression not in (0, 3):
        raise UnreadableImageError("the BMP is compressed; save it without compression")
    height = abs(height)
    # Within the limits that are checked next, this product is exact and small; beyond them it fails here already.
    if width > 0 and offset + (width * bits + 31) // 32 * 4 * height > len(data):
        if width * height > 1 << 30:
            raise ImageTooLargeError(f"the BMP claims {width} x {height} pixels")
        raise _cut_short("BMP")
    # The fourth byte of a plain 32-bit pixel is padding, mostly zero; only the later headers give it a meaning.
    return Header("bmp", ((width, height),), alpha="straight" if compression == 3 and info >= 108 else None)


def _webp(data: bytes) -> Header:
    (riff,) = struct.unpack_from("<I", data, 4)
    end = 8 + riff
    if end > len(data):
        raise _cut_short("WebP")
    at, size, orientation, picture = 12, None, 1, False
    for _ in range(_MAX_CHUNKS):
        if at + 8 > end:
            break
        kind, (length,) = data[at : at + 4], struct.unpack_from("<I", data, at + 4)
        body = at + 8
        if body + length > end:
            raise _cut_short("WebP")
        if kind == b"VP8X":
            if data[body] & 0x02:
                raise UnreadableImageError("the WebP is animated; send one still view")
            size = (
                1 + int.from_bytes(data[body + 4 : body + 7], "little"),
                1 + int.from_bytes(data[body + 7 : body + 10], "little"),
            )
        elif kind == b"VP8 ":
            frame = struct.unpack_from("<HH", data, body + 6)
            size, picture = size or (frame[0] & 0x3FFF, frame[1] & 0x3FFF), True
        elif kind == b"VP8L":
            (bits,) = struct.unpack_from("<I", data, body + 1)
            size, picture = size or ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1), True
        elif kind == b"EXIF":
            blob = data[body : body + length]
            orientation = exif_orientation(blob.removeprefix(b"Exif\0\0"))
        at = body + length + length % 2
    if size is None or not picture:
        raise UnreadableImageError("the WebP holds no picture; send it again")
    return Header("webp", (size,), orientation)


def _tiff(data: bytes) -> Header:
    pages = tiff_pages(data)
    first = pages[0]
    # OpenCV turns the pages upright itself, and expands pages of 8 bits and less through libtiff's RGBA reader, which
    # multiplies by alpha and inverts white-is-zero; wider samples come as they are.
    wide = first.bits > 8
    return Header(
        "tiff",
        tuple(page.upright_wh for page in pages),
        alpha="straight" if wide and not first.premultiplied else "premultiplied",
        inverted=wide and first.white_is_zero,
        pixel_bytes=max(page.pixel_bytes for page in pages),
    )
