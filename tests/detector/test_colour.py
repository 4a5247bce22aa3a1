from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.colour import dual_energy_to_rgb

# High-channel attenuation -> R of organic material, aluminium and iron (measured on a simulated 140-160 kVp scanner).
KNOWN_R = {0.3: (1.20, 1.72, 2.54), 1.0: (1.18, 1.52, 2.06), 3.0: (1.15, 1.35, 1.56)}


def _colour(attenuation_high: float, ratio: float) -> NDArray[np.int64]:
    low, high = np.full((2, 2), np.exp(-attenuation_high * ratio)), np.full((2, 2), np.exp(-attenuation_high))
    colour: NDArray[np.int64] = dual_energy_to_rgb(low, high)[0, 0].astype(np.int64)
    return colour


@pytest.mark.parametrize("attenuation", KNOWN_R)
def test_organic_is_orange_aluminium_green_and_iron_blue(attenuation: float) -> None:
    organic, aluminium, iron = (_colour(attenuation, ratio) for ratio in KNOWN_R[attenuation])
    assert organic[0] > organic[1] > organic[2]
    assert aluminium.argmax() == 1
    assert iron.argmax() == 2
    assert iron.argmin() == 0


def test_air_is_white_and_thick_steel_nearly_black() -> None:
    air = dual_energy_to_rgb(np.ones((3, 4)), np.ones((3, 4)))
    assert air.shape == (3, 4, 3)
    assert (air == 255).all()
    assert _colour(6.0, 1.3).max() < 25


def test_noise_around_air_stays_nearly_white() -> None:
    rng = np.random.default_rng(0)
    low, high = (1 + rng.normal(0, 0.003, (50, 50)) for _ in range(2))
    assert dual_energy_to_rgb(low, high).min() > 240


@pytest.mark.parametrize("ratio", [1.15, 1.5, 2.2])
def test_more_material_is_never_brighter(ratio: float) -> None:
    high = np.exp(-np.linspace(0, 8, 400))[None]
    brightness = dual_energy_to_rgb(high**ratio, high)[0].astype(int) @ [299, 587, 114]
    assert (np.diff(brightness) <= 1500).all()  # one and a half grey levels: rounding and hue drift
    assert brightness[-1] < brightness[0] / 8


def test_neighbouring_values_have_neighbouring_colours() -> None:
    attenuation, ratio = np.meshgrid(np.linspace(0.0, 6, 600), np.linspace(1.0, 3.2, 600))
    colours = dual_energy_to_rgb(np.exp(-attenuation * ratio), np.exp(-attenuation)).astype(int)
    assert np.abs(np.diff(colours, axis=0)).max() <= 6
    assert np.abs(np.diff(colours, axis=1)).max() <= 24


def test_values_out_of_range_are_clipped_and_nonsense_refused() -> None:
    wild = np.array([[-1.0, 0.0, 2.0, 1e9]])
    picture = dual_energy_to_rgb(wild, wild)
    assert (picture[0, 2:] == 255).all()
    assert picture[0, :2].max() < 10
    with pytest.raises(ValueError, match="finite"):
        dual_energy_to_rgb(np.array([[np.nan]]), np.array([[1.0]]))
    with pytest.raises(ValueError, match="two \\(H, W\\)"):
        dual_energy_to_rgb(np.ones((2, 2)), np.ones((2, 3)))
