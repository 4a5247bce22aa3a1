from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.render.crossings import accumulate
from datasets.render.projector import FanGeometry, View, _fan, project, projected_bounds
from datasets.render.solids import Phantom, Solid, bounds_around, box, cylinder, ellipsoid, extrude, lathe, sweep, tube

FAN = FanGeometry("top", 20.0, 700.0, 900.0, 0.9, 0.7, -210.0, -140.0, 460, 400)


def rotation(seed: int) -> NDArray[np.float64]:
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return np.asarray(q * np.sign(np.linalg.det(q)))


def lengths_of(solid: Solid, fan: FanGeometry = FAN) -> NDArray[np.float32]:
    return np.asarray(project([Phantom("x", (solid,))], fan).lengths_mm[0])


def rays(fan: FanGeometry) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return start (rows, 1, 3) and unit direction (1, columns, 3) of every ray, from the definition of the fan."""
    axis, depth = (0, 2) if fan.view == "top" else (2, 0)
    start = np.zeros((fan.rows, 1, 3))
    start[..., axis], start[..., depth] = fan.source_axis_mm, fan.source_depth_mm
    start[:, 0, 1] = fan.first_row_mm + np.arange(fan.rows) * fan.row_pitch_mm
    direction = np.zeros((1, fan.columns, 3))
    direction[0, :, axis] = fan.first_column_mm + np.arange(fan.columns) * fan.column_pitch_mm
    direction[..., depth] = -fan.detector_mm
    return start, direction / np.linalg.norm(direction, axis=2, keepdims=True)


def through_box(
    size: tuple[float, float, float], turn: NDArray[np.float64], centre: NDArray[np.float64], fan: FanGeometry
) -> NDArray[np.float64]:
    """Length of every ray in a turned box by the slab method."""
    start, direction = rays(fan)
    start, direction = np.broadcast_arrays((start - centre) @ turn, direction @ turn)
    half = np.array(size) / 2
    with np.errstate(divide="ignore"):
        near, far = (-half - start) / direction, (half - start) / direction
    enter, leave = np.minimum(near, far).max(axis=2), np.maximum(near, far).min(axis=2)
    return np.asarray(np.maximum(leave - enter, 0.0))


def through_ball(
    radius: float, centre: NDArray[np.float64], fan: FanGeometry, axes: tuple[int, ...] = (0, 1, 2)
) -> NDArray[np.float64]:
    """Length of every ray in a ball; in an endless cylinder along y where `axes` leaves y out."""
    start, direction = rays(fan)
    towards = (centre - start)[..., axes]
    along = (towards * direction[..., axes]).sum(axis=2)
    off = (towards**2).sum(axis=2) - along**2
    return np.asarray(2 * np.sqrt(np.maximum(radius**2 - off, 0.0)))


@pytest.mark.parametrize("view", ["top", "side"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_turned_box_is_the_slab_method(view: View, seed: int) -> None:
    fan = replace(FAN, view=view)
    size, turn, centre = (90.0, 50.0, 140.0), rotation(seed), np.array([12.0, -8.0, 15.0])
    seen = lengths_of(box(size, "steel").moved(turn, centre), fan)
    expected = through_box(size, turn, centre, fan)
    assert expected.max() > 50
    off = np.abs(seen - expected)
    assert (off > 2e-2).sum() < 5  # rays along an edge
    assert np.median(off[expected > 0]) < 1e-3


@pytest.mark.parametrize("view", ["top", "side"])
def test_sphere_is_its_chord(view: View) -> None:
    fan, centre = replace(FAN, view=view), np.array([30.0, 10.0, -20.0])
    seen = lengths_of(ellipsoid((40, 40, 40), "water", sides=360, rings=240).moved(None, centre), fan)
    chord = through_ball(40.0, centre, fan)
    assert seen.max() == pytest.approx(80, abs=0.02)
    assert np.abs(seen - chord)[(chord > 15) | (chord == 0)].max() < 0.1


def test_tube_along_the_belt_is_two_chords() -> None:
    centre = np.array([-25.0, 0.0, 30.0])
    upright = [[1, 0, 0], [0, 0, 1], [0, -1, 0]]  # the axis from z to y
    seen = lengths_of(tube(30, 22, 100, "steel", sides=720).moved(upright, centre))
    wall = through_ball(30.0, centre, FAN, (0, 2)) - through_ball(22.0, centre, FAN, (0, 2))
    inside = np.abs(rays(FAN)[0][:, 0, 1]) < 49
    clear = (np.abs(np.gradient(wall, axis=1)) < 1.0) & inside[:, None]
    assert wall[clear].max() > 16
    assert np.abs(seen - wall)[clear].max() < 0.05
    assert seen[~inside & (np.abs(rays(FAN)[0][:, 0, 1]) > 51)].max() == 0


def test_straight_edges_become_curves_across_the_fan() -> None:
    """A bar that rises along the belt: its middle follows x / (height of the source - z), which is no line."""
    turn = np.array([[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]])
    seen = lengths_of(box((4, 240, 4), "steel").moved(turn, (110, 0, 100)))
    rows = np.flatnonzero(seen.max(axis=1) > 3)[5:-5]
    middle = (seen[rows] * np.arange(FAN.columns)).sum(axis=1) / seen[rows].sum(axis=1)
    y = FAN.first_row_mm + rows * FAN.row_pitch_mm
    shadow = (110 - FAN.source_axis_mm) / (FAN.source_depth_mm - (100 + 0.75 * y)) * FAN.detector_mm
    np.testing.assert_allclose(middle, (shadow - FAN.first_column_mm) / FAN.column_pitch_mm, atol=0.2)
    line = np.polynomial.Polynomial.fit(rows, middle, 1)(rows)
    assert np.abs(middle - line).max() > 1.0


def test_height_magnifies_across_the_belt_and_never_along_it() -> None:
    spans = []
    for height in (-60.0, 160.0):
        rows, columns = np.nonzero(lengths_of(box((80, 60, 0.5), "steel").moved(None, (20, 0, height))) > 0.3)
        spans.append((np.ptp(rows) + 1, np.ptp(columns) + 1))
    assert spans[0][0] == spans[1][0] == pytest.approx(60 / FAN.row_pitch_mm, abs=1)
    assert spans[1][1] / spans[0][1] == pytest.approx((700 + 60) / (700 - 160), rel=0.02)


def test_nothing_leaks_in_a_large_random_scene() -> None:
    """Distances counted from another depth may change nothing: every ray leaves as often as it enters."""
    rng = np.random.default_rng(0)
    comb = extrude([(0, 0), (60, 0), (60, 40), (50, 40), (50, 10), (40, 10), (40, 40), (0, 40)], 30, "steel")
    shapes = [
        ellipsoid((20, 30, 40), "water", sides=40, rings=30),
        tube(20, 10, 60, "steel", sides=60),
        sweep(rng.uniform(-50, 50, (60, 3)), 2, "copper", sides=12),
        box((30, 40, 50), "paper"),
        lathe([(8, -30), (20, 0), (9, 30), (4, 30), (3, -20)], "glass", sides=60),
        comb,
    ]
    near, far = np.zeros((2, FAN.rows, FAN.columns), np.float32)
    fan, secants = _fan(FAN), np.ones(FAN.columns)
    for index in range(300):
        solid = shapes[index % len(shapes)].moved(rotation(index), rng.uniform((-180, -130, -80), (180, 130, 200)))
        accumulate(solid.triangles_mm, 1.0, near, (0, 0), fan, secants)
        accumulate(solid.triangles_mm, 1.0, far, (0, 0), (*fan[:-1], fan[-1] + 1000.0), secants)
    crossings = np.rint((near - far) / 1000.0)
    assert near.max() > 100
    assert not crossings.any()
    assert np.abs(near - far).max() < 0.05


def test_corners_on_pixel_centres_are_counted_once() -> None:
    """Edges exactly on rows and columns: half-open rules leave neither gaps nor doubles between touching boxes."""
    fan = FanGeometry("top", 0.0, 1000.0, 1000.0, 1.0, 1.0, -20.0, -20.0, 41, 41)
    flat = [box((10, 10, 2), "steel").moved(None, (x, y, 0)) for x in (-5, 5) for y in (-5, 5)]
    seen = project([Phantom("x", tuple(flat))], fan).lengths_mm[0]
    inside = seen[11:29, 11:29]
    assert inside.min() == pytest.approx(2.0, abs=1e-3)
    assert inside.max() < 2.01


def test_cavity_is_explicit_subtraction() -> None:
    block, hole = box((100, 80, 60), "steel"), cylinder(15, 40, "steel", sides=48).moved(rotation(4))
    together = project([Phantom("x", (block, hole.cavity()))], FAN).lengths_mm[0]
    np.testing.assert_allclose(together, lengths_of(block) - lengths_of(hole), atol=2e-3)


def test_labelled_phantoms_keep_their_own_lengths_in_their_box() -> None:
    threat = Phantom("t", (box((30, 20, 10), "steel"), box((30, 20, 4), "abs").moved(None, (0, 0, 9))), label="handgun")
    plate = Phantom("p", (box((200, 150, 5), "steel").moved(None, (0, 0, -20)),))
    seen = project([plate, threat], FAN)
    assert seen.materials == ("abs", "steel")
    (mine,) = seen.own
    own = mine.in_all(2)
    alone = project([replace(threat, label=None)], FAN)
    assert (mine.index, mine.materials.tolist()) == (1, [0, 1])
    full = np.zeros_like(seen.lengths_mm)
    full[:, mine.row : mine.row + own.shape[1], mine.column : mine.column + own.shape[2]] = own
    np.testing.assert_allclose(full, alone.lengths_mm, atol=1e-3)
    without = project([plate], FAN).lengths_mm[0]
    np.testing.assert_allclose(seen.lengths_mm[1] - full[1], without, atol=2e-3)


def test_a_phantom_beside_the_image_has_an_empty_box() -> None:
    beside = Phantom("t", (box((10, 10, 10), "steel").moved(None, (0, 5000, 0)),), label="handgun")
    (own,) = project([beside], FAN).own
    assert own.lengths_mm.size == 0


def test_bounds_are_those_of_the_corners() -> None:
    solids = [box((10, 20, 30), "steel"), box((2, 2, 2), "abs").moved(None, (50, 60, 70))]
    low, high = bounds_around(solids)
    np.testing.assert_allclose([low, high], [[-5, -10, -15], [51, 61, 71]])
    low_u, high_u, low_y, high_y = projected_bounds(solids, "top", 0.0, 1000.0, 1200.0)
    assert (low_y, high_y) == (-10, 61)
    assert low_u == pytest.approx(-5 / 985 * 1200)
    assert high_u == pytest.approx(51 / 929 * 1200)


@pytest.mark.parametrize("view", ["top", "side"])
def test_the_shadow_of_many_is_that_of_their_corners_whatever_hides_them(view: View) -> None:
    rng = np.random.default_rng(2)
    solids = [
        ellipsoid(rng.uniform(2, 30, 3).tolist(), "abs").moved(rotation(seed), rng.uniform(-90, 90, 3))
        for seed in range(40)
    ]
    for around in ([], [box((230, 200, 210), "cardboard")]):
        inside = [*solids, *around]
        corners = np.concatenate([solid.triangles_mm.reshape(-1, 3) for solid in inside]).astype(np.float64)
        axis, depth = (0, 2) if view == "top" else (2, 0)
        shadow = (corners[:, axis] - 12.0) / (1000.0 - corners[:, depth]) * 1200.0
        expected = shadow.min(), shadow.max(), corners[:, 1].min(), corners[:, 1].max()
        assert projected_bounds(inside, view, 12.0, 1000.0, 1200.0) == expected
        assert projected_bounds(inside[::-1], view, 12.0, 1000.0, 1200.0) == expected


def test_nothing_is_added_beside_a_shadow_that_ends_at_the_border() -> None:
    """Columns are worked on in steps, which reach beyond the end of a segment and must not beyond that of a row."""
    plate = Phantom("x", (box((60, 50, 4), "steel"),))
    whole = project([plate], FAN).lengths_mm
    columns = np.flatnonzero(whole[0].any(axis=0))
    for last in (columns[0] + 1, columns[len(columns) // 2], columns[-1], columns[-1] + 1):
        cut = project([plate], replace(FAN, columns=int(last)))
        np.testing.assert_array_equal(cut.lengths_mm, whole[..., :last])


@pytest.mark.parametrize("material", ["steel", "copper"])
def test_a_wire_thinner_than_a_pixel_darkens_every_pixel_by_its_share(material: str) -> None:
    """A ray a pixel would hit it here and miss it there: dashes."""
    fan = replace(FAN, column_pitch_mm=1.2, row_pitch_mm=1.2, columns=300, rows=220)
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
    wire = sweep([(-60, 0, 0), (0, 0, 0), (60, 0, 0)], 0.2, material, sides=8).moved(turn)
    seen = project([Phantom("x", (wire,))], fan).lengths_mm[0]
    rows = np.flatnonzero(seen.any(axis=1))[2:-2]
    assert len(rows) > 40
    assert seen[rows].any(axis=1).all()
    across = seen[rows].sum(axis=1)
    assert across.std() < 0.5 * across.mean()
    volume = np.pi * 0.2**2 * 120 * 0.9  # an octagon in the circle
    pixel_mm2 = 1.2 * 1.2 * 700 / 900
    assert seen.sum() * pixel_mm2 == pytest.approx(volume, rel=0.1)


def test_more_rays_a_pixel_do_not_move_a_thing() -> None:
    solid = box((40.3, 30.7, 3), "steel").moved(rotation(5))
    one, nine = np.zeros((2, FAN.rows, FAN.columns), np.float32)
    for out, samples in ((one, 1), (nine, 3)):
        accumulate(solid.triangles_mm, 1.0, out, (0, 0), _fan(FAN), FAN.secants(), samples)
    assert nine.sum() == pytest.approx(one.sum(), rel=0.01)
    grid = np.indices(one.shape)
    for axis in range(2):
        assert (grid[axis] * nine).sum() / nine.sum() == pytest.approx((grid[axis] * one).sum() / one.sum(), abs=0.02)
    np.testing.assert_allclose(nine[1:-1, 1:-1][one[1:-1, 1:-1] > 0].mean(), one[one > 0].mean(), rtol=0.03)
