"""From ideal transmission to what the line detector reports: scatter, aperture, quantum and electronic noise, drift.

Everything acts on intensities, never on path lengths: a pixel half covered by steel transmits the mean of the two
halves. Rows are belt positions: one readout of the whole line, so that gain flickers from row to row, differently in
the two energies, and a bad element draws a line along the belt.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.render.compiled import compiled

__all__ = ["Sensor", "measure", "spread"]


@dataclass(frozen=True, slots=True)
class Sensor:
    """How a detector line spoils the ideal transmission.

    Attributes:
        photons: quanta in an open pixel (low, high); the variance of the signal is its mean over this.
        scatter: constant floor, as a share of the open beam.
        haze: share of the broad local mean added to the floor.
        blur_px: standard deviation of the aperture (along the belt, along the line).
        read_noise: standard deviation of the electronics, as a share of the open beam.
        row_flicker: standard deviation of a row's gain, independent in low and high.
        row_drift: amplitude of a slow change of the gain along the belt.
        column_spread: standard deviation of what gain correction leaves on every detector element.
        dead_columns: expected number of dead elements in a view.
        speed_jitter_px: how far the belt's uneven speed shifts rows, in rows.
        vignette: loss of intensity in the corners, before correction (flat panels).
    """

    photons: tuple[float, float] = (20000.0, 20000.0)
    scatter: float = 0.004
    haze: float = 0.004
    blur_px: tuple[float, float] = (0.5, 0.55)
    read_noise: float = 0.0005
    row_flicker: float = 0.002
    row_drift: float = 0.002
    column_spread: float = 0.001
    dead_columns: float = 0.1
    vignette: float = 0.0
    speed_jitter_px: float = 0.0


def measure(ideal: NDArray[np.float32], sensor: Sensor, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the measured transmission (2, H, W) of the ideal one (2, H, W); always above 0."""
    _, height, width = ideal.shape
    dead = rng.integers(0, width, rng.poisson(sensor.dead_columns))
    drift = _slow(height, rng) * sensor.row_drift
    shading = _shading(height, width, sensor.vignette, rng)
    if sensor.speed_jitter_px > 0:
        ideal = _unevenly_read(ideal, _slow(height, rng) * sensor.speed_jitter_px)
    out = np.empty_like(ideal)
    for channel in range(2):
        signal = cv2.GaussianBlur(ideal[channel], (0, 0), sigmaX=sensor.blur_px[1], sigmaY=sensor.blur_px[0])
        if sensor.haze > 0:
            signal += sensor.haze * spread(ideal[channel])
        signal = (signal + sensor.scatter) / (1.0 + sensor.scatter + sensor.haze)
        noise = rng.standard_normal(signal.shape, np.float32)
        rows = drift + rng.normal(1.0, sensor.row_flicker, height)
        columns = np.asarray(rng.normal(1.0, sensor.column_spread, width), np.float64)
        columns[dead] *= 1.0 - rng.uniform(0.03, 0.5, len(dead))
        gains = rows.astype(np.float32), columns.astype(np.float32)
        _read_out(signal, noise, 1 / sensor.photons[channel], sensor.read_noise**2, *gains, out[channel])
        if shading is not None:
            out[channel] *= shading
    return np.maximum(out, np.float32(1e-5))


@compiled
def _read_out(  # noqa: PLR0917  compiled code takes its arguments by position
    signal: NDArray[np.float32],
    noise: NDArray[np.float32],
    per_quantum: float,
    read_variance: float,
    rows: NDArray[np.float32],
    columns: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:  # pragma: no cover  compiled
    """Fill out (H, W) with the signal, its quantum and electronic noise, and the gains of rows and columns."""
    quantum, variance = np.float32(per_quantum), np.float32(read_variance)
    for row in range(signal.shape[0]):
        for column in range(signal.shape[1]):
            level = signal[row, column]
            level += noise[row, column] * np.sqrt(level * quantum + variance)
            out[row, column] = level * rows[row] * columns[column]


def spread(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the broad local mean (H, W) that haze adds a share of."""
    height, width = image.shape
    small = cv2.resize(image, (max(width // 16, 1), max(height // 16, 1)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), 2.0)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _slow(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return (count,) a smooth random curve of about unit amplitude."""
    knots = rng.standard_normal(8)
    return np.interp(np.linspace(0, 7, count), np.arange(8), knots)


def _unevenly_read(ideal: NDArray[np.float32], shift_px: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return (2, H, W) with every row read `shift_px` (H,) rows later than it should be."""
    height = ideal.shape[1]
    at = np.clip(np.arange(height) + shift_px, 0, height - 1)
    first = np.minimum(at.astype(int), max(height - 2, 0))
    share = (at - first).astype(np.float32)[None, :, None]
    following = ideal[:, np.minimum(first + 1, height - 1)]
    return np.asarray(ideal[:, first] * (1 - share) + following * share, np.float32)


def _shading(height: int, width: int, loss: float, rng: np.random.Generator) -> NDArray[np.float32] | None:
    if loss <= 0:
        return None
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    centre_y, centre_x = rng.uniform(-0.4, 0.4, 2)
    tilt_y, tilt_x = rng.uniform(-0.5, 0.5, 2)
    fall = ((y - centre_y) ** 2 + (x - centre_x) ** 2) / 2 + tilt_y * y + tilt_x * x
    return np.asarray(1.0 - loss * (fall - fall.min()) / (fall.max() - fall.min()), np.float32)
