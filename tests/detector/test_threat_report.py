"""Threat detection reports say what was answered, and CLEAR only for a clear."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pydicom
import pytest

from detector.detections import Detection
from detector.policy import Reason, Verdict
from detector.threat_report import ReportedView, ThreatReport, write_tdr

TOP = ReportedView(
    "1.2.840.10008.5.1.4.1.1.501.2.2", "1.2.3.1", [Detection((10.5, 20.0, 110.25, 80.0), "handgun", 0.9)]
)
SIDE = ReportedView("1.2.840.10008.5.1.4.1.1.501.2.2", "1.2.3.2", [])
ALARM = ThreatReport(
    report_id="0199f3a2-7c1e-7b52-9d3a-5f0e8c6b1a24",
    study_uid="1.2.3",
    item_id="RR473124829CA",
    verdict=Verdict.ALARM,
    reasons=(Reason.ABOVE_THRESHOLD,),
    views=(TOP, SIDE),
    model_name="parcelray-nano",
    model_version="0.1.0",
    operating_point="balanced",
    started_at=datetime(2026, 11, 22, 4, 5, 6, 500_000, tzinfo=UTC),
    processing_ms=33.5,
)


def read(report: ThreatReport) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(write_tdr(report)))


def test_an_alarm_names_its_objects_and_their_view() -> None:
    tdr = read(ALARM)
    assert (tdr.Modality, tdr.PatientID, tdr.StudyInstanceUID) == ("TDR", "RR473124829CA", "1.2.3")
    assert (tdr.TDRType, tdr.AlarmDecision, tdr.AbortFlag) == ("MACHINE", "ALARM", "SUCCESS")
    assert "AbortReason" not in tdr
    assert (tdr.NumberOfTotalObjects, tdr.NumberOfAlarmObjects, tdr.TotalProcessingTime) == (1, 1, 33.5)
    assert tdr.AlarmDecisionTime == "20261122040506.533500+0000"
    assert list(tdr.ThreatDetectionAlgorithmAndVersion)[:2] == ["ParcelRay parcelray-nano", "0.1.0"]
    assert [item.ReferencedSOPInstanceUID for item in tdr.ReferencedStudySequence] == ["1.2.3.1", "1.2.3.2"]
    (threat,) = tdr.ThreatSequence
    (representation,) = threat.PTORepresentationSequence
    (region,) = representation.ThreatROIVoxelSequence
    assert representation.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID == "1.2.3.1"
    assert (list(region.ThreatROIBase), list(region.ThreatROIExtents)) == ([10.5, 20, 0], [99.75, 60, 1])
    assert list(representation.BoundingPolygon) == [10.5, 20, 0, 110.25, 20, 0, 110.25, 80, 0, 10.5, 80, 0]
    (assessment,) = threat.ATDAssessmentSequence
    assert (assessment.ThreatCategory, assessment.ThreatCategoryDescription) == ("PI", "handgun")
    assert assessment.ATDAssessmentProbability == pytest.approx(0.9)
    assert tdr[0x40101075].VR == "FD"


def test_a_clear_has_no_objects() -> None:
    clear = replace(ALARM, verdict=Verdict.CLEAR, reasons=(Reason.NOTHING_ABOVE_THRESHOLD,), views=(SIDE,))
    tdr = read(clear)
    assert (tdr.AlarmDecision, tdr.AbortFlag, tdr.NumberOfAlarmObjects) == ("CLEAR", "SUCCESS", 0)
    assert len(tdr.ThreatSequence) == 0
    for wrong in (replace(clear, views=(TOP,)), replace(clear, reasons=(Reason.MODEL_FAILURE,))):
        with pytest.raises(ValueError, match="a clear has no objects"):
            write_tdr(wrong)
    with pytest.raises(ValueError, match="at least one view"):
        write_tdr(replace(clear, views=()))


@pytest.mark.parametrize(
    ("verdict", "reasons", "decision", "abort"),
    [
        (Verdict.REFER, (Reason.BUDGET_EXCEEDED,), "UNKNOWN", ["TIMEOUT"]),
        (Verdict.REFER, (Reason.INCOMPLETE_SCAN,), "UNKNOWN", ["INCOMPLETE_SCAN"]),
        (Verdict.REFER, (Reason.MODEL_FAILURE,), "UNKNOWN", ["NOT_REVIEWED"]),
        (Verdict.REFER, (Reason.UNREADABLE_VIEW, Reason.BUDGET_EXCEEDED), "UNKNOWN", ["UNKNOWN_DATATYPE", "TIMEOUT"]),
        (Verdict.ALARM, (Reason.ABOVE_THRESHOLD, Reason.BUDGET_EXCEEDED), "ALARM", ["TIMEOUT"]),
    ],
)
def test_what_was_not_looked_at_is_an_abort(
    verdict: Verdict, reasons: Sequence[Reason], decision: str, abort: list[str]
) -> None:
    tdr = read(replace(ALARM, verdict=verdict, reasons=reasons, views=(TOP if verdict is Verdict.ALARM else SIDE,)))
    assert (tdr.AlarmDecision, tdr.AbortFlag) == (decision, "ABORT")
    assert [tdr.AbortReason] if isinstance(tdr.AbortReason, str) else list(tdr.AbortReason) == abort
    assert f"-reason={reasons[0]}" in tdr.ThreatDetectionAlgorithmAndVersion


def test_every_reason_and_awkward_words_can_be_written() -> None:
    for reason in set(Reason) - {Reason.ABOVE_THRESHOLD, Reason.NOTHING_ABOVE_THRESHOLD}:
        assert read(replace(ALARM, verdict=Verdict.REFER, reasons=(reason,), views=(SIDE,))).AbortFlag == "ABORT"
    tdr = read(replace(ALARM, item_id="日本\\" + "x" * 100, operating_point="o" * 100))
    assert str(tdr.PatientID).startswith("日本/x")
    assert read(replace(ALARM, item_id=None)).PatientID == "unknown"
    assert write_tdr(ALARM) == write_tdr(ALARM)
