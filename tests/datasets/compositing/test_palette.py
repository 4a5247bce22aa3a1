"""Palettes fitted to pictures that show only a part of them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.compositing.palette import counted, fit_palette
from datasets.render.colour_maps import PALETTES, ColourTable, Palette, lookup
from datasets.render.scanner_profiles import random_profile

LEVELS, MATERIALS = 256, 128
INDEX = np.linspace(-0.5, 2.6, MATERIALS)


def table_of(palette: Palette) -> NDArray[np.float32]:
    return lookup(ColourTable(palette)).reshape(MATERIALS, LEVELS, 3).astype(np.float32)


def lab(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(rgb / np.float32(255.0), cv2.COLOR_RGB2LAB))


def benign_pixels(colours: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return pixels of a table: organic and mixed matter up to dark tones, metal only while it is thin."""
    picked = []
    for lowest, highest, darkest, many in (
        (-0.3, 0.3, 0.75, 60_000),
        (0.5, 1.2, 0.75, 20_000),
        (1.5, 2.2, 0.45, 6_000),
    ):
        index = rng.uniform(lowest, highest, many)
        level = rng.beta(1.2, 2.5, many) * darkest
        picked.append(colours[np.searchsorted(INDEX, index), (level * 255).astype(int)])
    pixels = np.concatenate(picked)
    return np.clip(np.rint(pixels + rng.normal(0.0, 2.0, pixels.shape)), 0, 255).astype(np.float32)


def test_varied_palettes_come_back_also_where_nothing_was_seen() -> None:
    """Mean CIELAB distances over varied scanners: of what was seen, of metal thicker than any that was seen."""
    seen, unseen = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        display = random_profile(rng, output="colour").display
        assert isinstance(display, ColourTable)
        plain = ColourTable(display.palette, hue_shift_degrees=display.hue_shift_degrees, saturation=display.saturation)
        true = lookup(plain).reshape(MATERIALS, LEVELS, 3).astype(np.float32)
        far = np.linalg.norm(lab(table_of(fit_palette(counted(benign_pixels(true, rng))))) - lab(true), axis=2)
        metal = INDEX > 1.5
        seen.append(far[~metal, :190].mean())
        unseen.append(far[metal, 110:].mean())
    assert np.mean(seen) < 5.0
    assert np.mean(unseen) < 8.0


def test_a_palette_unlike_any_known_one_is_followed_where_pixels_show_it() -> None:
    strange = Palette(
        ((255, 255, 255), (255, 220, 220), (240, 130, 120), (180, 70, 60), (50, 20, 10)),
        ((255, 255, 255), (230, 240, 170), (180, 200, 60), (110, 130, 10), (30, 40, 0)),
        ((255, 255, 255), (200, 190, 250), (120, 90, 220), (60, 40, 120), (10, 5, 30)),
    )
    found = fit_palette(counted(benign_pixels(table_of(strange), np.random.default_rng(0))))
    known = min(np.linalg.norm(lab(table_of(one)) - lab(table_of(strange)), axis=2).mean() for one in PALETTES.values())
    assert np.linalg.norm(lab(table_of(found)) - lab(table_of(strange)), axis=2).mean() < 0.75 * known


@pytest.mark.parametrize("seed", range(4))
def test_every_ramp_darkens_whatever_the_pictures_show(seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 8, (80_000, 3)) * np.float32(32.0)
    palette = fit_palette(counted(noise))
    for ramp in (palette.organic, palette.mixed, palette.metal):
        light = np.array(ramp) @ [0.299, 0.587, 0.114]
        assert (np.diff(light) < 0).all(), ramp
    assert fit_palette(counted(np.zeros((0, 3)))) in PALETTES.values()
