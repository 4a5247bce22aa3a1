"""An object laid into a scan gives what a scan of both gives."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.compositing.displays import show_more
from datasets.compositing.files import Scan, read_scan
from datasets.compositing.insertion import insert, overlay
from datasets.compositing.look import Look
from datasets.compositing.shadows import Shadow, shadow_of
from datasets.difficulty import superposition_of
from datasets.encoding import encode_dual_energy, encode_jpeg, encode_png
from datasets.errors import InsertionError
from datasets.render.colour_maps import ColourTable, GreyTable, show_colour, show_grey
from datasets.render.projector import FanGeometry, project
from datasets.render.scanner import scan
from datasets.render.scanner_profiles import BASE_PROFILES
from datasets.render.sensor import Sensor, measure
from datasets.render.solids import Phantom, box, cylinder, tube
from datasets.render.spectra import attenuation_table_per_mm, few_energies, transmission

Float = NDArray[np.float32]
GEOMETRY = FanGeometry("top", 0.0, 900.0, 950.0, 1.5, 1.5, -190.0, -140.0, 250, 190)
# Quanta without end and a detector without faults: what is left is the arithmetic.
QUIET = {
    "photons": (1e14, 1e14),
    **dict.fromkeys(("read_noise", "row_flicker", "row_drift", "column_spread", "dead_columns", "vignette"), 0.0),
}
PERFECT = Sensor(**{**QUIET, "scatter": 0.0, "haze": 0.0, "blur_px": (1e-3, 1e-3)})  # type: ignore[arg-type]


def parcel(*, simple: bool = False) -> list[Phantom]:
    """Return a parcel; a simple one is all of water and iron."""
    materials = ("cardboard", "water", "iron", "abs", "aluminium", "glass", "paper", "brass")
    if simple:
        materials = ("water", "water", "iron", "water", "iron", "water", "water", "iron")
    carton, bottle, plate, toy, tray, jar, book, fitting = materials
    return [
        Phantom("carton", (box((300, 220, 120), carton), box((294, 214, 114), carton).cavity())),
        Phantom("bottle", (cylinder(35, 100, bottle),)).moved(None, (-80, -40, 0)),
        Phantom("plate", (box((90, 60, 4), plate),)).moved(None, (20, 40, 20)),
        Phantom("toy", (box((80, 80, 40), toy),)).moved(None, (70, -40, 0)),
        Phantom("tray", (box((40, 90, 8), tray),)).moved(None, (-40, 30, 30)),
        Phantom("jar", (tube(30, 25, 80, jar),)).moved(None, (100, 60, 0)),
        Phantom("book", (box((150, 100, 20), book),)).moved(None, (0, -60, -40)),
        Phantom("fitting", (box((20, 40, 6), fitting),)).moved(None, (-10, -10, -20)),
    ]


def threat() -> Phantom:
    solids = (
        box((150, 26, 12), "steel"),
        box((144, 14, 8), "steel").cavity(),
        box((36, 60, 18), "nylon").moved(None, (-50, -40, 0)),
    )
    return Phantom("handgun/test", solids, "handgun", ("polymer",))


def ideal(phantoms: list[Phantom]) -> Float:
    projection = project(phantoms, GEOMETRY)
    seen = few_energies()
    return transmission(projection.lengths_mm, attenuation_table_per_mm(projection.materials, seen), seen)


@pytest.fixture(scope="module")
def shadow() -> Shadow:
    return shadow_of([threat()], GEOMETRY)


def raw(transmissions: Float) -> Scan:
    return Scan(np.zeros((*transmissions.shape[1:], 3), np.uint8), transmissions)


@pytest.mark.parametrize(("simple", "tolerance"), [(True, 2e-6), (False, 3e-3)])
def test_raw_without_noise_equals_the_scan_of_both(shadow: Shadow, simple: bool, tolerance: float) -> None:
    """To float rounding in a parcel of water and iron, within 0.3 % in one of anything."""
    benign, both = ideal(parcel(simple=simple)), ideal([*parcel(simple=simple), threat()])
    found = overlay(raw(benign), Look("raw", sensor=PERFECT), [(shadow, (0, 0))]).scan.transmissions
    assert found is not None
    seen = both.min(axis=0) > 1e-4
    assert np.abs(np.log(found / both))[:, seen].max() < tolerance
    # Multiplying the two transmissions as they are misses by far more: the parcel hardens the beam.
    naive = benign * ideal([threat()])
    assert np.abs(np.log(naive / both))[:, seen].max() > 0.3
    np.testing.assert_array_equal(found[:, ~shadow.mask()], benign[:, ~shadow.mask()])


def test_raw_with_scatter_and_blur_equals_the_scan_of_both(shadow: Shadow) -> None:
    sensor = Sensor(**{**QUIET, "scatter": 0.01, "haze": 0.02})  # type: ignore[arg-type]
    benign, both = (
        measure(ideal(phantoms), sensor, np.random.default_rng(0)) for phantoms in (parcel(), [*parcel(), threat()])
    )
    found = overlay(raw(benign), Look("raw", sensor=sensor), [(shadow, (0, 0))]).scan.transmissions
    assert found is not None
    miss = np.abs(np.log(found / both))
    assert miss.mean() < 2e-3
    assert np.percentile(miss[:, shadow.mask()], 90) < 0.03  # edges over edges: a blurred product is no product


def test_noise_of_what_was_dimmed_is_that_of_so_few_quanta(shadow: Shadow) -> None:
    sensor = replace(PERFECT, photons=(3000.0, 5000.0), read_noise=0.001)
    look = Look("raw", sensor=sensor)
    book = [Phantom("book", (box((330, 240, 30), "water"),))]
    quiet_benign, quiet_both = ideal(book), ideal([*book, threat()])
    deep = quiet_both[0] < 0.5 * quiet_benign[0]
    deep &= shadow.mask()
    scores = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        found = overlay(raw(measure(quiet_benign, sensor, rng)), look, [(shadow, (0, 0))], rng).scan.transmissions
        assert found is not None
        spread = np.sqrt(quiet_both / np.array([[[3000.0]], [[5000.0]]]) + 0.001**2)
        scores.append(((found - quiet_both) / spread)[:, deep])
    assert np.std(scores) == pytest.approx(1.0, abs=0.06)
    assert abs(np.mean(scores)) < 0.05


@pytest.mark.parametrize("name", BASE_PROFILES)
def test_pictures_of_every_profile_come_close_to_the_scan_of_both(shadow: Shadow, name: str) -> None:
    """On average within 5 of 255 levels where the object is, within 0.3 elsewhere; the object itself changes 30."""
    sensor = replace(BASE_PROFILES[name].sensor, **QUIET)  # type: ignore[arg-type]
    profile = replace(BASE_PROFILES[name], sensor=sensor)
    pictures = []
    for phantoms in (parcel(), [*parcel(), threat()]):
        low, high = measure(ideal(phantoms), sensor, np.random.default_rng(0))
        if isinstance(profile.display, ColourTable):
            pictures.append(show_colour(low, high, profile.display))
        else:
            assert isinstance(profile.display, GreyTable)
            pictures.append(show_grey(low, high, profile.display))
    benign, both = pictures
    found = overlay(Scan(benign), Look.of(profile), [(shadow, (0, 0))])
    miss = np.abs(found.scan.image_rgb.astype(int) - both)
    effect = np.abs(benign.astype(int) - both)[shadow.mask()].mean()
    assert effect > 25
    assert miss[shadow.mask()].mean() < min(5.0, effect / 8)
    x0, y0, x1, y1 = (int(value) for value in found.annotations[0].xyxy)
    far = np.ones(miss.shape[:2], np.bool_)
    far[max(y0 - 8, 0) : y1 + 8, max(x0 - 8, 0) : x1 + 8] = False
    assert miss[far].mean() < 0.3


def wrong_scale(name: str, factor: float, **sensor: float) -> Look:
    """Return the look of a profile as an estimate would give it that takes black for so much more attenuation."""
    true = Look.of(BASE_PROFILES[name])
    assert isinstance(true.display, ColourTable)
    display = replace(true.display, black_attenuation=true.display.black_attenuation * factor)
    return replace(true, display=display, sensor=Sensor(**{**QUIET, "blur_px": (0.5, 0.5), **sensor}))  # type: ignore[arg-type]


def dense_parcel(name: str) -> Scan:
    """Return the picture of a parcel with much organic matter and one plate that lets nothing through."""
    dense = [
        *parcel(),
        Phantom("stack", (box((220, 160, 110), "paper"),)),
        Phantom("plate", (box((30, 200, 14), "lead"),)).moved(None, (125, 0, 40)),
    ]
    profile = BASE_PROFILES[name]
    low, high = measure(ideal(dense), profile.sensor, np.random.default_rng(0))
    assert isinstance(profile.display, ColourTable)
    return Scan(show_colour(low, high, profile.display, profile.kvp))


@pytest.mark.parametrize("scatter", [0.0, 0.006])
def test_what_the_object_does_not_reach_stays_at_a_wrong_scale_too(shadow: Shadow, scatter: float) -> None:
    """The darkest matter is read as darker than anything that the model of scatter can give back."""
    before = dense_parcel("ochre_teal")
    look = wrong_scale("ochre_teal", 4.0, scatter=scatter, haze=0.0)
    after = overlay(before, look, [(shadow, (0, 0))], np.random.default_rng(0)).scan.image_rgb
    reached = cv2.dilate(shadow.mask().astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
    step = np.abs(after.astype(int) - before.image_rgb).max(axis=-1)[~reached]
    # Local contrast lifts what lies near a dark object, by little.
    assert step.max() <= 24
    assert (step > 8).mean() < 0.02


def test_thin_plastic_on_dense_cloth_does_not_turn_into_metal() -> None:
    """A look of twice the scale reads cloth as so dense that its display would show it as metal, which it is not."""
    before = dense_parcel("orange_blue")
    plastic = Phantom("handgun/printed", (box((90, 70, 6), "nylon"),), "handgun")
    thin = shadow_of([plastic], GEOMETRY)
    inside = cv2.erode(thin.mask().astype(np.uint8), np.ones((7, 7), np.uint8)).astype(bool)
    changed = []
    for factor in (1.0, 2.0, 3.0):
        after = overlay(before, wrong_scale("orange_blue", factor), [(thin, (0, 0))]).scan.image_rgb
        hues = [cv2.cvtColor(one, cv2.COLOR_RGB2HSV)[..., 0][inside] * 2 for one in (before.image_rgb, after)]
        organic, still = (hue < 62 for hue in hues)
        assert organic.mean() > 0.5
        changed.append(float((organic & ~still).sum() / organic.sum()))
    assert max(changed) < 0.05, changed


def test_added_thick_steel_keeps_one_hue_where_its_signal_is_mostly_noise() -> None:
    seen = few_energies()
    plate = transmission(np.full((1, 60, 60), 12.0, np.float32), attenuation_table_per_mm(("iron",), seen), seen)
    after = np.maximum(np.random.default_rng(0).poisson(plate * 3000) / 3000, 1e-4).astype(np.float32)
    before = np.ones_like(after)

    def tint(window_px: int) -> float:
        table = ColourTable(material_blur_px=0.0, sharpen=0.0, material_median_px=window_px)
        added = show_more(show_colour(before[0], before[1], table), before, after, table, 160).astype(float)
        return float((added[..., 2] - added[..., 1]).std())

    assert tint(5) < 0.6 * tint(0)


def test_annotations_tell_box_visibility_and_superposition(shadow: Shadow) -> None:
    look = Look("raw", sensor=replace(PERFECT, photons=(20000.0, 20000.0), scatter=0.004))
    sheet, lead = (
        ideal([Phantom("sheet", (box((330, 240, thickness), material),))])
        for thickness, material in ((1, "paper"), (12, "lead"))
    )
    (open_mark,), (hidden,) = (overlay(raw(one), look, [(shadow, (0, 0))]).annotations for one in (sheet, lead))
    rows, columns = np.nonzero(shadow.mask())
    assert open_mark.xyxy == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert (open_mark.label, open_mark.attributes) == ("handgun", ("polymer",))
    assert open_mark.area == len(rows)
    assert open_mark.visibility > 0.95
    assert open_mark.superposition is not None
    assert open_mark.superposition < 0.05
    assert hidden.visibility < 0.05
    assert hidden.superposition is not None
    assert hidden.superposition > 0.99
    assert "occluded" in hidden.attributes


def test_superposition_is_the_renderers_and_counts_what_else_was_inserted(shadow: Shadow) -> None:
    look = Look("raw", sensor=PERFECT)
    benign, both = ideal(parcel()), ideal([*parcel(), threat()])
    geometry = replace(BASE_PROFILES["line_grey"], pixel_mm=1.5)
    (alone,) = overlay(raw(benign), look, [(shadow, (0, 0))]).annotations
    rendered = superposition_of(benign[:, shadow.mask()])
    assert alone.superposition == pytest.approx(rendered, abs=1e-3)
    (_, over) = overlay(raw(benign), look, [(shadow, (0, 0))] * 2).annotations
    assert over.superposition == pytest.approx(superposition_of(both[:, shadow.mask()]), abs=2e-3)
    (found,) = scan([*parcel(), threat()], geometry, np.random.default_rng(0)).footprints
    assert alone.superposition == pytest.approx(found.superposition, abs=0.05)  # seen from another place
    assert alone.view_difficulty == pytest.approx(shadow.objects[0].view_difficulty)


def test_a_shadow_over_the_border_is_cut_and_said_to_be(shadow: Shadow) -> None:
    found = overlay(raw(ideal(parcel())), Look("raw", sensor=PERFECT), [(shadow, (0, -110))])
    (mark,) = found.annotations
    assert mark.xyxy[0] == 0
    assert "truncated" in mark.attributes


@pytest.mark.parametrize("kind", ["tiff", "png", "jpg"])
def test_insert_keeps_the_kind_of_file_and_lies_in_the_parcel(kind: str) -> None:
    transmissions = ideal(parcel())
    grey = show_grey(transmissions[0], transmissions[1], GreyTable())
    data = {
        "tiff": encode_dual_energy(transmissions),
        "png": encode_png(grey),
        "jpg": encode_jpeg(grey, 85),
    }[kind]
    look = Look("site", None if kind == "tiff" else GreyTable(), pixel_mm=(1.4, 1.5))
    first, again, other = (
        insert(data, look, np.random.default_rng(seed), labels=("handgun", "slide")) for seed in (1, 1, 2)
    )
    assert first.data == again.data
    assert first.annotations == again.annotations
    assert first.data != other.data
    assert first.suffix == kind
    scan = read_scan(first.data)
    assert scan.jpeg_quality == (85 if kind == "jpg" else None)
    before = read_scan(data).image_rgb.astype(int).sum(axis=2)
    for mark in first.annotations:
        assert mark.label in {"handgun", "slide"}
        assert mark.visibility >= 0.2
        x0, y0, x1, y1 = (int(value) for value in mark.xyxy)
        assert 10 <= x0 < x1 <= 240  # the carton, not the open beam beside it
        assert 15 < y0 < y1 < 175
        assert scan.image_rgb.astype(int).sum(axis=2)[y0:y1, x0:x1].mean() < before[y0:y1, x0:x1].mean() - 3


def test_what_takes_no_threat_is_refused_with_the_reason() -> None:
    air = encode_dual_energy(np.ones((2, 100, 120), np.float32))
    rng = np.random.default_rng(0)
    with pytest.raises(InsertionError, match="only open beam"):
        insert(air, Look("site"), rng)
    with pytest.raises(InsertionError, match="the image is raw and the look 'line_grey' is of grey"):
        insert(air, Look.load("line_grey"), rng)
    small = encode_dual_energy(ideal(parcel()))
    with pytest.raises(InsertionError, match="no threat that was tried fits"):
        insert(small, Look("site", pixel_mm=(0.1, 0.1)), rng, labels=("long_gun",))


def test_only_the_phantom_families_asked_for_are_inserted() -> None:
    data, look = encode_dual_energy(ideal(parcel())), Look("site", None, pixel_mm=(1.4, 1.5))
    for family in ("antique", "open_top"):
        made = insert(
            data, look, np.random.default_rng(3), labels=("handgun",), families={"handgun": (family,)}, most=1
        )
        assert set(made.kinds) == {f"handgun/{family}"}
