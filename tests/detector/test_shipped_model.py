"""The models that ship: they load from the package, say what they are, and find what the sample scan holds."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest

from detector.detector import SHIPPED_FLOAT32, SHIPPED_MODEL, Detector
from detector.images import decode
from detector.policy import Verdict, ViewOutcome, decide
from detector.taxonomy import LABELS


@pytest.fixture(scope="module", params=[SHIPPED_MODEL, SHIPPED_FLOAT32], ids=["default", "float32"])
def detector(request: pytest.FixtureRequest) -> Detector:
    return Detector.load(request.param)


def test_it_is_sealed_and_complete(detector: Detector) -> None:
    card = detector.card
    assert card.classes == LABELS
    assert set(card.thresholds) == {"balanced", "high-recall", "low-alarm"}
    assert card.licence == "AGPL-3.0-or-later"
    assert SHIPPED_FLOAT32.stat().st_size < 15_000_000


def test_the_default_was_made_from_the_other_one_and_is_the_faster_one() -> None:
    small, whole = Detector.load(), Detector.load(SHIPPED_FLOAT32)
    weights = [one.card.metrics["weights_file_sha256"] for one in (small, whole)]
    assert weights[0] == weights[1], "export the int8 file again from the float32 one"
    about = small.card.metrics["quantisation"]
    assert about["processor_ms"]["int8"] < about["processor_ms"]["float32"]
    assert small.looks == whole.looks
    for compared in about["compared"]:
        assert compared["map50"]["difference"]["low"] > -0.01
        assert compared["firearm_recall"]["mean"]["difference"]["high"] > -0.01


def test_its_figures_never_mix_rendered_and_real(detector: Detector) -> None:
    evaluations = detector.card.metrics["evaluations"]
    kinds = {name.split(":")[0] for name in evaluations}
    assert kinds == {"rendered", "real"}
    for name, report in evaluations.items():
        assert report["data"]["kind"] == name.split(":")[0]


def test_the_sample_scan_alarms_with_a_firearm(detector: Detector) -> None:
    sample = decode((files("detector") / "samples" / "scan.png").read_bytes())
    found = detector.detect(sample)
    decision = decide([ViewOutcome(found, None)], detector.thresholds())
    assert decision.verdict is Verdict.ALARM
    assert any(one.group == "firearm" and one.score >= detector.thresholds()[one.label] for one in found)


def test_an_empty_belt_is_clear(detector: Detector) -> None:
    found = detector.detect(np.full((480, 640, 3), 255, np.uint8))
    assert decide([ViewOutcome(found, None)], detector.thresholds()).verdict is Verdict.CLEAR
