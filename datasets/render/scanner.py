"""A scanner: geometry, beam, sensor and display in one profile, and the scan of a scene with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.difficulty import superposition_of
from datasets.render.colour_maps import ColourTable, show_colour, show_grey
from datasets.render.projector import FanGeometry, OwnLengths, Projection, project, projected_bounds
from datasets.render.scanner_profiles import ScannerProfile, random_profile
from datasets.render.sensor import Sensor, measure
from datasets.render.solids import Phantom, bounds_around
from datasets.render.spectra import Response, attenuation_table_per_mm, few_energies, transmission

__all__ = ["Footprint", "RenderedView", "ScannerProfile", "random_profile", "scan", "tells_apart"]

MASK_MM: Final = 0.02  # a ray that meets less of a phantom than this is beside it


@dataclass(frozen=True, slots=True, eq=False)
class Footprint:
    """Where a labelled phantom is in the image.

    Attributes:
        phantom_index: its place in the scene.
        xyxy: extent of the mask in pixels, right and lower edge exclusive; all 0 if nothing is inside the image.
        mask: (h, w) bool over the box.
        visibility: share of the mask that would look different without the object, 0 to 1.
        area_px: pixels in the mask.
        truncated: whether part of it lies outside the image.
        inside: share of the extent of its shadow that lies inside the image, 0 to 1.
        superposition: share of the radiation that everything else takes from the mask, 0 to 1.
    """

    phantom_index: int
    xyxy: tuple[float, float, float, float]
    mask: NDArray[np.bool_]
    visibility: float
    area_px: int
    truncated: bool
    inside: float = 1.0
    superposition: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class RenderedView:
    """One image of a scene.

    Attributes:
        image_rgb: (H, W, 3) uint8, as the scanner shows it.
        footprints: of the labelled phantoms, in their order.
        low: (H, W) float32 measured transmission at low energy.
        high: (H, W) float32 measured transmission at high energy.
    """

    image_rgb: NDArray[np.uint8]
    footprints: tuple[Footprint, ...]
    low: NDArray[np.float32]
    high: NDArray[np.float32]


def scan(
    phantoms: Sequence[Phantom],
    profile: ScannerProfile,
    rng: np.random.Generator,
    *,
    max_size_wh: tuple[int, int] = (640, 512),
    margin_mm: float = 15.0,
) -> RenderedView:
    """Scan a scene: crop to its shadow plus a margin, at a pixel pitch that fits `max_size_wh` lying or standing.

    Raises:
        ValueError: the scene has no solids, or it reaches the source.
    """
    geometry = _place(phantoms, profile, rng, max_size_wh, margin_mm)
    projection = project(phantoms, geometry)
    seen = few_energies(profile.kvp, profile.detectors)
    beam = (attenuation_table_per_mm(projection.materials, seen), seen)
    ideal = transmission(projection.lengths_mm, *beam)
    footprints = [
        _footprint(own, projection, ideal, beam, profile, inside=_inside(phantoms[own.index], geometry))
        for own in projection.own
    ]
    low, high = measure(ideal, profile.sensor, rng)
    turn = profile.turn
    low, high = (np.ascontiguousarray(_turned(channel, turn)) for channel in (low, high))
    shape = (geometry.rows, geometry.columns)
    if isinstance(profile.display, ColourTable):
        image = show_colour(low, high, profile.display, profile.kvp)
    else:
        image = show_grey(low, high, profile.display)
        if profile.inverted:
            image = 255 - image
    if profile.jpeg_quality is not None:
        image = _jpeg(image, profile.jpeg_quality)
    return RenderedView(image, tuple(_turned_footprint(each, turn, shape) for each in footprints), low, high)


def _place(
    phantoms: Sequence[Phantom],
    profile: ScannerProfile,
    rng: np.random.Generator,
    max_size_wh: tuple[int, int],
    margin_mm: float,
) -> FanGeometry:
    """Put source, detector and pixels around the scene."""
    solids = [solid for phantom in phantoms for solid in phantom.solids]
    if not solids:
        raise ValueError("expected at least one solid in the scene")
    low, high = bounds_around(solids)
    axis, depth = (0, 2) if profile.view == "top" else (2, 0)
    thickness = float(high[depth] - low[depth])
    detector = max(profile.source_mm, profile.gap_mm + 1.6 * thickness)
    source_depth = float(low[depth]) - profile.gap_mm + detector
    source_axis = float((low[axis] + high[axis]) / 2 + profile.source_offset * (high[axis] - low[axis]))
    low_u, high_u, low_y, high_y = projected_bounds(solids, profile.view, source_axis, source_depth, detector)
    magnification = detector / (source_depth - float(low[depth] + high[depth]) / 2)
    spans = [
        [low_u - margin_mm * magnification, high_u + margin_mm * magnification],
        [low_y - margin_mm, high_y + margin_mm],
    ]
    if profile.field_mm is not None:
        limits = (profile.field_mm[0] * magnification, profile.field_mm[1])
        spans = [_window(span, limit, rng) for span, limit in zip(spans, limits, strict=True)]
    width, height = (spans[0][1] - spans[0][0]) / magnification, spans[1][1] - spans[1][0]
    long_side, short_side = max(max_size_wh), min(max_size_wh)
    pitch = max(profile.pixel_mm, max(width, height) / long_side, min(width, height) / short_side)
    return FanGeometry(
        view=profile.view,
        source_axis_mm=source_axis,
        source_depth_mm=source_depth,
        detector_mm=detector,
        column_pitch_mm=pitch * magnification,
        row_pitch_mm=pitch,
        first_column_mm=spans[0][0] + pitch * magnification / 2,
        first_row_mm=spans[1][0] + pitch / 2,
        columns=max(int(width / pitch + 1e-6), 1),
        rows=max(int(height / pitch + 1e-6), 1),
    )


def _window(span: list[float], limit: float, rng: np.random.Generator) -> list[float]:
    """Return a part of `span`, `limit` long, most often near the middle, where the object is."""
    spare = span[1] - span[0] - limit
    if spare <= 0:
        return span
    start = span[0] + spare * float(rng.beta(2.0, 2.0))
    return [start, start + limit]


def _inside(phantom: Phantom, geometry: FanGeometry) -> float:
    """Return the share of the extent of the phantom's shadow that lies inside the image."""
    low_u, high_u, low_y, high_y = projected_bounds(
        phantom.solids, geometry.view, geometry.source_axis_mm, geometry.source_depth_mm, geometry.detector_mm
    )
    left = geometry.first_column_mm - geometry.column_pitch_mm / 2
    top = geometry.first_row_mm - geometry.row_pitch_mm / 2
    right, bottom = left + geometry.columns * geometry.column_pitch_mm, top + geometry.rows * geometry.row_pitch_mm
    across = max(min(high_u, right) - max(low_u, left), 0.0) / (high_u - low_u)
    along = max(min(high_y, bottom) - max(low_y, top), 0.0) / (high_y - low_y)
    return float(across * along)


def _footprint(
    own: OwnLengths,
    projection: Projection,
    ideal: NDArray[np.float32],
    beam: tuple[NDArray[np.float32], Response],
    profile: ScannerProfile,
    *,
    inside: float,
) -> Footprint:
    """Cut the mask out of the phantom's own lengths and ask how much of it changes what is seen."""
    mask = own.lengths_mm.sum(axis=0) > MASK_MM
    if not mask.any():
        return Footprint(own.index, (0.0, 0.0, 0.0, 0.0), np.zeros((0, 0), np.bool_), 0.0, 0, True, 0.0)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    area = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    mask = np.ascontiguousarray(mask[area])
    top, left = own.row + int(rows[0]), own.column + int(columns[0])
    place = (slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1]))
    others = projection.lengths_mm[(slice(None), *place)][:, mask]
    others[own.materials] = np.maximum(others[own.materials] - own.lengths_mm[(slice(None), *area)][:, mask], 0.0)
    without = transmission(others, *beam)
    present = ideal[(slice(None), *place)][:, mask]
    visible = tells_apart(without, present, profile.sensor, profile.display.black_attenuation)
    xyxy = (float(left), float(top), float(left + mask.shape[1]), float(top + mask.shape[0]))
    return Footprint(
        own.index, xyxy, mask, float(visible.mean()), int(mask.sum()), inside < 1.0, inside, superposition_of(without)
    )


def tells_apart(
    without: NDArray[np.float32], present: NDArray[np.float32], sensor: Sensor, black_attenuation: float
) -> NDArray[np.bool_]:
    """Return for N pixels whether two transmissions (2, N), without and with an object, look different.

    What the display can tell apart: steps above the noise of a pixel's neighbourhood, on top of scatter and black.
    """
    floor = max(sensor.scatter + sensor.haze / 2, float(np.exp(-black_attenuation)))
    contrast = np.log((without + floor) / (present + floor)).mean(axis=0)
    photons = np.array(sensor.photons, np.float32)[:, None]
    noise = np.sqrt(present / photons + sensor.read_noise**2) / (present + floor)
    return np.asarray(np.abs(contrast) > np.maximum(0.04, noise.mean(axis=0)))


def _turned(image: NDArray[np.generic], turn: tuple[bool, bool, bool]) -> NDArray[np.generic]:
    swap, vertical, horizontal = turn
    if swap:
        image = image.T
    return image[:: -1 if vertical else 1, :: -1 if horizontal else 1]


def _turned_footprint(footprint: Footprint, turn: tuple[bool, bool, bool], shape: tuple[int, int]) -> Footprint:
    if not footprint.area_px:
        return footprint
    swap, vertical, horizontal = turn
    height, width = shape
    x0, y0, x1, y1 = footprint.xyxy
    if swap:
        x0, y0, x1, y1, height, width = y0, x0, y1, x1, width, height
    if vertical:
        y0, y1 = height - y1, height - y0
    if horizontal:
        x0, x1 = width - x1, width - x0
    mask = np.ascontiguousarray(_turned(footprint.mask, turn))
    return replace(footprint, xyxy=(x0, y0, x1, y1), mask=mask)


def _jpeg(image_rgb: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Return the image after compression and decompression."""
    bgr = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1], np.uint8, order="C")
