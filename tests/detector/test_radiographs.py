from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detector.errors import ModelCardError
from detector.familiarity import Familiarity
from detector.radiographs import RadiographRule, pieces_of

Picture = NDArray[np.uint8]


def grey_scan(seed: int) -> Picture:
    """Return a grey view of many sharp things, dark on bright or bright on dark."""
    rng = np.random.default_rng([1, seed])
    height, width = (int(side) for side in rng.integers(200, 400, 2))
    view = np.full((height, width), 240, np.float64)
    for _ in range(int(rng.integers(15, 40))):
        x, y = int(rng.integers(0, width - 30)), int(rng.integers(0, height - 30))
        w, h = (int(side) for side in rng.integers(6, 80, 2))
        view[y : y + h, x : x + w] *= rng.uniform(0.4, 0.95)
    return shown(view + rng.normal(0, 2, view.shape), rng)


def body(seed: int) -> Picture:
    """Return a grey view of a few soft shapes of the same brightness."""
    rng = np.random.default_rng([2, seed])
    height, width = (int(side) for side in rng.integers(200, 400, 2))
    view = np.full((height, width), 240, np.uint8)
    for level in (150, 60):
        centre, axes = (width // 2, height // 2), (int(width * rng.uniform(0.2, 0.45)), int(height * 0.4 * level / 150))
        cv2.ellipse(view, centre, axes, float(rng.uniform(0, 180)), 0, 360, level, -1)
    view = cv2.GaussianBlur(view, (0, 0), 6).astype(np.float64)
    return shown(view + rng.normal(0, 2, view.shape), rng)


def shown(view: NDArray[np.float64], rng: np.random.Generator) -> Picture:
    grey = view.clip(0, 255).astype(np.uint8)
    grey = 255 - grey if rng.random() < 0.4 else grey
    return np.repeat(grey[..., None], 3, axis=-1)


def coloured(view: Picture) -> Picture:
    return np.asarray(view * np.array([1.0, 0.85, 0.6]), np.uint8)


@pytest.fixture(scope="module")
def familiar() -> Familiarity:
    fitted = Familiarity.fit((grey_scan(seed) for seed in range(120)), (body(seed) for seed in range(60)))
    assert fitted is not None
    return fitted


def test_bodies_are_told_from_grey_scans_and_only_from_grey_ones(familiar: Familiarity) -> None:
    alone = replace(familiar, limit=1e9)  # the distance to scans refers nothing
    assert sum(alone.is_unlike(body(seed)) for seed in range(1000, 1040)) >= 38
    assert sum(alone.is_unlike(grey_scan(seed)) for seed in range(1000, 1100)) <= 5
    assert not alone.is_unlike(coloured(body(1000)))
    assert not replace(alone, radiographs=None).is_unlike(body(1000))


def test_the_rule_comes_back_from_the_card(familiar: Familiarity) -> None:
    again = Familiarity.from_dict(familiar.to_dict())
    assert familiar.radiographs is not None
    assert again.radiographs is not None
    np.testing.assert_allclose(again.radiographs.weights, familiar.radiographs.weights, rtol=1e-5)
    for seed in range(2000, 2020):
        assert again.is_unlike(body(seed)) == familiar.is_unlike(body(seed))


def test_cards_without_a_rule_are_read(familiar: Familiarity) -> None:
    older = {key: value for key, value in familiar.to_dict().items() if key != "radiographs"}
    assert Familiarity.from_dict(older).radiographs is None


@pytest.mark.parametrize(
    "change",
    [{"centre": [1.0]}, {"weights": "x"}, {"limit": float("nan")}, {"weights": [float("inf")] * 28}, {"centre": None}],
)
def test_a_damaged_rule_is_refused(familiar: Familiarity, change: dict[str, object]) -> None:
    values = familiar.to_dict()
    with pytest.raises(ModelCardError, match="export again"):
        Familiarity.from_dict({**values, "radiographs": {**values["radiographs"], **change}})


def test_few_grey_scans_or_no_bodies_give_no_rule() -> None:
    scans = [coloured(grey_scan(seed)) for seed in range(60)] + [grey_scan(seed) for seed in range(49)]
    fitted = Familiarity.fit(scans, (body(seed) for seed in range(5)))
    assert fitted is not None
    assert fitted.radiographs is None
    assert RadiographRule.fit(np.zeros((49, 3), np.float32), np.ones((9, 3), np.float32)) is None
    fitted = Familiarity.fit(grey_scan(seed) for seed in range(60))
    assert fitted is not None
    assert fitted.radiographs is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 160), (160, 1), (2, 2)])
def test_pictures_of_any_shape_have_statistics(shape: tuple[int, int]) -> None:
    assert np.isfinite(pieces_of(np.full(shape, 200, np.float32))).all()
