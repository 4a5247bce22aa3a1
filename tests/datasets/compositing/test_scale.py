"""The tone curve that a scanner's pictures of parcels speak for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.compositing.estimate import COLOUR_LANDMARKS, GREY_LANDMARKS
from datasets.compositing.scale import Landmarks, choose_curve

AIR = 2
TONES = np.linspace(0.0, 1.0, 256)
POWERS = [(gamma, black) for gamma in np.linspace(0.45, 0.95, 11) for black in np.geomspace(3.0, 14.0, 23)]
CURVES = np.stack([black * TONES ** (1 / gamma) for gamma, black in POWERS])


def shown(curve: NDArray[np.float64], landmarks: Landmarks, denser: float = 1.0) -> NDArray[np.int64]:
    """Return how many pixels have each tone when parcels as dense as the landmarks say are shown by a curve."""
    shares = np.linspace(0.0, 1.0, 200_001)
    known = np.log([0.05, *landmarks.attenuations, landmarks.attenuations[-1] * 1.15])
    attenuation = denser * np.exp(np.interp(shares, [0.0, *landmarks.shares, 1.0], known))
    tone = np.searchsorted(curve, attenuation).clip(0, 255)
    counts = np.bincount(tone, minlength=256)
    counts[0] += 100_000  # the open beam
    counts[np.searchsorted(curve, 0.03)] += 40_000  # paper and film
    return counts


@pytest.mark.parametrize(("gamma", "black"), [(0.5, 5.9), (0.65, 8.3), (0.85, 6.0), (0.65, 11.5)])
def test_pictures_of_middling_parcels_give_the_curve_back(gamma: float, black: float) -> None:
    true = black * TONES ** (1 / gamma)
    choice = choose_curve(CURVES, shown(true, COLOUR_LANDMARKS), COLOUR_LANDMARKS, AIR)
    seen = (true > 0.2) & (true < 5.0)
    assert np.abs(np.log(CURVES[choice.index][seen] / true[seen])).max() < 0.5
    low, high = choice.factors
    assert 0.3 < low < 1.0 < high < 3.0


def test_a_denser_site_is_read_too_thin_within_what_is_stated() -> None:
    true = 7.0 * TONES ** (1 / 0.65)
    at = int(np.searchsorted(true, 1.0))
    factors = []
    for denser in (0.75, 1.0, 1.35):
        choice = choose_curve(CURVES, shown(true, COLOUR_LANDMARKS, denser), COLOUR_LANDMARKS, AIR)
        factors.append(float(CURVES[choice.index][at] / true[at]))
        low, high = choice.factors
        assert low < 1 / factors[-1] < high
    assert factors[0] > 1.1 * factors[1] > 1.1**2 * factors[2]


def test_more_alike_sites_leave_less_open() -> None:
    pixels = shown(7.0 * TONES ** (1 / 0.65), COLOUR_LANDMARKS)
    alike = replace(COLOUR_LANDMARKS, spread=(0.05,) * 7)
    (wide_low, wide_high), (low, high) = (
        choose_curve(CURVES, pixels, one, AIR).factors for one in (COLOUR_LANDMARKS, alike)
    )
    assert high / low < 0.6 * wide_high / wide_low


def test_tones_above_the_darkest_are_not_missed() -> None:
    """A display that is black from 3 on shows nothing of what is denser: black pixels speak for 3 and all above."""
    true = 3.0 * TONES ** (1 / 0.65)
    choice = choose_curve(CURVES, shown(true, COLOUR_LANDMARKS), COLOUR_LANDMARKS, AIR)
    assert POWERS[choice.index][1] == pytest.approx(3.0, rel=0.2)


def test_thin_matter_that_is_burnt_out_is_not_taken_for_missing() -> None:
    """If white stands for all up to 0.3, the lightest matter that shows is no carton wall."""
    curves = np.stack([white + 4.0 * TONES ** (1 / 0.7) for white in (0.02, 0.3)])
    for true in (0, 1):
        assert choose_curve(curves, shown(curves[true], GREY_LANDMARKS), GREY_LANDMARKS, AIR).index == true


def test_pictures_without_matter_are_no_crash() -> None:
    choice = choose_curve(CURVES, np.bincount([0] * 1000, minlength=256), COLOUR_LANDMARKS, AIR)
    assert choice.factors[0] < 1.0 < choice.factors[1]
