"""What we write is read by a toolkit that shares no code with ours (pydicos, a wrapper of a closed C++ library).

The wrapper has wheels for Python 3.10 and 3.11 on x86-64 Linux only, so elsewhere these tests do not apply. Its getters
for regions and the abort flag do not even return what it wrote itself; `test_threat_report` checks those.
"""

from __future__ import annotations

import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from detector.detections import Detection
from detector.dicos import read_dx
from detector.dicos_writing import write_dx
from detector.policy import Reason, Verdict
from detector.threat_report import ReportedView, ThreatReport, write_tdr

pytestmark = [
    pytest.mark.dicos_oracle,
    pytest.mark.skipif(
        sys.version_info >= (3, 12) or sys.platform != "linux" or platform.machine() != "x86_64",
        reason="does not apply here: pydicos has wheels for Python 3.10 and 3.11 on x86-64 Linux only",
    ),
]


@pytest.mark.parametrize("for_processing", [True, False])
@pytest.mark.parametrize("shape", [(40, 60), (61, 33)])
def test_the_pixels_of_our_dx_are_exact(tmp_path: Path, shape: tuple[int, int], for_processing: bool) -> None:
    from pydicos import DXLoader

    view = np.random.default_rng(3).integers(0, 65536, shape, np.uint16)
    path = tmp_path / "view.dcs"
    path.write_bytes(write_dx(view, item_id="RR473124829CA", for_processing=for_processing))
    assert np.array_equal(DXLoader(path).get_data(), view)


@pytest.mark.parametrize(
    ("verdict", "reason", "threats", "decision"),
    [
        (Verdict.ALARM, Reason.ABOVE_THRESHOLD, 2, "enumAlarm"),
        (Verdict.CLEAR, Reason.NOTHING_ABOVE_THRESHOLD, 0, "enumClear"),
        (Verdict.REFER, Reason.BUDGET_EXCEEDED, 0, "enumUnknownAlarmDecision"),
    ],
)
def test_our_report_is_read_back(tmp_path: Path, verdict: Verdict, reason: Reason, threats: int, decision: str) -> None:
    from pydicos import TDRLoader

    dx = read_dx(write_dx(np.ones((40, 60), np.uint16)))
    found = [Detection((1, 2, 20, 30), "handgun", 0.9), Detection((5, 6, 9, 9), "magazine", 0.5)][:threats]
    report = ThreatReport(
        report_id="one",
        study_uid=dx.study_uid,
        item_id="RR473124829CA",
        verdict=verdict,
        reasons=[reason],
        views=[ReportedView(dx.sop_class_uid, dx.sop_instance_uid, found)],
        model_name="parcelray-nano",
        model_version="0.1.0",
        operating_point="balanced",
        started_at=datetime(2026, 11, 22, 4, 5, 6, tzinfo=UTC),
        processing_ms=33,
    )
    path = tmp_path / "report.dcs"
    path.write_bytes(write_tdr(report))
    said = TDRLoader(path).get_data()
    assert said["AlarmDecision"].name == decision
    assert (said["OOIID"], said["InstanceUID"], said["ProcessingTime"]) == ("RR473124829CA", dx.study_uid, 33)
    assert said["ATR"]["version"] == "0.1.0"
    assert [threat["ID"] for threat in said["PTOs"]] == list(range(1, threats + 1))
    for threat, expected in zip(said["PTOs"], found, strict=True):
        assert threat["Assessment"]["category"].name == "enumProhibitedItem"
        assert threat["Assessment"]["description"] == expected.label
        assert threat["Assessment"]["probability"] == pytest.approx(expected.score)
