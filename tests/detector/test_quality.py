"""Views without a picture, without contrast or out of focus are told from good ones, at any size."""

from __future__ import annotations

from importlib.resources import files

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detector.images import decode
from detector.quality import Belt, Flaw, Framing, flaw_of

Image = NDArray[np.uint8]


@pytest.fixture(scope="module")
def good() -> Image:
    """The shipped sample, a rendered scan."""
    return decode((files("detector") / "samples" / "scan.png").read_bytes())


def resized(image: Image, scale: float) -> Image:
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


@pytest.mark.parametrize("scale", [0.5, 1.0])
def test_a_good_view_has_no_flaw(good: Image, scale: float) -> None:
    assert flaw_of(resized(good, scale)) is None


def test_grey_views_are_good_too_and_dark_ones(good: Image) -> None:
    grey = np.asarray(cv2.cvtColor(cv2.cvtColor(good, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)
    assert flaw_of(grey) is None
    assert flaw_of(grey // 2) is None


def test_bright_and_dark_exchanged_is_inverted(good: Image) -> None:
    grey = np.asarray(cv2.cvtColor(cv2.cvtColor(good, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)
    for view in (good, grey, grey // 2):
        assert flaw_of(255 - view) is Flaw.INVERTED


@pytest.mark.parametrize("turns", range(4))
def test_a_cut_off_parcel_is_clipped_only_where_whole_ones_are_expected(good: Image, turns: int) -> None:
    air = np.full_like(good, np.percentile(good, 95))
    whole = np.hstack([air, good, air])
    cut = whole[:, : whole.shape[1] // 2]
    belt, across = (Belt.VERTICAL, Belt.HORIZONTAL) if turns % 2 else (Belt.HORIZONTAL, Belt.VERTICAL)
    assert flaw_of(np.rot90(whole, turns), Framing(belt)) is None
    assert flaw_of(np.rot90(cut, turns), Framing(belt)) is Flaw.CLIPPED
    assert flaw_of(np.rot90(cut, turns)) is None
    # A tray or the conveyor may run along the belt and touch the other edges.
    tray = np.vstack([whole, np.full_like(whole[:8], 90)])
    assert flaw_of(np.rot90(tray, turns), Framing(belt)) is None
    assert flaw_of(np.rot90(tray, turns), Framing(across)) is Flaw.CLIPPED


@pytest.mark.parametrize("turns", range(4))
def test_a_turned_picture_is_misoriented_where_the_detector_lines_are_known(good: Image, turns: int) -> None:
    lines = (good.shape[0], 7)
    turned = np.rot90(np.hstack([np.full_like(good, np.percentile(good, 95)), good]), turns)
    belt, other = (Belt.VERTICAL, Belt.HORIZONTAL) if turns % 2 else (Belt.HORIZONTAL, Belt.VERTICAL)
    assert flaw_of(turned, Framing(belt, lines)) is not Flaw.MISORIENTED
    assert flaw_of(turned, Framing(other, lines)) is Flaw.MISORIENTED
    assert flaw_of(turned, Framing(other)) is not Flaw.MISORIENTED


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_empty_view_is_blank_noise_or_not(level: int) -> None:
    plain = np.full((300, 400, 3), level, np.uint8)
    noise = np.random.default_rng(1).normal(0, 2, plain.shape)
    assert flaw_of(plain) is Flaw.BLANK
    assert flaw_of(np.clip(plain + noise, 0, 255).astype(np.uint8)) is Flaw.BLANK


def test_a_view_that_is_mostly_black_is_saturated(good: Image) -> None:
    dark = good.copy()
    dark[: good.shape[0] * 6 // 10] = 0
    assert flaw_of(dark) is Flaw.SATURATED
    dark[: good.shape[0] * 6 // 10] = good[: good.shape[0] * 6 // 10]
    dark[: good.shape[0] // 10] = 0
    assert flaw_of(dark) is None


@pytest.mark.parametrize("sigma", [2.5, 4.0])
def test_a_view_out_of_focus_is_blurred(good: Image, sigma: float) -> None:
    assert flaw_of(np.asarray(cv2.GaussianBlur(good, (0, 0), sigma), np.uint8)) is Flaw.BLURRED


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (3000, 2, 3)])
def test_odd_shapes_are_answered(shape: tuple[int, int, int]) -> None:
    assert flaw_of(np.zeros(shape, np.uint8)) is Flaw.BLANK
