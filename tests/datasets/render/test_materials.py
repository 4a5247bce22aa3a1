import numpy as np
import pytest

from datasets.render.materials import MATERIALS, attenuation_per_cm, mass_attenuation, mass_fractions

# Mass attenuation coefficients in cm2/g at 60 and 100 keV, as published by NIST: J. H. Hubbell, S. M. Seltzer, Tables
# of X-Ray Mass Attenuation Coefficients (NISTIR 5632, NIST Standard Reference Database 126).
NIST = {
    "polyethylene": (0.1970, 0.1719),
    "water": (0.2059, 0.1707),
    "aluminium": (0.2778, 0.1704),
    "iron": (1.205, 0.3717),
    "copper": (1.593, 0.4584),
    "lead": (5.021, 5.549),
}


@pytest.mark.parametrize("name", NIST)
def test_attenuation_is_nists_within_half_a_percent(name: str) -> None:
    per_gram = attenuation_per_cm(name, [60.0, 100.0]) / MATERIALS[name].density_g_cm3
    np.testing.assert_allclose(per_gram, NIST[name], rtol=0.005)


def test_lead_jumps_at_its_k_edge() -> None:
    below, above = mass_attenuation("Pb", [87.9, 88.2])
    assert above / below > 3.5


@pytest.mark.parametrize("name", MATERIALS)
def test_every_material_attenuates_more_at_lower_energy_and_adds_up(name: str) -> None:
    at = attenuation_per_cm(name, [[30.0, 60.0], [85.0, 120.0]])
    assert at.shape == (2, 2)
    assert (at > 0).all()
    assert at[0, 1] > at[1, 1]
    assert sum(mass_fractions(MATERIALS[name].composition).values()) == pytest.approx(1.0)


def test_formula_and_pairs_agree() -> None:
    water = mass_fractions("H2O")
    assert water["O"] == pytest.approx(0.8881, abs=1e-4)
    assert mass_fractions("H:11.19 O:88.81")["H"] == pytest.approx(water["H"], abs=1e-4)


@pytest.mark.parametrize("text", ["", "water", "H2O!", "2"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a formula"):
        mass_fractions(text)


def test_unknown_material_names_the_known_ones() -> None:
    with pytest.raises(KeyError, match="steel"):
        attenuation_per_cm("unobtainium", 60.0)
