"""How scanners show two transmissions: pseudo-colour by material and attenuation, or grey.

The material comes from R = ln T_low / ln T_high. R falls with thickness for every material, so it is compared with the
curves of water, aluminium and iron at the same attenuation: material 0 is organic, 1 light metal, 2 heavy metal.
The colour is then a table over material and brightness; brightness is a tone curve of the sharpened attenuation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.render.compiled import compiled
from datasets.render.spectra import attenuation_table_per_mm, response

__all__ = [
    "MEDIAN_WINDOWS_PX",
    "PALETTES",
    "ColourTable",
    "GreyTable",
    "Palette",
    "broad_mean",
    "calmed",
    "colours_at",
    "dense_floor",
    "flattened",
    "grey_at",
    "level_of",
    "lookup",
    "material_index",
    "reference_curves",
    "sharpened",
    "show_colour",
    "show_grey",
]

RGB = tuple[int, int, int]
Ramp = tuple[RGB, RGB, RGB, RGB, RGB]
_STEPS: Final = np.array([0.0, 0.10, 0.32, 0.62, 1.0])  # brightness at which a palette's colours stand
_CLASSES: Final = np.array([-0.2, 0.30, 0.62, 1.15, 1.55, 2.3])  # organic, organic, green, green, metal, metal
_LEVELS: Final = 256
_MATERIALS: Final = 128
_LOW_INDEX, _HIGH_INDEX = -0.5, 2.6
# So much water is added to everything, so that thin matter, where the quotient is all noise, leans to organic.
_LEAN: Final = np.float32(0.015)


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of thin, light, middle, deep and impenetrable matter, for three groups of material."""

    organic: Ramp
    mixed: Ramp
    metal: Ramp

    def blended(self, other: Palette, share: float) -> Palette:
        """Return this palette with a share of another mixed in."""

        def mix(mine: Ramp, theirs: Ramp) -> Ramp:
            rows = np.rint(np.array(mine) * (1 - share) + np.array(theirs) * share).astype(int).tolist()
            thin, light, middle, deep, black = ((red, green, blue) for red, green, blue in rows)
            return thin, light, middle, deep, black

        return Palette(mix(self.organic, other.organic), mix(self.mixed, other.mixed), mix(self.metal, other.metal))


MEDIAN_WINDOWS_PX: Final = (0, 3, 5)
_WHITE: Final = (255, 255, 255)
PALETTES: Final[Mapping[str, Palette]] = MappingProxyType(
    {
        "ochre_teal": Palette(
            (_WHITE, (252, 230, 192), (226, 170, 76), (172, 116, 20), (40, 30, 4)),
            (_WHITE, (205, 236, 190), (104, 190, 84), (46, 120, 24), (8, 32, 10)),
            (_WHITE, (150, 214, 214), (42, 132, 214), (14, 58, 104), (4, 9, 16)),
        ),
        "pure_blue": Palette(
            (_WHITE, (252, 226, 190), (230, 164, 86), (176, 110, 34), (44, 28, 8)),
            (_WHITE, (150, 224, 176), (36, 160, 92), (4, 92, 46), (0, 22, 8)),
            (_WHITE, (120, 160, 236), (20, 24, 226), (2, 4, 128), (0, 6, 30)),
        ),
        "rose_blue": Palette(
            (_WHITE, (250, 214, 188), (224, 148, 92), (168, 96, 40), (44, 28, 8)),
            (_WHITE, (150, 224, 176), (36, 160, 92), (4, 92, 46), (0, 22, 8)),
            (_WHITE, (120, 160, 236), (20, 24, 226), (2, 4, 128), (0, 6, 30)),
        ),
        "orange_blue": Palette(
            (_WHITE, (254, 222, 164), (244, 168, 54), (200, 116, 12), (56, 30, 0)),
            (_WHITE, (196, 240, 176), (84, 200, 70), (22, 128, 26), (0, 36, 6)),
            (_WHITE, (170, 204, 248), (46, 114, 222), (18, 56, 142), (2, 6, 26)),
        ),
        "amber_navy": Palette(
            (_WHITE, (252, 236, 208), (232, 186, 104), (166, 122, 34), (34, 26, 6)),
            (_WHITE, (222, 240, 204), (150, 196, 96), (84, 130, 34), (16, 34, 8)),
            (_WHITE, (178, 204, 226), (84, 134, 190), (30, 62, 112), (4, 8, 18)),
        ),
        "vivid": Palette(
            (_WHITE, (255, 218, 150), (255, 156, 28), (218, 104, 0), (64, 26, 0)),
            (_WHITE, (170, 245, 150), (40, 214, 60), (0, 140, 40), (0, 40, 16)),
            (_WHITE, (140, 194, 255), (26, 104, 250), (12, 40, 164), (0, 2, 34)),
        ),
    }
)


@dataclass(frozen=True, slots=True)
class ColourTable:
    """One maker's pseudo-colour.

    Attributes:
        palette: the colours.
        background_rgb: colour of the open beam; all light colours are tinted by it.
        air_attenuation: mean attenuation below which the display shows air.
        black_attenuation: mean attenuation at which the display is black.
        gamma: exponent of the tone curve (below 1 lifts thin matter).
        local_contrast: share of the broad mean that is taken out of the attenuation (0 to 0.5).
        sharpen: strength of the unsharp mask on the attenuation.
        sharpen_px: its radius.
        material_blur_px: smoothing of the material, which makers smooth more than brightness.
        material_median_px: window, one of `MEDIAN_WINDOWS_PX`, of the median over the material of dense matter, where
            the quotient of two weak signals is mostly noise; brightness stays as sharp as it is.
        material_bias: shift of the material index (a maker's thresholds).
        dense_index: least material index where hardly anything comes through: scatter makes thick steel look organic
            to the quotient, and makers show what dense matter they cannot tell as mixed or metal, never as organic.
        hue_shift_degrees: turn of all hues.
        saturation: factor on all saturations.
    """

    palette: Palette = PALETTES["ochre_teal"]
    background_rgb: RGB = (255, 255, 255)
    air_attenuation: float = 0.012
    black_attenuation: float = 4.4
    gamma: float = 0.62
    local_contrast: float = 0.15
    sharpen: float = 0.9
    sharpen_px: float = 1.6
    material_blur_px: float = 0.8
    material_median_px: int = 5
    material_bias: float = 0.0
    dense_index: float = 1.3
    hue_shift_degrees: float = 0.0
    saturation: float = 1.0


@dataclass(frozen=True, slots=True)
class GreyTable:
    """How a grey image is made from the mean of the two channels.

    Attributes:
        high_share: share of the high channel in the signal.
        log_share: 0 shows transmission, 1 shows attenuation, in between a blend.
        black_attenuation: attenuation at which the logarithmic part is black.
        gamma: exponent on the display value.
        window: values shown as black and as white (low, high).
        local_contrast: as in ColourTable.
        sharpen: as in ColourTable.
        sharpen_px: as in ColourTable.
    """

    high_share: float = 0.5
    log_share: float = 0.3
    black_attenuation: float = 5.0
    gamma: float = 1.0
    window: tuple[float, float] = (0.0, 1.0)
    local_contrast: float = 0.0
    sharpen: float = 0.2
    sharpen_px: float = 1.5


@lru_cache(maxsize=8)
def reference_curves(kvp: int = 160) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (K,) high attenuations and (3, K) R of water, aluminium and iron."""
    seen = response(kvp)
    levels = np.concatenate([np.linspace(0.0, 1.0, 65)[:-1], np.linspace(1.0, 8.0, 113)])
    curves = []
    for table in attenuation_table_per_mm(("water", "aluminium", "iron"), seen):
        thickness = np.concatenate([[1e-4], np.geomspace(1e-3, 900.0, 6000)])
        beam = np.exp(-np.outer(thickness, table.astype(np.float64)))
        low, high = -np.log(np.maximum(seen.weights.astype(np.float64) @ beam.T, 1e-300))
        curves.append(np.interp(levels, high, low / high))
    return levels.astype(np.float32), np.asarray(curves, np.float32)


@lru_cache(maxsize=8)
def _even_curves(kvp: int) -> NDArray[np.float32]:
    """Return (3, 2049) the curves at high attenuations from 0 to 8 in even steps: a look-up, no interpolation."""
    levels, curves = reference_curves(kvp)
    grid = np.linspace(0.0, 8.0, 2049, dtype=np.float32)
    return np.stack([np.interp(grid, levels, curve) for curve in curves]).astype(np.float32)


def material_index(low: NDArray[np.float32], high: NDArray[np.float32], kvp: int = 160) -> NDArray[np.float32]:
    """Return 0 for organic, 1 for light metal, 2 for heavy metal, in between for mixtures.

    `low` and `high` are attenuations (minus the logarithm of transmission), any shape. Thin matter, where the quotient
    is all noise, leans to organic.
    """
    least = _LEAN * reference_curves(kvp)[1][0, 0]
    index = np.empty(high.shape, np.float32)
    _indices(np.ravel(low), np.ravel(high), least, _even_curves(kvp), index.reshape(-1))
    return index


@compiled
def _indices(
    low: NDArray[np.float32],
    high: NDArray[np.float32],
    least: np.float32,
    curves: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:  # pragma: no cover  compiled
    """Fill out (N,) with the material indices of attenuations (N,), between the three curves (3, 2049)."""
    zero, one = np.float32(0.0), np.float32(1.0)
    for pixel in range(len(out)):
        level = max(high[pixel], zero)
        quotient = (max(low[pixel], zero) + least) / (level + _LEAN)
        place = int(min(level * np.float32(256.0), np.float32(2048.0)))
        water, aluminium, iron = curves[0, place], curves[1, place], curves[2, place]
        light = (quotient - water) / (aluminium - water)
        out[pixel] = light if light < one else one + (quotient - aluminium) / (iron - aluminium)


def show_colour(
    low: NDArray[np.float32], high: NDArray[np.float32], table: ColourTable, kvp: int = 160
) -> NDArray[np.uint8]:
    """Return the pseudo-colour (H, W, 3) of two transmissions (H, W)."""
    low_a, high_a = _attenuation(low), _attenuation(high)
    brightness = _brightness((low_a + high_a) * np.float32(0.5), table)
    if table.material_blur_px > 0:
        low_a, high_a = _smooth(low_a, table.material_blur_px), _smooth(high_a, table.material_blur_px)
    index = np.maximum(material_index(low_a, high_a, kvp) + np.float32(table.material_bias), dense_floor(high_a, table))
    return colours_at(calmed(index, high_a, table.material_median_px), brightness, table)


def calmed(index: NDArray[np.float32], high_a: NDArray[np.float32], window_px: int) -> NDArray[np.float32]:
    """Return the material with the grain taken out where little signal is left; thin matter stays as it is."""
    if window_px <= 0:
        return index
    bounded = np.clip(index, np.float32(_LOW_INDEX), np.float32(_HIGH_INDEX))
    # A median of bytes is several times faster, and their steps are finer than the table's.
    step = np.float32((_HIGH_INDEX - _LOW_INDEX) / 255)
    median = cv2.medianBlur(((bounded - np.float32(_LOW_INDEX)) / step + np.float32(0.5)).astype(np.uint8), window_px)
    median = cv2.GaussianBlur(median, (0, 0), window_px / 4) * step + np.float32(_LOW_INDEX)
    share = np.clip((high_a - np.float32(1.0)) / np.float32(1.2), 0.0, 1.0)
    return np.asarray(bounded + share * (median - bounded), np.float32)


def dense_floor(high_a: NDArray[np.float32], table: ColourTable) -> NDArray[np.float32]:
    """Return the least material index that is shown at these attenuations of the high channel."""
    dense = np.clip((high_a - np.float32(2.2)) / np.float32(1.4), 0.0, 1.0)
    return np.asarray(dense * np.float32(table.dense_index), np.float32)


def colours_at(index: NDArray[np.float32], brightness: NDArray[np.float32], table: ColourTable) -> NDArray[np.uint8]:
    """Return the colours (..., 3) of material indices at brightnesses from 0 (air) to 1 (black)."""
    level = (brightness * np.float32(_LEVELS - 1) + np.float32(0.5)).astype(np.int32)
    scale = (_MATERIALS - 1) / (_HIGH_INDEX - _LOW_INDEX)
    column = np.clip((index - np.float32(_LOW_INDEX)) * np.float32(scale) + np.float32(0.5), 0, _MATERIALS - 1)
    return np.asarray(np.take(lookup(table), column.astype(np.int32) * _LEVELS + level, axis=0), np.uint8)


def show_grey(low: NDArray[np.float32], high: NDArray[np.float32], table: GreyTable) -> NDArray[np.uint8]:
    """Return a grey image (H, W, 3) of two transmissions (H, W)."""
    share = np.float32(table.high_share)
    attenuation = -np.log(low * (1 - share) + high * share)
    return grey_at(sharpened(flattened(attenuation, table.local_contrast), table.sharpen, table.sharpen_px), table)


def grey_at(attenuation: NDArray[np.float32], table: GreyTable) -> NDArray[np.uint8]:
    """Return the grey (..., 3) of attenuations that have been flattened and sharpened."""
    logarithmic = 1.0 - attenuation / np.float32(table.black_attenuation)
    value = table.log_share * logarithmic + (1.0 - table.log_share) * np.exp(-attenuation)
    black, white = table.window
    value = np.clip((value - black) / (white - black), 0.0, 1.0) ** np.float32(table.gamma)
    grey = (value * 255.0 + 0.5).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def _attenuation(transmitted: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(-np.log(transmitted), np.float32)


def _smooth(image: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), np.float32)


def _brightness(attenuation: NDArray[np.float32], table: ColourTable) -> NDArray[np.float32]:
    flat = flattened(attenuation, table.local_contrast)
    return level_of(sharpened(flat, table.sharpen, table.sharpen_px), table)


def level_of(attenuation: NDArray[np.float32], table: ColourTable) -> NDArray[np.float32]:
    """Return the brightness, 0 for air to 1 for black, of attenuations that have been flattened and sharpened."""
    share = np.clip((attenuation - np.float32(table.air_attenuation)) / np.float32(table.black_attenuation), 0.0, 1.0)
    return np.asarray(share ** np.float32(table.gamma), np.float32)


def flattened(attenuation: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Take part of the excess of the broad mean out, so that detail shows inside dense parcels."""
    if share <= 0:
        return attenuation
    flat = attenuation / (1.0 + np.float32(share) * broad_mean(attenuation))
    return np.asarray(np.where(attenuation > 0, flat, attenuation), np.float32)


def broad_mean(attenuation: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean over some 40 pixels around each pixel."""
    height, width = attenuation.shape
    small = cv2.resize(attenuation, (max(width // 8, 1), max(height // 8, 1)), interpolation=cv2.INTER_AREA)
    mean = cv2.resize(cv2.GaussianBlur(small, (0, 0), 5.0), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(mean, np.float32)


def sharpened(attenuation: NDArray[np.float32], strength: float, radius_px: float) -> NDArray[np.float32]:
    """Return the attenuation after an unsharp mask."""
    if strength <= 0:
        return attenuation
    smooth = cv2.GaussianBlur(attenuation, (0, 0), radius_px)
    return np.asarray(attenuation + np.float32(strength) * (attenuation - smooth), np.float32)


@lru_cache(maxsize=64)
def lookup(table: ColourTable) -> NDArray[np.uint8]:
    """Return (materials * levels, 3) the colours of a table."""
    palette = table.palette
    groups = np.repeat(np.array([palette.organic, palette.mixed, palette.metal], np.float64), 2, axis=0)
    level = np.linspace(0.0, 1.0, _LEVELS)
    index = np.linspace(_LOW_INDEX, _HIGH_INDEX, _MATERIALS)
    by_level = np.empty((len(groups), _LEVELS, 3))
    for group, colours in enumerate(groups):
        for channel in range(3):
            by_level[group, :, channel] = np.interp(level, _STEPS, colours[:, channel])
    # Scatter pulls thick metal down to the organic curve; displays show what is nearly black as dark green or black.
    shift = np.clip((level - 0.72) / 0.2, 0.0, 1.0) * 0.9
    shifted = np.where(index[:, None] < 0.9, np.minimum(index[:, None] + shift[None], 0.9), index[:, None])
    place = np.clip(np.interp(shifted, _CLASSES, np.arange(len(groups))), 0, len(groups) - 1)
    first = np.minimum(place.astype(int), len(groups) - 2)
    share = (place - first)[..., None]
    step = np.arange(_LEVELS)[None]
    colours = by_level[first, step] * (1 - share) + by_level[first + 1, step] * share
    image = (colours / 255.0).astype(np.float32)
    hls = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hls[..., 0] = (hls[..., 0] + table.hue_shift_degrees) % 360.0
    hls[..., 1] = np.clip(hls[..., 1] * table.saturation, 0.0, 1.0)
    image = cv2.cvtColor(hls, cv2.COLOR_HSV2RGB) * (np.array(table.background_rgb) / 255.0)
    return np.asarray(np.clip(image, 0, 1) * 255.0 + 0.5, np.uint8).reshape(-1, 3)
