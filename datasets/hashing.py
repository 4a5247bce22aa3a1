"""Hashes: of files, of a catalogue's content, and of what an image looks like."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.records import ImageRecord
from datasets.samples import Annotation

__all__ = ["content_version", "difference_hash", "hash_distances", "sha256_of", "sha256_of_file"]

_HASH_SIDE: Final = 16
# Grey levels that neighbouring cells must differ by: below it, JPEG and noise decide the bit.
_HASH_STEP: Final = 3.0


def sha256_of(data: bytes) -> str:
    """Return the SHA-256 of bytes as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_version(items: Iterable[tuple[ImageRecord, Sequence[Annotation]]]) -> str:
    """Return 64 hex digits over images, splits and annotations.

    The order of the images, of the annotations of one image, and the names of the files do not count. The split
    does: a figure measured on a test split means nothing when the split is another one. So does a difficulty, where
    one was measured.
    """
    lines = []
    for record, found in items:
        marks = sorted(_content(mark) for mark in found)
        lines.append(json.dumps([record.sha256, record.split, marks], separators=(",", ":")))
    digest = hashlib.sha256()
    for line in sorted(lines):
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def _content(mark: Annotation) -> list[object]:
    # As one text: the marks are sorted, and a number does not compare with None.
    known = [json.dumps([mark.view_difficulty, mark.superposition, mark.difficulty])] if mark.difficulty else []
    return [mark.label, *mark.xyxy, sorted(mark.attributes), mark.visibility, mark.area, *known]


def difference_hash(image_rgb: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return a 256-bit hash (4,) of what the image looks like: which cells of a 16 x 16 grid outshine the next one.

    Source: Krawetz, "Kind of Like That" (2013), with a step that noise does not cross.
    """
    grey = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY)
    cells = cv2.resize(grey, (_HASH_SIDE + 1, _HASH_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    bits = cells[:, 1:] - cells[:, :-1] > _HASH_STEP
    return np.packbits(bits).view(np.uint64)


def hash_distances(hashes: NDArray[np.uint64], other: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return how many bits differ between (N, 4) hashes and one (4,) hash, as (N,)."""
    distances: NDArray[np.int64] = np.bitwise_count(hashes ^ other).sum(axis=1, dtype=np.int64)
    return distances
