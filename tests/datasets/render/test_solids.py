import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.render.solids import (
    Phantom,
    Solid,
    bounds_around,
    box,
    cylinder,
    ellipsoid,
    extrude,
    frustum,
    lathe,
    stacked,
    sweep,
    tube,
)

RING = np.stack(
    [30 * np.cos(np.arange(99) * 2 * np.pi / 99), 30 * np.sin(np.arange(99) * 2 * np.pi / 99), np.zeros(99)], 1
)
SQUARE = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
L_SHAPE = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]
SOLIDS = {
    "box": (box((2, 3, 4), "steel"), 24.0),
    "cylinder": (cylinder(1, 2, "steel", sides=300), 2 * np.pi),
    "frustum": (frustum(2, 1, 3, "steel", sides=300), 7 * np.pi),
    "tube": (tube(2, 1, 2, "steel", sides=300), 6 * np.pi),
    "ellipsoid": (ellipsoid((1, 2, 3), "steel", sides=200, rings=150), 8 * np.pi),
    "rod": (sweep([(0, 0, 0), (0, 0, 5), (0, 0, 10)], 1, "steel", sides=200), 10 * np.pi),
    "ring": (sweep(RING, 1, "steel", sides=100, closed=True), 2 * np.pi**2 * 30),
    "L": (extrude(L_SHAPE, 1, "steel"), 3.0),
    "L backwards": (extrude(L_SHAPE[::-1], 1, "steel"), 3.0),
    "plate with holes": (
        extrude(
            [(0, 0), (9, 0), (9, 5), (0, 5)],
            2,
            "steel",
            holes_mm=[[(1, 1), (2, 1), (2, 2)], [(5, 1), (8, 1), (8, 4), (5, 4)]],
        ),
        2 * (45 - 0.5 - 9),
    ),
    "pyramid": (stacked([SQUARE * 2, SQUARE], [1, 4], "steel"), 28.0),
    "pyramid backwards": (stacked([SQUARE[::-1] * 2, SQUARE[::-1]], [1, 4], "steel"), 28.0),
    "cup": (lathe([(2, 0), (2, 5), (1, 5), (1, 1)], "steel", sides=300), np.pi * (20 - 4)),
}


def volume(solid: Solid) -> float:
    """Signed volume by the divergence theorem: positive where faces point outward."""
    a, b, c = np.moveaxis(solid.triangles_mm.astype(np.float64), 1, 0)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def open_edges(solid: Solid) -> int:
    """Count directed edges without their opposite, corners compared to the last bit."""
    net: dict[tuple[bytes, bytes], int] = {}
    for triangle in solid.triangles_mm:
        corners = [(corner + np.float32(0)).tobytes() for corner in triangle]  # -0 is 0
        for start, end in zip(corners, corners[1:] + corners[:1], strict=True):
            if start != end:
                key, step = ((start, end), 1) if start < end else ((end, start), -1)
                net[key] = net.get(key, 0) + step
    return sum(abs(count) for count in net.values())


def random_rotation(rng: np.random.Generator) -> NDArray[np.float64]:
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return np.asarray(q * np.sign(np.linalg.det(q)))


@pytest.mark.parametrize("name", SOLIDS)
def test_volume_is_the_closed_form_and_faces_point_outward(name: str) -> None:
    solid, expected = SOLIDS[name]
    assert volume(solid) == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("name", SOLIDS)
def test_every_edge_has_its_opposite_to_the_last_bit_also_after_moves(name: str) -> None:
    solid, _ = SOLIDS[name]
    rng = np.random.default_rng(3)
    assert open_edges(solid) == 0
    moved = solid.scaled((1.1, 0.7, 3.3)).moved(random_rotation(rng), (12.3, -45.6, 78.9)).moved(random_rotation(rng))
    assert open_edges(moved) == 0


def test_outline_points_in_one_line_do_not_open_the_mesh() -> None:
    comb = extrude([(0, 0), (1, 0), (2, 0), (3, 0), (3, 1), (2, 1), (1, 1), (0, 1)], 2, "steel")
    moved = comb.moved(random_rotation(np.random.default_rng(1)), (0.1, 0.2, 0.3))
    assert open_edges(moved) == 0
    assert volume(moved) == pytest.approx(6, rel=1e-4)


def test_moving_keeps_volume_and_turns_before_it_shifts() -> None:
    solid = box((2, 4, 6), "steel")
    quarter = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    low, high = Phantom("x", (solid.moved(quarter, (10, 0, 0)),)).bounds_mm()
    np.testing.assert_allclose(low, [8, -1, -3])
    np.testing.assert_allclose(high, [12, 1, 3])
    assert volume(solid.scaled((2, 1, 0.5))) == pytest.approx(48)


def test_cavity_takes_away_the_surrounding_material() -> None:
    hole = cylinder(1, 2, "air").cavity("steel")
    assert (hole.weight, hole.material) == (-1.0, "steel")


def test_phantom_centres_on_its_bounding_box() -> None:
    phantom = Phantom(
        "x", (box((2, 2, 2), "steel").moved(None, (5, 6, 7)), box((2, 2, 2), "abs").moved(None, (9, 6, 7)))
    )
    low, high = phantom.centred().bounds_mm()
    np.testing.assert_allclose(low, [-3, -1, -1])
    np.testing.assert_allclose(low + high, 0, atol=1e-6)


def test_negative_radius_is_refused() -> None:
    with pytest.raises(ValueError, match="radii"):
        lathe([(1, 0), (-1, 2)], "steel")


def test_bounds_follow_a_solid_to_the_last_bit() -> None:
    rng = np.random.default_rng(5)
    solid = ellipsoid((11, 23, 37), "steel")
    for _ in range(60):
        match rng.integers(3):
            case 0:
                solid = solid.moved(random_rotation(rng), rng.normal(0, 50, 3))
            case 1:
                solid = solid.moved(offset_mm=rng.normal(0, 300, 3))
            case _:
                solid = solid.scaled(rng.uniform(0.8, 1.2, 3))
        corners = solid.triangles_mm.reshape(-1, 3)
        if rng.random() < 0.7:  # now and then it moves on unmeasured
            assert solid.bounds_mm == (*corners.min(axis=0), *corners.max(axis=0))
    other = box((1, 1, 1), "abs")
    low, high = bounds_around([solid, other])
    both = np.concatenate([solid.triangles_mm.reshape(-1, 3), other.triangles_mm.reshape(-1, 3)])
    np.testing.assert_array_equal([low, high], [both.min(axis=0), both.max(axis=0)])
