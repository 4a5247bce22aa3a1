"""Turns what the pool and the detector give into the parts of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from detector.policy import Reason, ViewOutcome
from detector.quality import Flaw
from serving.inference import Job, ScanDetector
from serving.schemas import DetectionOut, ModelOut, ViewOut

__all__ = ["REASON_OF", "model_out", "outcome_of", "view_out"]

# Reasons that speak of the image, whatever model looks.
REASON_OF: Final[Mapping[Flaw, Reason]] = MappingProxyType(
    {
        Flaw.BLANK: Reason.BLANK_VIEW,
        Flaw.SATURATED: Reason.SATURATED_VIEW,
        Flaw.BLURRED: Reason.BLURRED_VIEW,
        Flaw.INVERTED: Reason.INVERTED_VIEW,
        Flaw.CLIPPED: Reason.CLIPPED_VIEW,
        Flaw.MISORIENTED: Reason.MISORIENTED_VIEW,
    }
)


def outcome_of(job: Job | None) -> ViewOutcome:
    """Return what became of a view by now; one that still waits is taken out of the queue."""
    if job is None or job.abandon() or not job.result.done() or job.result.cancelled():
        return ViewOutcome(None, Reason.BUDGET_EXCEEDED)
    if job.result.exception() is not None:
        return ViewOutcome(None, Reason.MODEL_FAILURE)
    return ViewOutcome(job.result.result(), REASON_OF[job.flaw] if job.flaw else None)


def view_out(
    name: str, sha256: str, resolution_wh: tuple[int, int], outcome: ViewOutcome, thresholds: Mapping[str, float]
) -> ViewOut:
    """Return one view of an answer."""
    found = outcome.detections
    return ViewOut(
        name=name,
        width=resolution_wh[0],
        height=resolution_wh[1],
        sha256=sha256,
        inferred=found is not None,
        detections=[
            DetectionOut(
                xyxy=(round(one.xyxy[0], 2), round(one.xyxy[1], 2), round(one.xyxy[2], 2), round(one.xyxy[3], 2)),
                label=one.label,
                group=one.group,
                score=round(one.score, 4),
                alarm=one.score >= thresholds[one.label],
            )
            for one in found or ()
        ],
    )


def model_out(detector: ScanDetector) -> ModelOut:
    """Return the identity of the model that looks."""
    return ModelOut(name=detector.card.name, version=detector.card.version, sha256=detector.model_sha256)
