"""Displays run backwards: from the picture of a scan to transmissions, and to the picture with something added.

A picture holds less than the measurement. Pseudo-colour gives the attenuation, sharpened and flattened, in its
brightness and the material in its hue; grey gives one attenuation, and which material it is must be assumed. Where the
picture is black or burnt out nothing more can be known. What a display does to attenuation is linear or nearly so,
which is why the noise, the grain and the sharpened edges of the scan stay as they are and what is added gets its own.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.render.colour_maps import (
    ColourTable,
    GreyTable,
    broad_mean,
    calmed,
    colours_at,
    dense_floor,
    flattened,
    grey_at,
    level_of,
    lookup,
    material_index,
    reference_curves,
    sharpened,
)

__all__ = ["levels_of", "nearest_in_table", "read_colour", "read_grey", "read_table", "show_more"]

_LEVELS: Final = 256
_LOW_INDEX, _HIGH_INDEX = -0.5, 2.6
_LEAN: Final = 0.015  # as in colour_maps.material_index
_UNSHARP_STEPS: Final = 8
_KDTREE_SINGLE: Final = 4
# A picture of one attenuation does not say which material: thin matter is taken for organic, thick for metal.
_METAL_FROM: Final = 2.0
_MOST_INDEX: Final = 1.6
_FAINT: Final = 1e-4
_DARK: Final = 48  # of 255

Float = NDArray[np.float32]


def read_colour(image_rgb: NDArray[np.uint8], table: ColourTable, kvp: int) -> Float:
    """Return the (2, H, W) transmissions, low and high, that a pseudo-colour picture (H, W, 3) stands for."""
    index, shown = _read_colours(image_rgb, table)
    mean = _unflattened(_unsharpened(shown, table.sharpen, table.sharpen_px), table.local_contrast)
    low, high = _split(mean, index - np.float32(table.material_bias), kvp)
    return np.exp(-np.stack([low, high]))


def read_grey(image_rgb: NDArray[np.uint8], table: GreyTable, kvp: int) -> Float:
    """Return the (2, H, W) transmissions, low and high, that a grey picture (H, W, 3) stands for."""
    shown = levels_of(table)[image_rgb[..., 0]]
    mixed = _unflattened(_unsharpened(shown, table.sharpen, table.sharpen_px), table.local_contrast)
    mean = mixed
    for _ in range(4):  # the mean of the attenuations is not quite the attenuation of the mean
        low, high = _split(mean, np.clip(mean / np.float32(_METAL_FROM), 0.0, _MOST_INDEX), kvp)
        mean = mean + mixed - _mixed(low, high, table)
    low, high = _split(mean, np.clip(mean / np.float32(_METAL_FROM), 0.0, _MOST_INDEX), kvp)
    return np.exp(-np.stack([low, high]))


def show_more(
    image_rgb: NDArray[np.uint8], before: Float, after: Float, table: ColourTable | GreyTable, kvp: int
) -> NDArray[np.uint8]:
    """Return the picture of a scan whose transmissions (2, H, W) were `before` and are now `after`.

    `before` is what `read_colour` or `read_grey` made of the picture. Pixels that nothing changes keep their value to
    the last bit.
    """
    if isinstance(table, ColourTable):
        index, shown = _read_colours(image_rgb, table)
        old, new = (-np.log(both).mean(axis=0) for both in (before, after))
        level = shown + _display_step(old, new, table)
        first = colours_at(index, level_of(shown, table), table)
        second = colours_at(_new_index(index, before, after, table, kvp), level_of(level, table), table)
    else:
        shown = levels_of(table)[image_rgb[..., 0]]
        old, new = (_mixed(-np.log(both[0]), -np.log(both[1]), table) for both in (before, after))
        first, second = grey_at(shown, table), grey_at(shown + _display_step(old, new, table), table)
    # What the table does not explain (compression, tints) fades with what still comes through.
    fade = np.clip((after / before).mean(axis=0), 0.0, 1.0)[..., None]
    rest = (image_rgb.astype(np.float32) - first) * fade
    changed = np.rint(np.clip(second + rest, 0.0, 255.0)).astype(np.uint8)
    # What is darker in the picture than the darkest colours of the table is not made lighter by more matter.
    dark = first.max(axis=-1) <= _DARK
    changed = np.where(dark[..., None], np.minimum(changed, image_rgb), changed)
    same = (first == second).all(axis=-1) & (fade[..., 0] > 1.0 - _FAINT)
    return np.where(same[..., None], image_rgb, changed)


def _display_step(old: Float, new: Float, table: ColourTable | GreyTable) -> Float:
    """Return by how much the flattened and sharpened attenuation grows."""
    grown = flattened(new, table.local_contrast) - flattened(old, table.local_contrast)
    return sharpened(grown, table.sharpen, table.sharpen_px)


def _new_index(index: Float, before: Float, after: Float, table: ColourTable, kvp: int) -> Float:
    """Return the material index with what was added, which the display smooths as it did the rest."""
    old_low, old_high = -np.log(before)
    added_low, added_high = -np.log(after / before)
    if table.material_blur_px > 0:
        added_low, added_high = (
            cv2.GaussianBlur(one, (0, 0), table.material_blur_px) for one in (added_low, added_high)
        )
    low, high = old_low + added_low, old_high + added_high
    # Where the picture itself shows lighter matter than its floor allows, as a look at the wrong scale makes it seem,
    # thin matter must not turn it into metal; what takes most of the radiation is shown like dense matter all the same.
    disproved = np.maximum(dense_floor(old_high, table) - index, 0.0) * np.exp(-np.maximum(added_high, 0.0))
    floor = dense_floor(high, table) - disproved
    fresh = np.maximum(material_index(low, high, kvp) + np.float32(table.material_bias), floor)
    fresh = calmed(fresh, high, table.material_median_px)
    return np.where(np.abs(added_low) + np.abs(added_high) > _FAINT, fresh, index).astype(np.float32)


def _read_colours(image_rgb: NDArray[np.uint8], table: ColourTable) -> tuple[Float, Float]:
    """Return material index and displayed attenuation (H, W) of the table's colour nearest to each pixel."""
    index, level = read_table(image_rgb, table)
    share = (level / (_LEVELS - 1)) ** (1.0 / table.gamma)
    shown = np.where(level > 0, table.air_attenuation + share * table.black_attenuation, 0.0)
    return index, shown.astype(np.float32)


def read_table(image_rgb: NDArray[np.uint8], table: ColourTable) -> tuple[Float, NDArray[np.int64]]:
    """Return material index and level of brightness (...) of the table's colour nearest to each pixel (..., 3)."""
    # Few of the colours that there could be are in one picture.
    packed = image_rgb.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    found, place = np.unique(packed, return_inverse=True)
    colours = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1).astype(np.float32)
    nearest, _ = nearest_in_table(colours, table)
    column, level = np.divmod(nearest, _LEVELS)
    materials = len(lookup(table)) // _LEVELS
    index = (_LOW_INDEX + column * (_HIGH_INDEX - _LOW_INDEX) / (materials - 1)).astype(np.float32)
    shape = image_rgb.shape[:-1]
    return index[place].reshape(shape), level[place].reshape(shape)


def nearest_in_table(colours: Float, table: ColourTable) -> tuple[NDArray[np.int64], Float]:
    """Return the places (N,) in `colour_maps.lookup` of the colours nearest to others (N, 3), and how far those are."""
    tree, _ = _tree(table)
    nearest, squares = tree.knnSearch(colours, 1, params={"checks": -1})
    return nearest[:, 0].astype(np.int64), np.asarray(np.sqrt(squares[:, 0]), np.float32)


@lru_cache(maxsize=4)
def _tree(table: ColourTable) -> tuple[Any, Float]:
    """Return a search tree over the table's colours; it does not own them, so they come with it."""
    colours = lookup(table).astype(np.float32)
    return cv2.flann.Index(colours, {"algorithm": _KDTREE_SINGLE}), colours


def levels_of(table: GreyTable) -> Float:
    """Return the displayed attenuation (256,) of each grey value."""
    shown = np.linspace(-0.3, 12.0, 6151, dtype=np.float32)
    logarithmic = 1.0 - shown / table.black_attenuation
    value = table.log_share * logarithmic + (1.0 - table.log_share) * np.exp(-shown)
    black, white = table.window
    wanted = black + (np.arange(_LEVELS) / (_LEVELS - 1)) ** (1.0 / table.gamma) * (white - black)
    # The curve falls: turned round it can be interpolated.
    levels = np.interp(wanted, value[::-1], shown[::-1]).astype(np.float32)
    return np.maximum(levels, 0.0)


def _mixed(low: Float, high: Float, table: GreyTable) -> Float:
    share = np.float32(table.high_share)
    return np.asarray(-np.log(np.exp(-low) * (1 - share) + np.exp(-high) * share), np.float32)


def _split(mean: Float, index: Float, kvp: int) -> tuple[Float, Float]:
    """Return the low and high attenuation whose mean and material index are given."""
    levels, curves = reference_curves(kvp)
    grid = np.linspace(0.0, 8.0, 2049, dtype=np.float32)
    water, aluminium, iron = (np.interp(grid, levels, curve).astype(np.float32) for curve in curves)
    mean = np.maximum(mean, 0.0)
    high = mean * np.float32(0.9)
    for _ in range(6):
        step = np.minimum(high * np.float32(256.0), 2048).astype(np.int32)
        w, a, f = water[step], aluminium[step], iron[step]
        quotient = np.where(index < 1.0, w + index * (a - w), a + (index - 1.0) * (f - a))
        high = np.maximum(2 * mean + _LEAN * (curves[0][0] - quotient), 0.0) / (1.0 + quotient)
    return np.asarray(2 * mean - high, np.float32), np.asarray(high, np.float32)


def _unsharpened(shown: Float, strength: float, radius_px: float) -> Float:
    """Undo an unsharp mask, as far as what it clipped allows."""
    if strength <= 0:
        return shown
    plain = shown
    for _ in range(_UNSHARP_STEPS):
        smooth = cv2.GaussianBlur(plain, (0, 0), radius_px)
        plain = np.asarray((shown + strength * smooth) / (1.0 + strength), np.float32)
    return np.maximum(plain, 0.0)


def _unflattened(flat: Float, share: float) -> Float:
    """Undo the display's local contrast."""
    attenuation = flat
    if share > 0:
        for _ in range(6):
            attenuation = flat * (1.0 + np.float32(share) * broad_mean(attenuation))
    return attenuation
