from dataclasses import replace

import numpy as np
import pytest

from datasets.render.sensor import Sensor, measure

PERFECT = Sensor(
    photons=(1e12, 1e12),
    scatter=0.0,
    haze=0.0,
    blur_px=(0.1, 0.1),
    read_noise=0.0,
    row_flicker=0.0,
    row_drift=0.0,
    column_spread=0.0,
    dead_columns=0.0,
)


def flat(level: float, shape: tuple[int, int] = (200, 300)) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.full((2, *shape), level, np.float32)


def test_a_perfect_sensor_changes_nothing() -> None:
    ideal = np.random.default_rng(0).uniform(0.01, 1, (2, 40, 50)).astype(np.float32)
    np.testing.assert_allclose(measure(ideal, PERFECT, np.random.default_rng(1)), ideal, atol=1e-5)


@pytest.mark.parametrize("level", [1.0, 0.3, 0.02])
def test_quantum_noise_has_the_variance_of_its_mean(level: float) -> None:
    seen = measure(flat(level), replace(PERFECT, photons=(2000.0, 50000.0)), np.random.default_rng(2))
    for channel, photons in enumerate((2000.0, 50000.0)):
        counts = seen[channel] * photons
        assert counts.mean() == pytest.approx(level * photons, rel=0.01)
        assert counts.var() == pytest.approx(level * photons, rel=0.03)


def test_a_pixel_half_covered_transmits_the_mean_of_intensities() -> None:
    """Not of path lengths: half steel, half air is 0.5, where the mean path length would give about 0.08."""
    ideal = flat(1.0)
    ideal[:, :, ::2] = 0.006
    seen = measure(ideal, replace(PERFECT, blur_px=(3.0, 3.0)), np.random.default_rng(0))
    np.testing.assert_allclose(seen[:, 20:-20, 20:-20], 0.503, atol=2e-3)


def test_scatter_is_a_floor_and_air_stays_one() -> None:
    sensor = replace(PERFECT, scatter=0.01)
    assert measure(flat(0.0), sensor, np.random.default_rng(0)).mean() == pytest.approx(0.01 / 1.01, rel=1e-3)
    assert measure(flat(1.0), sensor, np.random.default_rng(0)).mean() == pytest.approx(1.0, rel=1e-5)
    assert measure(flat(1.0), Sensor(haze=0.05), np.random.default_rng(0)).mean() == pytest.approx(1.0, abs=0.01)


def test_rows_flicker_differently_in_the_two_energies() -> None:
    seen = measure(flat(0.5), replace(PERFECT, row_flicker=0.01), np.random.default_rng(0))
    rows = seen.mean(axis=2) / 0.5 - 1
    assert seen.std(axis=2).max() < 1e-4
    assert rows.std(axis=1) == pytest.approx([0.01, 0.01], rel=0.15)
    assert abs(np.corrcoef(rows)[0, 1]) < 0.25


def test_the_gain_drifts_slowly_along_the_belt_in_both_energies_alike() -> None:
    seen = measure(flat(0.5), replace(PERFECT, row_drift=0.02), np.random.default_rng(4))
    rows = seen.mean(axis=2) / 0.5 - 1
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-4)
    assert 0.005 < rows[0].std() < 0.04
    assert np.abs(np.diff(rows[0])).max() < 0.1 * np.ptp(rows[0])


def test_every_detector_element_keeps_its_own_gain() -> None:
    seen = measure(flat(0.5), replace(PERFECT, column_spread=0.01), np.random.default_rng(5))
    assert seen.std(axis=1).max() < 1e-4
    assert (seen.mean(axis=1) / 0.5).std(axis=1) == pytest.approx([0.01, 0.01], rel=0.15)


def test_dead_elements_draw_lines_along_the_belt_in_both_channels() -> None:
    seen = measure(flat(0.5), replace(PERFECT, dead_columns=4.0), np.random.default_rng(3))
    dark = seen.mean(axis=1) < 0.49
    assert 1 <= dark[0].sum() <= 12
    np.testing.assert_array_equal(dark[0], dark[1])
    assert seen.std(axis=1).max() < 1e-4


def test_vignette_darkens_by_its_share_at_most() -> None:
    seen = measure(flat(1.0), replace(PERFECT, vignette=0.3), np.random.default_rng(0))
    assert seen.min() == pytest.approx(0.7, abs=1e-3)
    assert seen.max() == pytest.approx(1.0, abs=1e-3)


def test_measured_transmission_stays_above_zero() -> None:
    seen = measure(flat(0.0), Sensor(photons=(100.0, 100.0), read_noise=0.01), np.random.default_rng(0))
    assert seen.min() > 0


def test_uneven_speed_moves_rows_by_so_much_and_keeps_their_values() -> None:
    ideal = flat(0.0)
    ideal[:] = np.linspace(0.2, 0.8, 200)[None, :, None]
    seen = measure(ideal, replace(PERFECT, speed_jitter_px=1.0), np.random.default_rng(4))
    shift = (seen[0, :, 0] - ideal[0, :, 0]) / (0.6 / 199)
    assert 0.5 < np.abs(shift).max() < 4
    assert np.abs(np.diff(shift[8:-8])).max() < 0.2  # a belt is heavy: its speed changes slowly
    np.testing.assert_allclose(seen[0], seen[1], atol=1e-5)
