"""How much attenuation the tones of a scanner's pictures stand for.

No picture states it. Three things that are known of scanners and parcels narrow it down:

- Tone curves of known scanners have few parameters, and each only a range: these are the candidates.
- Parcels are spread over attenuation in a way that changes less between sites than it seems: much of a parcel is one
  carton or cloth wall, and next to nothing lets less through than the scatter of the beam. A candidate under which the
  scans' own spread is that of parcels is likely; one under which it is not, is not.
- Sites differ. By how much the tenths of rendered sites do, and by as much again for what no rendering knows, is
  allowed for; what is left open is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Choice", "Landmarks", "choose_curve"]

Double = NDArray[np.float64]
AIR_BELOW: Final = 0.05
_SURE: Final = (0.05, 0.95)
_ASKED: Final = 1.0  # the attenuation at which the choice is said to be so and so sure
_SITES_ALIKE: Final = 0.87  # correlation of neighbouring landmarks over sites
_LEAST: Final = 1e-3
_BURNT_OUT: Final = 2  # of the tones: as far as compression spreads the lightest
_DARKEST: Final = 1.15  # the densest matter there is, in the attenuation at the last landmark


@dataclass(frozen=True, slots=True)
class Landmarks:
    """How parcels are spread over attenuation: the shares of matter's pixels that lie below, and how sites vary.

    Attributes:
        shares: of the pixels that are above 0.05, rising.
        attenuations: below which each of these shares lies, middling over sites.
        spread: standard deviation of their logarithms over sites.
        matter: share of what is not open beam that is above 0.05: the rest is bare paper and film.
        matter_spread: standard deviation of its logarithm over sites.
    """

    shares: tuple[float, ...]
    attenuations: tuple[float, ...]
    spread: tuple[float, ...]
    matter: float
    matter_spread: float


@dataclass(frozen=True, slots=True)
class Choice:
    """The candidate that was chosen, and between which factors times it nine tenths of the likely ones lie."""

    index: int
    factors: tuple[float, float]


def choose_curve(curves: Double, pixels: NDArray[np.integer], landmarks: Landmarks, air: int) -> Choice:
    """Choose among tone curves by the pictures that a scanner makes of parcels.

    Args:
        curves: (C, L) attenuation that each of L tones stands for under each candidate, rising with the tone.
        pixels: (L,) how many pixels of the scans have each tone.
        landmarks: of parcels.
        air: tones from the first on that are those of the open beam and its grain.
    """
    spread = np.array(landmarks.spread)
    apart = np.abs(np.subtract.outer(range(len(spread)), range(len(spread))))
    certain = np.linalg.inv(_SITES_ALIKE**apart * np.outer(spread, spread))
    misses = np.stack([_miss(curve, pixels, landmarks) for curve in curves])
    unlikely = np.einsum("ci,ij,cj->c", misses, certain, misses) / 2
    # Or a curve under which most of what is thin counts as air would be judged by the rest alone.
    unlikely += (_matter_miss(curves, pixels, landmarks, air) / landmarks.matter_spread) ** 2 / 2
    likely = np.exp(unlikely.min() - unlikely)
    likely /= likely.sum()
    logs = np.log(np.maximum(curves, _LEAST))
    middle = likely @ logs
    weight = np.sqrt(pixels + 1.0) * (np.exp(middle) > AIR_BELOW)
    index = int(np.argmin((logs - middle) ** 2 @ weight))
    at = int(np.argmin(np.abs(logs[index] - np.log(_ASKED))))
    factors = np.exp(logs[:, at] - logs[index, at])
    order = np.argsort(factors)
    low, high = np.interp(_SURE, np.cumsum(likely[order]), factors[order])
    return Choice(index, (float(low), float(high)))


def _miss(curve: Double, pixels: NDArray[np.integer], landmarks: Landmarks) -> Double:
    """Return by how much (K,) the logarithms of the attenuations at the landmarks' shares differ from those wanted."""
    # Where the lightest tones stand for more than air, thin matter is burnt out and the rest is a part of all matter.
    least = max(float(curve[_BURNT_OUT]), AIR_BELOW)
    matter = np.where(curve > least, pixels, 0)
    below = np.cumsum(matter) / max(int(matter.sum()), 1)
    tone = np.minimum(np.searchsorted(below, landmarks.shares), len(curve) - 1)
    miss = np.log(np.maximum(curve[tone], _LEAST)) - _wanted(least, landmarks)
    # The darkest tone stands for its own attenuation and all above.
    return np.where(tone >= len(curve) - 1, np.maximum(miss, 0.0), miss)


def _matter_miss(curves: Double, pixels: NDArray[np.integer], landmarks: Landmarks, air: int) -> Double:
    """Return by how much (C,) the logarithm of the share of matter differs from the one wanted, 0 if burnt out."""
    share = (curves > AIR_BELOW) @ pixels / max(int(pixels[air:].sum()), 1)
    miss = np.log(np.maximum(share, _LEAST) / landmarks.matter)
    return np.where(curves[:, _BURNT_OUT] > AIR_BELOW, 0.0, miss)


def _wanted(least: float, landmarks: Landmarks) -> Double:
    """Return the logarithms (K,) of the attenuations below which the shares of the matter above `least` lie."""
    shares = np.array([0.0, *landmarks.shares, 1.0])
    logs = np.log([AIR_BELOW, *landmarks.attenuations, landmarks.attenuations[-1] * _DARKEST])
    missing = np.interp(np.log(least), logs, shares)
    return np.asarray(np.interp(missing + (1.0 - missing) * shares[1:-1], shares, logs))
