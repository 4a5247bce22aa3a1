"""DICOS DX in and out: pixels exact, white = air whatever the file's convention, and a clear word about other files."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
)

from detector.dicos import read_dx, read_pixels
from detector.dicos_writing import write_dx
from detector.errors import ImageTooLargeError, UnreadableImageError
from detector.images import ImageLimits, decode

CAPTURED = datetime(2026, 11, 22, 4, 5, 6, tzinfo=UTC)
Change = Callable[[pydicom.Dataset], object]


@pytest.fixture
def view() -> NDArray[np.uint16]:
    """A (40, 60) view without symmetry that uses the whole scale."""
    return np.random.default_rng(5).integers(0, 65536, (40, 60), np.uint16)


def changed(data: bytes, change: Change, *, implicit: bool = False, little: bool = True) -> bytes:
    file = pydicom.dcmread(io.BytesIO(data))
    change(file)
    out = io.BytesIO()
    pydicom.dcmwrite(out, file, implicit_vr=implicit, little_endian=little, force_encoding=True)
    return out.getvalue()


def setting(**values: object) -> Change:
    def change(file: pydicom.Dataset) -> None:
        for name, value in values.items():
            setattr(file, name, value)

    return change


def test_what_was_written_is_read_back(view: NDArray[np.uint16]) -> None:
    data = write_dx(view, item_id="RR473124829CA", captured_at=CAPTURED)
    dx = read_dx(data)
    assert (dx.resolution_wh, dx.item_id) == ((60, 40), "RR473124829CA")
    assert np.array_equal(read_pixels(data, read_dx(data)), view)
    assert dx.study_uid.startswith("2.25.")
    assert dx.sop_instance_uid.startswith("2.25.")
    assert data == write_dx(view, item_id="RR473124829CA", captured_at=CAPTURED)
    other = read_dx(write_dx(view, item_id="another", captured_at=CAPTURED))
    assert other.sop_instance_uid != dx.sop_instance_uid
    shown = decode(data)
    assert shown.shape == (40, 60, 3)
    assert np.array_equal(shown[..., 0], np.rint(view / 65535 * 255).astype(np.uint8))


def test_another_reader_finds_what_the_standard_asks_for(view: NDArray[np.uint16]) -> None:
    file = pydicom.dcmread(io.BytesIO(write_dx(view, captured_at=CAPTURED, for_processing=False)))
    assert file.file_meta[0x00020004].value == "V03"
    assert file.SOPClassUID.name == "DICOS Digital X-Ray Image Storage - For Presentation"
    assert (file[0x00080118].value, file[0x00082108].value) == ("MACHINE", "RHS")
    assert file.ContentDate == "20261122"
    assert np.array_equal(file.pixel_array, view)


@pytest.mark.parametrize(
    ("syntax", "implicit", "little"),
    [(ImplicitVRLittleEndian, True, True), (ExplicitVRBigEndian, False, False)],
    ids=["implicit", "big-endian"],
)
def test_every_uncompressed_syntax_is_read(view: NDArray[np.uint16], syntax: UID, implicit: bool, little: bool) -> None:
    def change(file: pydicom.Dataset) -> None:
        file.file_meta.TransferSyntaxUID = syntax
        if not little:
            file.PixelData = view.astype(">u2").tobytes()

    data = changed(write_dx(view), change, implicit=implicit, little=little)
    assert np.array_equal(read_pixels(data, read_dx(data)), view)


def test_air_is_white_whatever_the_convention() -> None:
    # Air on the left; on the right an object of half the attenuation range; 12 of the 16 bits in use.
    transmission = np.full((32, 64), 4095, np.uint16)
    transmission[:, 40:] = 1024
    expected = decode(write_dx(transmission))[..., 0]
    assert expected[0, 0] == 255
    assert expected[0, 63] == 64
    attenuation = (4095 - transmission).astype("<u2")
    by_sign = changed(
        write_dx(transmission), setting(PixelData=attenuation.tobytes(), PixelIntensityRelationshipSign=-1)
    )
    assert np.array_equal(decode(by_sign)[..., 0], expected)

    def monochrome1(file: pydicom.Dataset) -> None:
        del file.PixelIntensityRelationshipSign
        setting(PixelData=attenuation.tobytes(), PhotometricInterpretation="MONOCHROME1")(file)

    assert np.array_equal(decode(changed(write_dx(transmission), monochrome1))[..., 0], expected)
    twelve = setting(BitsStored=12, HighBit=11)
    assert np.abs(decode(changed(write_dx(transmission), twelve))[..., 0].astype(int) - expected).max() <= 1
    signed = (transmission.astype(int) - 2048).astype("<i2")
    by_two = changed(
        write_dx(transmission), setting(PixelData=signed.tobytes(), PixelRepresentation=1, BitsStored=12, HighBit=11)
    )
    assert np.array_equal(read_pixels(by_two, read_dx(by_two)), transmission << 4)
    shifted = changed(
        write_dx(transmission), setting(PixelData=(transmission << 4).astype("<u2").tobytes(), BitsStored=12)
    )
    assert np.array_equal(read_pixels(shifted, read_dx(shifted)), transmission << 4)


def test_8_bit_views_stay_as_they_are() -> None:
    levels = np.random.default_rng(1).integers(0, 256, (20, 30), np.uint8)
    change = setting(PixelData=levels.tobytes(), BitsAllocated=8, BitsStored=8, HighBit=7)
    data = changed(write_dx(np.zeros((20, 30), np.uint16)), change)
    assert np.array_equal(decode(data)[..., 1], levels)


@pytest.mark.parametrize(("text", "item_id"), [("unknown", None), ("", None), (" A-17 ", "A-17"), ("A\x07B", "AB")])
def test_an_item_id_is_what_a_person_can_read(text: str, item_id: str | None) -> None:
    data = write_dx(np.ones((16, 16), np.uint16), item_id="P" * 8)
    assert read_dx(data.replace(b"P" * 8, text.encode().ljust(8))).item_id == item_id


def compress(file: pydicom.Dataset) -> None:
    file.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    file.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])


REFUSED: dict[str, tuple[Change, str]] = {
    "CT": (setting(SOPClassUID="1.2.840.10008.5.1.4.1.1.501.1"), "CT volume"),
    "TDR": (setting(SOPClassUID="1.2.840.10008.5.1.4.1.1.501.3"), "no picture"),
    "medical": (setting(SOPClassUID="1.2.840.10008.5.1.4.1.1.2"), "not a DICOS X-ray view"),
    "frames": (setting(NumberOfFrames=2), "frames"),
    "colour": (setting(PhotometricInterpretation="RGB", SamplesPerPixel=3), "MONOCHROME2"),
    "bits": (setting(BitsAllocated=32), "8 or 16 bits"),
    "high bit": (setting(HighBit=3), "8 or 16 bits"),
    "short": (setting(Rows=41), "cut short"),
    "huge": (setting(Rows=65535, Columns=65535), "claims 65535 x 65535"),
    "no rows": (lambda file: delattr(file, "Rows"), "00280010"),
    "no pixels": (lambda file: delattr(file, "PixelData"), "no pixel data"),
    "jpeg": (compress, "uncompressed"),
    "deflated": (lambda file: setattr(file.file_meta, "TransferSyntaxUID", DeflatedExplicitVRLittleEndian), "compress"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_files_are_refused_by_name(view: NDArray[np.uint16], name: str) -> None:
    change, word = REFUSED[name]
    with pytest.raises((UnreadableImageError, ImageTooLargeError), match=word):
        decode(changed(write_dx(view), change))


def test_limits_hold_before_anything_is_decoded(view: NDArray[np.uint16]) -> None:
    with pytest.raises(ImageTooLargeError, match="60 x 40"):
        decode(write_dx(view), ImageLimits(max_pixels=2000))
    with pytest.raises(UnreadableImageError, match="smaller than"):
        decode(write_dx(view[:2]))


def body_before_pixels(elements: bytes) -> bytes:
    """A DX file with raw elements put before the first one."""
    data = write_dx(np.ones((16, 16), np.uint16))
    at = 144 + struct.unpack_from("<I", data, 140)[0]
    return data[:at] + elements + data[at:]


def test_deep_sequences_and_endless_elements_are_refused() -> None:
    endless = 0xFFFFFFFF
    sequence = struct.pack("<HH2sHI", 0x0008, 0x1110, b"SQ", 0, endless)
    open_item = sequence + struct.pack("<HHI", 0xFFFE, 0xE000, endless)
    item = struct.pack("<HHIHHI", 0xFFFE, 0xE000, endless, 0xFFFE, 0xE00D, 0)
    deep, wide = open_item * 2_000, sequence + item * 100_000
    for bomb in (deep, wide, struct.pack("<HH2sH", 0x0009, 0x0010, b"LO", 0) * 100_000):
        with pytest.raises(ImageTooLargeError):
            decode(body_before_pixels(bomb))


def test_a_large_private_value_is_skipped() -> None:
    value = bytes(1 << 20)
    data = body_before_pixels(struct.pack("<HH2sHI", 0x0009, 0x1001, b"OB", 0, len(value)) + value)
    assert np.array_equal(read_pixels(data, read_dx(data)), np.ones((16, 16), np.uint16))


def test_the_writer_takes_grey_16_bit_views_only() -> None:
    for wrong in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.uint16), np.zeros((0, 4), np.uint16)):
        with pytest.raises(ValueError, match="uint16"):
            write_dx(wrong)  # type: ignore[arg-type]
