"""Every ray leaves everything it enters: each family of phantoms, each kind of benign object, each container.

A ray that entered and did not leave would count the distance to the source. So path lengths are summed twice, with
distances counted from two depths a metre apart: the sums differ by a metre for each crossing that is not made good.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.render.clutter import CLUTTER
from datasets.render.clutter.containers import CONTAINERS
from datasets.render.crossings import accumulate
from datasets.render.phantoms import FAMILIES
from datasets.render.projector import FanGeometry, View, _fan, projected_bounds
from datasets.render.solids import Phantom, Solid, box

Build = Callable[[np.random.Generator], tuple[Phantom, ...]]
METRE_MM = 1000.0
COLUMNS, ROWS = 130, 110
OVERDRAWN_MM = -0.02  # float32 at a metre from the source


def of_family(family: Callable[[np.random.Generator], Phantom]) -> Build:
    return lambda rng: (family(rng),)


def of_container(name: str) -> Build:
    return lambda rng: tuple(CONTAINERS[name](rng, (300.0, 220.0, 120.0)).phantoms)


EVERYTHING: dict[str, Build] = {
    **{f"{label}/{name}": of_family(family) for label, found in FAMILIES.items() for name, family in found.items()},
    **{kind: of_family(builder) for kind, builder in CLUTTER.items()},
    **{f"container {name}": of_container(name) for name in CONTAINERS},
}


def turned(phantoms: tuple[Phantom, ...], rng: np.random.Generator) -> list[Phantom]:
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return [phantom.moved(turn * np.sign(np.linalg.det(turn)), (8.0, 0.0, 20.0)) for phantom in phantoms]


def around(phantoms: list[Phantom], view: View, rng: np.random.Generator) -> FanGeometry:
    """Return a fan that sees all of the phantoms, its rays at random places."""
    solids = [solid for phantom in phantoms for solid in phantom.solids]
    low_u, high_u, low_y, high_y = projected_bounds(solids, view, 30.0, 900.0, 1000.0)
    across, along = (high_u - low_u) / COLUMNS, (high_y - low_y) / ROWS
    return FanGeometry(
        view, 30.0, 900.0, 1000.0, across, along, low_u + across * rng.random(), low_y + along * rng.random(),
        COLUMNS, ROWS,
    )  # fmt: skip


def crossings_and_lengths(
    phantom: Phantom, fan: FanGeometry, samples: int
) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
    """Return entries without exit (rows, columns), and the path lengths of each material."""
    numbers, secants = _fan(fan), np.ones(fan.columns)
    handedness = 1.0 if fan.view == "top" else -1.0
    lengths: dict[str, NDArray[np.float32]] = {}
    open_ended = np.zeros((fan.rows, fan.columns), np.float32)
    for solid in phantom.solids:
        near, far = np.zeros((2, fan.rows, fan.columns), np.float32)
        weight = handedness * solid.weight
        accumulate(solid.triangles_mm, weight, near, (0, 0), numbers, secants, samples)
        farther = (*numbers[:-1], numbers[-1] + METRE_MM)
        accumulate(solid.triangles_mm, weight, far, (0, 0), farther, secants, samples)
        open_ended = np.maximum(open_ended, np.abs(near - far) / METRE_MM)
        lengths[solid.material] = lengths.get(solid.material, np.zeros_like(near)) + near
    return open_ended, lengths


@pytest.mark.parametrize("name", EVERYTHING)
def test_every_ray_leaves_what_it_enters_and_no_cavity_takes_more_than_there_is(name: str) -> None:
    rng = np.random.default_rng(17)
    phantoms = turned(EVERYTHING[name](rng), rng)
    views: tuple[tuple[View, int], ...] = (("top", 1), ("side", 1), ("top", 3))
    for view, samples in views:
        fan = around(phantoms, view, rng)
        for phantom in phantoms:
            open_ended, lengths = crossings_and_lengths(phantom, fan, samples)
            assert open_ended.max() < 0.5 / samples**2, (view, phantom.kind)
            assert max(length.max() for length in lengths.values()) > 0, (view, phantom.kind)
            for material, length in lengths.items():
                assert length.min() > OVERDRAWN_MM, (view, phantom.kind, material, float(length.min()))


@pytest.mark.parametrize("fault", ["open", "overdrawn"])
def test_an_open_mesh_and_an_overdrawn_cavity_are_found(fault: str) -> None:
    solid = box((60, 40, 20), "steel")
    hole = box((20, 20, 30), "steel").cavity()
    if fault == "open":
        solid = Solid(solid.triangles_mm[:-1], solid.material)
    phantom = Phantom("faulty", (solid, hole))
    open_ended, lengths = crossings_and_lengths(phantom, around([phantom], "top", np.random.default_rng(0)), 1)
    if fault == "open":
        assert open_ended.max() > 0.9
    else:
        assert open_ended.max() < 0.1
        assert lengths["steel"].min() < -5.0
