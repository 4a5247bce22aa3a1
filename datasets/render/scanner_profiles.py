"""Scanner profiles: a few named bases after common looks, and wide random variation around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Literal

import numpy as np

from datasets.render.colour_maps import MEDIAN_WINDOWS_PX, PALETTES, ColourTable, GreyTable
from datasets.render.projector import View
from datasets.render.sensor import Sensor
from datasets.render.spectra import (
    DETECTOR_PAIRS,
    PANEL_SCREENS,
    PANEL_VOLTAGES_KV,
    TUBE_VOLTAGES_KV,
    DetectorPair,
)

__all__ = ["BASE_PROFILES", "ScannerProfile", "random_profile"]


@dataclass(frozen=True, slots=True)
class ScannerProfile:
    """One scanner with its settings.

    Attributes:
        name: the base profile that it varies.
        view: "top" looks down, "side" looks across the belt.
        source_mm: from the source to the detector line.
        gap_mm: from the far side of the scene (the belt, for the top view) to the detector line.
        source_offset: of the source from the middle of the scene, in widths of the scene.
        pixel_mm: finest pixel, at the middle of the scene.
        kvp: tube voltage.
        detectors: the two scintillators.
        sensor: scatter, blur and noise.
        display: pseudo-colour or grey table.
        turn: (swap rows and columns, flip vertically, flip horizontally) before display.
        field_mm: largest part of the scene that is shown (along the line, along the belt), or None for all of it.
        jpeg_quality: of a compression round trip, or None.
        inverted: whether a grey image shows dense matter bright, as film does.
    """

    name: str = "ochre_teal"
    view: View = "top"
    source_mm: float = 1000.0
    gap_mm: float = 100.0
    source_offset: float = 0.1
    pixel_mm: float = 0.8
    kvp: int = 160
    detectors: DetectorPair = DETECTOR_PAIRS[0]
    sensor: Sensor = field(default_factory=Sensor)
    display: ColourTable | GreyTable = field(default_factory=ColourTable)
    turn: tuple[bool, bool, bool] = (False, False, False)
    field_mm: tuple[float, float] | None = None
    jpeg_quality: int | None = 92
    inverted: bool = False

    @property
    def output(self) -> Literal["colour", "grey"]:
        """What kind of image it shows."""
        return "colour" if isinstance(self.display, ColourTable) else "grey"


BASE_PROFILES: Final[Mapping[str, ScannerProfile]] = MappingProxyType(
    {
        "ochre_teal": ScannerProfile(),
        "pure_blue": ScannerProfile(
            name="pure_blue",
            display=ColourTable(palette=PALETTES["pure_blue"], background_rgb=(231, 230, 228), black_attenuation=4.0),
        ),
        "rose_blue": ScannerProfile(
            name="rose_blue",
            display=ColourTable(palette=PALETTES["rose_blue"], background_rgb=(231, 230, 228), black_attenuation=4.0),
        ),
        "orange_blue": ScannerProfile(name="orange_blue", display=ColourTable(palette=PALETTES["orange_blue"])),
        "amber_navy": ScannerProfile(
            name="amber_navy", display=ColourTable(palette=PALETTES["amber_navy"], background_rgb=(250, 250, 246))
        ),
        "vivid": ScannerProfile(name="vivid", display=ColourTable(palette=PALETTES["vivid"], local_contrast=0.05)),
        "line_grey": ScannerProfile(name="line_grey", display=GreyTable(sharpen=0.7)),
        "flat_panel": ScannerProfile(
            name="flat_panel",
            display=GreyTable(log_share=0.1, gamma=1.1, sharpen=0.0, window=(0.01, 0.9)),
            sensor=Sensor(
                photons=(12000.0, 12000.0),
                scatter=0.02,
                haze=0.12,  # no grid keeps the scatter of a whole bag from the panel
                blur_px=(0.9, 0.9),
                row_flicker=0.0,
                row_drift=0.0,
                column_spread=0.0,
                dead_columns=0.0,
                vignette=0.25,
            ),
            jpeg_quality=None,
        ),
    }
)


_CLIPPED: Final = 0.05
_RADIOGRAPHIC: Final = 0.75  # of the flat panels
_INVERTED: Final = 0.08  # of the grey looks: dense matter is bright, as on film
# How often a look is drawn within its output: orange, green and blue on white are what most makers show, and single
# energy is mostly a flat panel.
_SHARES: Final = {
    "ochre_teal": 2.4,
    "pure_blue": 1.0,
    "rose_blue": 0.25,
    "orange_blue": 1.2,
    "amber_navy": 1.6,
    "vivid": 0.6,
    "line_grey": 1.0,
    "flat_panel": 2.5,
}


def random_profile(rng: np.random.Generator, *, output: str | None = None, view: str | None = None) -> ScannerProfile:
    """Return a random scanner; `output` ("colour", "grey") and `view` ("top", "side") are drawn where None.

    Raises:
        ValueError: no such output or view.
    """
    if output not in (None, "colour", "grey") or view not in (None, "top", "side"):
        raise ValueError(f"expected output colour or grey and view top or side, got {output!r} and {view!r}")
    wanted = output or ("colour" if rng.random() < 0.75 else "grey")
    names = [name for name, profile in BASE_PROFILES.items() if profile.output == wanted]
    weights = np.array([_SHARES[name] for name in names])
    base = BASE_PROFILES[names[int(rng.choice(len(names), p=weights / weights.sum()))]]
    display: ColourTable | GreyTable
    if isinstance(base.display, ColourTable):
        display = _vary_colour(base.display, rng)
    else:
        display = _vary_grey(base.display, base.name, rng)
    field_mm = None
    panel = base.name == "flat_panel"
    # Panels are smaller than most luggage. Radiography runs them below the voltages of belt scanners, with one screen.
    radiographic = panel and rng.random() < _RADIOGRAPHIC
    if panel and rng.random() < 0.88:
        field_mm = (float(rng.uniform(200, 400)), float(rng.uniform(160, 300)))
    elif not panel and rng.random() < _CLIPPED:  # the scan starts late or ends early
        field_mm = (1e6, float(rng.uniform(180, 420)))
    screens = PANEL_SCREENS if panel else DETECTOR_PAIRS
    source_mm = float(rng.uniform(750, 1500))
    drawn_view: View = "top" if rng.random() < 0.7 else "side"
    if view is not None:
        drawn_view = "top" if view == "top" else "side"
    return replace(
        base,
        view=drawn_view,
        source_mm=source_mm,
        gap_mm=float(rng.uniform(30, 200)),
        source_offset=float(rng.uniform(-0.45, 0.45)),
        pixel_mm=float(np.exp(rng.uniform(np.log(0.35), np.log(1.1)))),
        kvp=int(rng.choice(PANEL_VOLTAGES_KV if radiographic else TUBE_VOLTAGES_KV)),
        detectors=screens[int(rng.integers(len(screens)))],
        sensor=_vary_sensor(base.sensor, rng),
        display=display,
        turn=(bool(rng.random() < 0.6), bool(rng.random() < 0.5), bool(rng.random() < 0.5)),
        field_mm=field_mm,
        jpeg_quality=None if rng.random() < 0.25 else int(rng.integers(72, 97)),
        inverted=base.output == "grey" and bool(rng.random() < _INVERTED),
    )


def _vary_sensor(base: Sensor, rng: np.random.Generator) -> Sensor:
    factor = np.exp(rng.normal(0.0, 0.5, 8))
    photons = float(np.exp(rng.uniform(np.log(1000), np.log(30000))))
    blur = float(rng.uniform(0.3, 0.7) if base.vignette == 0 else rng.uniform(0.3, 1.1))
    return replace(
        base,
        photons=(photons * float(rng.uniform(0.5, 1.2)), photons),
        scatter=float(min(base.scatter * factor[0], 0.06)),
        haze=float(min(base.haze * factor[1], 0.3 if base.vignette else 0.15)),
        blur_px=(blur, float(blur * rng.uniform(0.9, 1.2))),
        row_flicker=base.row_flicker * float(3.0 * factor[2]),
        row_drift=base.row_drift * float(factor[3]),
        column_spread=base.column_spread * float(factor[4]),
        dead_columns=base.dead_columns * float(factor[5]),
        vignette=float(rng.uniform(0.0, 0.5)) if base.vignette else 0.0,
        speed_jitter_px=float(rng.uniform(0.3, 1.4)) if not base.vignette and rng.random() < 0.15 else 0.0,
    )


def _vary_colour(base: ColourTable, rng: np.random.Generator) -> ColourTable:
    background = base.background_rgb
    if rng.random() < 0.3:
        level = rng.uniform(0.86, 1.0) * np.array([1.0, 1.0, 1.0]) * rng.uniform(0.985, 1.0, 3)
        background = (round(255 * level[0]), round(255 * level[1]), round(255 * level[2]))
    others = list(PALETTES.values())
    return replace(
        base,
        palette=base.palette.blended(others[int(rng.integers(len(others)))], float(rng.uniform(0.0, 0.45))),
        background_rgb=background,
        air_attenuation=float(rng.uniform(0.0, 0.025)),
        black_attenuation=float(rng.uniform(5.0, 12.0)),
        gamma=float(rng.uniform(0.5, 0.85)),
        local_contrast=float(rng.uniform(0.0, 0.22)),
        sharpen=float(rng.uniform(0.8, 3.4)),
        sharpen_px=float(rng.uniform(0.8, 2.0)),
        material_blur_px=float(rng.uniform(0.4, 1.6)),
        material_median_px=int(rng.choice(MEDIAN_WINDOWS_PX, p=(0.08, 0.37, 0.55))),
        material_bias=float(rng.normal(0.0, 0.06)),
        dense_index=float(rng.uniform(0.7, 2.0)),
        hue_shift_degrees=float(rng.normal(0.0, 4.5)),
        saturation=float(rng.uniform(0.65, 1.25)),
    )


def _vary_grey(base: GreyTable, name: str, rng: np.random.Generator) -> GreyTable:
    panel = name == "flat_panel"
    # A panel is exposed for dense luggage or for the open beam: air may be anything from burnt out to mid-grey. What
    # is displayed as black lies below what scatter leaves behind dense matter.
    brightest = 1.6 if panel else 1.25
    white = float(rng.uniform(0.5, 0.75) if rng.random() < 0.15 else rng.uniform(0.75, brightest))
    return replace(
        base,
        high_share=0.0 if panel else float(rng.uniform(0.0, 1.0)),
        log_share=float(rng.uniform(0.0, 0.5) if panel else rng.uniform(0.0, 1.0)),
        black_attenuation=float(rng.uniform(3.0, 6.5)),
        gamma=float(np.exp(rng.uniform(np.log(0.9 if panel else 0.7), np.log(2.4)))),
        window=(float(rng.uniform(-0.12, 0.02) if panel else rng.uniform(-0.06, 0.05)), white),
        local_contrast=float(rng.uniform(0.0, 0.2)),
        sharpen=float(rng.uniform(0.0, 0.6) if panel else rng.uniform(0.2, 1.8)),
        sharpen_px=float(rng.uniform(0.9, 2.6)),
    )
