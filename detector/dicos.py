"""Reads DICOS DX (NEMA IIC 1, DICOM for security): what the file says about itself, and its pixels with white = air.

A DICOS file is a tree of elements of any depth and number, so the work on one is bounded before it begins: pixel data
are found without reading them, large values are skipped, the number of reads is limited, and deflated files (which a
parser would unpack whole) are refused with every other compression.

Grey values become transmissions as the file's own words say: `PixelIntensityRelationshipSign` tells which end is air,
and where it is missing `PhotometricInterpretation` does. Logarithmic values are taken as they are.
"""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag

from detector.errors import ImageError, ImageTooLargeError, UnreadableImageError

__all__ = ["DX_CLASSES", "DxFile", "is_dicos", "read_dx", "read_pixels"]

_ROOT: Final = "1.2.840.10008.5.1.4.1.1.501."
DX_CLASSES: Final = {f"{_ROOT}2.1": "for presentation", f"{_ROOT}2.2": "for processing"}
_OTHER_CLASSES: Final = {
    f"{_ROOT}1": "a DICOS CT volume; send its projections as DX",
    f"{_ROOT}3": "a DICOS threat detection report, which has no picture; send the DX file it is about",
}
# UID -> implicit VR, little endian.
_PLAIN_SYNTAXES: Final = {
    "1.2.840.10008.1.2": (True, True),
    "1.2.840.10008.1.2.1": (False, True),
    "1.2.840.10008.1.2.2": (False, False),
}
_META_AT: Final = 132
_MAX_META_BYTES: Final = 1 << 16
# A reader takes one to three reads an element; scanners write a few hundred elements.
_MAX_READS: Final = 5_000
# Nothing that is looked at is longer.
_MAX_VALUE_BYTES: Final = 1024
_UNDEFINED: Final = 0xFFFFFFFF
_MAX_PIXELS: Final = 1 << 30
_MAX_ITEM_ID: Final = 64
_UID: Final = re.compile(r"(?=.{1,64}$)(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")

_SYNTAX: Final = 0x00020010
_SOP_CLASS: Final = 0x00080016
_SOP_INSTANCE: Final = 0x00080018
_PATIENT_ID: Final = 0x00100020
_STUDY: Final = 0x0020000D
_SAMPLES: Final = 0x00280002
_PHOTOMETRIC: Final = 0x00280004
_FRAMES: Final = 0x00280008
_ROWS: Final = 0x00280010
_COLUMNS: Final = 0x00280011
_BITS_ALLOCATED: Final = 0x00280100
_BITS_STORED: Final = 0x00280101
_HIGH_BIT: Final = 0x00280102
_SIGNED: Final = 0x00280103
_SIGN: Final = 0x00281041
_PIXELS: Final = 0x7FE00010
_FLOAT_PIXELS: Final = 0x7FE00008
_WANTED: Final = (
    *(_SOP_CLASS, _SOP_INSTANCE, _PATIENT_ID, _STUDY, _SAMPLES, _PHOTOMETRIC, _FRAMES, _ROWS, _COLUMNS),
    *(_BITS_ALLOCATED, _BITS_STORED, _HIGH_BIT, _SIGNED, _SIGN),
)


@dataclass(frozen=True, slots=True)
class DxFile:
    """What a DX file says about itself.

    Attributes:
        resolution_wh: columns and rows.
        dtype: of the stored samples, with their byte order.
        low_bit: where a sample's lowest bit lies in its word.
        bits: meaningful bits of a sample.
        air_is_low: whether low values mean air.
        pixels_at: offset of the pixels in the file, bytes.
        item_id: Patient ID, which in DICOS is the number of the object of inspection; None where it is not known.
        study_uid: the scan that the view belongs to; empty where the file does not say.
        sop_class_uid: "for presentation" or "for processing".
        sop_instance_uid: the view itself; empty where the file does not say.
    """

    resolution_wh: tuple[int, int]
    dtype: np.dtype[Any]
    low_bit: int
    bits: int
    air_is_low: bool
    pixels_at: int
    item_id: str | None
    study_uid: str
    sop_class_uid: str
    sop_instance_uid: str


def is_dicos(data: bytes) -> bool:
    """Return whether the bytes begin as a DICOM or DICOS file does."""
    return data[128:_META_AT] == b"DICM"


def read_dx(data: bytes) -> DxFile:
    """Return what a DX file says about itself, without looking at its pixels.

    Raises:
        UnreadableImageError: damaged, cut short, compressed, or not one grey X-ray view.
        ImageTooLargeError: built of more elements, deeper ones or more pixels than a view needs.
    """
    try:
        return _read(data)
    except ImageError:
        raise
    except RecursionError as error:
        raise ImageTooLargeError("the DICOS file nests its sequences too deeply; export it without them") from error
    except Exception as error:  # the parser raises whatever damaged bytes lead it to
        if isinstance(error.__context__, ImageError):  # it wraps what stopped it
            raise error.__context__ from None
        raise UnreadableImageError("the DICOS file is damaged; export it again") from error


def read_pixels(data: bytes, dx: DxFile) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return the (H, W) view of a DX file, of which `read_dx` said `dx`, with white = air.

    8-bit samples come as uint8, wider ones with 65535 as their full scale. Check `DxFile.resolution_wh` against
    limits before.
    """
    width, height = dx.resolution_wh
    stored = np.frombuffer(data, dx.dtype, width * height, dx.pixels_at).reshape(height, width)
    mask = (1 << dx.bits) - 1
    # Two's complement and unsigned alike, so that the lowest value becomes zero.
    offset = 1 << dx.bits - 1 if dx.dtype.kind == "i" else 0
    values = (stored.view(dx.dtype.str.replace("i", "u")).astype(np.uint16) >> dx.low_bit) + np.uint16(offset)
    values &= np.uint16(mask)
    bits = dx.bits
    if dx.air_is_low:
        # Air is zero, but a scanner may use fewer bits than it declares: black is the top of those in use.
        bits = max(int(values.max()).bit_length(), 1)
        values = np.uint16((1 << bits) - 1) - values
    if bits <= 8 and dx.dtype.itemsize == 1:
        return (values << 8 - bits).astype(np.uint8)
    return (values << 16 - bits).astype(np.uint16)


class _CountedReads(io.BytesIO):
    """Bytes that may be read from so many times and no more."""

    left = _MAX_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise ImageTooLargeError(
                "the DICOS file has too many elements before its pixels; leave out private data and icons"
            )
        return super().read(size)


def _read(data: bytes) -> DxFile:
    tag, vr, length, meta_bytes = struct.unpack_from("<I2sHI", data, _META_AT)
    if (tag, vr, length) != (0x00000002, b"UL", 4) or meta_bytes > _MAX_META_BYTES:
        raise UnreadableImageError("the DICOS file does not begin with its meta information; export it again")
    body_at = _META_AT + 12 + meta_bytes
    meta = read_dataset(_CountedReads(data[_META_AT:body_at]), is_implicit_VR=False, is_little_endian=True)
    syntax = _text(meta, _SYNTAX)
    if syntax not in _PLAIN_SYNTAXES:
        raise UnreadableImageError(
            f"the DICOS file is compressed (transfer syntax {syntax[:64]!r}); export it uncompressed, "
            "as Explicit VR Little Endian"
        )
    implicit, little = _PLAIN_SYNTAXES[syntax]
    source = _CountedReads(data)
    source.seek(body_at)
    pixels: tuple[int, int, int] | None = None

    def at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:  # noqa: ARG001 - the parser's signature
        nonlocal pixels
        if tag >= _FLOAT_PIXELS:
            pixels = int(tag), source.tell(), length
        return pixels is not None

    head = read_dataset(
        source, implicit, little, stop_when=at_pixels, defer_size=_MAX_VALUE_BYTES, specific_tags=list(_WANTED)
    )
    return _checked(head, little, pixels, len(data))


def _checked(head: Dataset, little: bool, pixels: tuple[int, int, int] | None, size_bytes: int) -> DxFile:
    sop_class = _text(head, _SOP_CLASS)
    if sop_class not in DX_CLASSES:
        what = _OTHER_CLASSES.get(sop_class, f"of class {sop_class[:64]!r}, not a DICOS X-ray view; send DICOS DX")
        raise UnreadableImageError(f"the file is {what}")
    photometric, samples = _text(head, _PHOTOMETRIC), _number(head, _SAMPLES, little, 1)
    if photometric not in ("MONOCHROME1", "MONOCHROME2") or samples != 1:
        raise UnreadableImageError(
            f"expected a grey DICOS view, got {photometric[:32]!r} with {samples} samples a pixel; send MONOCHROME2"
        )
    frames = _text(head, _FRAMES) or "1"
    if frames != "1":
        raise ImageTooLargeError(f"the DICOS file has {frames[:12]!r} frames; send each as a view of its own")
    width, height = _number(head, _COLUMNS, little), _number(head, _ROWS, little)
    allocated = _number(head, _BITS_ALLOCATED, little)
    bits = _number(head, _BITS_STORED, little, allocated)
    low_bit = _number(head, _HIGH_BIT, little, bits - 1) - bits + 1
    if allocated not in (8, 16) or not 1 <= bits <= allocated or not 0 <= low_bit <= allocated - bits:
        raise UnreadableImageError(
            f"the DICOS file has {bits} of {allocated} bits a pixel from bit {low_bit}; send 8 or 16 bits a pixel"
        )
    if pixels is None or pixels[0] != _PIXELS:
        raise UnreadableImageError("the DICOS file holds no pixel data in whole numbers; export it again")
    _, at, length = pixels
    if length == _UNDEFINED:
        raise UnreadableImageError("the DICOS file is compressed; export it uncompressed, as Explicit VR Little Endian")
    if width * height > _MAX_PIXELS:
        raise ImageTooLargeError(f"the DICOS file claims {width} x {height} pixels; send it smaller")
    if min(length, size_bytes - at) < width * height * allocated // 8:
        raise UnreadableImageError("the DICOS file is cut short; send the whole file")
    kind = "i" if _number(head, _SIGNED, little, 0) else "u"
    sign = _number(head, _SIGN, little, 0)
    return DxFile(
        resolution_wh=(width, height),
        dtype=np.dtype(f"{'<' if little else '>'}{kind}{allocated // 8}"),
        low_bit=low_bit,
        bits=bits,
        air_is_low=sign == 0xFFFF if sign else photometric == "MONOCHROME1",
        pixels_at=at,
        item_id=_item_id(head),
        study_uid=_uid(head, _STUDY),
        sop_class_uid=sop_class,
        sop_instance_uid=_uid(head, _SOP_INSTANCE),
    )


def _item_id(head: Dataset) -> str | None:
    text = "".join(letter for letter in _text(head, _PATIENT_ID) if letter.isprintable())[:_MAX_ITEM_ID].strip()
    return None if text.lower() in ("", "unknown") else text


def _uid(head: Dataset, tag: int) -> str:
    text = _text(head, tag)
    return text if _UID.fullmatch(text) else ""


def _bytes(dataset: Dataset, tag: int) -> bytes:
    """Return an element's bytes as they are in the file, without the parser's ideas about them; empty if missing."""
    if tag not in dataset:
        return b""
    element = dataset.get_item(tag)
    value = element.value if isinstance(element, RawDataElement) else None
    if not isinstance(value, bytes):
        raise UnreadableImageError(f"element {tag:08X} of the DICOS file has no plain value; export it again")
    return value


def _text(dataset: Dataset, tag: int) -> str:
    return _bytes(dataset, tag).decode("utf-8", "replace").strip(" \0")


def _number(dataset: Dataset, tag: int, little: bool, default: int | None = None) -> int:
    """Return an unsigned 16-bit value."""
    value = _bytes(dataset, tag)
    if len(value) != 2 and (value or default is None):
        raise UnreadableImageError(f"element {tag:08X} of the DICOS file is missing or damaged; export it again")
    return int.from_bytes(value, "little" if little else "big") if value else default or 0
