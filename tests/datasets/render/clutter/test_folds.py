"""Cloth in layers, and the skins of soft bags: what a beam through them meets."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.render.clutter.drapery import drapery
from datasets.render.clutter.folds import folded_layers, on_mesh
from datasets.render.clutter.sewing import zip_row
from datasets.render.clutter.wrapping import stitched_rim
from datasets.render.materials import MATERIALS
from datasets.render.projector import FanGeometry, project
from datasets.render.solids import Phantom

Array = NDArray[np.float64]
ACROSS = np.arange(-150.0, 150.0, 1.5)
# From far above, so that rays hardly slant.
ABOVE = FanGeometry("top", 0.0, 60_000.0, 60_000.0, 2.0, 2.0, -160.0, -160.0, 160, 160)


@pytest.mark.parametrize("seed", range(3))
def test_layers_are_one_on_average_end_sharply_and_differ_from_heap_to_heap(seed: int) -> None:
    layers = folded_layers(np.random.default_rng(seed), ACROSS, ACROSS)
    assert layers.shape == (200, 200)
    assert layers.mean() == pytest.approx(1)
    steps = np.abs(np.diff(layers, axis=0))
    assert np.percentile(steps, 99) > 4.5 * np.median(steps)  # nearly flat, and then an edge or a fold
    np.testing.assert_array_equal(layers, folded_layers(np.random.default_rng(seed), ACROSS, ACROSS))
    other = folded_layers(np.random.default_rng(seed + 100), ACROSS, ACROSS)
    assert abs(np.corrcoef(layers.ravel(), other.ravel())[0, 1]) < 0.6


def test_a_surface_between_points_is_the_one_of_the_mesh() -> None:
    heights = np.array([[0.0, 2.0], [4.0, 10.0]])  # two triangles, joined along the diagonal from 0 to 10
    fine = on_mesh(heights, 5, 5)
    assert fine[[0, 0, -1, -1], [0, -1, 0, -1]].tolist() == [0.0, 2.0, 4.0, 10.0]
    np.testing.assert_allclose(np.diagonal(fine), [0, 2.5, 5, 7.5, 10])
    assert fine[2, 0] == pytest.approx(2)
    assert fine[3, 1] == pytest.approx(0.25 * 0 + 0.5 * 4 + 0.25 * 10)


@pytest.mark.parametrize("seed", range(4))
def test_a_full_bag_of_cloth_weighs_what_clothes_weigh_and_shows_its_folds(seed: int) -> None:
    room_mm = 300.0, 300.0, 200.0
    lengths = project([drapery(np.random.default_rng(seed), room_mm)], ABOVE)
    mass = np.zeros((160, 160))
    for name, length in zip(lengths.materials, lengths.lengths_mm, strict=True):
        mass += length * MATERIALS[name].density_g_cm3 / 10  # g/cm2
    inside = mass[35:-35, 35:-35]
    assert 1.0 < inside.mean() < 7.0
    assert inside.min() >= 0
    ripples = inside[1:-1] - (inside[:-2] + inside[2:]) / 2
    assert np.percentile(np.abs(ripples), 98) > 0.1  # a fold is a line of a millimetre or two of its fibres more


@pytest.mark.parametrize("seed", range(4))
def test_stitches_run_side_by_side_around_the_skin(seed: int) -> None:
    rim = stitched_rim(np.random.default_rng(seed), (400.0, 300.0), 40.0, "nylon")
    low, high = np.array(rim.bounds_mm[:3]), np.array(rim.bounds_mm[3:])
    assert (np.abs(low + high)[:2] < 120).all()
    assert (high - low)[0] > 300
    middle = project([Phantom("baggage/rim", (rim,))], ABOVE).lengths_mm[0][60:100, 60:100]
    assert middle.max() == 0  # nothing is sewn across the bag


@pytest.mark.parametrize("seed", range(6))
def test_a_puller_hangs_on_its_zip(seed: int) -> None:
    path = np.array([(0.0, 0, 0), (60, 20, 0), (120, 10, 0)])
    teeth, slider, tab = zip_row(np.random.default_rng(seed), path, "brass")
    at = (np.array(slider.bounds_mm[:2]) + slider.bounds_mm[3:5]) / 2
    row, pull = (solid.triangles_mm.reshape(-1, 3)[:, :2] for solid in (teeth, tab))
    assert np.hypot(*(row - at).T).min() < 5
    assert np.hypot(*(pull - at).T).min() < 9
