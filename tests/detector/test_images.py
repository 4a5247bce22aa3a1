from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.errors import ImageError, ImageTooLargeError, UnreadableImageError
from detector.images import ImageLimits, decode

TiffWriter = Callable[..., bytes]
PngWriter = Callable[..., bytes]
Picture = NDArray[np.uint8]
_EXIF = {order: order + struct.pack(end + "HIHHHI", 42, 8, 1, 274, 3, 1) for order, end in ((b"II", "<"), (b"MM", ">"))}


def _encode(suffix: str, picture: NDArray[Any], *flags: int) -> bytes:
    """Encode (H, W), RGB or RGBA."""
    bgr = picture if picture.ndim == 2 else np.dstack([picture[..., 2::-1], picture[..., 3:]])
    done, encoded = cv2.imencode(suffix, bgr, flags)
    assert done
    return bytes(encoded.tobytes())


def _turned(picture: Picture, orientation: int) -> Picture:
    """The upright picture that a camera stores as `picture` with this EXIF orientation (written from the standard)."""
    turns = {
        1: picture, 2: np.fliplr(picture), 3: np.rot90(picture, 2), 4: np.flipud(picture),
        5: np.rot90(np.fliplr(picture)), 6: np.rot90(picture, -1), 7: np.rot90(np.fliplr(picture), -1),
        8: np.rot90(picture),
    }  # fmt: skip
    return turns[orientation]


def _exif(orientation: int, order: bytes = b"II") -> bytes:
    end = "<" if order == b"II" else ">"
    return _EXIF[order] + struct.pack(end + "HH", orientation, 0) + struct.pack(end + "I", 0)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_lossless_formats_come_back_exactly_in_colour_and_grey(suffix: str, photo_rgb: Picture) -> None:
    np.testing.assert_array_equal(decode(_encode(suffix, photo_rgb)), photo_rgb)
    grey = photo_rgb[..., 0].copy()
    np.testing.assert_array_equal(decode(_encode(suffix, grey)), np.dstack([grey] * 3))


def test_lossy_formats_come_back_nearly(photo_rgb: Picture) -> None:
    for data in (
        _encode(".jpg", photo_rgb, cv2.IMWRITE_JPEG_QUALITY, 98),
        _encode(".jpg", photo_rgb, cv2.IMWRITE_JPEG_QUALITY, 98, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        _encode(".webp", photo_rgb, cv2.IMWRITE_WEBP_QUALITY, 95),
    ):
        picture = decode(data)
        assert picture.shape == photo_rgb.shape
        assert np.abs(picture.astype(int) - photo_rgb).mean() < 6
    np.testing.assert_array_equal(decode(_encode(".webp", photo_rgb, cv2.IMWRITE_WEBP_QUALITY, 101)), photo_rgb)
    grey_jpeg = decode(_encode(".jpg", photo_rgb[..., 0].copy()))
    assert (grey_jpeg[..., 0] == grey_jpeg[..., 2]).all()


@pytest.mark.parametrize("suffix", [".png", ".webp", ".bmp", ".tif"])
def test_alpha_is_laid_over_white(suffix: str, photo_rgb: Picture, write_tiff: TiffWriter) -> None:
    alpha = np.tile(np.linspace(0, 255, 70).astype(np.uint8), (48, 1))
    rgba = np.dstack([photo_rgb, alpha])
    share = alpha[..., None] / 255
    expected = photo_rgb * share + 255 * (1 - share)
    flags = (cv2.IMWRITE_WEBP_QUALITY, 101) if suffix == ".webp" else ()
    data = write_tiff([rgba], tags={338: 2}) if suffix == ".tif" else _encode(suffix, rgba, *flags)
    np.testing.assert_allclose(decode(data), expected, atol=1)


def test_sixteen_bit_alpha_is_laid_over_white(photo_rgb: Picture, write_tiff: TiffWriter) -> None:
    alpha = np.tile(np.linspace(0, 255, 70).astype(np.uint16), (48, 1))
    share = alpha[..., None] / 255
    expected = photo_rgb * share + 255 * (1 - share)
    straight = np.dstack([photo_rgb.astype(np.uint16), alpha]) * np.uint16(257)
    np.testing.assert_allclose(decode(_encode(".png", straight)), expected, atol=1)
    np.testing.assert_allclose(decode(write_tiff([straight], tags={338: 2})), expected, atol=1)
    multiplied = np.dstack([np.rint(photo_rgb * share), alpha]).astype(np.uint16) * np.uint16(257)
    np.testing.assert_allclose(decode(write_tiff([multiplied], tags={338: 1})), expected, atol=2)


def test_the_fourth_byte_of_a_plain_bmp_pixel_is_no_alpha(photo_rgb: Picture) -> None:
    height, width = photo_rgb.shape[:2]
    pixels = np.dstack([photo_rgb[::-1, :, ::-1], np.zeros((height, width), np.uint8)]).tobytes()
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 32, 0, len(pixels), 0, 0, 0, 0)
    data = b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, 54) + head + pixels
    np.testing.assert_array_equal(decode(data), photo_rgb)


def test_palettes_are_looked_up(write_png: PngWriter, png_chunk: Callable[[bytes, bytes], bytes]) -> None:
    rows = b"".join(b"\0" + bytes([0, 1] * 10) for _ in range(20))
    palette = png_chunk(b"PLTE", bytes([255, 0, 0, 0, 255, 0]))
    picture = decode(write_png(20, 20, 8, 3, rows, extra=palette))
    assert picture[3, :2].tolist() == [[255, 0, 0], [0, 255, 0]]
    see_through = png_chunk(b"tRNS", bytes([0, 255]))
    picture = decode(write_png(20, 20, 8, 3, rows, extra=palette + see_through))
    assert picture[3, :2].tolist() == [[255, 255, 255], [0, 255, 0]]


def test_one_bit_pictures_are_black_and_white(write_png: PngWriter) -> None:
    picture = decode(write_png(24, 20, 1, 0, b"".join(b"\0" + b"\xaa" * 3 for _ in range(20))))
    assert picture[0, :2, 0].tolist() == [255, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_in_every_format(
    orientation: int, photo_rgb: Picture, write_tiff: TiffWriter, png_chunk: Callable[[bytes, bytes], bytes]
) -> None:
    expected = _turned(photo_rgb, orientation)
    png = _encode(".png", photo_rgb)
    for order in (b"II", b"MM"):
        turned = png[:33] + png_chunk(b"eXIf", _exif(orientation, order)) + png[33:]
        np.testing.assert_array_equal(decode(turned), expected)
    for page, bits in ((photo_rgb, 0), (photo_rgb.astype(np.uint16) * np.uint16(257), 1)):
        np.testing.assert_allclose(decode(write_tiff([page], tags={274: orientation})), expected, atol=bits)
    jpeg = _encode(".jpg", photo_rgb, cv2.IMWRITE_JPEG_QUALITY, 98)
    block = b"Exif\0\0" + _exif(orientation)
    jpeg_turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]
    np.testing.assert_array_equal(decode(jpeg_turned), _turned(decode(jpeg), orientation))


def test_a_damaged_exif_block_does_not_cost_the_picture(
    photo_rgb: Picture, png_chunk: Callable[[bytes, bytes], bytes]
) -> None:
    png = _encode(".png", photo_rgb)
    for block in (
        b"",
        b"II",
        b"junk" * 9,
        _exif(99),
        b"II*\0\xff\xff\xff\x7f",
        b"II*\0\x08\0\0\0\xff\xff" + b"\0" * 99,
    ):
        np.testing.assert_array_equal(decode(png[:33] + png_chunk(b"eXIf", block) + png[33:]), photo_rgb)


def test_sixteen_bit_grey_uses_its_full_scale_or_what_the_scanner_used_of_it(write_tiff: TiffWriter) -> None:
    ramp = np.tile(np.arange(100, dtype=np.float64), (50, 1)) / 99

    def png(page: NDArray[np.uint16]) -> bytes:
        return _encode(".png", page)

    def tiff(page: NDArray[np.uint16]) -> bytes:
        return write_tiff([page])

    for encode in (png, tiff):
        for white in (65535, 50000):
            levels = decode(encode((ramp * white).astype(np.uint16)))[0, :, 0]
            np.testing.assert_allclose(levels, np.arange(100) / 99 * 255 * white / 65535, atol=1)
        for white in (16383, 4095, 900):
            levels = decode(encode((ramp * white).astype(np.uint16)))[0, :, 0]
            np.testing.assert_allclose(levels, np.arange(100) / 99 * 255, atol=1)
    assert decode(_encode(".png", np.zeros((20, 20), np.uint16))).max() == 0


def test_a_few_hot_pixels_do_not_darken_a_twelve_bit_view(write_tiff: TiffWriter) -> None:
    page = np.full((200, 200), 4000, np.uint16)
    page[:100] = 2000
    page[0, :5] = 65535
    levels = decode(write_tiff([page]))
    assert levels[150, 150, 0] == 255
    assert levels[50, 50, 0] == pytest.approx(128, abs=1)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_tiff_in_both_byte_orders_and_sizes(order: str, big: bool, photo_rgb: Picture, write_tiff: TiffWriter) -> None:
    np.testing.assert_array_equal(decode(write_tiff([photo_rgb], order=order, big=big)), photo_rgb)
    grey = photo_rgb[..., 1].astype(np.uint16) * np.uint16(257)
    np.testing.assert_array_equal(decode(write_tiff([grey], order=order, big=big))[..., 0], photo_rgb[..., 1])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_may_be_zero(dtype: type[np.unsignedinteger[Any]], photo_rgb: Picture, write_tiff: TiffWriter) -> None:
    full = np.iinfo(dtype).max
    grey = photo_rgb[..., 1].astype(dtype) * dtype(full // 255)
    picture = decode(write_tiff([full - grey], tags={262: 0}))
    np.testing.assert_array_equal(picture[..., 0], photo_rgb[..., 1])


def test_float_pages_are_scaled_and_values_that_are_not_numbers_refused(write_tiff: TiffWriter) -> None:
    ramp = np.tile(np.linspace(0, 1, 100), (50, 1))
    for white in (1.0, 255.0, 65535.0):
        for dtype in (np.float32, np.float64):
            levels = decode(write_tiff([(ramp * white).astype(dtype)]))[0, :, 0]
            np.testing.assert_allclose(levels, ramp[0] * 255, atol=0.6)
    for bad in (np.nan, np.inf, -np.inf):
        page = ramp.astype(np.float32)
        page[3, 3] = bad
        with pytest.raises(UnreadableImageError, match="not numbers"):
            decode(write_tiff([page]))
        with pytest.raises(UnreadableImageError, match="not numbers"):
            decode(write_tiff([page, page]))


def _dual_energy_pages() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Air, organic, aluminium, iron: 20 columns each, high-channel attenuation 1."""
    ratio = np.repeat([1.0, 1.18, 1.52, 2.06], 20)
    attenuation = np.repeat([0.0, 1.0, 1.0, 1.0], 20)
    high = np.tile(np.exp(-attenuation), (40, 1))
    return np.tile(np.exp(-attenuation * ratio), (40, 1)), high


@pytest.mark.parametrize("white", [65535, 4095])
@pytest.mark.parametrize("low_first", [True, False])
def test_two_pages_are_low_and_high_energy_in_either_order(white: int, low_first: bool, write_tiff: TiffWriter) -> None:
    low, high = ((page * white).round().astype(np.uint16) for page in _dual_energy_pages())
    picture = decode(write_tiff([low, high] if low_first else [high, low])).astype(int)
    air, organic, aluminium, iron = (picture[20, 10 + 20 * index] for index in range(4))
    assert air.tolist() == [255, 255, 255]
    assert organic[0] > organic[1] > organic[2]
    assert aluminium.argmax() == 1
    assert iron.argmax() == 2


def test_two_pages_that_are_no_dual_energy_view_are_refused(photo_rgb: Picture, write_tiff: TiffWriter) -> None:
    grey = photo_rgb[..., 0].astype(np.uint16)
    for pages in ([photo_rgb, photo_rgb], [grey, grey[:40]], [grey, grey.astype(np.float32)], [photo_rgb[..., 0]] * 2):
        with pytest.raises(UnreadableImageError, match="low and high energy"):
            decode(write_tiff(pages))


def test_limits_are_an_argument(photo_rgb: Picture) -> None:
    data = _encode(".png", photo_rgb)
    with pytest.raises(ImageTooLargeError, match="bytes, over the limit of 100"):
        decode(data, ImageLimits(max_bytes=100))
    with pytest.raises(ImageTooLargeError, match="over the limit of 1000;"):
        decode(data, ImageLimits(max_pixels=1000))
    with pytest.raises(ImageTooLargeError, match=r"longer than 1\.2 times"):
        decode(data, ImageLimits(max_aspect=1.2))
    with pytest.raises(UnreadableImageError, match="smaller than 50"):
        decode(data, ImageLimits(min_side_px=50))


def test_sixteen_bit_colour_counts_for_the_memory_it_takes(write_tiff: TiffWriter) -> None:
    limits = ImageLimits(max_pixels=1_000)
    wide = np.full((30, 30, 4), 65535, np.uint16)
    for data in (_encode(".png", wide), _encode(".tif", wide), write_tiff([wide[..., 0].astype(np.float64)] * 2)):
        with pytest.raises(ImageTooLargeError, match="8 bits a channel"):
            decode(data, limits)
        assert decode(data, ImageLimits(max_pixels=4_000)).shape == (30, 30, 3)
    for picture in (wide[..., 0].copy(), (wide >> 8).astype(np.uint8)):
        assert decode(_encode(".png", picture), limits).shape == (30, 30, 3)


def test_bombs_are_refused_and_memory_returns(write_png: PngWriter, write_tiff: TiffWriter, photo_rgb: Picture) -> None:
    page = np.zeros((100, 100), np.uint8)
    jpeg = _encode(".jpg", photo_rgb)
    frame = jpeg.index(b"\xff\xc0")
    bmp, webp = (
        bytearray(_encode(".bmp", photo_rgb)),
        bytearray(_encode(".webp", np.dstack([photo_rgb, photo_rgb[..., 0]]), cv2.IMWRITE_WEBP_QUALITY, 80)),
    )
    struct.pack_into("<ii", bmp, 18, 100_000, 100_000)
    assert webp[12:16] == b"VP8X"
    webp[24:30] = b"\xff\xff\xff\xff\xff\xff"
    bombs = [
        write_png(60_000, 60_000, 8, 2, bytes(1000)),
        write_png(30_000, 1_400, 16, 6, bytes(1000)),
        write_png(100_000, 16, 8, 0, bytes(1000)),
        jpeg[: frame + 5] + b"\xff\xdc\xff\xdc" + jpeg[frame + 9 :],
        bytes(bmp),
        bytes(webp),
        write_tiff([page], tags={256: 200_000, 257: 200_000}),
        write_tiff([page], tags={322: 1 << 20, 323: 1 << 20, 324: 8, 325: 100}),
        write_tiff([page] * 100),
        write_tiff([page] * 3),
        bytes(40 << 20),
    ]
    process = psutil.Process()
    decode(jpeg)
    before = process.memory_info().rss
    for bomb in bombs * 3:
        with pytest.raises(ImageTooLargeError):
            decode(bomb)
    assert process.memory_info().rss - before < 64 << 20


def test_a_picture_that_inflates_to_less_than_it_claims_is_refused(write_png: PngWriter) -> None:
    with pytest.raises(UnreadableImageError, match="damaged"):
        decode(write_png(300, 300, 8, 2, bytes(901 * 200)))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".tif"])
def test_files_cut_short_anywhere_are_refused_and_never_half_grey(suffix: str, photo_rgb: Picture) -> None:
    data = _encode(suffix, photo_rgb)
    assert decode(data).shape == photo_rgb.shape
    for length in [*range(64), *range(64, len(data), 97), len(data) - 1]:
        with pytest.raises(UnreadableImageError):
            decode(data[:length])


@settings(max_examples=150, deadline=None)
@given(
    start=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0"])
    | st.just(b"RIFF\x40\0\0\0WEBPVP8 "),
    rest=st.binary(max_size=400),
)
def test_random_bytes_get_an_error_of_ours(start: bytes, rest: bytes) -> None:
    with pytest.raises(ImageError):
        decode(start + rest)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_files_give_a_view_or_an_error_of_ours(
    data: st.DataObject, photo_rgb: Picture, write_tiff: TiffWriter
) -> None:
    grey = photo_rgb[..., 0].astype(np.uint16) * np.uint16(257)
    files = [_encode(suffix, photo_rgb) for suffix in (".jpg", ".bmp", ".webp", ".tif")]
    files += [write_tiff([grey, grey // 2]), write_tiff([grey.astype(np.float32)], big=True)]
    mutated = bytearray(data.draw(st.sampled_from(files)))
    for _ in range(data.draw(st.integers(1, 6))):
        mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    try:
        picture = decode(bytes(mutated))
    except ImageError:
        return
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    assert picture.size <= 3 * ImageLimits().max_pixels
