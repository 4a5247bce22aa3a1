"""Deterministic splits that keep the images of one parcel, or of one scanner, together."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, Literal

from datasets.errors import CatalogueError
from datasets.records import SPLITS, ImageRecord, Split

__all__ = ["GroupBy", "split_records"]

GroupBy = Literal["parcel", "scanner"]
_WHOLE: Final = 1e-6


def split_records(
    records: Iterable[ImageRecord], shares: Sequence[float], *, by: GroupBy = "parcel", seed: int = 0
) -> list[ImageRecord]:
    """Return the records with their split set, in the order given.

    Each group goes where the hash of its name and the seed says, so that a parcel stays in its split when a catalogue
    grows. Shares are met on average. A split with a share is left empty only if there are fewer groups than splits.

    Args:
        records: images to split.
        shares: of train, val and test; they add up to 1.
        by: what is kept together.
        seed: another seed gives another split.

    Raises:
        CatalogueError: the shares are not three numbers of 0 or more that add up to 1.
    """
    if len(shares) != len(SPLITS) or not all(share >= 0 for share in shares) or abs(sum(shares) - 1) > _WHOLE:
        raise CatalogueError(f"expected three shares that add up to 1, such as 0.8 0.1 0.1, got {list(shares)}")
    images = list(records)
    names = [image.parcel_id if by == "parcel" else image.scanner for image in images]
    places = {name: _place(name, seed) for name in sorted(set(names))}
    chosen = {name: _split_at(place, shares) for name, place in places.items()}
    for split, share in zip(SPLITS, shares, strict=True):
        sizes = Counter(chosen.values())
        largest = max(SPLITS, key=lambda one: sizes[one])
        if share > 0 and not sizes[split] and sizes[largest] > 1:
            chosen[min((n for n in chosen if chosen[n] == largest), key=lambda name: places[name])] = split
    return [replace(image, split=chosen[name]) for image, name in zip(images, names, strict=True)]


def _place(name: str, seed: int) -> float:
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _split_at(place: float, shares: Sequence[float]) -> Split:
    total = 0.0
    for split, share in zip(SPLITS, shares, strict=True):
        total += share
        if share > 0 and place < total:
            return split
    return max(zip(shares, SPLITS, strict=True))[1]
