"""Images that look the same, by perceptual hash: one parcel scanned twice, one image saved twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datasets.catalogue import Catalogue
from datasets.coco import Problem
from datasets.hashing import difference_hash, hash_distances
from datasets.records import ImageRecord, Split
from detector.errors import ImageError
from detector.images import decode

__all__ = ["NEAR_BITS", "Pair", "find_duplicates", "near_pairs"]

# Bits of 256. Two renders of different parcels differ by far more; one image saved twice as JPEG by 0 to 4.
NEAR_BITS: Final = 6
# An image with fewer bits than this is nearly blank, and all blank images look the same.
_BLANK_BITS: Final = 16


@dataclass(frozen=True, slots=True)
class Pair:
    """Two images that look the same.

    Attributes:
        first: the one that is earlier in the catalogue.
        second: the other one.
        bits: in which their hashes differ, of 256.
    """

    first: ImageRecord
    second: ImageRecord
    bits: int

    @property
    def crosses_splits(self) -> bool:
        """Whether a model could be tested on what it was trained on."""
        return self.first.split != self.second.split

    @property
    def same_file(self) -> bool:
        """Whether they are the same to the byte."""
        return self.first.sha256 == self.second.sha256


def near_pairs(
    records: Sequence[ImageRecord], hashes: Sequence[NDArray[np.uint64]], *, bits: int = NEAR_BITS
) -> list[Pair]:
    """Return the pairs of images whose hashes (4,) differ in at most `bits` of 256; nearly blank images have none.

    Every image is held against all before it in one array operation, so that 20,000 images take some seconds, and is
    paired with the nearest of each split only, so that a thousand copies of one image do not give a million pairs.
    """
    full = [number for number, one in enumerate(hashes) if int(np.bitwise_count(one).sum()) >= _BLANK_BITS]
    if not full:
        return []
    seen = np.stack([hashes[number] for number in full])
    found = []
    for place, number in enumerate(full):
        distances = hash_distances(seen[:place], hashes[number])
        nearest: dict[Split, int] = {}
        for other in np.flatnonzero(distances <= bits):
            split = records[full[other]].split
            if split not in nearest or distances[other] < distances[nearest[split]]:
                nearest[split] = int(other)
        found += [Pair(records[full[other]], records[number], int(distances[other])) for other in nearest.values()]
    return found


def find_duplicates(
    catalogue: Catalogue,
    *,
    bits: int = NEAR_BITS,
    threads: int = 2,
    on_progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> tuple[list[Pair], list[Problem]]:
    """Return the pairs of images of a catalogue that look the same, and the images that could not be read."""
    records, hashes, problems = [], [], []
    with ThreadPoolExecutor(threads) as pool:
        looked = pool.map(lambda record: _hash(catalogue, record), catalogue.records)
        for done, (record, result) in enumerate(zip(catalogue.records, looked, strict=True), start=1):
            if isinstance(result, Problem):
                problems.append(result)
            else:
                records.append(record)
                hashes.append(result)
            on_progress(done, len(catalogue.records))
    return near_pairs(records, hashes, bits=bits), problems


def _hash(catalogue: Catalogue, record: ImageRecord) -> NDArray[np.uint64] | Problem:
    try:
        return difference_hash(decode(catalogue.path_of(record).read_bytes()))
    except (OSError, ImageError) as error:
        return Problem(record.file_name, f"cannot be read ({error}); run 'parcelray catalogue check'")
