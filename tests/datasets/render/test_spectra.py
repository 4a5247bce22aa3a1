import numpy as np
import pytest
import spekpy
from numpy.typing import NDArray

from datasets.render.materials import MATERIALS, attenuation_per_cm, mass_attenuation
from datasets.render.spectra import (
    DETECTOR_PAIRS,
    PANEL_SCREENS,
    PANEL_VOLTAGES_KV,
    TUBE_VOLTAGES_KV,
    DetectorPair,
    Response,
    attenuation_table_per_mm,
    few_energies,
    response,
    transmission,
)

OFF_TABLE = Response(np.array([33.3, 77.7]), np.full((2, 2), 0.5, np.float32))


def log_attenuation(material: str, thickness_mm: NDArray[np.float64], seen: Response) -> NDArray[np.float64]:
    beam = np.exp(-np.outer(thickness_mm / 10, attenuation_per_cm(material, seen.energies_kev)))
    return np.asarray(-np.log(beam @ seen.weights.astype(np.float64).T).T)


def test_mean_detected_energies_are_a_dual_energy_pair() -> None:
    seen = response()
    low, high = seen.weights.astype(np.float64) @ seen.energies_kev
    assert low == pytest.approx(64, abs=2)
    assert high == pytest.approx(98, abs=2)


def test_no_bin_crosses_leads_k_edge() -> None:
    energies = response().energies_kev
    assert not ((energies > 87.5) & (energies < 88.5)).any()
    assert energies.max() < 160


@pytest.mark.parametrize("material", ["polyethylene", "aluminium", "iron", "lead"])
def test_bins_are_fine_enough(material: str) -> None:
    """The table in 2 keV bins against spekpy's own spectrum in 0.5 keV bins."""
    tube = spekpy.Spek(kvp=160, th=20, dk=0.5, z=100)
    tube.filter("Al", 3.0)
    energies, fluence = tube.get_spectrum()
    pair = DetectorPair()
    gos = mass_attenuation("Gd2O2S", energies) * 7.32 * pair.low_gos_mm / 10
    copper = mass_attenuation("Cu", energies) * 8.96 * pair.filter_cu_mm / 10
    csi = mass_attenuation("CsI", energies) * 4.51 * pair.high_csi_mm / 10
    weights = np.stack([-np.expm1(-gos), np.exp(-gos - copper) * -np.expm1(-csi)]) * fluence * energies
    fine = Response(energies, (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32))
    reach_mm = 8 * 10 / attenuation_per_cm(material, 90.0)
    thickness = np.linspace(0.01, 1.0, 50) * float(reach_mm)
    difference = log_attenuation(material, thickness, response()) - log_attenuation(material, thickness, fine)
    assert np.abs(difference).max() < 0.02


SETTINGS = [
    *((kvp, pair) for kvp in TUBE_VOLTAGES_KV for pair in DETECTOR_PAIRS),
    *((kvp, screen) for kvp in PANEL_VOLTAGES_KV + TUBE_VOLTAGES_KV for screen in PANEL_SCREENS),
]


@pytest.mark.parametrize(("kvp", "pair"), SETTINGS)
def test_few_energies_stand_for_the_whole_spectrum(kvp: int, pair: DetectorPair) -> None:
    few, full = few_energies(kvp, pair), response(kvp, pair)
    assert len(few.energies_kev) < min(24, len(full.energies_kev))
    rng = np.random.default_rng(7)
    names = sorted(MATERIALS)
    lengths = np.zeros((len(names), 400), np.float32)
    for column in range(400):
        for row in rng.integers(0, len(names), 3):
            lengths[row, column] += rng.uniform(0, 25) / float(attenuation_per_cm(names[row], 90.0))
    seen = [np.log(transmission(lengths, attenuation_table_per_mm(names, each), each)) for each in (few, full)]
    measurable = seen[1] > -12  # the sensor ends at 1e-5
    assert measurable.mean() > 0.2
    assert np.abs(seen[0] - seen[1])[measurable].max() < 0.01


@pytest.mark.parametrize("screen", PANEL_SCREENS)
def test_a_panel_has_one_energy_and_sees_more_of_cloth_at_lower_voltages(screen: DetectorPair) -> None:
    cloth_mm = np.array([100.0])
    through = [log_attenuation("cotton", cloth_mm, response(kvp, screen)) for kvp in (*PANEL_VOLTAGES_KV, 160)]
    for low, high in through:
        assert low == high
    taken = [float(low[0]) for low, _ in through]
    assert taken == sorted(taken, reverse=True)
    assert taken[0] > 1.25 * taken[-1]


def test_a_pair_without_table_gets_the_full_spectrum() -> None:
    odd = DetectorPair(0.22, 0.6, 4.0)
    assert len(few_energies(160, odd).energies_kev) == len(response(160, odd).energies_kev)


@pytest.mark.parametrize("seen", [few_energies(160), response(140), OFF_TABLE])
def test_what_is_looked_up_at_once_for_all_scanners_is_what_each_would_get(seen: Response) -> None:
    table = attenuation_table_per_mm(["steel", "polyethylene"], seen)
    for row, name in zip(table, ("steel", "polyethylene"), strict=True):
        assert np.array_equal(row, (attenuation_per_cm(name, seen.energies_kev) / 10).astype(np.float32))


def test_air_is_one_and_transmission_falls_with_every_millimetre() -> None:
    seen = few_energies()
    table = attenuation_table_per_mm(["steel", "water"], seen)
    lengths = np.zeros((2, 3, 200), np.float32)
    lengths[0, 1], lengths[1, 2] = np.linspace(0, 40, 200), np.linspace(0, 400, 200)
    through = transmission(lengths, table, seen)
    assert through.shape == (2, 3, 200)
    np.testing.assert_allclose(through[:, 0], 1.0, atol=1e-6)
    assert (np.diff(through[:, 1:], axis=2) < 0).all()


def test_one_energy_is_exactly_beer_lambert() -> None:
    single = Response(np.array([60.0]), np.ones((2, 1), np.float32))
    thickness = np.linspace(0, 30, 64, dtype=np.float32)[None]
    through = transmission(thickness, attenuation_table_per_mm(["iron"], single), single)
    expected = np.exp(-thickness[0].astype(np.float64) * float(attenuation_per_cm("iron", 60.0)) / 10)
    np.testing.assert_allclose(through, [expected, expected], rtol=5e-6)


@pytest.mark.parametrize("kvp", TUBE_VOLTAGES_KV)
def test_material_quotient_orders_organic_aluminium_iron_at_every_attenuation(kvp: int) -> None:
    wanted = np.linspace(0.1, 5.0, 50)
    quotients = []
    for material in ("polyethylene", "aluminium", "iron"):
        thickness = np.geomspace(0.01, 900, 4000)
        low, high = log_attenuation(material, thickness, response(kvp))
        quotients.append(np.interp(wanted, high, low / high))
    organic, aluminium, iron = quotients
    assert (aluminium - organic > 0.05).all()
    assert (iron - aluminium > 0.05).all()


def test_unknown_voltage_is_refused() -> None:
    with pytest.raises(ValueError, match="160"):
        response(90)
