"""Looks estimated from rendered benign scans of which the scanner is known."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.compositing.displays import read_colour, read_grey
from datasets.compositing.estimate import estimate_look
from datasets.compositing.files import Scan
from datasets.compositing.insertion import overlay
from datasets.compositing.look import Look
from datasets.compositing.shadows import Shadow
from datasets.encoding import encode_jpeg, encode_png
from datasets.render.colour_maps import ColourTable, show_colour, show_grey
from datasets.render.recipe import Recipe
from datasets.render.sample import parcel_rng
from datasets.render.scanner import random_profile, scan
from datasets.render.scanner_profiles import BASE_PROFILES, ScannerProfile
from datasets.render.scene import compose
from datasets.render.sensor import Sensor, measure
from detector.images import decode

Float = NDArray[np.float32]
SCANS = 40
PERFECT = Sensor(
    photons=(1e14, 1e14),
    blur_px=(1e-3, 1e-3),
    **dict.fromkeys(("scatter", "haze", "read_noise", "row_flicker", "row_drift", "column_spread", "dead_columns"), 0.0),  # type: ignore[arg-type]
)
STEPS_MM = (1, 2, 4, 6, 8, 12, 16, 24, 32)


@pytest.fixture(scope="module")
def parcels() -> list[Float]:
    """Return the transmissions of benign parcels, bags and small parcels, before any detector."""
    recipe = Recipe(firearm_share=0, part_share=0, ammunition_share=0, mixed_share=0)
    found = []
    for index in range(SCANS):
        rng = parcel_rng(31, index)
        profile = replace(
            random_profile(rng, output="colour"), sensor=PERFECT, kvp=160, jpeg_quality=None, turn=(False, False, False)
        )
        rendered = scan(compose(rng, recipe).phantoms, profile, rng, max_size_wh=(320, 256))
        found.append(np.stack([rendered.low, rendered.high]))
    return found


Site = Callable[[ScannerProfile], tuple[Look, list[tuple[NDArray[np.uint8], Float]]]]


@pytest.fixture(scope="module")
def site(parcels: list[Float], tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Return what a scanner makes of the parcels: the look that is estimated, and its pictures with the truth."""
    known: dict[ScannerProfile, tuple[Look, list[tuple[NDArray[np.uint8], Float]]]] = {}

    def of(profile: ScannerProfile) -> tuple[Look, list[tuple[NDArray[np.uint8], Float]]]:
        if profile not in known:
            folder = tmp_path_factory.mktemp(profile.name)
            rng, paths, shown = np.random.default_rng(0), [], []
            for number, ideal in enumerate(parcels):
                measured = measure(ideal, profile.sensor, rng)
                image = picture(measured, profile)
                data = encode_jpeg(image, 90) if profile.jpeg_quality else encode_png(image)
                paths.append(folder / f"{number:02d}.img")
                paths[-1].write_bytes(data)
                shown.append((decode(data), measured))
            known[profile] = estimate_look(paths, profile.name, pixel_mm=(1.0, 1.0)), shown
        return known[profile]

    return of


def picture(measured: Float, profile: ScannerProfile) -> NDArray[np.uint8]:
    if isinstance(profile.display, ColourTable):
        return show_colour(measured[0], measured[1], profile.display, profile.kvp)
    return show_grey(measured[0], measured[1], profile.display)


def attenuations(look: Look, shown: list[tuple[NDArray[np.uint8], Float]]) -> tuple[Float, Float]:
    """Return the mean attenuation that is read at each pixel, and the true one; without the rims of edges."""
    read, true = [], []
    for image, measured in shown:
        if isinstance(look.display, ColourTable):
            found = read_colour(image, look.display, look.kvp)
        else:
            assert look.display is not None
            found = read_grey(image, look.display, look.kvp)
        for pair, into in ((found, read), (measured, true)):
            into.append(cv2.medianBlur(-np.log(pair).mean(axis=0).astype(np.float32), 5).ravel())
    return np.concatenate(read), np.concatenate(true)


def steel_wedge(look: Look) -> NDArray[np.float64]:
    """Return the colours (steps, 3) of steel of rising thickness, inserted into the open beam."""
    width = 30
    lengths = np.zeros((1, 60, width * len(STEPS_MM)), np.float32)
    for step, thick in enumerate(STEPS_MM):
        lengths[0, :, step * width : (step + 1) * width] = thick
    assert look.display is not None
    air = look.display.background_rgb if isinstance(look.display, ColourTable) else (255, 255, 255)
    empty = np.broadcast_to(np.array(air, np.uint8), (100, lengths.shape[2] + 40, 3)).copy()
    open_beam = np.ones((2, *empty.shape[:2]), np.float32)
    laid = [(Shadow(("steel",), lengths, ()), (20, 20))]
    image = overlay(Scan(empty), look, laid, transmissions=open_beam).scan.image_rgb
    middles = [image[45:55, 20 + step * width + 12 : 20 + step * width + 18] for step in range(len(STEPS_MM))]
    return np.array([np.median(one.reshape(-1, 3), axis=0) for one in middles])


def lab(rgb: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return CIELAB of colours (N, 3)."""
    return np.asarray(cv2.cvtColor((rgb[None] / 255.0).astype(np.float32), cv2.COLOR_RGB2LAB)[0])
