from __future__ import annotations

import numpy as np

from detector.detections import Detections
from detector.drawing import draw
from detector.taxonomy import LABELS, TAXONOMY


def _is(
    image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], colour: tuple[int, int, int]
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.asarray((image == np.array(colour)).all(axis=-1))


def test_a_box_has_its_labels_colour_and_the_input_stays_as_it_was() -> None:
    view = np.full((300, 400, 3), 255, np.uint8)
    drawn = draw(view, Detections.of([[100, 120, 200, 220]], [LABELS.index("barrel")], [0.9]))
    assert (view == 255).all()
    ink = _is(drawn, TAXONOMY["barrel"].colour_rgb)
    assert ink[120, 110:190].all()
    assert ink[130:210, 200].all()
    assert ink[219:222, 150].sum() >= 2  # two pixels wide
    assert not ink[150:200, 120:180].any()


def test_nothing_found_draws_nothing() -> None:
    view = np.random.default_rng(0).integers(0, 255, (50, 60, 3), dtype=np.uint8)
    np.testing.assert_array_equal(draw(view, Detections.none()), view)


def test_tags_stay_inside_the_view_and_off_each_other() -> None:
    view = np.full((300, 400, 3), 255, np.uint8)
    at_edges = Detections.of([[0, 0, 90, 60], [330, 240, 400, 300]], [0, 1], [0.9, 0.8])
    drawn = draw(view, at_edges)
    for label in ("handgun", "revolver"):
        assert _is(drawn, TAXONOMY[label].colour_rgb).sum() > 1000  # box and filled tag
    nested = Detections.of([[100, 100, 300, 200], [100, 100, 298, 202]], [0, 10], [0.9, 0.8])
    tags = (
        _is(draw(view, nested), TAXONOMY["handgun"].colour_rgb),
        _is(draw(view, nested), TAXONOMY["cartridge"].colour_rgb),
    )
    assert tags[0][:98].sum() > 300
    assert tags[1][206:].sum() > 300


def test_lines_grow_with_the_view() -> None:
    view = np.full((2000, 3000, 3), 255, np.uint8)
    drawn = draw(view, Detections.of([[1000, 1000, 2000, 1800]], [0], [0.9]))
    assert _is(drawn, TAXONOMY["handgun"].colour_rgb)[1700, 990:1010].sum() >= 5


def test_tiny_views_and_boxes_are_drawn_without_fault() -> None:
    view = np.full((16, 16, 3), 0, np.uint8)
    assert (
        draw(view, Detections.of([[0.0, 0.0, 0.5, 0.5], [3.0, 3.0, 16.0, 16.0]], [0, 1], [0.9, 0.2])).shape
        == view.shape
    )
