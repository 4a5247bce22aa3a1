from __future__ import annotations

from itertools import product

import cv2
import numpy as np
import pytest

from datasets.difficulty import complexity_of, level_of, level_of_image, view_difficulty

X, Y, Z = np.eye(3)
BOX_MM = np.array(list(product((0, 100.0), (0, 50.0), (0, 10.0))))


def test_view_difficulty_is_the_share_of_the_largest_shadow_that_is_lost() -> None:
    # The largest shadow of a box is the root of the sum of its squared faces.
    largest = np.sqrt(5000.0**2 + 1000.0**2 + 500.0**2)
    for direction, face in ((X, 500.0), (Y, 1000.0), (Z, 5000.0)):
        assert view_difficulty(BOX_MM, direction) == pytest.approx(1 - face / largest, abs=0.02)
    assert view_difficulty(BOX_MM, -Z) == view_difficulty(BOX_MM, Z)


def test_view_difficulty_does_not_depend_on_where_the_object_lies_or_how_large_it_is() -> None:
    turn = np.asarray(cv2.Rodrigues(np.array([0.4, -0.7, 0.2]))[0], np.float64)
    moved = 3 * BOX_MM @ turn.T + 400
    assert view_difficulty(moved, turn @ X) == pytest.approx(view_difficulty(BOX_MM, X), abs=0.02)
    ball = np.random.default_rng(0).normal(size=(400, 3))
    ball /= np.linalg.norm(ball, axis=1, keepdims=True)
    assert view_difficulty(ball, X + Y) < 0.05
    assert view_difficulty(np.zeros((5, 3)), X) == 0


def test_complexity_rises_with_dark_areas_and_with_structure() -> None:
    belt = np.full((200, 300, 3), 250, np.uint8)
    plain = belt.copy()
    plain[40:160, 60:240] = 180
    dark = plain.copy()
    dark[60:140, 80:180] = 20
    busy = plain.copy()
    busy[40:160:6, 60:240] = 70
    assert complexity_of(belt) == 0
    assert complexity_of(plain) < 0.1
    assert complexity_of(plain) + 0.1 < complexity_of(dark) < 1
    assert complexity_of(plain) + 0.1 < complexity_of(busy) < 1
    enlarged = np.asarray(cv2.resize(dark, None, fx=3, fy=3), np.uint8)
    assert complexity_of(enlarged) == pytest.approx(complexity_of(dark), abs=0.06)


def test_levels_follow_the_mean_and_an_image_is_as_hard_as_its_easiest_object() -> None:
    assert [level_of(value, value, value) for value in (0.1, 0.4, 0.9)] == ["easy", "medium", "hard"]
    assert level_of_image(["hard", "medium"], 0.0) == "medium"
    assert [level_of_image([], value) for value in (0.1, 0.5, 0.9)] == ["easy", "medium", "hard"]
