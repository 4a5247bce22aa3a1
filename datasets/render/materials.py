"""What things are made of: composition, density, and X-ray attenuation.

Attenuation is the sum over the elements of Elam's tables (Elam, Ravel, Sieber, Radiat. Phys. Chem. 63, 2002, through
xraydb), coherent scattering included, as in a scanner's narrow beam.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["MATERIALS", "Material", "attenuation_per_cm", "mass_attenuation", "mass_fractions"]


@dataclass(frozen=True, slots=True)
class Material:
    """One material: a chemical formula, or "El:percent" pairs by mass, and its density in g/cm3."""

    composition: str
    density_g_cm3: float


# Plastics, metals and oxides: textbook formulas. Mixtures (food, leather, FR-4, a lithium cell averaged over its
# windings) are round figures: what counts is the effective atomic number and the density.
MATERIALS: Final = MappingProxyType(
    {
        "air": Material("N:75.5 O:23.2 Ar:1.3", 0.001205),
        "polyethylene": Material("C2H4", 0.94),
        "polypropylene": Material("C3H6", 0.91),
        "pvc": Material("C2H3Cl", 1.38),
        "nylon": Material("C6H11NO", 1.14),
        "abs": Material("C15H17N", 1.05),
        "polycarbonate": Material("C16H14O3", 1.20),
        "pmma": Material("C5H8O2", 1.18),
        "rubber": Material("C:84.0 H:10.0 O:2.0 S:1.7 Zn:2.3", 1.15),
        "foam": Material("C:62.0 H:8.0 O:23.0 N:7.0", 0.035),
        "paper": Material("C:41.0 H:5.8 O:48.7 Ca:4.5", 0.80),
        "cardboard": Material("C6H10O5", 0.22),
        "wood": Material("C:50.0 H:6.0 O:44.0", 0.60),
        "cotton": Material("C6H10O5", 0.30),
        "leather": Material("C:50.0 H:7.0 O:24.0 N:16.0 S:1.5 Cr:1.5", 0.90),
        "water": Material("H2O", 1.00),
        "food": Material("C:24.0 H:9.0 O:62.0 N:4.0 K:0.5 Cl:0.5", 0.90),
        "sugar": Material("C12H22O11", 0.85),
        "glass": Material("Si:33.7 O:45.9 Na:9.6 Ca:7.2 Mg:2.4 Al:1.2", 2.50),
        "ceramic": Material("Al2O3", 3.60),
        "aluminium": Material("Al", 2.699),
        "magnesium_alloy": Material("Mg:90.0 Al:9.0 Zn:1.0", 1.80),
        "zinc_alloy": Material("Zn:96.0 Al:4.0", 6.60),
        "steel": Material("Fe:98.6 C:0.4 Mn:1.0", 7.85),
        "stainless": Material("Fe:71.0 Cr:18.0 Ni:9.0 Mn:2.0", 7.93),
        "iron": Material("Fe", 7.874),
        "brass": Material("Cu:70.0 Zn:30.0", 8.50),
        "copper": Material("Cu", 8.96),
        "lead": Material("Pb", 11.35),
        "tin": Material("Sn", 7.31),
        "solder": Material("Sn:96.5 Ag:3.0 Cu:0.5", 7.40),
        "fr4": Material("C:28.0 H:2.5 O:37.0 Si:15.0 Ca:8.0 Al:4.0 Br:5.5", 1.85),
        "silicon": Material("Si", 2.33),
        "lithium_cell": Material("Co:22.0 O:20.0 C:30.0 Cu:12.0 Al:8.0 H:3.0 P:1.0 F:2.0 Li:2.0", 2.30),
        "gold": Material("Au", 19.32),
        "silver": Material("Ag", 10.49),
        "titanium": Material("Ti", 4.51),
        "tungsten": Material("W", 19.25),
        "propellant": Material("C:26.0 H:2.8 N:12.2 O:59.0", 0.80),
        "concrete": Material("O:50.0 Si:32.0 Ca:13.0 Al:3.4 Fe:1.4", 2.30),
        "soap": Material("C:67.0 H:11.0 O:15.0 Na:7.0", 1.02),
        # Of bodies, which no parcel holds: datasets.render.bodies. Whole bone is lighter than its wall, for its marrow.
        "bone": Material("O:43.5 Ca:22.5 C:15.5 P:10.3 N:4.2 H:3.4 S:0.3 Mg:0.2 Na:0.1", 1.60),
        "soft_tissue": Material("O:71.0 C:14.3 H:10.2 N:3.4 K:0.4 S:0.3 P:0.2 Na:0.1 Cl:0.1", 1.06),
        "lung": Material("O:74.9 C:10.5 H:10.3 N:3.1 S:0.3 Cl:0.3 P:0.2 Na:0.2 K:0.2", 0.26),
    }
)

_PAIR: Final = re.compile(r"([A-Z][a-z]?):([0-9.]+)")
_ATOM: Final = re.compile(r"([A-Z][a-z]?)([0-9.]*)")


def mass_fractions(composition: str) -> dict[str, float]:
    """Return the share by mass of every element in a formula ("C2H4") or in pairs ("Cu:70 Zn:30").

    Raises:
        ValueError: the text is neither.
    """
    import xraydb  # noqa: PLC0415  opens a database: only when tables are made

    pairs = _PAIR.findall(composition)
    if pairs:
        shares = {element: float(share) for element, share in pairs}
    elif _ATOM.sub("", composition) == "" and composition:
        shares = {}
        for element, count in _ATOM.findall(composition):
            shares[element] = shares.get(element, 0.0) + float(count or 1) * float(xraydb.atomic_mass(element))
    else:
        raise ValueError(f"expected a formula such as 'C2H4' or pairs such as 'Cu:70 Zn:30', got {composition!r}")
    total = sum(shares.values())
    return {element: share / total for element, share in shares.items()}


def attenuation_per_cm(name: str, energies_kev: ArrayLike) -> NDArray[np.float64]:
    """Return the linear attenuation coefficient in 1/cm at each energy, same shape as `energies_kev`.

    Raises:
        KeyError: no such material in MATERIALS.
    """
    if name not in MATERIALS:
        raise KeyError(f"no material {name!r}; known: {', '.join(sorted(MATERIALS))}")
    return mass_attenuation(MATERIALS[name].composition, energies_kev) * MATERIALS[name].density_g_cm3


def mass_attenuation(composition: str, energies_kev: ArrayLike) -> NDArray[np.float64]:
    """Return the mass attenuation coefficient in cm2/g of a formula or of pairs, same shape as `energies_kev`."""
    energies = np.asarray(energies_kev, np.float64)
    return _mass_attenuation(composition, tuple(energies.ravel().tolist())).reshape(energies.shape)


@lru_cache(maxsize=8192)
def _mass_attenuation(composition: str, energies_kev: tuple[float, ...]) -> NDArray[np.float64]:
    total = np.zeros(len(energies_kev))
    for element, share in mass_fractions(composition).items():
        total += share * _element(element, energies_kev)
    return total


@lru_cache(maxsize=8192)
def _element(element: str, energies_kev: tuple[float, ...]) -> NDArray[np.float64]:
    import xraydb  # noqa: PLC0415

    return np.asarray(xraydb.mu_elam(element, np.asarray(energies_kev) * 1000.0, kind="total"), np.float64)
