"""Tabulate the tube spectra of `datasets.render.spectra` with spekpy (dev extra); run from the root of the checkout.

For every tube voltage: the fluence in 2 keV bins. For every voltage and detector pair: the few energies that stand for
the whole spectrum, found by dropping bins one by one and fitting the weights of the rest to random mixtures.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import spekpy
from numpy.typing import NDArray
from scipy.optimize import nnls  # type: ignore[import-untyped]

from datasets.render.materials import MATERIALS
from datasets.render.spectra import (
    DETECTOR_PAIRS,
    PANEL_SCREENS,
    PANEL_VOLTAGES_KV,
    TUBE_VOLTAGES_KV,
    Response,
    attenuation_table_per_mm,
    response,
)

OUT = Path("datasets/render/data/spectra.npz")
EDGES_KEV = np.concatenate([np.arange(10.0, 88.0, 2.0), [88.0], np.arange(90.0, 162.0, 2.0)])
WORST_LOG_ERROR = 0.004
SETTINGS = (
    *((kvp, pair) for kvp in TUBE_VOLTAGES_KV for pair in DETECTOR_PAIRS),
    *((kvp, screen) for kvp in PANEL_VOLTAGES_KV + TUBE_VOLTAGES_KV for screen in PANEL_SCREENS),
)


def main() -> None:
    """Write the spectra, then, with them in place, the few energies."""
    columns: dict[str, NDArray[np.float64]] = {}
    for kvp in PANEL_VOLTAGES_KV + TUBE_VOLTAGES_KV:
        tube = spekpy.Spek(kvp=kvp, th=20, dk=0.5, z=100)
        tube.filter("Al", 3.0)
        energy, fluence = tube.get_spectrum()
        share = np.histogram(energy, EDGES_KEV, weights=fluence)[0]
        mean = np.histogram(energy, EDGES_KEV, weights=fluence * energy)[0] / np.maximum(share, 1e-30)
        kept = share > 0
        columns[f"energies_kev_{kvp}"] = mean[kept]
        columns[f"fluence_{kvp}"] = share[kept] / share.sum()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(OUT, allow_pickle=False, **columns)
    for kvp, pair in SETTINGS:
        columns[pair.key(kvp)] = few(response(kvp, pair))
    np.savez_compressed(OUT, allow_pickle=False, **columns)


def few(seen: Response) -> NDArray[np.float64]:
    """Return (3, K) energies and the weights of low and high at them."""
    single = bool((seen.weights[0] == seen.weights[1]).all())
    beam = np.exp(-mixtures(seen, 6000, 80.0) if single else -mixtures(seen, 1500, 12.0))
    limit = WORST_LOG_ERROR / 2 if single else WORST_LOG_ERROR
    if single:  # at low voltages the beam hardens so much that the mean depth says little of what comes through
        beam = beam[beam @ seen.weights[0] > np.exp(-12.5)]
    weights = seen.weights.astype(np.float64)
    kept, fitted, changed = np.arange(weights.shape[1]), weights, True
    while changed:
        changed = False
        for candidate in np.argsort(fitted.max(axis=0))[:8]:
            rest = np.delete(kept, candidate)
            new, error = fit(beam, weights, rest)
            if error < limit:
                kept, fitted, changed = rest, new, True
                break
    return np.vstack([seen.energies_kev[kept], fitted])


def fit(
    beam: NDArray[np.float64], weights: NDArray[np.float64], kept: NDArray[np.int64]
) -> tuple[NDArray[np.float64], float]:
    """Return weights (2, K) of the kept bins, and the worst error in the logarithm of transmission."""
    fitted, worst = [], 0.0
    for channel in weights:
        relative = beam[:, kept] / (beam @ channel)[:, None]
        found, _ = nnls(np.vstack([relative, np.full(len(kept), 30.0)]), np.append(np.ones(len(relative)), 30.0))
        fitted.append(found / found.sum())
        worst = max(worst, float(np.abs(np.log(relative @ fitted[-1])).max()))
    return np.array(fitted), worst


def mixtures(seen: Response, count: int, deepest: float) -> NDArray[np.float64]:
    """Return (count, B) optical depths of random mixtures of up to three materials, up to `deepest` in the mean."""
    rng = np.random.default_rng(1)
    table = attenuation_table_per_mm(sorted(MATERIALS), seen).astype(np.float64)
    per_depth = table / (table @ seen.weights[1].astype(np.float64))[:, None]
    depths = []
    for _ in range(count):
        chosen = rng.integers(0, len(table), rng.integers(1, 4))
        depths.append(rng.uniform(0.02, deepest) * (rng.dirichlet(np.ones(len(chosen))) @ per_depth[chosen]))
    return np.array(depths)


if __name__ == "__main__":
    main()
