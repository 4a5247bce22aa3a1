"""Folds and creases against the same arithmetic in whole arrays, to the last bit: pictures must not change."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.render.clutter.sewing import waves
from datasets.render.clutter.stuffing import _creases, _steps

Array = NDArray[np.float64]
U, V = np.meshgrid(np.linspace(-0.5, 0.5, 40), np.linspace(-0.5, 0.5, 31), indexing="ij")


def creases_in_arrays(rng: np.random.Generator, x: Array, y: Array, count: int) -> Array:
    total = np.zeros_like(x)
    for _ in range(count):
        angle = rng.uniform(0, np.pi)
        along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
        line = rng.uniform(4, 22) * np.sin(along / rng.uniform(18, 70) + rng.uniform(0, 6))
        near = (across - line - rng.uniform(-0.45, 0.45) * np.ptp(across)) / rng.uniform(2.5, 9)
        reach = np.abs(along - rng.uniform(-0.4, 0.4) * np.ptp(along)) < rng.uniform(30, 160)
        total += np.where(reach, rng.uniform(-7, 13), 0.0) * np.exp(-(near**2))
    return total


def steps_in_arrays(rng: np.random.Generator, count: int) -> Array:
    total = np.zeros_like(U)
    for _ in range(count):
        angle = rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.25)
        cos, sin = np.cos(angle), np.sin(angle)
        along, across = cos * U + sin * V - rng.uniform(-0.4, 0.4), cos * V - sin * U - rng.uniform(-0.4, 0.4)
        inside = (np.abs(along) < rng.uniform(0.08, 0.4)) & (np.abs(across) < rng.uniform(0.05, 0.3))
        total += np.where(inside, rng.uniform(0.1, 0.5), 0.0)
    return total


def waves_in_arrays(rng: np.random.Generator, x: Array, y: Array, height_mm: float) -> Array:
    total = np.zeros_like(x)
    for _ in range(4):
        angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(45, 180)
        phase = (np.cos(angle) * x + np.sin(angle) * y) * (2 * np.pi / length) + rng.uniform(0, 2 * np.pi)
        total += np.sin(phase) * rng.uniform(0.3, 1.0)
    return np.asarray(total * (height_mm / 2 / 4))


@pytest.mark.parametrize("seed", range(4))
def test_thickness_is_the_same_to_the_last_bit_and_takes_the_same_chance(seed: int) -> None:
    rng, again = np.random.default_rng(seed), np.random.default_rng(seed)
    x, y = U * 380, V * 290
    np.testing.assert_array_equal(_creases(rng, x, y, 12), creases_in_arrays(again, x, y, 12))
    np.testing.assert_array_equal(_steps(rng, U[:, 0], V[0], 15), steps_in_arrays(again, 15))
    np.testing.assert_array_equal(waves(rng, x[:, :1], y[0], 20.0), waves_in_arrays(again, x, y, 20.0))
    assert rng.bit_generator.state == again.bit_generator.state
