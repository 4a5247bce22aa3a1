"""The canonical pseudo-colour of a dual-energy view: organic orange, light metal green, heavy metal blue, thick dark.

The hue follows R = ln T_low / ln T_high. Beam hardening lets R fall with thickness, so the R that stands for organic
material, aluminium and iron is looked up by the attenuation of the high-energy channel.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["dual_energy_to_rgb"]

# R of organic material, aluminium and iron by high-channel attenuation, as simulated for 140-160 kVp through a GOS /
# 0.6 mm Cu / CsI pair of detectors (middle of the organic range); the values at 0 are extrapolated.
_ATTENUATION: Final = np.array([0.0, 0.3, 1.0, 3.0, 5.0])
_R_ORGANIC: Final = np.array([1.22, 1.21, 1.18, 1.15, 1.14])
_R_ALUMINIUM: Final = np.array([1.78, 1.72, 1.52, 1.35, 1.27])
_R_IRON: Final = np.array([2.70, 2.54, 2.06, 1.56, 1.37])
# Hue at class 0 (organic), 1 (aluminium) and 2 (iron), with one more between each; RGB at half brightness.
_CLASS: Final = np.array([0.0, 0.45, 1.0, 1.5, 2.0])
_HUES_RGB: Final = np.array([[245, 130, 25], [215, 165, 40], [70, 165, 60], [40, 130, 150], [30, 70, 190]], np.float64)
# Brightness is T_mean to this power: thin things stay visible, 20 mm of steel are nearly black.
_GAMMA: Final = 0.55
_FLOOR: Final = 1e-4
# Tables in place of interpolation in every pixel: steps per unit of attenuation, and per material class.
_STEPS: Final = 256
_GRID: Final = np.arange(round(-np.log(_FLOOR) * _STEPS) + 2) / _STEPS
_R_TABLES: Final = [
    np.interp(_GRID, _ATTENUATION, known).astype(np.float32) for known in (_R_ORGANIC, _R_ALUMINIUM, _R_IRON)
]
_HUE_TABLES: Final = [
    np.interp(np.arange(2 * _STEPS + 1) / _STEPS, _CLASS, channel).astype(np.float32) for channel in _HUES_RGB.T
]
# Below this attenuation noise decides R, so the colour fades to that of organic material.
_THIN: Final = 0.04


def dual_energy_to_rgb(low: NDArray[np.floating], high: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return the (H, W, 3) pseudo-colour of two (H, W) transmissions, 1 = air.

    Values are clipped to 0.0001..1.

    Raises:
        ValueError: the shapes differ or a value is not finite.
    """
    if low.shape != high.shape or low.ndim != 2:
        raise ValueError(f"expected two (H, W) transmissions, got {low.shape} and {high.shape}")
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ValueError("expected finite transmissions")
    picture = np.empty((*low.shape, 3), np.uint8)
    # In strips: the intermediate arrays would take ten times the memory of a large view.
    rows = max(1, 200_000 // max(1, low.shape[1]))
    for top in range(0, low.shape[0], rows):
        strip = slice(top, top + rows)
        picture[strip] = _strip(low[strip], high[strip])
    return picture


def _strip(low: NDArray[np.floating], high: NDArray[np.floating]) -> NDArray[np.uint8]:
    low, high = (np.asarray(page, np.float32).clip(_FLOOR, 1.0) for page in (low, high))
    attenuation = -cv2.log(high)
    ratio = -cv2.log(low) / np.maximum(attenuation, np.float32(1e-6))
    step = (attenuation * np.float32(_STEPS)).astype(np.intp)
    organic, aluminium, iron = (known.take(step) for known in _R_TABLES)
    # 0 organic, 1 aluminium, 2 iron: one of the two terms is out of its range and clipped.
    material = ((ratio - organic) / (aluminium - organic)).clip(0.0, 1.0)
    material += ((ratio - aluminium) / (iron - aluminium)).clip(0.0, 1.0)
    material *= np.minimum(attenuation / np.float32(_THIN), np.float32(1))
    shade = (material * np.float32(_STEPS)).astype(np.intp)
    light = cv2.pow((low + high) * np.float32(0.5), _GAMMA)
    # White at light 1, the hue at light 1/2, black at light 0, linear between.
    white, own = (2 * light - 1).clip(0.0, 1.0), np.minimum(2 * light, 2 - 2 * light)
    channels = [white * 255 + own * hue.take(shade) for hue in _HUE_TABLES]
    picture: NDArray[np.uint8] = cv2.merge([cv2.convertScaleAbs(channel) for channel in channels]).astype(np.uint8)
    return picture
