from __future__ import annotations

import struct
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detector.errors import ImageError, ImageTooLargeError, UnreadableImageError
from detector.image_headers import read_header

PngWriter = Callable[..., bytes]
ChunkWriter = Callable[[bytes, bytes], bytes]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"GIF89a" + bytes(99), "GIF"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\n  <svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xef\xbb\xbf<!doctype html><html></html>", "HTML"),
        (b'{"image": 1}', "JSON"),
        (b"PK\x03\x04" + bytes(99), "ZIP"),
        (b"\0\0\0\x1cftypavif" + bytes(99), "AVIF"),
        (b"\x7fELF" + bytes(99), "program"),
        (bytes(5000), "not known"),
        (b"\xff" * 5000, "not known"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "not known"),
    ],
)
def test_what_is_no_image_is_named_with_the_next_step(data: bytes, message: str) -> None:
    with pytest.raises(UnreadableImageError, match=message) as caught:
        read_header(data)
    assert "PNG, JPEG, TIFF, BMP, WebP" in str(caught.value)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".tif"])
def test_sizes_are_read_without_decoding(suffix: str, photo_rgb: NDArray[np.uint8]) -> None:
    done, encoded = cv2.imencode(suffix, photo_rgb)
    assert done
    assert read_header(encoded.tobytes()).sizes == ((70, 48),)


def test_every_kind_of_webp_tells_its_size(photo_rgb: NDArray[np.uint8]) -> None:
    with_alpha = np.dstack([photo_rgb, photo_rgb[..., :1]])
    kinds = set()
    for picture, quality in ((photo_rgb, 80), (photo_rgb, 101), (with_alpha, 80)):
        data = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, quality])[1].tobytes()
        kinds.add(data[12:16])
        assert read_header(data).sizes == ((70, 48),)
    assert kinds == {b"VP8 ", b"VP8L", b"VP8X"}


def test_a_png_with_a_flipped_bit_or_a_missing_part_is_refused(write_png: PngWriter, png_chunk: ChunkWriter) -> None:
    whole = write_png(20, 20, 8, 0, bytes(21 * 20))
    assert read_header(whole).sizes == ((20, 20),)
    flipped = bytearray(whole)
    flipped[45] ^= 4
    with pytest.raises(UnreadableImageError, match="checksum of b'IDAT'"):
        read_header(bytes(flipped))
    with pytest.raises(UnreadableImageError, match="cut short"):
        read_header(whole[:-12])
    with pytest.raises(UnreadableImageError, match="animated"):
        read_header(write_png(20, 20, 8, 0, bytes(21 * 20), extra=png_chunk(b"acTL", bytes(8))))
    with pytest.raises(UnreadableImageError, match="begin with its header"):
        read_header(whole[:8] + png_chunk(b"tEXt", b"a\0b" + bytes(20)) + whole[8:])


def test_files_made_of_nothing_but_parts_are_refused(png_chunk: ChunkWriter, write_png: PngWriter) -> None:
    many = write_png(20, 20, 8, 0, bytes(21 * 20), extra=png_chunk(b"tEXt", b"") * 60_000)
    with pytest.raises(ImageTooLargeError, match="chunks"):
        read_header(many)
    with pytest.raises(ImageTooLargeError, match="segments"):
        read_header(b"\xff\xd8" + b"\xff\xfe\x00\x02" * 60_000 + b"\xff\xd9")
    riff = b"WEBP" + b"JUNK\0\0\0\0" * 60_000
    with pytest.raises(ImageError):
        read_header(b"RIFF" + struct.pack("<I", len(riff)) + riff)


def test_jpegs_without_a_picture_or_with_too_many_scans_are_refused(photo_rgb: NDArray[np.uint8]) -> None:
    with pytest.raises(UnreadableImageError, match="no picture"):
        read_header(b"\xff\xd8\xff\xfe\x00\x02\xff\xd9")
    jpeg = cv2.imencode(".jpg", photo_rgb, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    scan = jpeg.rindex(b"\xff\xda")
    with pytest.raises(ImageTooLargeError, match="scans"):
        read_header(jpeg[:-2] + jpeg[scan:-2] * 30 + b"\xff\xd9")
    with pytest.raises(UnreadableImageError, match="several frames"):
        read_header(jpeg[:-2] + jpeg[2:])


def test_trailing_bytes_after_a_jpeg_do_not_matter(photo_rgb: NDArray[np.uint8]) -> None:
    jpeg = cv2.imencode(".jpg", photo_rgb)[1].tobytes()
    assert read_header(jpeg + b"\0" * 100).sizes == ((70, 48),)


def test_compressed_and_odd_bmps_are_refused(photo_rgb: NDArray[np.uint8]) -> None:
    bmp = bytearray(cv2.imencode(".bmp", photo_rgb)[1].tobytes())
    for at, code, value, message in (
        (30, "<I", 1, "compressed"),
        (28, "<H", 7, "7 bits"),
        (18, "<i", 700, "cut short"),
    ):
        changed = bytearray(bmp)
        struct.pack_into(code, changed, at, value)
        with pytest.raises(UnreadableImageError, match=message):
            read_header(bytes(changed))
    upside_down = bytearray(bmp)
    struct.pack_into("<i", upside_down, 22, -48)
    assert read_header(bytes(upside_down)).sizes == ((70, 48),)
