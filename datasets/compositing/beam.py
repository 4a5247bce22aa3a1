"""What an object adds to a parcel that was scanned without it: the beam passes through both.

With one energy, transmissions multiply. A real beam is harder behind the parcel than in the open, so a fixed
transmission of the object would be too dark behind dense matter. Two transmissions tell how hard the beam is: they are
those of some water and some iron, and through that much water and iron the object is computed. A parcel of
water and iron gives exactly what a scan of both would; other materials come close to it (see the tests).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datasets.render.sensor import Sensor, spread
from datasets.render.spectra import Response, attenuation_table_per_mm

__all__ = ["BASIS", "basis_lengths", "passed_share", "with_scatter", "without_scatter"]

BASIS: Final = ("water", "iron")
_STEPS: Final = 12
_SETTLED: Final = 1e-7
# Lengths in mm that a pixel may hold: a little below nothing, because plastics are lighter than water.
_LEAST_MM, _MOST_MM = np.array([-20.0, -3.0]), np.array([1200.0, 200.0])
_DARKEST: Final = 1e-5
_HAZE_STEPS: Final = 6


def basis_lengths(transmissions: NDArray[np.floating], seen: Response) -> NDArray[np.float64]:
    """Return the (2, ...) mm of water and iron that transmit (2, ...) at low and high energy.

    Newton's method on the attenuations, pixel by pixel; transmissions are held above 0.00001.
    """
    table = attenuation_table_per_mm(BASIS, seen).astype(np.float64)
    weights = seen.weights.astype(np.float64)
    shape = transmissions.shape[1:]
    wanted = -np.log(np.maximum(np.asarray(transmissions, np.float64).reshape(2, -1), _DARKEST))
    lengths = np.zeros_like(wanted)
    for _ in range(_STEPS):
        beam = np.exp(-(table.T @ lengths))
        passed = weights @ beam
        miss = wanted + np.log(passed)
        if np.abs(miss).max(initial=0.0) < _SETTLED:
            break
        # How the attenuation of each channel grows with each material: the mean coefficient of what still passes.
        slope = np.stack([(weights * row) @ beam / passed for row in table], axis=1)
        (water_low, iron_low), (water_high, iron_high) = slope
        determinant = water_low * iron_high - iron_low * water_high
        step = np.stack([iron_high * miss[0] - iron_low * miss[1], water_low * miss[1] - water_high * miss[0]])
        lengths = np.clip(lengths + step / determinant, _LEAST_MM[:, None], _MOST_MM[:, None])
    return lengths.reshape(2, *shape)


def passed_share(
    parcel: NDArray[np.floating], lengths_mm: NDArray[np.float32], materials: Sequence[str], seen: Response
) -> NDArray[np.float32]:
    """Return the share (2, h, w) of what passes a parcel that also passes an object.

    Args:
        parcel: (2, h, w) transmissions of the parcel, free of scatter.
        lengths_mm: (M, h, w) of the object.
        materials: their M names.
        seen: energies and weights of the two detectors.
    """
    weights = seen.weights.astype(np.float64)
    shape = parcel.shape[1:]
    share = np.ones((2, int(np.prod(shape))), np.float32)
    flat = lengths_mm.reshape(len(materials), -1)
    met = flat.any(axis=0)
    if met.any():
        before = np.exp(
            -(
                attenuation_table_per_mm(BASIS, seen).astype(np.float64).T
                @ basis_lengths(parcel.reshape(2, -1)[:, met], seen)
            )
        )
        after = before * np.exp(-(attenuation_table_per_mm(materials, seen).astype(np.float64).T @ flat[:, met]))
        share[:, met] = (weights @ after) / (weights @ before)
    return share.reshape(2, *shape)


def without_scatter(measured: NDArray[np.float32], sensor: Sensor) -> NDArray[np.float32]:
    """Return the (2, H, W) transmissions that were there before the sensor added its floor and haze."""
    scaled = measured * np.float32(1.0 + sensor.scatter + sensor.haze) - np.float32(sensor.scatter)
    clean = scaled
    if sensor.haze > 0:
        for _ in range(_HAZE_STEPS):
            clean = scaled - np.float32(sensor.haze) * np.stack([spread(channel) for channel in clean])
    return np.asarray(np.maximum(clean, np.float32(_DARKEST)), np.float32)


def with_scatter(clean: NDArray[np.float32], sensor: Sensor) -> NDArray[np.float32]:
    """Return (2, H, W) transmissions with the sensor's floor and haze, the inverse of `without_scatter`."""
    total = clean + np.float32(sensor.scatter)
    if sensor.haze > 0:
        total += np.float32(sensor.haze) * np.stack([spread(channel) for channel in clean])
    return np.asarray(total / np.float32(1.0 + sensor.scatter + sensor.haze), np.float32)
