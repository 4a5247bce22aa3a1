"""Tabulate the tube spectra of `datasets.render.spectra` with spekpy (dev extra); run from the root of the checkout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import spekpy

OUT = Path("datasets/render/data/spectra.npz")
EDGES_KEV = np.concatenate([np.arange(10.0, 88.0, 2.0), [88.0], np.arange(90.0, 162.0, 2.0)])


def main() -> None:
    """Write mean energy and fluence share of every bin for each tube voltage."""
    columns = {}
    for kvp in (140, 150, 160):
        tube = spekpy.Spek(kvp=kvp, th=20, dk=0.5, z=100)
        tube.filter("Al", 3.0)
        energy, fluence = tube.get_spectrum()
        share = np.histogram(energy, EDGES_KEV, weights=fluence)[0]
        mean = np.histogram(energy, EDGES_KEV, weights=fluence * energy)[0] / np.maximum(share, 1e-30)
        kept = share > 0
        columns[f"energies_kev_{kvp}"] = mean[kept]
        columns[f"fluence_{kvp}"] = share[kept] / share.sum()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(OUT, **columns)


if __name__ == "__main__":
    main()
