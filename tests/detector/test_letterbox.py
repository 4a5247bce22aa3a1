from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.letterbox import PAD_VALUE, Placement, letterbox


@pytest.mark.parametrize(
    ("view_wh", "size", "fitted", "left", "top"),
    [
        ((640, 480), 320, (320, 240), 0, 40),
        ((480, 640), 320, (240, 320), 40, 0),
        ((641, 480), 320, (320, 240), 0, 40),
        ((100, 99), 64, (64, 63), 0, 0),  # one odd pixel of border: below
        ((3000, 150), 64, (64, 3), 0, 30),
        ((64, 64), 64, (64, 64), 0, 0),
        ((16, 16), 64, (64, 64), 0, 0),
    ],
)
def test_the_view_lies_where_ultralytics_puts_it(
    view_wh: tuple[int, int], size: int, fitted: tuple[int, int], left: int, top: int
) -> None:
    place = Placement.of(view_wh, size)
    assert (place.fitted_wh, place.left, place.top) == (fitted, left, top)


def test_the_border_is_grey_and_the_picture_unchanged_where_no_scaling_is_needed() -> None:
    image = np.random.default_rng(0).integers(0, 255, (32, 64, 3), dtype=np.uint8)
    canvas, place = letterbox(image, 64)
    assert canvas.shape == (64, 64, 3)
    np.testing.assert_array_equal(canvas[16:48], image)
    assert (canvas[:16] == PAD_VALUE).all()
    assert (canvas[48:] == PAD_VALUE).all()
    assert place.top == 16


@settings(max_examples=200, deadline=None)
@given(
    width=st.integers(16, 5000),
    height=st.integers(16, 5000),
    size=st.sampled_from([64, 320, 416, 640]),
    corners=st.tuples(*[st.floats(0, 1)] * 4),
)
def test_boxes_come_back_exactly(
    width: int, height: int, size: int, corners: tuple[float, float, float, float]
) -> None:
    place = Placement.of((width, height), size)
    boxes = np.array([corners]) * (width, height, width, height)
    canvas = place.to_canvas(boxes)
    assert (canvas > -1e-9).all()
    assert (canvas < size + 1e-9).all()
    np.testing.assert_allclose(place.to_view(canvas), boxes, atol=1e-8 * max(width, height), rtol=0)


def test_boxes_are_clipped_to_the_view() -> None:
    place = Placement.of((200, 100), 64)
    np.testing.assert_allclose(place.to_view([[-5, 0, 70, 64]]), [[0, 0, 200, 100]])


def test_the_whole_view_maps_onto_the_fitted_part() -> None:
    place = Placement.of((333, 77), 64)
    x0, y0, x1, y1 = place.to_canvas([[0, 0, 333, 77]])[0]
    assert (x0, y0, x1, y1) == pytest.approx(
        (place.left, place.top, place.left + place.fitted_wh[0], place.top + place.fitted_wh[1])
    )


@pytest.mark.torch
def test_pixels_equal_those_that_training_sees() -> None:
    from ultralytics.data.augment import LetterBox

    rng = np.random.default_rng(1)
    for width, height in [(640, 480), (333, 777), (50, 61), (1201, 803), (64, 64), (16, 300)]:
        image = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
        expected = LetterBox((160, 160), auto=False)(image=image)
        np.testing.assert_array_equal(letterbox(image, 160)[0], expected)
