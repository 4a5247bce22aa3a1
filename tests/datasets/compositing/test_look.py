"""Looks as files, and looks estimated from scans of which the truth is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.compositing.estimate import estimate_look
from datasets.compositing.look import Look
from datasets.encoding import encode_dual_energy, encode_png
from datasets.errors import CatalogueError
from datasets.render.scanner_profiles import BASE_PROFILES
from datasets.render.sensor import Sensor, measure
from datasets.render.spectra import attenuation_table_per_mm, few_energies, transmission


@pytest.mark.parametrize("name", BASE_PROFILES)
def test_a_look_comes_back_from_its_file(name: str, tmp_path: Path) -> None:
    look = replace(Look.of(BASE_PROFILES[name]), pixel_mm=(0.8, 1.2), assumed=("nothing",))
    look.save(tmp_path / "look.json")
    assert Look.load(tmp_path / "look.json") == look
    assert Look.load(name) == Look.of(BASE_PROFILES[name])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", "sepia"),
        ("format", 2),
        ("kvp", 9),
        ("display", {}),
        ("sensor", None),
        ("pixel_mm", [0, 1]),
        ("pixel_mm", "wide"),
        ("name", 3),
    ],
)
def test_a_file_that_is_no_look_is_refused(key: str, value: object, tmp_path: Path) -> None:
    path = tmp_path / "look.json"
    values = Look.of(BASE_PROFILES["vivid"]).as_dict()
    path.write_text(json.dumps({**values, key: value}))
    with pytest.raises(CatalogueError, match="is not a look"):
        Look.load(path)
    path.write_bytes(b"[" * 100_000)
    with pytest.raises(CatalogueError, match="JSON"):
        Look.load(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *((key, value) for key in ("gamma", "black_attenuation") for value in (0, -1, float("inf"), "1")),
        *(("material_median_px", value) for value in (-3, 4, 3.0, 99_999, "3")),
    ],
)
def test_numbers_that_no_display_has_are_refused(key: str, value: object, tmp_path: Path) -> None:
    values = json.loads(json.dumps(Look.of(BASE_PROFILES["vivid"]).as_dict()))
    values["display"][key] = value
    (tmp_path / "look.json").write_text(json.dumps(values))
    with pytest.raises(CatalogueError, match="is not a look"):
        Look.load(tmp_path / "look.json")


def scans(count: int, sensor: Sensor) -> list[NDArray[np.float32]]:
    """Return scans of blocks whose attenuations are spread about as in rendered parcels."""
    seen = few_energies()
    table = attenuation_table_per_mm(("water", "aluminium", "iron"), seen)
    found = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        lengths = np.zeros((3, 120, 160), np.float32)
        lengths[0, 10:110, 10:150] = rng.uniform(2, 8)
        for _ in range(34):
            row, column, material = rng.integers(10, 90), rng.integers(10, 130), rng.choice(3, p=[0.5, 0.25, 0.25])
            thick = float(rng.exponential((30.0, 9.0, 3.0)[material]))
            lengths[material, row : row + 20, column : column + 20] += thick
        found.append(measure(transmission(lengths, table, seen), sensor, rng))
    return found


def test_raw_scans_give_noise_and_scatter(tmp_path: Path) -> None:
    sensor = Sensor(photons=(8000.0, 8000.0), scatter=0.01, haze=0.0, blur_px=(0.05, 0.05), row_flicker=0, row_drift=0)
    paths = []
    for number, pair in enumerate(scans(12, sensor)):
        pair[:, 40:60, 40:60] = 0.01
        paths.append(tmp_path / f"{number}.tiff")
        paths[-1].write_bytes(encode_dual_energy(pair))
    look = estimate_look(paths, "site")
    assert look.kind == "raw"
    assert look.sensor.photons[0] == pytest.approx(8000, rel=0.6)
    assert 0.005 < look.sensor.scatter <= 0.011
    for number in range(8):
        (tmp_path / f"{number}.png").write_bytes(encode_png(np.full((40, 40, 3), (250, number, 9), np.uint8)))
    with pytest.raises(CatalogueError, match="mixture"):
        estimate_look(sorted(tmp_path.iterdir()), "site")
