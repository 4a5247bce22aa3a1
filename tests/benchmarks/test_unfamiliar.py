from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

import parcelray
from benchmarks.unfamiliar import measure
from detector.detector import SHIPPED_MODEL
from detector.familiarity import Familiarity


def noisy(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (80, 90, 3), dtype=np.uint8)


def test_what_is_like_the_references_is_not_referred_and_the_rest_is(tmp_path: Path) -> None:
    known = Familiarity.fit(noisy(seed) for seed in range(60))
    assert known is not None
    for seed in range(8):
        cv2.imwrite(str(tmp_path / f"{seed}.png"), noisy(100 + seed))
    (tmp_path / "notes.txt").write_text("no picture")
    rows = dict(measure(known, None, [tmp_path], 8))
    assert [rows[f"body: {kind}"]["count"] for kind in ("hand", "chest", "head", "knee")] == [2, 2, 2, 2]
    assert all(rows[f"body: {kind}"]["unlike"] == 1.0 for kind in ("hand", "chest", "head", "knee"))
    assert rows[tmp_path.name] == {"count": 8, "unlike": 0.0, "flaw": 0.0, "referred": 0.0}
    assert rows[f"{tmp_path.name}, grey"]["unlike"] == 1.0
    assert rows["blank"]["referred"] == 1.0


def test_the_command_measures_the_shipped_model(tmp_path: Path) -> None:
    assert parcelray.main(["bench", "unfamiliar", "--count", "4", "--out", str(tmp_path / "u.json")]) == 0
    figures = json.loads((tmp_path / "u.json").read_text())["figures"]
    assert figures["model"] == SHIPPED_MODEL.stem
    assert (figures["views"]["blank"]["count"], figures["views"]["blank"]["referred"]) == (5, 1.0)
