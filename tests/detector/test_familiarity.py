from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.detector import Detector
from detector.errors import ModelCardError
from detector.familiarity import Familiarity
from detector.model_card import CARD_FORMAT, ModelCard
from detector.policy import Reason, Verdict, ViewOutcome, decide
from detector.session import OnnxSession

Picture = NDArray[np.uint8]


def scan(seed: int) -> Picture:
    """Return a white view with orange, green and blue blocks, as a parcel under pseudo-colour."""
    rng = np.random.default_rng(seed)
    height, width = (int(side) for side in rng.integers(200, 400, 2))
    view = np.full((height, width, 3), 255, np.float64)
    for _ in range(int(rng.integers(4, 14))):
        x, y = rng.integers(20, width - 60), rng.integers(20, height - 60)
        w, h = rng.integers(15, 100, 2)
        ink = np.array([(1.0, 0.8, 0.55), (0.7, 0.9, 0.6), (0.45, 0.55, 0.8)][rng.integers(3)])
        view[y : min(y + h, height - 15), x : min(x + w, width - 15)] *= ink
    return (view + rng.normal(0, 2, view.shape)).clip(0, 255).astype(np.uint8)


def landscape(seed: int) -> Picture:
    """Return something like a photograph: fractal light and colour to the edges, no white background."""
    rng = np.random.default_rng(seed)
    spectrum = rng.normal(size=(240, 320, 3)) + 1j * rng.normal(size=(240, 320, 3))
    fy, fx = np.meshgrid(np.fft.fftfreq(240), np.fft.fftfreq(320), indexing="ij")
    spectrum *= (1 / np.maximum(np.hypot(fx, fy), 1 / 320) ** 1.2)[..., None]
    field = np.fft.ifft2(spectrum, axes=(0, 1)).real
    field = 0.6 * field + 0.4 * field.mean(axis=2, keepdims=True)
    levels: Picture = (110 + 55 * (field - field.mean()) / field.std()).clip(0, 255).astype(np.uint8)
    return levels


@pytest.fixture(scope="module")
def familiar() -> Familiarity:
    fitted = Familiarity.fit(scan(seed) for seed in range(150))
    assert fitted is not None
    return fitted


def test_new_scans_are_familiar_and_other_images_are_not(familiar: Familiarity) -> None:
    assert sum(familiar.is_unlike(scan(seed)) for seed in range(1000, 1100)) <= 4
    rng = np.random.default_rng(0)
    for seed in range(20):
        assert familiar.is_unlike(landscape(seed))
        assert familiar.is_unlike(255 - scan(seed))  # bright on black, as medical images are
        assert familiar.is_unlike(rng.integers(0, 256, (200, 300, 3), dtype=np.uint8))
    assert familiar.is_unlike(np.zeros((300, 300, 3), np.uint8))


def test_it_comes_back_from_the_card(familiar: Familiarity) -> None:
    again = Familiarity.from_dict(familiar.to_dict())
    for view in (scan(2000), landscape(3)):
        assert again.distance(view) == pytest.approx(familiar.distance(view), rel=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (2, 2), (3000, 150)])
def test_views_of_any_shape_have_a_distance(familiar: Familiarity, shape: tuple[int, int]) -> None:
    assert np.isfinite(familiar.distance(np.full((*shape, 3), 200, np.uint8)))


def test_too_few_references_are_none() -> None:
    assert Familiarity.fit(scan(seed) for seed in range(49)) is None


@pytest.mark.parametrize(
    "change",
    [{"references": "!"}, {"references": "AAAA"}, {"spread": [1.0]}, {"rare": "00"}, {"limit": -1.0}, {"limit": "x"}],
)
def test_a_damaged_one_is_refused_with_the_card(
    familiar: Familiarity, tiny_card: ModelCard, change: dict[str, Any]
) -> None:
    with pytest.raises(ModelCardError, match="export again"):
        replace(tiny_card, familiarity={**familiar.to_dict(), **change})


def test_a_view_unlike_anything_known_is_never_clear(
    familiar: Familiarity, tiny_card: ModelCard, tiny_model_path: Path
) -> None:
    card = ModelCard.from_json(replace(tiny_card, familiarity=familiar.to_dict()).to_json())
    session = OnnxSession(tiny_model_path.read_bytes())
    knowing, unknowing = Detector(session, card, "0" * 64), Detector(session, tiny_card, "0" * 64)
    bright = np.full((300, 400, 3), 255, np.uint8)
    bright[:, ::2] = (255, 0, 255)  # stripes of a colour that no scan has; nothing in it alarms
    found = knowing.detect(bright)
    assert found.unlike_training
    assert found.at_least(0.5).unlike_training
    decision = decide([ViewOutcome(found)], card.thresholds["balanced"])
    assert (decision.verdict, decision.reasons) == (Verdict.REFER, (Reason.UNLIKE_TRAINING,))
    assert not unknowing.detect(bright).unlike_training
    assert not knowing.detect(scan(5000)).unlike_training
    dark = knowing.detect(np.zeros((300, 400, 3), np.uint8))
    decision = decide([ViewOutcome(dark)], card.thresholds["balanced"])
    assert decision.reasons == (Reason.ABOVE_THRESHOLD, Reason.UNLIKE_TRAINING)


def test_a_card_of_a_newer_format_is_refused_by_name(tiny_card: ModelCard) -> None:
    text = replace(tiny_card, card_format=CARD_FORMAT).to_json()
    assert ModelCard.from_json(text).card_format == CARD_FORMAT
    newer = text.replace(f'"card_format": {CARD_FORMAT}', f'"card_format": {CARD_FORMAT + 1}, "more": 1')
    with pytest.raises(ModelCardError, match="update ParcelRay"):
        ModelCard.from_json(newer)
