"""Mutated DICOS files: every one is read or refused with an image error, never anything else."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np
import pytest

from benchmarks.mutation import mutated, seeds
from detector.errors import ImageError
from detector.images import ImageLimits, decode

LIMITS: Final = ImageLimits(max_pixels=100_000)
FILES: Final = 4_000


def outcomes(seed: int, count: int) -> Counter[str]:
    """Decode so many mutated files and count what became of them; whatever is not an image error comes through."""
    rng, files, counts = np.random.default_rng(seed), seeds()["dicos"], Counter[str]()
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
