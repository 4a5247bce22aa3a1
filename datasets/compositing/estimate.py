"""The look of a scanner, estimated from its benign scans alone.

Pictures do not say how much attenuation a colour stands for. What is taken instead, and written into the look:

- Each class of material darkens along a ramp as in known scanners: the renderer's family of palettes, fitted to the
  scans and moved where they show otherwise (`palette`).
- Benign parcels are spread over attenuation as rendered ones are, within what sites differ by. Of the tone curves that
  known scanners have, this chooses one, and tells how sure it is (`scale`).
- What hue dense matter has is that of the scans' densest; how dark the darkest gets is the scatter.
- Sharpening and smoothing are those of a middling scanner. They can be changed in the file by hand.

Noise, background and raw data's scatter floor are measured.

No benign scan tells the scale: parcels twice as dense, shown by a table twice as black, give the same pictures. The
look states between which factors nine tenths of the likely scales lie, for sites that differ from rendered ones twice
as much as rendered ones from each other; what is inserted is too dark or too light beside the rest by as much. A look
of the maker's own table has no such error.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import exp
from pathlib import Path
from statistics import NormalDist
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.compositing.displays import levels_of, read_colour, read_grey, read_table
from datasets.compositing.files import Scan, read_scan
from datasets.compositing.look import Look
from datasets.compositing.palette import counted, fit_palette
from datasets.compositing.scale import Choice, Landmarks, choose_curve
from datasets.errors import CatalogueError
from datasets.render.colour_maps import ColourTable, GreyTable, colours_at
from datasets.render.sensor import Sensor
from detector.errors import ImageError

__all__ = ["COLOUR_LANDMARKS", "ENOUGH_SCANS", "GREY_LANDMARKS", "estimate_look"]

ENOUGH_SCANS: Final = 100
_LEAST_SCANS: Final = 10
_MOST_SCANS: Final = 300
_LEVELS: Final = 256
# Of rendered benign parcels, as displays show them (`choose_curve`): geometric means over 60 simulated sites, and twice
# the standard deviation over them, because no rendering knows how sites really differ.
_SHARES: Final = (0.10, 0.25, 0.50, 0.75, 0.90, 0.97, 0.995)
COLOUR_LANDMARKS: Final = Landmarks(
    _SHARES, (0.078, 0.149, 0.414, 1.21, 2.40, 3.78, 4.54), (0.22, 0.33, 0.34, 0.30, 0.25, 0.24, 0.22), 0.825, 0.2
)
GREY_LANDMARKS: Final = Landmarks(
    _SHARES, (0.080, 0.137, 0.328, 1.05, 2.20, 2.96, 3.34), (0.39, 0.54, 0.58, 0.60, 0.34, 0.39, 0.47), 0.825, 0.4
)
# What known scanners use.
_GAMMAS = tuple(0.65 * exp(0.28 * NormalDist().inv_cdf(share)) for share in np.linspace(0.025, 0.975, 20).tolist())
_BLACKS = tuple(np.geomspace(3.0, 14.0, 32).tolist())
_GREY_GAMMAS, _LOG_SHARES = tuple(np.geomspace(0.6, 2.6, 12).tolist()), (0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0)
_GREY_BLACKS, _WINDOW_LOWS, _WINDOW_HIGHS = (3.2, 4.5, 6.0), (-0.08, -0.02, 0.03), (0.7, 0.8, 0.9)
_MIDDLING: Final = ColourTable(air_attenuation=0.015, local_contrast=0.11, sharpen=0.8)
_GREY_SHARPEN: Final = 0.4
_DENSE_FROM: Final = 3.6  # mean attenuation from which a display decides by itself what hue dense matter has
_DENSE_INDICES: Final = (0.7, 2.0)
_MOST_METAL: Final = 90  # per cent of dense pixels show no heavier material; the rest is noise
# What is left behind the darkest pixel in a thousand; a third of it is haze, or came through after all.
_DARKEST, _OF_SCATTER, _LEAST_SCATTER = 99.9, 0.7, 1e-4
_LEAST_PIXELS: Final = 400
_GRAIN: Final = 3  # tones that the open beam spreads over
_MEDIAN_PX: Final = 5
_PIXELS_A_SCAN: Final = 8000
_LUMA: Final = np.array([0.299, 0.587, 0.114])
_PHOTONS: Final = (1500.0, 200_000.0)
# An open beam that is just white is as often a little less; one that is burnt out hardly ever.
_WHITE, _NEARLY_WHITE, _GRAINY = 255, 250, 0.25
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
    look = Look(name, pixel_mm=pixel_mm)
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
    red, green, blue = (int(level) for level in background)
    palette = fit_palette(counted(np.minimum(pixels / np.maximum(background, 1.0), 1.0) * 255.0))
    table = replace(_MIDDLING, palette=palette, background_rgb=(red, green, blue))
    _, level = read_table(pixels, table)
    candidates = [(gamma, black) for gamma in _GAMMAS for black in _BLACKS]
    tones = np.linspace(0.0, 1.0, _LEVELS)
    curves = np.stack(
        [
            np.where(tones > 0, _MIDDLING.air_attenuation + black * tones ** (1.0 / gamma), 0.0)
            for gamma, black in candidates
        ]
    )
    choice = choose_curve(curves, np.bincount(level, minlength=_LEVELS), COLOUR_LANDMARKS, _GRAIN)
    gamma, black = candidates[choice.index]
    table = replace(table, gamma=gamma, black_attenuation=black)
    attenuation = curves[choice.index][level]
    told = [
        "each class of material darkens as in known scanners: orange, green and blue to black",
        "sharpen, sharpen_px, material_blur_px, material_median_px and local_contrast are those of a middling scanner",
        _open(choice),
    ]
    dense = attenuation > _DENSE_FROM
    if np.count_nonzero(dense) < _LEAST_PIXELS:
        told.append("the scans show next to nothing dense; its hue is that of a middling scanner")
    else:
        table = replace(table, dense_index=_dense_index(pixels[dense], level[dense], table))
    return replace(look, display=table, sensor=_floor(attenuation, Sensor().scatter)), told


def _dense_index(pixels: NDArray[np.uint8], level: NDArray[np.int64], table: ColourTable) -> float:
    """Return the material index, of those of known scanners, that dense pixels (N, 3) of levels (N,) show.

    That of most of them where a display shows all dense matter alike, and that of metal where it still tells it.
    """
    indices = np.linspace(*_DENSE_INDICES, 27, dtype=np.float32)
    tones = np.linspace(0.0, 1.0, _LEVELS, dtype=np.float32)
    colours = np.stack([colours_at(np.full_like(tones, index), tones, table) for index in indices]).astype(np.float32)
    chosen = np.random.default_rng(0).permutation(len(level))[:_PIXELS_A_SCAN]
    far = np.linalg.norm(colours[:, level[chosen]] - pixels[chosen], axis=2)
    # Neighbouring indices may have one colour: the middle one of those.
    near = far <= far.min(axis=0) + 1.0
    found = (near * indices[:, None]).sum(axis=0) / near.sum(axis=0)
    return float(np.percentile(found, _MOST_METAL))


def _floor(attenuation: NDArray[np.float64], most: float) -> Sensor:
    """Return the sensor whose scatter is most of what is left behind the darkest parcels, at most `most`."""
    scatter = float(np.clip(_OF_SCATTER * np.exp(-np.percentile(attenuation, _DARKEST)), _LEAST_SCATTER, most))
    return Sensor(scatter=scatter, haze=0.0)


def _grey_look(look: Look, scans: Sequence[Scan]) -> tuple[Look, list[str]]:
    values = _sampled(scans)[:, 0].astype(np.int64)
    air = int(_background(np.repeat(values[:, None], 3, axis=1))[0])
    tables = list(_grey_candidates(air, burnt_out=_is_burnt_out(values)))
    curves = np.stack([levels_of(table)[::-1] for table in tables]).astype(np.float64)
    darkness = _LEVELS - 1 - values
    tones = np.bincount(darkness, minlength=_LEVELS)
    choice = choose_curve(curves, tones, GREY_LANDMARKS, _LEVELS - 1 - air + _GRAIN)
    told = [
        "grey does not tell materials apart: thin matter is taken for organic, thick for metal",
        "sharpen is that of a middling scanner",
        _open(choice),
    ]
    sensor = _floor(curves[choice.index][darkness], _MOST_SCATTER)
    return replace(look, display=tables[choice.index], sensor=sensor), told


def _is_burnt_out(values: NDArray[np.int64]) -> bool:
    """Return whether thin matter may be white with the open beam, whose grain then does not show either."""
    white = np.count_nonzero(values >= _WHITE)
    return bool(np.count_nonzero(values >= _NEARLY_WHITE) < (1.0 + _GRAINY) * white)


def _grey_candidates(air: int, *, burnt_out: bool) -> Iterator[GreyTable]:
    """Yield tables of known scanners under which the open beam has this grey."""
    for gamma, share, black, low in itertools.product(_GREY_GAMMAS, _LOG_SHARES, _GREY_BLACKS, _WINDOW_LOWS):
        table = GreyTable(log_share=share, black_attenuation=black, gamma=gamma, sharpen=_GREY_SHARPEN)
        yield replace(table, window=(low, low + (1.0 - low) * (air / 255.0) ** (-1.0 / gamma)))
        if burnt_out:
            yield from (replace(table, window=(low, high)) for high in _WINDOW_HIGHS)


def _open(choice: Choice) -> str:
    """Return in words how far the scale is open."""
    low, high = choice.factors
    return (
        "parcels are about as dense as rendered ones; the true attenuation is most likely "
        f"{low:.2f} to {high:.2f} times what is read, and what is inserted too light or too dark beside it by as much"
    )


def _raw_look(look: Look, scans: Sequence[Scan]) -> tuple[Look, list[str]]:
    floors = [float(np.percentile(scan.transmissions, 0.05)) for scan in scans if scan.transmissions is not None]
    scatter = float(np.clip(0.9 * np.percentile(floors, 5), 0.0, _MOST_SCATTER))
    told = ["what the darkest parcel lets through is scatter; the wide haze of scatter is not modelled"]
    return replace(look, sensor=Sensor(scatter=scatter, haze=0.0)), told


def _sampled(scans: Sequence[Scan]) -> NDArray[np.uint8]:
    """Return (N, 3) pixels, as many of each scan, without grain and the dark rims of sharpened edges."""
    rng = np.random.default_rng(0)
    picked = []
    for scan in scans:
        flat = cv2.medianBlur(scan.image_rgb, _MEDIAN_PX).reshape(-1, 3)
        picked.append(flat[rng.integers(len(flat), size=min(len(flat), _PIXELS_A_SCAN))])
    return np.concatenate(picked).astype(np.uint8)


def _background(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the most common bright colour."""
    light = pixels @ _LUMA.astype(np.float32)
    bright = pixels[light >= 0.8 * light.max()].astype(np.int64)
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
