from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest

from detector.errors import ImageTooLargeError, UnreadableImageError
from detector.tiff_headers import exif_orientation, tiff_pages

TiffWriter = Callable[..., bytes]
PAGE = np.zeros((30, 40), np.uint16)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_pages_are_described_in_every_flavour(order: str, big: bool, write_tiff: TiffWriter) -> None:
    first, second = tiff_pages(write_tiff([PAGE, np.zeros((10, 20, 3), np.uint16)], order=order, big=big))
    assert (first.upright_wh, first.bits, first.white_is_zero) == ((40, 30), 16, False)
    assert second.upright_wh == (20, 10)


def test_a_turned_page_has_its_upright_size(write_tiff: TiffWriter) -> None:
    assert tiff_pages(write_tiff([PAGE], tags={274: 6}))[0].upright_wh == (30, 40)
    assert tiff_pages(write_tiff([PAGE], tags={274: 3}))[0].upright_wh == (40, 30)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({258: 32}, "32-bit samples"),
        ({339: 2}, "format 2"),
        ({277: 200}, "different sizes or kinds"),
        ({273: 1 << 20}, "cut short"),
        ({279: 1 << 20}, "cut short"),
    ],
)
def test_pages_that_cannot_be_shown_are_refused(tags: dict[int, int], message: str, write_tiff: TiffWriter) -> None:
    with pytest.raises(UnreadableImageError, match=message):
        tiff_pages(write_tiff([PAGE], tags=tags))


def test_float_colours_are_refused(write_tiff: TiffWriter) -> None:
    with pytest.raises(UnreadableImageError, match="float colours"):
        tiff_pages(write_tiff([np.zeros((20, 20, 3), np.float32)]))


def test_a_small_picture_in_a_huge_tile_is_refused(write_tiff: TiffWriter) -> None:
    with pytest.raises(ImageTooLargeError, match="tiles over 2048"):
        tiff_pages(write_tiff([PAGE], tags={322: 8192, 323: 64}))


@pytest.mark.parametrize(("at", "value"), [(0, 256), (2, 9)])
def test_tags_that_decoders_read_in_different_ways_are_refused(at: int, value: int, write_tiff: TiffWriter) -> None:
    data = bytearray(write_tiff([PAGE]))
    (directory,) = struct.unpack_from("<I", data, 4)
    # The second entry, the height: named width too, or made a signed number.
    struct.pack_into("<H", data, directory + 2 + 12 + at, value)
    with pytest.raises(UnreadableImageError, match="twice or is no whole number"):
        tiff_pages(bytes(data))


def test_many_pages_circles_and_no_page_are_refused(write_tiff: TiffWriter) -> None:
    with pytest.raises(ImageTooLargeError, match="more than 2 pages"):
        tiff_pages(write_tiff([PAGE] * 100))
    looped = bytearray(write_tiff([PAGE]))
    (directory,) = struct.unpack_from("<I", looped, 4)
    (entries,) = struct.unpack_from("<H", looped, directory)
    struct.pack_into("<I", looped, directory + 2 + entries * 12, directory)
    with pytest.raises(UnreadableImageError, match="circle"):
        tiff_pages(bytes(looped))
    with pytest.raises(UnreadableImageError, match="no page"):
        tiff_pages(b"II*\0\0\0\0\0")


def test_directories_of_absurd_length_are_refused(write_tiff: TiffWriter) -> None:
    data = bytearray(write_tiff([PAGE]))
    (directory,) = struct.unpack_from("<I", data, 4)
    struct.pack_into("<H", data, directory, 60_000)
    with pytest.raises(UnreadableImageError, match="60000 tags"):
        tiff_pages(bytes(data))
    counted = bytearray(write_tiff([PAGE]))
    (entries,) = struct.unpack_from("<H", counted, directory)
    for entry in range(directory + 2, directory + 2 + entries * 12, 12):
        if struct.unpack_from("<H", counted, entry) == (273,):
            struct.pack_into("<I", counted, entry + 4, 1 << 30)
    with pytest.raises(ImageTooLargeError, match="1073741824 values"):
        tiff_pages(bytes(counted))


def test_places_beyond_any_file_are_refused() -> None:
    from detector.image_headers import read_header

    for at in (1 << 63, (1 << 64) - 1, 1 << 31):
        data = b"II+\0\x08\0\0\0" + struct.pack("<Q", at) + bytes(64)
        with pytest.raises(UnreadableImageError, match="cut short"):
            read_header(data)
        assert exif_orientation(data) == 1


def test_an_exif_block_without_an_orientation_means_upright() -> None:
    assert exif_orientation(b"II*\0\x08\0\0\0\0\0\0\0\0\0") == 1
    assert exif_orientation(b"not a block") == 1
