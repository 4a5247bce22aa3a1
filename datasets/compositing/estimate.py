"""The look of a scanner, estimated from its benign scans alone.

Pictures do not say how much attenuation a colour stands for. What is taken instead, and written into the look:

- The hue tells the class: organic from red to yellow, mixed green, metal cyan to violet.
- Along each class the palette darkens as those of known scanners do; its colours are the medians of the scans' own.
- Benign parcels attenuate as rendered ones do: half of what is not open beam stays below 0.50, nine tenths below
  2.97. This sets the scale; the shape of the tone curve is that of a middling scanner.
- Sharpening and smoothing are those of a middling scanner. They can be changed in the file by hand.

Noise, background, raw data's scatter floor, and whether dense matter is shown blue or green are measured.

No benign scan tells the scale: parcels twice as dense, shown by a table twice as black, give the same pictures. On
simulated scanners and sites (cartons, bags, small parcels, all) that had no part in the choice of constants, a colour
look read 0.5 to 2.5 times the true middling attenuation (all of 32 pairs), a grey look 0.2 to 2.5 times (29 pairs);
where a grey display burns thin matter out with the open beam it can be 0.06 times, which no picture gives away. What is
inserted is then too dark or too light beside the rest, by as much. A look of the maker's own table has no such error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.compositing.displays import read_colour, read_grey
from datasets.compositing.files import Scan, read_scan
from datasets.compositing.look import Look
from datasets.errors import CatalogueError
from datasets.render.colour_maps import PALETTES, ColourTable, GreyTable, Palette
from datasets.render.sensor import Sensor
from detector.errors import ImageError

__all__ = ["BENIGN_ATTENUATIONS", "ENOUGH_SCANS", "estimate_look"]

ENOUGH_SCANS: Final = 100
_LEAST_SCANS: Final = 10
_MOST_SCANS: Final = 300
# Of mean attenuation in rendered benign parcels, where it is above 0.05: the geometric mean of a site with cartons only
# (0.28 and 2.5), one with bags only (0.67 and 2.9), one with small parcels (0.47 and 3.0) and one with all (0.68, 3.6).
BENIGN_ATTENUATIONS: Final = {50: 0.50, 90: 2.97}
# Displays flatten dense parcels and turn hues in ways that pictures do not tell. Factors on these attenuations, so that
# over simulated scanners as much is read too high as too low.
_COLOUR_EXCESS, _GREY_EXCESS = 1.4, 0.8
_AIR_BELOW: Final = 0.05
_HUES: Final = {"organic": ((0, 62), (330, 360)), "mixed": ((62, 172),), "metal": ((172, 300),)}
_LEAST_SATURATION: Final = 0.1
_LEAST_PIXELS: Final = 400
_DENSE_LUMA: Final = (0.1, 0.3)
_PIXELS_A_SCAN: Final = 8000
_LUMA: Final = np.array([0.299, 0.587, 0.114])
# What known scanners use.
_GAMMAS, _GREY_GAMMAS, _BLACKS, _PHOTONS = (0.5, 0.85), (0.5, 2.6), (3.2, 16.0), (1500.0, 200_000.0)
_BURNT_OUT: Final = 254
_BLOCK: Final = 8
_MIDDLE_PX: Final = 512  # of each side is enough to see the grain
_FLATTEST: Final = 15
_MOST_SCATTER: Final = 0.02


def estimate_look(
    paths: Sequence[Path],
    name: str,
    *,
    pixel_mm: tuple[float, float] | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> Look:
    """Return the look of the scanner that made these benign scans; at least 100 are wanted, 300 are looked at.

    Args:
        paths: image files of one scanner and kind.
        name: of the scanner.
        pixel_mm: least and largest size of a pixel at the parcel, where it is known.
        on_progress: called with scans read and scans in all.

    Raises:
        CatalogueError: fewer than ten scans can be read, or they are of more than one kind.
    """
    chosen = [
        paths[index] for index in np.unique(np.linspace(0, len(paths) - 1, min(len(paths), _MOST_SCANS), dtype=int))
    ]
    scans: list[Scan] = []
    for done, path in enumerate(chosen, start=1):
        try:
            scans.append(read_scan(path.read_bytes()))
        except (ImageError, OSError):
            continue
        finally:
            on_progress(done, len(chosen))
    kinds = [scan.kind for scan in scans]
    kind = max(sorted(set(kinds)), key=kinds.count, default="")
    # A nearly empty colour picture is grey; a third of them is a mixture.
    scans = [scan for scan in scans if scan.kind == kind]
    if len(scans) < _LEAST_SCANS:
        raise CatalogueError(
            f"only {len(scans)} scans of one kind can be read; give at least {_LEAST_SCANS}, better {ENOUGH_SCANS}"
        )
    if len(scans) < 2 / 3 * len(kinds):
        raise CatalogueError("the scans are a mixture of raw, colour and grey; give those of one scanner and kind")
    # A picture does not tell what of its darkest tones is scatter. Taken off at the wrong scale, it would leave nothing
    # of dense matter, and every change of the haze would show there.
    look = Look(name, sensor=Sensor(scatter=0.0, haze=0.0), pixel_mm=pixel_mm)
    assumed = ["the beam is that of a 160 kV tube with the renderer's middling pair of detectors"]
    if kind == "colour":
        look, told = _colour_look(look, scans)
    elif kind == "grey":
        look, told = _grey_look(look, scans)
    else:
        look, told = _raw_look(look, scans)
    assumed += told
    if pixel_mm is None:
        assumed.append("the longer side of a parcel is 280 to 650 mm; state --pixel-mm if the pixel's size is known")
    if len(scans) < ENOUGH_SCANS:
        assumed.append(f"{len(scans)} scans are few: {ENOUGH_SCANS} are wanted")
    photons = _photons(scans, look)
    sensor = replace(look.sensor, photons=(photons, photons), read_noise=0.0)
    return replace(look, sensor=sensor, assumed=tuple(assumed))


def _colour_look(look: Look, scans: Sequence[Scan]) -> tuple[Look, list[str]]:
    pixels = _sampled(scans)
    background = _background(pixels)
    shown = np.minimum(pixels / np.maximum(background, 1.0), 1.0).astype(np.float32)
    palette, guessed = _palette(shown)
    colour = (int(background[0]), int(background[1]), int(background[2]))
    table = ColourTable(palette, colour, air_attenuation=0.0, gamma=1.0, black_attenuation=1.0, local_contrast=0.0)
    # With this curve what is read is the brightness itself.
    plain = replace(table, sharpen=0.0, material_blur_px=0.0)
    brightness = -np.log(read_colour(pixels.reshape(1, -1, 3).astype(np.uint8), plain, look.kvp)).mean(axis=0).ravel()
    gamma, black = _tone_curve(brightness)
    table = replace(table, gamma=gamma, black_attenuation=black, dense_index=_dense_index(shown))
    table = replace(table, air_attenuation=0.01, sharpen=0.8, local_contrast=0.11)
    told = [
        "the hue tells the class of material, and each class darkens as in known scanners",
        "benign parcels attenuate like rendered ones; this sets black_attenuation; gamma is a middling one",
        "sharpen, sharpen_px, material_blur_px and local_contrast are those of a middling scanner",
    ]
    if guessed:
        told.append(f"too few pixels for, so taken from known scanners: {', '.join(guessed)}")
    return replace(look, display=table), told


def _palette(shown: NDArray[np.float32]) -> tuple[Palette, list[str]]:
    """Return the colours of three classes at five brightnesses, and in words which of them had to be guessed."""
    hsv = cv2.cvtColor(shown[None], cv2.COLOR_RGB2HSV)[0]
    light = shown @ _LUMA.astype(np.float32)
    ramps, guessed = {}, []
    for name, sectors in _HUES.items():
        inside = np.any([(hsv[:, 0] >= low) & (hsv[:, 0] < high) for low, high in sectors], axis=0)
        inside &= hsv[:, 1] > _LEAST_SATURATION
        known = np.mean([getattr(palette, name) for palette in PALETTES.values()], axis=0)
        targets = known @ _LUMA / 255.0
        colours = [(255, 255, 255)]
        for step, target in enumerate(targets[1:], start=1):
            near = inside & (np.abs(light - target) < (0.05 if step < len(targets) - 1 else target))
            if np.count_nonzero(near) < _LEAST_PIXELS:
                guessed.append(f"{name} step {step}")
                red, green, blue = known[step]
            else:
                middle = np.median(shown[near], axis=0)
                red, green, blue = middle * (255.0 * target / max(float(middle @ _LUMA), 1e-3))
            colours.append((_level(red), _level(green), _level(blue)))
        ramps[name] = tuple(colours)
    return Palette(**ramps), guessed  # type: ignore[arg-type]  # five steps each


def _dense_index(shown: NDArray[np.float32]) -> float:
    """Return the index at which dense matter is shown: that of metal where dark pixels are blue, lower if green."""
    hsv = cv2.cvtColor(shown[None], cv2.COLOR_RGB2HSV)[0]
    light = shown @ _LUMA.astype(np.float32)
    hue = hsv[(light > _DENSE_LUMA[0]) & (light < _DENSE_LUMA[1]) & (hsv[:, 1] > _LEAST_SATURATION), 0]
    if len(hue) < _LEAST_PIXELS:
        return ColourTable().dense_index
    low, high = _HUES["metal"][0]
    return float(np.interp(((hue >= low) & (hue < high)).mean(), (0.3, 0.6), (1.0, 2.0)))


def _level(value: float) -> int:
    return int(min(max(round(float(value)), 0), 255))


def _tone_curve(brightness: NDArray[np.float32]) -> tuple[float, float]:
    """Return a middling gamma and the attenuation of black, so that the densest tenth is about that of parcels.

    How dense the densest tenth of a site's parcels is varies little; the median varies by a factor of 2.4, and a gamma
    that is fitted to both varies more than those of known scanners do.
    """
    gamma, black = float(np.sqrt(_GAMMAS[0] * _GAMMAS[1])), 5.0
    for _ in range(4):
        matter = brightness[brightness > (_AIR_BELOW / black) ** gamma]
        if not matter.size:
            break
        # The curve: attenuation is black times brightness to the power of 1 / gamma.
        high = float(np.clip(np.percentile(matter, 90), 0.01, 0.99))
        black = float(np.clip(BENIGN_ATTENUATIONS[90] * _COLOUR_EXCESS / high ** (1 / gamma), *_BLACKS))
    return gamma, black


def _grey_look(look: Look, scans: Sequence[Scan]) -> tuple[Look, list[str]]:
    values = _sampled(scans)[:, 0]
    air = float(_background(np.repeat(values[:, None], 3, axis=1))[0])
    table = GreyTable(sharpen=0.4)
    share, middle = table.log_share, BENIGN_ATTENUATIONS[50] * _GREY_EXCESS
    at_middle = share * (1 - middle / table.black_attenuation) + (1 - share) * np.exp(-middle)
    edge = share * (1 - _AIR_BELOW / table.black_attenuation) + (1 - share) * np.exp(-_AIR_BELOW)
    gamma = 1.0
    for _ in range(5):
        matter = values[values < air * edge**gamma]
        if not matter.size:
            break
        shown = float(np.clip(np.median(matter) / air, 0.02, 0.98))
        gamma = float(np.clip(np.log(shown) / np.log(at_middle), *_GREY_GAMMAS))
    window = (0.0, float((air / 255.0) ** (-1.0 / gamma)))
    told = [
        "grey does not tell materials apart: thin matter is taken for organic, thick for metal",
        "benign parcels attenuate like rendered ones; this sets gamma",
        "the open beam is not burnt out; sharpen, log_share and black_attenuation are those of a middling scanner",
    ]
    if air >= _BURNT_OUT:
        told.append(
            "the open beam is white: if thin matter is burnt out with it, attenuation is read up to 15 times too low; "
            "lower the upper end of the window in the file until inserted objects match those of the scans"
        )
    return replace(look, display=replace(table, gamma=gamma, window=window)), told


def _raw_look(look: Look, scans: Sequence[Scan]) -> tuple[Look, list[str]]:
    floors = [float(np.percentile(scan.transmissions, 0.05)) for scan in scans if scan.transmissions is not None]
    scatter = float(np.clip(0.9 * np.percentile(floors, 5), 0.0, _MOST_SCATTER))
    told = ["what the darkest parcel lets through is scatter; the wide haze of scatter is not modelled"]
    return replace(look, sensor=Sensor(scatter=scatter, haze=0.0)), told


def _sampled(scans: Sequence[Scan]) -> NDArray[np.float32]:
    """Return (N, 3) pixels, as many of each scan."""
    rng = np.random.default_rng(0)
    picked = []
    for scan in scans:
        flat = scan.image_rgb.reshape(-1, 3)
        picked.append(flat[rng.integers(len(flat), size=min(len(flat), _PIXELS_A_SCAN))])
    return np.concatenate(picked).astype(np.float32)


def _background(pixels: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the most common bright colour."""
    light = pixels @ _LUMA.astype(np.float32)
    bright = np.rint(pixels[light >= 0.8 * light.max()]).astype(np.int64)
    packed, counts = np.unique(bright @ np.array([65536, 256, 1]), return_counts=True)
    most = int(packed[np.argmax(counts)])
    return np.array([most >> 16, most >> 8 & 255, most & 255], np.float64)


def _photons(scans: Sequence[Scan], look: Look) -> float:
    """Return the quanta of the open beam, from the grain of the flattest blocks at middling attenuation."""
    found = []
    for scan in scans[:: max(len(scans) // 40, 1)]:
        middle = tuple(
            slice(max((side - _MIDDLE_PX) // 2, 0), (side + _MIDDLE_PX) // 2) for side in scan.image_rgb.shape[:2]
        )
        if isinstance(look.display, ColourTable):
            transmissions = read_colour(scan.image_rgb[middle], look.display, look.kvp)
        elif isinstance(look.display, GreyTable):
            transmissions = read_grey(scan.image_rgb[middle], look.display, look.kvp)
        else:
            transmissions = np.maximum(np.asarray(scan.transmissions, np.float32), 1e-5)
        attenuation = -np.log(transmissions).mean(axis=0)
        rows, columns = (side // _BLOCK for side in attenuation.shape)
        cut = attenuation[: rows * _BLOCK, : columns * _BLOCK]
        # Differences along the diagonal of two by two pixels: no slope, no curvature, four times the variance.
        checks = cut[::2, ::2] - cut[1::2, ::2] - cut[::2, 1::2] + cut[1::2, 1::2]
        half = _BLOCK // 2
        variance = (checks.reshape(rows, half, columns, half) ** 2).mean(axis=(1, 3)) / 4
        mean = cut.reshape(rows, _BLOCK, columns, _BLOCK).mean(axis=(1, 3))
        middling = (mean > 0.2) & (mean < 1.2) & (variance > 0)
        if middling.any():
            # Two channels of the same quanta: var(mean attenuation) = 1 / (2 N T).
            quanta = 0.5 * np.exp(mean[middling]) / variance[middling]
            found.append(float(np.percentile(quanta, 100 - _FLATTEST)))
    return float(np.clip(np.median(found), *_PHOTONS)) if found else Sensor().photons[0]
