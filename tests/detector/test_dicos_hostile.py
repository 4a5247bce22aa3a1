"""Mutated DICOS files: every one is read or refused with an image error, never anything else."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
import pytest

from detector.dicos_writing import write_dx
from detector.errors import ImageError
from detector.images import ImageLimits, decode

LIMITS: Final = ImageLimits(max_pixels=100_000)
LENGTHS: Final = (0, 1, 2, 0x7F, 0xFFFE, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
FILES: Final = 4_000


def seeds() -> list[bytes]:
    """Small files: two kinds of DX, and one with a sequence of open length before its pixels."""
    view = np.random.default_rng(7).integers(0, 65536, (20, 24), np.uint16)
    plain = write_dx(view, item_id="RR473124829CA")
    at = 144 + struct.unpack_from("<I", plain, 140)[0]
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
    sequence = struct.pack("<HH2sHI", 0x0008, 0x0005, b"SQ", 0, 0xFFFFFFFF) + item * 3
    nested = plain[:at] + sequence + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0) + plain[at:]
    return [plain, write_dx(view, for_processing=False), nested]


def mutated(rng: np.random.Generator, files: Sequence[bytes]) -> bytes:
    """Return one of the files with one to six changes, most of them in its head, where the structure is."""
    data = bytearray(files[int(rng.integers(len(files)))])
    for _ in range(rng.integers(1, 7)):
        head = min(len(data), 1700)
        at = int(rng.integers(128, head)) if head > 128 else 0
        match int(rng.integers(8)):
            case 0:
                data[at] ^= 1 << int(rng.integers(8))
            case 1:
                data[at] = int(rng.integers(256))
            case 2:  # another length of two or four bytes
                kind = "<I" if rng.integers(2) else "<H"
                size = struct.calcsize(kind)
                value = LENGTHS[rng.integers(len(LENGTHS))] & (1 << 8 * size) - 1
                data[at : at + size] = struct.pack(kind, value)
            case 3:
                del data[at : at + int(rng.integers(1, 40))]
            case 4:
                data[at:at] = rng.bytes(int(rng.integers(1, 40)))
            case 5:  # a piece of another file, which may be a whole element
                other = files[int(rng.integers(len(files)))]
                start = int(rng.integers(132, 1500))
                data[at:at] = other[start : start + int(rng.integers(1, 200))]
            case 6:
                del data[int(rng.integers(len(data))) :]
            case _:  # another type of value
                types = (b"SQ", b"UN", b"OB", b"US", b"UT", b"LO", b"??")
                data[at : at + 2] = types[rng.integers(len(types))]
        if len(data) < 133:
            break
    return bytes(data)


def outcomes(seed: int, count: int) -> Counter[str]:
    """Decode so many mutated files and count what became of them; whatever is not an image error comes through."""
    rng, files, counts = np.random.default_rng(seed), seeds(), Counter[str]()
    for _ in range(count):
        data = mutated(rng, files)
        try:
            picture = decode(data, LIMITS)
        except ImageError as error:
            counts[type(error).__name__] += 1
        else:
            assert picture.dtype == np.uint8
            assert picture.size <= 3 * LIMITS.max_pixels
            counts["read"] += 1
    return counts


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_mutated_files_are_read_or_refused() -> None:
    counts = outcomes(20261122, FILES)
    assert counts.total() == FILES
    # A mutator that only makes rubbish, or none, would prove nothing.
    assert counts["read"] > FILES / 20
    assert counts["UnreadableImageError"] > FILES / 4
