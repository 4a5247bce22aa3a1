from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.render.placement import (
    CELL_MM,
    Floor,
    Group,
    bounds_of,
    grids_of,
    random_attitude,
    random_rotation,
    turned,
)
from datasets.render.solids import Phantom, box, cylinder, ellipsoid

LOW = np.array([-200.0, -150.0, 5.0])
HIGH = np.array([200.0, 150.0, 205.0])


def _things(rng: np.random.Generator, count: int) -> list[Phantom]:
    solids = []
    for _ in range(count):
        match rng.integers(3):
            case 0:
                solids.append(box(rng.uniform(10, 140, 3).tolist(), "steel"))
            case 1:
                solids.append(cylinder(rng.uniform(5, 40), rng.uniform(20, 200), "steel"))
            case _:
                solids.append(ellipsoid(rng.uniform(10, 60, 3).tolist(), "steel"))
    return [Phantom("thing", (solid,)).moved(random_rotation(rng)) for solid in solids]


def _packed(seed: int) -> list[Phantom]:
    rng = np.random.default_rng(seed)
    floor = Floor(LOW, HIGH)
    return [thing for item in _things(rng, 50) for thing in floor.drop(Group.of([item]), rng) or []]


def _spans(phantom: Phantom, x: float, y: float) -> list[float]:
    """Heights at which the vertical line through (x, y) crosses the (convex) phantom."""
    triangles = phantom.solids[0].triangles_mm.astype(np.float64)
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]

    def cross(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])

    area = cross(b - a, c - a)
    steep = np.abs(area) < 1e-9
    area = np.where(steep, 1.0, area)
    point = np.array([x, y, 0.0])
    v = cross(b - a, point - a) / area
    u = cross(point - a, c - a) / area
    hit = ~steep & (u >= 0) & (v >= 0) & (u + v <= 1)
    return [float(z) for z in (a[:, 2] + u * (b[:, 2] - a[:, 2]) + v * (c[:, 2] - a[:, 2]))[hit]]


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_interpenetrates_or_leaves_the_container(seed: int) -> None:
    things = _packed(seed)
    assert len(things) > 15
    for thing in things:
        low, high = thing.bounds_mm()
        assert (low >= LOW - 0.01).all()
        assert (high <= HIGH + 0.01).all()
    rng = np.random.default_rng(seed)
    stacked = 0
    for x, y in rng.uniform(LOW[:2], HIGH[:2], (300, 2)):
        spans = sorted((min(z), max(z)) for thing in things if (z := _spans(thing, float(x), float(y))))
        for (_, under), (over, _) in pairwise(spans):
            stacked += 1
            assert over >= under - 0.05
    assert stacked > 30


def test_a_box_rests_on_what_lies_there() -> None:
    rng = np.random.default_rng(0)
    floor = Floor(np.zeros(3), np.array([80.0, 80.0, 100.0]))
    plate = Phantom("plate", (box((80, 80, 10), "steel"),))
    first, second = (floor.drop(Group.of([plate]), rng) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first[0].bounds_mm()[0][2] == pytest.approx(0, abs=1e-4)
    assert second[0].bounds_mm()[0][2] == pytest.approx(10, abs=1e-4)


def test_a_group_lies_as_its_phantoms_would_one_by_one() -> None:
    rng = np.random.default_rng(8)
    phantoms = [
        Phantom(f"kind {at}", item.solids * 2, "slide", ("polymer",)) for at, item in enumerate(_things(rng, 4))
    ]
    turn, factors, shift = random_rotation(rng), np.array([0.7, 0.9, 1.0]), rng.normal(0, 100, 3)
    group = Group.of(phantoms).turned(turn).scaled(factors)
    alone = [
        Phantom(item.kind, tuple(solid.scaled(factors) for solid in item.solids), item.label, item.attributes)
        for item in turned(phantoms, turn)
    ]
    np.testing.assert_array_equal(group.bounds(), bounds_of(alone))
    for laid, item in zip(group.laid(shift), alone, strict=True):
        assert (laid.kind, laid.label, laid.attributes) == (item.kind, item.label, item.attributes)
        for one, other in zip(laid.solids, item.moved(offset_mm=shift).solids, strict=True):
            assert (one.material, one.weight) == (other.material, other.weight)
            np.testing.assert_array_equal(one.triangles_mm, other.triangles_mm)


def test_what_is_too_high_or_too_wide_is_refused() -> None:
    rng = np.random.default_rng(0)
    floor = Floor(np.zeros(3), np.array([80.0, 80.0, 30.0]))
    assert floor.drop(Group.of([Phantom("tall", (box((10, 10, 31), "steel"),))]), rng) is None
    assert floor.drop(Group.of([Phantom("wide", (box((10, 90, 10), "steel"),))]), rng) is None


def test_grids_hold_the_whole_object_and_no_more_than_it() -> None:
    rng = np.random.default_rng(3)
    for phantom in _things(rng, 20):
        low, high = phantom.bounds_mm()
        grids = grids_of(Group.of([phantom]))
        taken = np.isfinite(grids.low_mm)
        assert (taken == np.isfinite(grids.high_mm)).all()
        assert grids.low_mm[taken].min() >= 0
        assert grids.high_mm[taken].max() <= high[2] - low[2]
        for x, y in rng.uniform(low[:2], phantom.bounds_mm()[1][:2], (50, 2)):
            heights = _spans(phantom, float(x), float(y))
            if heights:
                i, j = int((x - low[0]) // CELL_MM), int((y - low[1]) // CELL_MM)
                assert grids.low_mm[i, j] <= min(heights) - low[2] + 0.02
                assert grids.high_mm[i, j] >= max(heights) - low[2] - 0.02


def test_rotations_are_rotations() -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        rotation = random_rotation(rng)
        assert rotation @ rotation.T == pytest.approx(np.eye(3), abs=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1)


def test_attitudes_lie_on_edge_and_tilted_as_often_as_asked() -> None:
    rng = np.random.default_rng(5)
    turns = np.array([random_attitude(rng, 200.0, on_edge=0.2, tilted=0.3) for _ in range(1500)])
    assert turns @ turns.transpose(0, 2, 1) == pytest.approx(np.broadcast_to(np.eye(3), turns.shape), abs=1e-12)
    lean = np.degrees(np.arccos(np.abs(turns[:, 2, 2])))  # between the thickness of the thing and the vertical
    assert float((lean < 13).mean()) == pytest.approx(0.5, abs=0.06)
    assert float((lean > 75).mean()) > 0.2
    between = np.histogram(lean, bins=[20, 35, 50, 65])[0]
    assert between.min() > 0.03 * len(turns)  # every angle, not only the extremes


@pytest.mark.parametrize("length_mm", [150.0, 400.0, 900.0])
def test_nothing_long_stands_upright(length_mm: float) -> None:
    rng = np.random.default_rng(6)
    turns = np.array([random_attitude(rng, length_mm, on_edge=0.0, tilted=1.0) for _ in range(400)])
    rise_mm = np.abs(turns[:, 2, 0]) * length_mm
    assert rise_mm.max() <= min(220.0, length_mm) + 1e-6
    assert rise_mm.max() > 140
