"""The attack on the decoders counts what it did, and finds what crashes, hangs or answers nonsense."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import parcelray
from benchmarks.hostile import attack
from benchmarks.mutation import mutated, seeds
from detector.errors import UnreadableImageError
from detector.images import ImageLimits

WHOLE = frozenset(data for files in seeds().values() for data in files)


def weak(data: bytes, limits: ImageLimits) -> NDArray[np.uint8]:
    """Do what a decoder with mistakes does, by the beginning of the file."""
    if data in WHOLE:
        return np.zeros((2, 2, 3), np.uint8)
    if data.startswith(b"BM"):
        os.abort()
    if data.startswith(b"RIFF"):
        time.sleep(600)
    if data.startswith(b"\xff\xd8"):
        raise KeyError("segment")
    raise UnreadableImageError("damaged")


def test_the_decoders_withstand_it(tmp_path: Path) -> None:
    out = tmp_path / "hostile.json"
    assert parcelray.main(["bench", "hostile", "--count", "600", "--seed", "5", "--out", str(out)]) == 0
    figures = json.loads(out.read_text())["figures"]
    assert (figures["crashes"], figures["hangs"]) == ({}, [])
    assert sum(number for row in figures["formats"].values() for number in row.values()) == 600
    for name, row in figures["formats"].items():
        # A mutator that only makes rubbish, or none, would prove nothing.
        assert min(row.get("read", 0), row["refused"]) > 2, name
    assert 0 < figures["peak_mib"] < figures["start_mib"] + figures["memory_limit_mib"]


def test_mistakes_are_found_and_the_rest_goes_on() -> None:
    figures = attack(6, 1, decode=weak, hang_s=8)
    assert figures["crashes"] == {1: "KeyError: 'segment'", 2: "exit code -6"}
    assert figures["hangs"] == [3]
    assert figures["formats"].keys() == {"png", "jpeg", "tiff", "dicos"}


def test_a_number_makes_the_same_file_again() -> None:
    first, again, other = (mutated(np.random.default_rng([1, number]), seeds()["png"]) for number in (7, 7, 8))
    assert first == again != other
