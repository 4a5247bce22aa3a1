"""Medical-like X-ray views: what a parcel scanner never shows, made by the renderer's own geometry.

Hands, chests, heads and knees of ellipsoids, cylinders and bent tubes of bone and soft tissue, before a flat
panel, exposed as in radiography. They are silhouettes to tell scans from, not anatomy. Compositions after ICRU
Report 44, "Tissue Substitutes in Radiation Dosimetry and Measurement", 1989.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.render.clutter.shapes import along_y, chance, turned, uniform, wire
from datasets.render.scanner import scan
from datasets.render.scanner_profiles import ScannerProfile
from datasets.render.sensor import Sensor
from datasets.render.solids import Phantom, Solid, cylinder, ellipsoid, frustum
from datasets.render.spectra import PANEL_SCREENS, PANEL_VOLTAGES_KV

__all__ = ["BODIES", "medical_view", "medical_views"]

_Maker = Callable[[np.random.Generator], list[Solid]]


def medical_views(count: int = 160, seed: int = 0) -> Iterator[NDArray[np.uint8]]:
    """Yield `count` views."""
    return (medical_view(seed, index) for index in range(count))


def medical_view(seed: int, index: int) -> NDArray[np.uint8]:
    """Return an (H, W, 3) grey radiograph; bodies take turns, and the same arguments give the same pixels."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
    make, size = list(BODIES.values())[index % len(BODIES)]
    phantom = Phantom("body", tuple(make(rng)))
    profile = ScannerProfile(
        name="radiograph",
        source_mm=uniform(rng, 1100, 1500),
        gap_mm=uniform(rng, 20, 60),
        source_offset=0.0,
        pixel_mm=uniform(rng, 0.4, 0.9),
        kvp=int(rng.choice(PANEL_VOLTAGES_KV)),
        detectors=PANEL_SCREENS[int(rng.integers(len(PANEL_SCREENS)))],
        sensor=Sensor(
            photons=(30000.0, 30000.0), scatter=0.005, haze=0.01, blur_px=(0.6, 0.6), row_flicker=0.0, vignette=0.1
        ),
        turn=(False, chance(rng, 0.5), chance(rng, 0.5)),
        field_mm=(size[0] * uniform(rng, 0.8, 1.3), size[1] * uniform(rng, 0.8, 1.3)),
        jpeg_quality=None,
    )
    transmission = scan([phantom], profile, rng, max_size_wh=(640, 640)).low
    return _exposed(transmission, rng)


def _exposed(transmission: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the (H, W, 3) picture of a transmission (H, W), spread over its own range as radiography does."""
    attenuation = -np.log(transmission)
    low, high = np.percentile(attenuation, (uniform(rng, 0.5, 6.0), uniform(rng, 97.0, 99.7)))
    level = ((attenuation - low) / max(high - low, 0.05)).clip(0, 1) ** uniform(rng, 0.7, 1.4)
    detail = level - cv2.GaussianBlur(level, (0, 0), uniform(rng, 1.0, 4.0))
    level = (level + uniform(rng, 0.0, 1.0) * detail).clip(0, 1)
    if chance(rng, 0.3):  # on most radiographs bone is bright, on some dark
        level = 1 - level
    grey = np.asarray(255 * level + 0.5, np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def _hand(rng: np.random.Generator) -> list[Solid]:
    """Return a hand that lies flat, its wrist towards -y."""
    solids = [_lying_ellipsoid((42, 48, 14), "soft_tissue", (0, 0, 0)), _limb(26, 30, 90, "soft_tissue", (0, -75, 0))]
    solids += [_limb(8, 7, 90, "bone", (side * 11, -80, 0)) for side in (-1, 1)]
    solids += [
        _lying_ellipsoid((7, 7, 6), "bone", (uniform(rng, -20, 20), -30 + uniform(rng, -8, 8), 0)) for _ in range(8)
    ]
    for finger, (place, length) in enumerate(((-45, 60), (-24, 80), (-2, 92), (18, 84), (36, 62))):
        spread = turned("z", -place * uniform(rng, 0.25, 0.5))
        root = np.array([place * 0.7, 40.0 if finger else 5.0, 0.0])
        solids.append(_limb(10, 8, length + 20, "soft_tissue", (0, length / 2, 0)).moved(spread, root))
        solids.append(_limb(4.2, 3.6, 58, "bone", (0, -30, 0)).moved(spread, root))
        start = 2.0
        for share, radius in ((0.45, 4.0), (0.3, 3.4), (0.22, 2.8)):
            bone = share * length
            shaft = _limb(radius, 0.8 * radius, bone - 3, "bone", (0, start + bone / 2, 0))
            joint = _lying_ellipsoid((1.3 * radius, 3.5, radius), "bone", (0, start, 0))
            solids += [part.moved(spread, root) for part in (shaft, joint)]
            start += bone
    return solids


def _chest(rng: np.random.Generator) -> list[Solid]:
    """Return a trunk with two lungs, heart, spine, ribs, collar bones and shoulders; it lies along y."""
    broad, deep = uniform(rng, 150, 190), uniform(rng, 85, 115)
    solids = [_limb(1, 1, 560, "soft_tissue", (0, 0, 0)).scaled((broad, 1, deep))]
    for side in (-1, 1):
        lung = _lying_ellipsoid((0.36 * broad, 140, 0.72 * deep), "soft_tissue", (side * 0.46 * broad, 20, 0))
        solids += [lung.cavity(), Solid(lung.triangles_mm, "lung")]
        solids.append(_lying_ellipsoid((38, 60, 45), "soft_tissue", (side * (broad + 25), 130, 0)))
        solids.append(_limb(13, 11, 220, "bone", (side * (broad + 25), 60, 0)))
        solids.append(wire([(side * 12, 150, 40), (side * 80, 165, 45), (side * broad, 160, 10)], 6.0, "bone", sides=8))
        for rib in range(9):
            angle = np.linspace(0.15, 2.6, 14)
            path = np.stack(
                [
                    side * 0.93 * broad * np.sin(angle),
                    140 - 30 * rib - 22 * angle + uniform(rng, -3, 3),
                    -0.9 * deep * np.cos(angle),
                ],
                axis=1,
            )
            solids.append(wire(path, uniform(rng, 4.0, 5.5), "bone", sides=8))
    solids.append(_lying_ellipsoid((uniform(rng, 50, 70), 65, 50), "soft_tissue", (25, -40, 20)))
    for level in range(16):
        solids.append(_limb(17, 17, 27, "bone", (0, -240 + 32 * level, -0.6 * deep)))
    return solids


def _head(rng: np.random.Generator) -> list[Solid]:
    """Return a head from the front or the side, with brain case, jaw, teeth and neck."""
    wide, long = uniform(rng, 70, 78), uniform(rng, 88, 98)
    wide = wide if chance(rng, 0.5) else 1.25 * wide
    shell = uniform(rng, 5, 8)
    inner = _lying_ellipsoid((wide - shell, long - shell, 80), "bone", (0, 30, 0))
    solids = [
        _lying_ellipsoid((wide + 6, long + 8, 95), "soft_tissue", (0, 28, 0)),
        _lying_ellipsoid((wide, long, 88), "bone", (0, 30, 0)),
        inner.cavity(),
        _limb(50, 55, 150, "soft_tissue", (0, -130, 0)),
        wire([(-52, -20, 0), (-42, -75, 30), (0, -95, 50), (42, -75, 30), (52, -20, 0)], 8.0, "bone", sides=8),
    ]
    solids += [_limb(4, 3, 16, "bone", (8.5 * (tooth - 5.5), -62, 52)) for tooth in range(12)]
    solids += [_limb(16, 16, 17, "bone", (0, -75 - 20 * level, -20)) for level in range(6)]
    solids += [_lying_ellipsoid((17, 14, 14), "bone", (side * 32, -8, 60)) for side in (-1, 1)]
    return solids


def _knee(rng: np.random.Generator) -> list[Solid]:
    """Return a leg around the knee: two long bones, a thin one, and the cap."""
    bend = turned("z", uniform(rng, -25, 25))
    upper = [
        _limb(62, 75, 240, "soft_tissue", (0, 120, 0)),
        _limb(15, 14, 220, "bone", (0, 125, 0)),
        _lying_ellipsoid((38, 24, 28), "bone", (0, 22, 0)),
    ]
    lower = [
        _limb(45, 60, 240, "soft_tissue", (0, -120, 0)),
        _limb(12, 14, 220, "bone", (0, -125, 0)),
        _limb(6, 6, 215, "bone", (32, -130, -10)),
        _lying_ellipsoid((36, 20, 26), "bone", (0, -22, 0)),
    ]
    cap = _lying_ellipsoid((20, 20, 10), "bone", (0, 20, 38))
    return [*(part.moved(bend) for part in upper), *lower, cap]


# What makes each, and how large the panel is for it, millimetres.
BODIES: Final[Mapping[str, tuple[_Maker, tuple[float, float]]]] = MappingProxyType(
    {
        "hand": (_hand, (180, 280)),
        "chest": (_chest, (330, 420)),
        "head": (_head, (200, 260)),
        "knee": (_knee, (150, 300)),
    }
)


def _limb(
    low_mm: float, high_mm: float, length_mm: float, material: str, offset_mm: tuple[float, float, float]
) -> Solid:
    """Return a round bar along y."""
    bar = cylinder(low_mm, length_mm, material) if low_mm == high_mm else frustum(low_mm, high_mm, length_mm, material)
    return along_y(bar, offset_mm)


def _lying_ellipsoid(
    radii_mm: tuple[float, float, float], material: str, offset_mm: tuple[float, float, float]
) -> Solid:
    return ellipsoid(radii_mm, material).moved(offset_mm=offset_mm)
