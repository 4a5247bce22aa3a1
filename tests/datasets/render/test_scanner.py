from dataclasses import replace

import numpy as np
import pytest

from datasets.render.colour_maps import ColourTable, GreyTable
from datasets.render.projector import View
from datasets.render.scanner import ScannerProfile, random_profile, scan
from datasets.render.scanner_profiles import BASE_PROFILES
from datasets.render.sensor import Sensor
from datasets.render.solids import Phantom, box, extrude
from datasets.render.spectra import PANEL_VOLTAGES_KV, TUBE_VOLTAGES_KV

WEDGE = [(-40, -15), (40, -15), (40, 0), (10, 0), (10, 15), (-40, 15)]
QUIET = Sensor(photons=(1e9, 1e9), row_flicker=0, row_drift=0, column_spread=0, dead_columns=0, blur_px=(0.3, 0.3))


def threat(material: str = "steel", thickness_mm: float = 6.0) -> Phantom:
    return Phantom("test", (extrude(WEDGE, thickness_mm, material),), label="handgun")


def carton(size: tuple[float, float, float] = (220.0, 140.0, 90.0)) -> Phantom:
    inner = tuple(side - 6 for side in size)
    return Phantom("carton", (box(size, "cardboard"), box(inner, "cardboard").cavity()))


def test_same_seed_same_bytes() -> None:
    views = []
    for _ in range(2):
        rng = np.random.default_rng(5)
        views.append(scan([carton(), threat()], random_profile(rng), rng))
    assert views[0].image_rgb.tobytes() == views[1].image_rgb.tobytes()
    assert views[0].low.tobytes() == views[1].low.tobytes()
    assert views[0].footprints[0].xyxy == views[1].footprints[0].xyxy


@pytest.mark.parametrize("seed", range(12))
def test_every_random_scanner_gives_a_sound_view(seed: int) -> None:
    rng = np.random.default_rng(seed)
    profile = random_profile(rng)
    view = scan([carton(), threat()], profile, rng, max_size_wh=(320, 256))
    height, width, _ = view.image_rgb.shape
    assert max(height, width) <= 320
    assert min(height, width) <= 256
    assert view.image_rgb.dtype == np.uint8
    assert view.low.shape == view.high.shape == (height, width)
    assert (view.low > 0).all()
    (found,) = view.footprints
    x0, y0, x1, y1 = found.xyxy
    assert 0 <= x0 <= x1 <= width
    assert 0 <= y0 <= y1 <= height
    assert found.mask.shape == (y1 - y0, x1 - x0)
    if found.area_px:  # boxes are the extents of masks
        assert found.mask[0].any()
        assert found.mask[-1].any()
        assert found.mask[:, 0].any()
        assert found.mask[:, -1].any()
        assert found.area_px == found.mask.sum()
    assert 0 <= found.visibility <= 1


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("vertical", [False, True])
@pytest.mark.parametrize("horizontal", [False, True])
def test_masks_turn_with_the_image(swap: bool, vertical: bool, horizontal: bool) -> None:
    profile = ScannerProfile(sensor=QUIET, turn=(swap, vertical, horizontal))
    view = scan(
        [threat(), Phantom("weight", (box((5, 5, 1), "abs").moved(None, (90, 40, 0)),))],
        profile,
        np.random.default_rng(0),
    )
    (found,) = view.footprints
    x0, y0, x1, y1 = (int(value) for value in found.xyxy)
    inside = np.zeros(view.low.shape, np.bool_)
    inside[y0:y1, x0:x1] = found.mask
    dark = view.high < 0.5
    assert (inside & dark).sum() / (inside | dark).sum() > 0.95


def test_the_view_is_cropped_to_the_scene_and_its_margin() -> None:
    profile = ScannerProfile(pixel_mm=0.5, source_offset=0.0)
    view = scan([threat("steel", 1.0)], profile, np.random.default_rng(0), margin_mm=10)
    assert view.low.shape == pytest.approx(((30 + 20) / 0.5, (80 + 20) / 0.5), abs=1)
    assert view.footprints[0].xyxy == pytest.approx((20, 20, 180, 80), abs=1.1)
    small = scan([threat("steel", 1.0)], profile, np.random.default_rng(0), margin_mm=10, max_size_wh=(100, 80))
    assert small.low.shape == pytest.approx((50, 100), abs=1)


def test_side_view_sees_the_height() -> None:
    tall = Phantom("x", (box((20, 30, 120), "steel"),), label="barrel")
    found = [
        scan([tall], ScannerProfile(view=view, pixel_mm=0.5), np.random.default_rng(0)).footprints[0].xyxy
        for view in ("top", "side")
    ]
    assert found[1][2] - found[1][0] == pytest.approx(240, rel=0.05)
    assert found[0][3] - found[0][1] == found[1][3] - found[1][1] == 60


def test_visibility_tells_what_dense_matter_hides() -> None:
    block = Phantom("block", (box((140, 80, 60), "lead").moved(None, (0, 0, 50)),))
    paper = Phantom("paper", (box((140, 80, 10), "paper").moved(None, (0, 0, 50)),))
    rng = np.random.default_rng(0)
    profile = ScannerProfile()
    assert scan([threat()], profile, rng).footprints[0].visibility > 0.99
    assert scan([threat(), paper], profile, rng).footprints[0].visibility > 0.99
    assert scan([threat(), block], profile, rng).footprints[0].visibility < 0.01
    assert scan([threat("foam", 0.5), paper], profile, rng).footprints[0].visibility < 0.01


def test_a_field_smaller_than_the_scene_truncates() -> None:
    profile = ScannerProfile(field_mm=(60.0, 25.0), pixel_mm=0.5)
    view = scan([threat(), carton()], profile, np.random.default_rng(1))
    assert view.low.shape == pytest.approx((50, 120), abs=1)
    assert all(found.truncated for found in view.footprints)
    assert not scan([threat()], ScannerProfile(), np.random.default_rng(1)).footprints[0].truncated


def test_output_and_view_can_be_asked_for() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        assert isinstance(random_profile(rng, output="colour", view="side").display, ColourTable)
        grey = random_profile(rng, output="grey", view="top")
        assert isinstance(grey.display, GreyTable)
        assert (grey.output, grey.view) == ("grey", "top")
    assert {random_profile(rng).name for _ in range(200)} == set(BASE_PROFILES)
    with pytest.raises(ValueError, match="colour or grey"):
        random_profile(rng, output="sepia")


def test_flat_panels_are_mostly_run_like_radiography() -> None:
    rng = np.random.default_rng(3)
    panels = [each for each in (random_profile(rng, output="grey") for _ in range(120)) if each.name == "flat_panel"]
    assert {each.kvp for each in panels} == {*PANEL_VOLTAGES_KV, *TUBE_VOLTAGES_KV}
    assert np.mean([each.kvp in PANEL_VOLTAGES_KV for each in panels]) > 0.5
    for panel in panels:
        view = scan([threat("steel", 1.0)], replace(panel, sensor=QUIET), rng, max_size_wh=(64, 64))
        np.testing.assert_allclose(view.low, view.high, atol=5e-3)  # one screen


def test_film_shows_dense_matter_bright() -> None:
    profile = replace(BASE_PROFILES["line_grey"], sensor=QUIET, jpeg_quality=None)
    plain, film = (
        scan([threat()], replace(profile, inverted=inverted), np.random.default_rng(0)).image_rgb
        for inverted in (False, True)
    )
    np.testing.assert_array_equal(film, 255 - plain)
    rng = np.random.default_rng(2)
    drawn = [random_profile(rng) for _ in range(300)]
    assert any(each.inverted for each in drawn)
    assert all(each.output == "grey" for each in drawn if each.inverted)


def test_jpeg_is_a_round_trip_of_the_same_size() -> None:
    plain, packed = (
        scan([carton(), threat()], replace(ScannerProfile(), jpeg_quality=quality), np.random.default_rng(0)).image_rgb
        for quality in (None, 60)
    )
    difference = np.abs(plain.astype(int) - packed.astype(int))
    assert plain.shape == packed.shape
    assert 0 < difference.mean() < 12


def test_an_empty_scene_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one solid"):
        scan([], ScannerProfile(), np.random.default_rng(0))


def test_the_share_inside_the_image_is_that_of_the_extent() -> None:
    narrow = ScannerProfile(field_mm=(20.0, 1e6), pixel_mm=0.5, source_offset=0.0)
    (found,) = scan([threat()], narrow, np.random.default_rng(1)).footprints
    assert found.truncated
    assert found.inside == pytest.approx(20 / 80, abs=0.02)
    assert scan([threat()], ScannerProfile(), np.random.default_rng(1)).footprints[0].inside == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_two_views_agree_on_where_a_thing_is_along_the_belt_and_how_long_it_is(seed: int) -> None:
    """Rows follow the belt in both views, without magnification; the parcel around is the same."""
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    inside = replace(threat().moved(turn * np.sign(np.linalg.det(turn)), rng.uniform(-30, 30, 3)))
    spans = []
    for view in ("top", "side"):
        profile = ScannerProfile(view=view, pixel_mm=0.5, source_offset=0.0)
        seen = scan([inside, carton()], profile, np.random.default_rng(0), max_size_wh=(900, 900))
        _, y0, _, y1 = seen.footprints[0].xyxy
        spans.append((y0, y1))
        assert y1 - y0 == pytest.approx(float(np.diff([b[1] for b in inside.bounds_mm()])[0]) / 0.5, abs=1.5)
    assert spans[0] == pytest.approx(spans[1], abs=1)


def test_the_side_view_shows_the_height_and_the_top_view_the_width_at_their_magnification() -> None:
    block = Phantom("x", (box((30, 40, 70), "steel"),), label="barrel")
    sizes: tuple[tuple[View, tuple[float, float]], ...] = (("top", (30.0, 70.0)), ("side", (70.0, 30.0)))
    for view, size in sizes:
        profile = ScannerProfile(view=view, pixel_mm=0.25, source_mm=1000.0, gap_mm=100.0, source_offset=0.0)
        x0, _, x1, _ = scan([block], profile, np.random.default_rng(0)).footprints[0].xyxy
        # The widest shadow is that of the face next to the source; the pitch is that of the middle.
        middle = 1000.0 - 100.0 - size[1] / 2
        assert (x1 - x0) * 0.25 == pytest.approx(size[0] * middle / (middle - size[1] / 2), rel=0.02)


def test_superposition_is_what_everything_else_takes_from_the_beam() -> None:
    profile = replace(ScannerProfile(), sensor=QUIET)

    def superposition(*others: Phantom) -> float:
        (found,) = scan([threat(), *others], profile, np.random.default_rng(0)).footprints
        return found.superposition

    def over(material: str, thickness_mm: float) -> Phantom:
        return Phantom("sheet", (box((200.0, 200.0, thickness_mm), material).moved(offset_mm=(0, 0, 60.0)),))

    assert superposition() == pytest.approx(0, abs=1e-6)
    assert superposition(over("lead", 20.0)) > 0.99
    thin, thick = superposition(over("aluminium", 5.0)), superposition(over("aluminium", 10.0))
    assert 0.1 < thin < thick
    # What two sheets let through is nearly the square of what one does; the beam is hardened a little.
    assert 1 - thick == pytest.approx((1 - thin) ** 2, rel=0.05)
