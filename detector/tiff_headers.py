"""Reads the directories of a TIFF or BigTIFF file, and the orientation in an EXIF block, which is one.

Source: TIFF revision 6.0 (Adobe, 1992); BigTIFF (libtiff); tag numbers from there.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from detector.errors import ImageTooLargeError, UnreadableImageError

__all__ = ["MAX_PAGES", "TiffPage", "exif_orientation", "tiff_pages"]

# One picture, or the low and the high energy of one view.
MAX_PAGES: Final = 2
_MAX_ENTRIES: Final = 512
# Strips or tiles of one page; also bounds what is read from the file.
_MAX_BLOCKS: Final = 1 << 16
# A tile is decoded whole, however little of the picture is in it.
_MAX_TILE_SIDE_PX: Final = 2048
_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS: Final = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES, _ORIENTATION, _SAMPLE_FORMAT = 256, 257, 258, 262, 277, 274, 339
_EXTRA_SAMPLES: Final = 338
_STRIP_OFFSETS, _STRIP_COUNTS, _TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS, _TILE_COUNTS = 273, 279, 322, 323, 324, 325
_UNSIGNED, _FLOAT = 1, 3


@dataclass(frozen=True, slots=True)
class TiffPage:
    """One page.

    Attributes:
        upright_wh: width and height after the orientation tag was applied, pixels.
        bits: bits a sample.
        white_is_zero: whether 0 means white.
        premultiplied: whether the colours are multiplied by alpha.
        pixel_bytes: of one decoded pixel, opacity included.
    """

    upright_wh: tuple[int, int]
    bits: int
    white_is_zero: bool
    premultiplied: bool
    pixel_bytes: int


@dataclass(frozen=True, slots=True)
class _Layout:
    """Byte order and field widths of classic TIFF or BigTIFF."""

    order: str
    big: bool

    def unpack(self, code: str, data: bytes, at: int) -> int:
        return int(struct.unpack_from(self.order + code, data, at)[0])


def tiff_pages(data: bytes) -> tuple[TiffPage, ...]:
    """Return the pages of a complete TIFF file.

    Raises:
        UnreadableImageError: damaged, cut short, or with a page that is no picture.
        ImageTooLargeError: more than two pages, or tiles too large.
    """
    layout, at = _open(data)
    seen: set[int] = set()
    pages: list[TiffPage] = []
    while at:
        if at in seen:
            raise UnreadableImageError("the TIFF's pages point in a circle; save it again")
        if len(pages) == MAX_PAGES:
            raise ImageTooLargeError(
                f"the TIFF has more than {MAX_PAGES} pages; send one picture, or the low and high energy of one view"
            )
        seen.add(at)
        tags, at = _directory(data, layout, at)
        pages.append(_page(data, tags))
    if not pages:
        raise UnreadableImageError("the TIFF has no page; save it again")
    return tuple(pages)


def exif_orientation(block: bytes) -> int:
    """Return the orientation 1..8 in an EXIF block; 1 where it has none or cannot be read."""
    try:
        layout, at = _open(block)
        tags, _ = _directory(block, layout, at, wanted=frozenset({_ORIENTATION}))
        value = tags.get(_ORIENTATION, [1])[0]
    except (UnreadableImageError, ImageTooLargeError, struct.error, IndexError, OverflowError):
        return 1  # a damaged comment is no reason to refuse the picture
    return value if 1 <= value <= 8 else 1


def _open(data: bytes) -> tuple[_Layout, int]:
    if data[:2] not in (b"II", b"MM"):
        raise UnreadableImageError("no TIFF byte order mark")
    order = "<" if data[:2] == b"II" else ">"
    (version,) = struct.unpack_from(order + "H", data, 2)
    layout = _Layout(order, big=version == 43)
    if version not in (42, 43):
        raise UnreadableImageError(f"not a TIFF version: {version}")
    return layout, layout.unpack("Q", data, 8) if layout.big else layout.unpack("I", data, 4)


_ALL: Final = frozenset(
    {_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES, _ORIENTATION, _SAMPLE_FORMAT, _STRIP_OFFSETS, _STRIP_COUNTS}
    | {_TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS, _TILE_COUNTS, _EXTRA_SAMPLES}
)


def _directory(
    data: bytes, layout: _Layout, at: int, wanted: frozenset[int] = _ALL
) -> tuple[dict[int, list[int]], int]:
    """Return the wanted tags of the directory at `at`, and where the next one is (0: none)."""
    entries = layout.unpack("Q" if layout.big else "H", data, at)
    if entries > _MAX_ENTRIES:
        raise UnreadableImageError(f"a TIFF page has {entries} tags; save it again")
    at += 8 if layout.big else 2
    step, inline = (20, 8) if layout.big else (12, 4)
    tags: dict[int, list[int]] = {}
    for index in range(entries):
        entry = at + index * step
        tag, kind = layout.unpack("H", data, entry), layout.unpack("H", data, entry + 2)
        if tag not in wanted:
            continue
        if tag in tags or kind not in _INTEGERS:
            # libtiff goes by the first of two and reads more kinds: it must not see another size than the one checked.
            raise UnreadableImageError(f"tag {tag} of a TIFF page is there twice or is no whole number; save it again")
        count = layout.unpack("Q" if layout.big else "I", data, entry + 4)
        if count > _MAX_BLOCKS:
            raise ImageTooLargeError(f"tag {tag} of a TIFF page has {count} values; save it in larger strips")
        value = entry + step - inline
        if count * _SIZES[kind] > inline:
            value = layout.unpack("Q" if layout.big else "I", data, value)
        tags[tag] = list(struct.unpack_from(f"{layout.order}{count}{_INTEGERS[kind]}", data, value))
    following = at + entries * step
    return tags, layout.unpack("Q" if layout.big else "I", data, following)


def _page(data: bytes, tags: dict[int, list[int]]) -> TiffPage:
    width, height = _first(tags, _WIDTH), _first(tags, _HEIGHT)
    samples, bits = _first(tags, _SAMPLES, 1), _first(tags, _BITS, 1)
    kind = _first(tags, _SAMPLE_FORMAT, _UNSIGNED)
    if len(set(tags.get(_BITS, []))) > 1 or samples not in (1, 3, 4):
        raise UnreadableImageError("the TIFF has samples of different sizes or kinds; save it as grey or RGB")
    if (kind, bits) not in (
        (_UNSIGNED, 1),
        (_UNSIGNED, 4),
        (_UNSIGNED, 8),
        (_UNSIGNED, 16),
        (_FLOAT, 32),
        (_FLOAT, 64),
    ):
        raise UnreadableImageError(f"the TIFF has {bits}-bit samples of format {kind}; save it with 8 or 16 bits")
    if kind == _FLOAT and samples > 1:
        raise UnreadableImageError("the TIFF has float colours; save it as grey, or with 8 or 16 bits")
    if max(_first(tags, _TILE_WIDTH, 0), _first(tags, _TILE_LENGTH, 0)) > _MAX_TILE_SIDE_PX:
        raise ImageTooLargeError(f"the TIFF has tiles over {_MAX_TILE_SIDE_PX} pixels wide; save it in strips")
    offsets = tags.get(_STRIP_OFFSETS) or tags.get(_TILE_OFFSETS) or []
    counts = tags.get(_STRIP_COUNTS) or tags.get(_TILE_COUNTS) or []
    if not offsets or len(offsets) != len(counts):
        raise UnreadableImageError("a TIFF page has no picture; save it again")
    if any(offset + count > len(data) for offset, count in zip(offsets, counts, strict=True)):
        raise UnreadableImageError("the TIFF is cut short; send the whole file")
    upright_wh = (height, width) if 5 <= _first(tags, _ORIENTATION, 1) <= 8 else (width, height)
    white_is_zero = samples == 1 and _first(tags, _PHOTOMETRIC, 1) == 0
    premultiplied = _first(tags, _EXTRA_SAMPLES, 0) == 1
    return TiffPage(upright_wh, bits, white_is_zero, premultiplied, samples * max(1, bits // 8))


def _first(tags: dict[int, list[int]], tag: int, default: int | None = None) -> int:
    values = tags.get(tag)
    if values:
        return values[0]
    if default is None:
        raise UnreadableImageError(f"a TIFF page lacks tag {tag}; save it again")
    return default
