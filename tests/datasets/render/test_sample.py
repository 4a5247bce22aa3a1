from dataclasses import replace

import numpy as np
import pytest

from datasets.render.recipe import Recipe
from datasets.render.sample import annotations_of, render_parcel, render_sample
from datasets.render.scanner import Footprint, random_profile, scan
from datasets.render.scene import compose
from datasets.render.solids import Phantom, box

RECIPE = Recipe(name="tiny", long_side_px=(128, 160), max_triangles=40_000, views=2, firearm_share=0.7, part_share=0.1)


def test_same_arguments_give_the_same_image_and_others_do_not() -> None:
    first, again, other = (render_sample(RECIPE, 3, index) for index in (7, 7, 8))
    assert np.array_equal(first.image_rgb, again.image_rgb)
    assert first.annotations == again.annotations
    assert first.provenance == again.provenance
    assert first.image_rgb.shape != other.image_rgb.shape or not np.array_equal(first.image_rgb, other.image_rgb)


@pytest.mark.parametrize("index", range(3))
def test_views_share_the_parcel_and_boxes_lie_in_the_image(index: int) -> None:
    top, side = render_parcel(RECIPE, 11, index)
    assert (top.provenance["view"], side.provenance["view"]) == ("top", "side")
    assert top.provenance["parcel_id"] == side.provenance["parcel_id"]
    assert top.provenance["scanner"] == side.provenance["scanner"]
    for sample in (top, side):
        height, width = sample.image_rgb.shape[:2]
        assert max(height, width) <= 160
        for annotation in sample.annotations:
            x0, y0, x1, y1 = annotation.xyxy
            assert 0 <= x0 < x1 <= width
            assert 0 <= y0 < y1 <= height
            assert annotation.visibility >= RECIPE.min_visibility


@pytest.mark.parametrize("index", range(4))
def test_boxes_are_the_extents_of_the_masks(index: int) -> None:
    rng = np.random.default_rng(index)
    scene = compose(rng, RECIPE)
    view = scan(scene.phantoms, random_profile(rng, view="top"), rng, max_size_wh=(160, 128))
    for footprint in view.footprints:
        if not footprint.area_px:
            continue
        rows, columns = np.nonzero(footprint.mask)
        x0, y0, x1, y1 = footprint.xyxy
        assert footprint.mask.shape == (y1 - y0, x1 - x0)
        assert (rows.min(), columns.min()) == (0, 0)
        assert (rows.max() + 1, columns.max() + 1) == footprint.mask.shape
        assert footprint.area_px == len(rows)


def _footprint(index: int, visibility: float, area_px: int, *, truncated: bool = False) -> Footprint:
    return Footprint(index, (1.0, 2.0, 11.0, 12.0), np.ones((10, 10), np.bool_), visibility, area_px, truncated)


def test_what_cannot_be_seen_gets_no_label() -> None:
    solid = (box((1, 1, 1), "steel"),)
    phantoms = [
        Phantom("handgun/a", solid, "handgun", ("polymer",)),
        Phantom("tool", solid),
        *(Phantom("slide/a", solid, "slide") for _ in range(3)),
    ]
    recipe = Recipe(min_visibility=0.2, occluded_below=0.5, min_area_px=30)
    footprints = [
        _footprint(0, 0.4, 100, truncated=True),
        _footprint(1, 1.0, 100),
        _footprint(2, 0.1, 100),
        _footprint(3, 1.0, 20),
        _footprint(4, 0.9, 100),
    ]
    gun, slide = annotations_of(phantoms, footprints, recipe)
    assert (gun.label, gun.attributes) == ("handgun", ("polymer", "occluded", "truncated"))
    assert gun.xyxy == (1, 2, 11, 12)
    assert (slide.label, slide.attributes, slide.area) == ("slide", (), 100)


def test_slivers_at_the_border_get_no_label() -> None:
    phantoms = [Phantom("slide/a", (box((1, 1, 1), "steel"),), "slide") for _ in range(2)]
    kept, sliver = (replace(_footprint(i, 1.0, 100, truncated=True), inside=share) for i, share in ((0, 0.4), (1, 0.2)))
    (found,) = annotations_of(phantoms, [kept, sliver], Recipe(min_inside=0.3))
    assert found.attributes == ("truncated",)


def test_one_scanner_shows_the_same_parcels_with_one_look() -> None:
    varied, one = Recipe(long_side_px=(200, 240)), Recipe(scanner="amber_navy", long_side_px=(200, 240))
    for index in range(3):
        free, fixed = render_sample(varied, 11, index), render_sample(one, 11, index)
        assert (fixed.provenance["scanner"], fixed.provenance["output"]) == ("amber_navy", "colour")
        assert {key: fixed.provenance[key] for key in ("container", "close_up")} == {
            key: free.provenance[key] for key in ("container", "close_up")
        }
    grey = render_sample(Recipe(scanner="line_grey", pseudo_colour_share=1.0, long_side_px=(200, 240)), 11, 0)
    assert grey.provenance["output"] == "grey"
    assert (grey.image_rgb == grey.image_rgb[..., :1]).all()
