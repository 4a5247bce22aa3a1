"""Turns what the detector saw in the views of a scan into alarm, clear or refer.

Only a completed inference on every view may say clear.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from detector.detections import MAX_DETECTIONS, Detection, Detections

__all__ = ["Decision", "Reason", "Verdict", "ViewOutcome", "above_threshold", "decide"]


class Verdict(StrEnum):
    """What a scan's answer says. A person must look at `alarm` and at `refer`."""

    ALARM = "alarm"
    CLEAR = "clear"
    REFER = "refer"


class Reason(StrEnum):
    """Why a verdict was given."""

    ABOVE_THRESHOLD = "above_threshold"
    NOTHING_ABOVE_THRESHOLD = "nothing_above_threshold"
    BUDGET_EXCEEDED = "budget_exceeded"
    UNREADABLE_VIEW = "unreadable_view"
    UNLIKE_TRAINING = "unlike_training"
    MODEL_FAILURE = "model_failure"
    INCOMPLETE_SCAN = "incomplete_scan"
    BLANK_VIEW = "blank_view"
    SATURATED_VIEW = "saturated_view"
    BLURRED_VIEW = "blurred_view"
    INVERTED_VIEW = "inverted_view"
    CLIPPED_VIEW = "clipped_view"
    MISORIENTED_VIEW = "misoriented_view"


@dataclass(frozen=True, slots=True)
class ViewOutcome:
    """What happened to one view.

    Attributes:
        detections: what the model found; None where no inference completed.
        reason: why the view needs a person, whatever was found; None where all went well.
    """

    detections: Detections | None
    reason: Reason | None = None

    def __post_init__(self) -> None:
        if self.detections is None and self.reason is None:
            raise ValueError("a view without detections needs a reason")
        if self.reason in (Reason.ABOVE_THRESHOLD, Reason.NOTHING_ABOVE_THRESHOLD):
            raise ValueError(f"{self.reason} follows from the detections; expected why the view needs a person")


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and its reasons, each once, an alarm's first."""

    verdict: Verdict
    reasons: tuple[Reason, ...]


def above_threshold(detections: Detections, thresholds: Mapping[str, float]) -> list[Detection]:
    """Return the detections at or above their own label's threshold.

    Raises:
        KeyError: a label has no threshold.
    """
    return [found for found in detections if found.score >= thresholds[found.label]]


def decide(views: Sequence[ViewOutcome], thresholds: Mapping[str, float]) -> Decision:
    """Decide about a scan from all of its views.

    An alarm in any view that was read is an alarm, even if another view failed. Without an alarm every view must have
    been read, with nothing against it, for a clear; a scan without views is referred.
    """
    reasons = [view.reason for view in views]
    reasons += [
        Reason.UNLIKE_TRAINING
        for view in views
        if view.detections is not None and (view.detections.unlike_training or _cut(view.detections, thresholds))
    ]
    troubles = tuple(dict.fromkeys(reason for reason in reasons if reason is not None))
    if any(view.detections is not None and above_threshold(view.detections, thresholds) for view in views):
        return Decision(Verdict.ALARM, (Reason.ABOVE_THRESHOLD, *troubles))
    if troubles or not views:
        return Decision(Verdict.REFER, troubles or (Reason.INCOMPLETE_SCAN,))
    return Decision(Verdict.CLEAR, (Reason.NOTHING_ABOVE_THRESHOLD,))


def _cut(detections: Detections, thresholds: Mapping[str, float]) -> bool:
    """Whether what alarms may be missing: the list is full, and its last is not yet below every label's threshold."""
    return len(detections) >= MAX_DETECTIONS and bool(detections.scores[-1] >= min(thresholds.values()))
