from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.distance import FEATURES, features_of, frechet, measure_distance, output_of
from datasets.errors import CatalogueError
from parcelray import main


def picture(seed: int, *, grain: float, grey: bool = False) -> NDArray[np.uint8]:
    """Return a white (120, 160, 3) image with a textured orange or grey patch."""
    rng = np.random.default_rng(seed)
    image = np.full((120, 160, 3), 255.0)
    x, y = rng.integers(5, 40, 2)
    colour = (150, 150, 150) if grey else (220, 160, 70)
    image[y : y + 70, x : x + 100] = colour + rng.normal(0, grain, (70, 100, 1))
    return np.asarray(image.clip(0, 255), np.uint8)


def folder_of(path: Path, images: list[NDArray[np.uint8]]) -> Path:
    path.mkdir()
    for index, image in enumerate(images):
        cv2.imwrite(str(path / f"{index}.png"), image[..., ::-1])
    return path


def test_frechet_is_that_of_two_normal_clouds() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 1, (40_000, 3)), rng.normal((2, 0, 0), (1, 3, 1), (40_000, 3))
    assert frechet(first, first) == pytest.approx(0, abs=1e-9)
    assert frechet(first, second) == pytest.approx(2**2 + (3 - 1) ** 2, rel=0.03)
    assert frechet(first, second) == pytest.approx(frechet(second, first))


def test_features_are_named_finite_and_know_grain_and_colour() -> None:
    quiet, grainy, grey = (features_of(picture(1, grain=g, grey=c)) for g, c in ((2, False), (12, False), (2, True)))
    assert quiet.shape == (len(FEATURES),) == (len(set(FEATURES)),)
    assert np.isfinite([quiet, grainy, grey]).all()
    assert grainy[FEATURES.index("grain")] > quiet[FEATURES.index("grain")] + 0.5
    assert quiet[FEATURES.index("hue_20")] > 0.4
    assert grey[FEATURES.index("hue_20")] == 0
    assert np.isfinite(features_of(np.full((16, 16, 3), 255, np.uint8))).all()


def test_output_is_seen_in_the_pixels() -> None:
    assert output_of(picture(0, grain=3)) == "colour"
    assert output_of(picture(0, grain=3, grey=True)) == "grey"


def test_distance_falls_as_two_sets_grow_alike() -> None:
    def rows(grain: float, first: int) -> NDArray[np.float64]:
        return np.array([features_of(picture(seed, grain=grain)) for seed in range(first, first + 12)])

    real = rows(9, 0)
    far, near = measure_distance(rows(1, 50), real, rounds=20), measure_distance(rows(8, 50), real, rounds=20)
    assert near.high < far.low
    assert far.low < far.value
    assert far.counts == (12, 12)
    assert far.apart[0][1] < 0
    with pytest.raises(CatalogueError, match="at least 8"):
        measure_distance(real[:3], real)


def test_command_measures_colour_and_grey_for_themselves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    colour = [picture(seed, grain=5) for seed in range(8)]
    first = folder_of(tmp_path / "a", [*colour, *(picture(seed, grain=5, grey=True) for seed in range(8))])
    second = folder_of(tmp_path / "b", [picture(seed, grain=15) for seed in range(8, 16)])
    assert main(["catalogue", "distance", str(first), str(second), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["colour"]
    assert found["colour"]["counts"] == [8, 8]
    assert main(["catalogue", "distance", str(first), str(first)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["colour", "grey"]
    assert "8 and 8 images" in lines[0]


def test_command_says_what_is_wrong_with_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = folder_of(tmp_path / "good", [picture(seed, grain=5) for seed in range(8)])
    few = folder_of(tmp_path / "few", [picture(0, grain=5)])
    assert main(["catalogue", "distance", str(good), str(few)]) != 0
    assert "1 colour, 0 grey" in capsys.readouterr().err
    (few / "0.png").write_bytes(b"no image")
    assert main(["catalogue", "distance", str(good), str(few)]) != 0
    assert "0.png" in capsys.readouterr().err
    assert main(["catalogue", "distance", str(good), str(tmp_path / "none")]) != 0
    assert "no images found" in capsys.readouterr().err
