from __future__ import annotations

import itertools

import pytest

from detector.detections import MAX_DETECTIONS, Detections
from detector.policy import Reason, Verdict, ViewOutcome, above_threshold, decide
from detector.taxonomy import LABELS

THRESHOLDS = {**dict.fromkeys(LABELS, 0.5), "slide": 0.2}
CALM = ViewOutcome(Detections.none())


def _seen(label: str, score: float, reason: Reason | None = None) -> ViewOutcome:
    return ViewOutcome(Detections.of([[0, 0, 9, 9]], [LABELS.index(label)], [score]), reason)


def test_a_score_at_the_threshold_alarms() -> None:
    assert decide([_seen("handgun", 0.5)], THRESHOLDS).verdict is Verdict.ALARM
    assert decide([_seen("handgun", 0.4999)], THRESHOLDS).verdict is Verdict.CLEAR


def test_each_label_is_held_against_its_own_threshold() -> None:
    assert decide([_seen("slide", 0.3)], THRESHOLDS).reasons == (Reason.ABOVE_THRESHOLD,)
    assert decide([_seen("handgun", 0.3)], THRESHOLDS).reasons == (Reason.NOTHING_ABOVE_THRESHOLD,)
    both = Detections.of([[0, 0, 9, 9]] * 2, [LABELS.index("slide"), 0], [0.3, 0.3])
    assert [found.label for found in above_threshold(both, THRESHOLDS)] == ["slide"]


def test_an_alarm_in_one_view_stands_when_another_view_failed() -> None:
    decision = decide([ViewOutcome(None, Reason.BUDGET_EXCEEDED), _seen("barrel", 0.9)], THRESHOLDS)
    assert decision.verdict is Verdict.ALARM
    assert decision.reasons == (Reason.ABOVE_THRESHOLD, Reason.BUDGET_EXCEEDED)


def test_a_scan_without_views_is_referred() -> None:
    decision = decide([], THRESHOLDS)
    assert (decision.verdict, decision.reasons) == (Verdict.REFER, (Reason.INCOMPLETE_SCAN,))


def test_only_completed_inference_on_every_view_with_nothing_against_it_may_say_clear() -> None:
    troubles = [reason for reason in Reason if "threshold" not in reason]
    failed = [ViewOutcome(None, reason) for reason in troubles]
    doubtful = [ViewOutcome(Detections.none(), reason) for reason in troubles]
    outcomes = [CALM, _seen("handgun", 0.1), *failed, *doubtful]
    for count in (1, 2, 3):
        for views in itertools.product(outcomes, repeat=count):
            verdict = decide(views, THRESHOLDS).verdict
            whole = all(view.detections is not None and view.reason is None for view in views)
            assert verdict is (Verdict.CLEAR if whole else Verdict.REFER)


def test_a_list_that_may_lack_an_alarm_never_says_clear() -> None:
    lowest = min(THRESHOLDS.values())
    for count, score, verdict in (
        (MAX_DETECTIONS - 1, 0.4, Verdict.CLEAR),
        (MAX_DETECTIONS, 0.4, Verdict.REFER),
        (MAX_DETECTIONS, lowest - 0.01, Verdict.CLEAR),
    ):
        weak = Detections.of([[0, 0, 9, 9]] * count, [LABELS.index("handgun")] * count, [score] * count)
        assert decide([ViewOutcome(weak)], THRESHOLDS).verdict is verdict


def test_a_view_that_was_not_read_must_say_why() -> None:
    with pytest.raises(ValueError, match="needs a reason"):
        ViewOutcome(None)
    with pytest.raises(ValueError, match="follows from the detections"):
        ViewOutcome(Detections.none(), Reason.ABOVE_THRESHOLD)
