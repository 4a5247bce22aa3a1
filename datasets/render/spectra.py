"""The tube's spectrum, the detector pair, and the transmission they measure.

Tungsten spectra behind 3 mm of aluminium were tabulated once with spekpy (`scripts/tabulate_spectra.py`) in 2 keV
bins, split at lead's K edge at 88 keV. A thin gadolinium oxysulphide screen sees the low energies, 0.6 mm of copper
hardens what is left, and thick caesium iodide sees the high ones; both integrate energy. Flat panels of one energy
have a single screen, and tubes that often run at the lower voltages of radiography, where cloth and paper show more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datasets.render.materials import attenuation_per_cm, mass_attenuation

__all__ = [
    "DETECTOR_PAIRS",
    "PANEL_SCREENS",
    "PANEL_VOLTAGES_KV",
    "TUBE_VOLTAGES_KV",
    "DetectorPair",
    "Response",
    "attenuation_table_per_mm",
    "few_energies",
    "response",
    "transmission",
]

TUBE_VOLTAGES_KV: Final = (140, 150, 160)
PANEL_VOLTAGES_KV: Final = (60, 80, 110)
_TABLE: Final = Path(__file__).parent / "data" / "spectra.npz"
_CHUNK: Final = 8192  # pixels at a time: the exponentials stay in the second-level cache


@dataclass(frozen=True, slots=True)
class DetectorPair:
    """Thicknesses of the two scintillators and of the copper between them.

    Without the second scintillator, low and high are alike.
    """

    low_gos_mm: float = 0.20
    filter_cu_mm: float = 0.6
    high_csi_mm: float = 4.0

    def key(self, kvp: int) -> str:
        """Return the name of this pair's few energies in the packaged table."""
        return f"few_{kvp}_{self.low_gos_mm:g}_{self.filter_cu_mm:g}_{self.high_csi_mm:g}"


DETECTOR_PAIRS: Final = (DetectorPair(), DetectorPair(0.15, 0.5, 3.0), DetectorPair(0.28, 0.8, 5.0))
PANEL_SCREENS: Final = (DetectorPair(0.10, 0.0, 0.0), DetectorPair(0.28, 0.0, 0.0))


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """What the detectors integrate of an open beam.

    Attributes:
        energies_kev: (B,) mean energy of every bin.
        weights: (2, B) float32, rows low and high, each adding up to 1.
    """

    energies_kev: NDArray[np.float64]
    weights: NDArray[np.float32]


@lru_cache(maxsize=256)
def response(kvp: int = 160, pair: DetectorPair = DetectorPair()) -> Response:
    """Return the response of `pair` to the open beam at `kvp`.

    Raises:
        ValueError: no spectrum was tabulated for this voltage.
    """
    if kvp not in TUBE_VOLTAGES_KV + PANEL_VOLTAGES_KV:
        raise ValueError(f"expected a tube voltage out of {PANEL_VOLTAGES_KV + TUBE_VOLTAGES_KV} kV, got {kvp}")
    with np.load(_TABLE) as table:
        energies, fluence = table[f"energies_kev_{kvp}"], table[f"fluence_{kvp}"]
    gos = mass_attenuation("Gd2O2S", energies) * 7.32 * pair.low_gos_mm / 10
    copper = mass_attenuation("Cu", energies) * 8.96 * pair.filter_cu_mm / 10
    csi = mass_attenuation("CsI", energies) * 4.51 * pair.high_csi_mm / 10
    low = fluence * energies * -np.expm1(-gos)
    high = fluence * energies * np.exp(-gos - copper) * -np.expm1(-csi) if pair.high_csi_mm else low
    weights = np.stack([low / low.sum(), high / high.sum()]).astype(np.float32)
    return Response(energies, weights)


@lru_cache(maxsize=256)
def few_energies(kvp: int = 160, pair: DetectorPair = DetectorPair()) -> Response:
    """Return a response of about twenty energies or fewer that transmits like `response` within 0.006 in the logarithm.

    Tabulated for DETECTOR_PAIRS and PANEL_SCREENS (bins dropped one by one, the weights of the rest fitted again); for
    another pair the full response comes back.
    """
    with np.load(_TABLE) as table:
        if pair.key(kvp) not in table:
            return response(kvp, pair)
        energies, low, high = table[pair.key(kvp)]
    weights = np.stack([low / low.sum(), high / high.sum()]).astype(np.float32)
    return Response(energies, weights)


@lru_cache(maxsize=1)
def _tabulated_kev() -> NDArray[np.float64]:
    """Return all energies of the table, sorted: what is looked up once a material is known for every scanner."""
    with np.load(_TABLE) as table:
        every = [table[name] for name in table.files if not name.startswith("fluence")]
    return np.unique(np.concatenate([values if values.ndim == 1 else values[0] for values in every]))


@lru_cache(maxsize=1024)
def _at_all_energies(material: str) -> NDArray[np.float32]:
    return _per_mm(material, _tabulated_kev())


def _per_mm(material: str, energies_kev: NDArray[np.float64]) -> NDArray[np.float32]:
    return (attenuation_per_cm(material, energies_kev) / 10).astype(np.float32)


def attenuation_table_per_mm(materials: Sequence[str], seen: Response) -> NDArray[np.float32]:
    """Return (M, B) linear attenuation in 1/mm of every material at every bin of `seen`."""
    known = _tabulated_kev()
    at = np.searchsorted(known, seen.energies_kev).clip(max=len(known) - 1)
    if np.array_equal(known[at], seen.energies_kev):
        return np.stack([_at_all_energies(material)[at] for material in materials])
    return np.stack([_per_mm(material, seen.energies_kev) for material in materials])


def transmission(
    lengths_mm: NDArray[np.float32], table_per_mm: NDArray[np.float32], seen: Response
) -> NDArray[np.float32]:
    """Return the polychromatic transmission (2, ...) low and high of path lengths (M, ...) through M materials."""
    shape = lengths_mm.shape[1:]
    flat = lengths_mm.reshape(len(lengths_mm), -1)
    out = np.empty((2, flat.shape[1]), np.float32)
    negative = -table_per_mm.T
    for start in range(0, flat.shape[1], _CHUNK):
        depth = negative @ flat[:, start : start + _CHUNK]
        np.exp(depth, out=depth)
        np.matmul(seen.weights, depth, out=out[:, start : start + _CHUNK])
    return out.reshape(2, *shape)
