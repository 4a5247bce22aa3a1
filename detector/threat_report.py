"""Writes a DICOS Threat Detection Report (TDR, NEMA IIC 1): what the service answered, for machines that read DICOS.

`CLEAR` is written for a clear and for nothing else. A `refer` has the alarm decision `UNKNOWN` and the abort flag, and
so has its reason; an alarm with a view that could not be read is an `ALARM` with the abort flag.
DICOS has no category for firearms: an object is a prohibited item (PI) and its label is the description.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pydicom.dataset import Dataset
from pydicom.uid import DICOSThreatDetectionReportStorage

from detector.detections import Detection
from detector.dicos_writing import common_elements, long_string, to_bytes, uid_of
from detector.policy import Reason, Verdict

__all__ = ["ReportedView", "ThreatReport", "write_tdr"]

_DECISIONS: Final = {Verdict.ALARM: "ALARM", Verdict.CLEAR: "CLEAR", Verdict.REFER: "UNKNOWN"}
_NO_TROUBLE: Final = frozenset({Reason.ABOVE_THRESHOLD, Reason.NOTHING_ABOVE_THRESHOLD})
# The standard's list is short; what it lacks becomes NOT_REVIEWED, and the reason itself stands among the parameters.
_ABORT_REASONS: Final = {
    Reason.BUDGET_EXCEEDED: "TIMEOUT",
    Reason.INCOMPLETE_SCAN: "INCOMPLETE_SCAN",
    Reason.UNREADABLE_VIEW: "UNKNOWN_DATATYPE",
    Reason.UNLIKE_TRAINING: "OUT_OF_BOUNDS",
}


@dataclass(frozen=True, slots=True)
class ReportedView:
    """One view: which DICOS instance it is, and the objects at or above threshold in it, in its pixels."""

    sop_class_uid: str
    sop_instance_uid: str
    threats: Sequence[Detection]


@dataclass(frozen=True, slots=True)
class ThreatReport:
    """What a report says.

    Attributes:
        report_id: names the report; the same id gives the same identifier.
        study_uid: the scan, as the scanner named it.
        item_id: the parcel's own number, if known.
        verdict: what was answered.
        reasons: why.
        views: what was looked at; never empty.
        model_name: which model looked.
        model_version: of it.
        operating_point: the name of the thresholds.
        started_at: when the scan came.
        processing_ms: how long the answer took.
    """

    report_id: str
    study_uid: str
    item_id: str | None
    verdict: Verdict
    reasons: Sequence[Reason]
    views: Sequence[ReportedView]
    model_name: str
    model_version: str
    operating_point: str
    started_at: datetime
    processing_ms: float


def write_tdr(report: ThreatReport) -> bytes:
    """Return the report as a file.

    Raises:
        ValueError: no views, or a `clear` that reports an object or a trouble.
    """
    threats = [(view, found) for view in report.views for found in view.threats]
    troubles = [reason for reason in report.reasons if reason not in _NO_TROUBLE]
    if not report.views:
        raise ValueError("expected at least one view")
    if report.verdict is Verdict.CLEAR and (threats or troubles):
        raise ValueError(f"a clear has no objects and no troubles, got {len(threats)} and {troubles}")
    decided_at = report.started_at + timedelta(milliseconds=report.processing_ms)
    tdr = common_elements(
        DICOSThreatDetectionReportStorage,
        instance_uid=uid_of(f"tdr {report.report_id}"),
        study_uid=report.study_uid,
        series_uid=uid_of(f"tdr series {report.study_uid}"),
        item_id=report.item_id,
        moment=decided_at,
    )
    tdr.Modality = "TDR"
    tdr.FrameOfReferenceUID = uid_of(f"frame {report.study_uid}")
    tdr.PositionReferenceIndicator = ""
    tdr.ReferencedStudySequence = [_reference(view) for view in report.views]
    tdr.TDRType = "MACHINE"
    tdr.ThreatDetectionAlgorithmAndVersion = [
        long_string(f"ParcelRay {report.model_name}"),
        long_string(report.model_version),
        long_string(f"-operating_point={report.operating_point}"),
        *(f"-reason={reason}" for reason in report.reasons),
    ]
    tdr.AlarmDecisionTime = _moment(decided_at)
    tdr.AlarmDecision = _DECISIONS[report.verdict]
    tdr.AbortFlag = "ABORT" if troubles else "SUCCESS"
    if troubles:
        tdr.AbortReason = list(dict.fromkeys(_ABORT_REASONS.get(reason, "NOT_REVIEWED") for reason in troubles))
    tdr.NumberOfTotalObjects = tdr.NumberOfAlarmObjects = len(threats)
    tdr.TotalProcessingTime = report.processing_ms
    tdr.AdditionalScreeningPerformed = "NO"
    tdr.add_new(0x40101075, "FD", 1.0)  # image scale; pydicom's dictionary says DS, the standard FD
    tdr.ThreatSequence = [
        _threat(number, view, found, report.started_at, decided_at) for number, (view, found) in enumerate(threats, 1)
    ]
    return to_bytes(tdr)


def _reference(view: ReportedView) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = view.sop_class_uid
    item.ReferencedSOPInstanceUID = view.sop_instance_uid
    return item


def _threat(number: int, view: ReportedView, found: Detection, started_at: datetime, ended_at: datetime) -> Dataset:
    x0, y0, x1, y1 = found.xyxy
    region = Dataset()
    region.ThreatROIBase = [x0, y0, 0.0]
    region.ThreatROIExtents = [x1 - x0, y1 - y0, 1.0]
    region.ThreatROIBitmap = b""
    representation = Dataset()
    representation.ReferencedInstanceSequence = [_reference(view)]
    representation.ThreatROIVoxelSequence = [region]
    representation.BoundingPolygon = [x0, y0, 0.0, x1, y0, 0.0, x1, y1, 0.0, x0, y1, 0.0]
    assessment = Dataset()
    assessment.ThreatCategory = "PI"
    assessment.ThreatCategoryDescription = found.label
    assessment.ATDAbilityAssessment = "NO_INTERFERENCE"
    assessment.ATDAssessmentFlag = "THREAT"
    assessment.ATDAssessmentProbability = found.score
    threat = Dataset()
    threat.PotentialThreatObjectID = number
    threat.PTORepresentationSequence = [representation]
    threat.ATDAssessmentSequence = [assessment]
    threat.add_new(0x40101080, "DT", _moment(started_at))
    threat.add_new(0x40101081, "DT", _moment(ended_at))
    threat.add_new(0x40101082, "FL", (ended_at - started_at) / timedelta(milliseconds=1))
    return threat


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y%m%d%H%M%S.%f%z")
