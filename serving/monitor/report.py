"""What a run of the test scans says, for machines and for people."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, Field

from detector.policy import Reason, Verdict
from serving.monitor.known import KnownScan, finds, sureness
from serving.schemas import ModelOut, ScanOut

__all__ = ["Fault", "KnownResult", "MonitorReport", "judged", "summary"]


class Fault(StrEnum):
    """What is wrong with the answer to a test scan."""

    MISSED = "missed"
    NOT_CLEAR = "not_clear"
    DRIFT = "drift"
    LATE = "late"
    FAILED = "failed"


class KnownResult(BaseModel):
    """One test scan and what became of it."""

    name: str
    known: list[str] = Field(description="Labels of what is in it; empty where nothing is.")
    scan_id: str | None = Field(description="Where it is kept; null where it was refused.")
    verdict: Verdict | None
    score: float | None = Field(description="Best score on a known object; of a scan without any, best score at all.")
    recorded: float | None = Field(description="The score that this model gave it when it was chosen or first seen.")
    total_ms: float | None
    faults: list[Fault]
    detail: str = ""


class MonitorReport(BaseModel):
    """One run of the test scans through the whole path."""

    ok: bool
    detail: str = Field(description="What is wrong and the next step, or ok.")
    trusted: bool = Field(description="False where known content was missed: then the service is not ready.")
    finished_at: datetime
    model: ModelOut
    faults: dict[Fault, int]
    p50_ms: float | None
    slowest_ms: float | None
    scans: list[KnownResult]


def judged(known: KnownScan, answer: ScanOut, recorded: float | None, band: float) -> KnownResult:
    """Compare the answer to a test scan with what is known of it."""
    detections = answer.views[0].detections
    score = sureness(known, detections)
    faults = []
    if Reason.BUDGET_EXCEEDED in answer.reasons:
        faults.append(Fault.LATE)  # nothing was read, so nothing else can be said
    else:
        if known.objects and not finds(known, detections):
            faults.append(Fault.MISSED)
        if not known.objects and answer.verdict is not Verdict.CLEAR:
            faults.append(Fault.NOT_CLEAR)
        if recorded is not None and abs(score - recorded) > band:
            faults.append(Fault.DRIFT)
        if answer.timings_ms.total > answer.budget_ms:
            faults.append(Fault.LATE)
    return KnownResult(
        name=known.name,
        known=sorted({item.label for item in known.objects}),
        scan_id=answer.id,
        verdict=answer.verdict,
        score=score,
        recorded=recorded,
        total_ms=answer.timings_ms.total,
        faults=faults,
        detail=", ".join(reason.value for reason in answer.reasons),
    )


def summary(results: Sequence[KnownResult], model: ModelOut, finished_at: datetime) -> MonitorReport:
    """Return what the results say together."""
    counts = Counter(fault for result in results for fault in result.faults)
    times = sorted(result.total_ms for result in results if result.total_ms is not None)
    return MonitorReport(
        ok=not counts,
        detail=_detail(results, counts),
        trusted=not counts[Fault.MISSED],
        finished_at=finished_at,
        model=model,
        faults={fault: counts[fault] for fault in Fault},
        p50_ms=times[math.ceil(0.5 * len(times)) - 1] if times else None,
        slowest_ms=times[-1] if times else None,
        scans=list(results),
    )


_NEXT_STEP = {
    Fault.MISSED: "known content is not found: open what it clears, go back to the model before "
    "(POST /v1/model/rollback), or choose test scans for this model (parcelray monitor pick)",
    Fault.FAILED: "the service refused or lost them: its log says why",
    Fault.DRIFT: "scores are not what this model gave before: software, libraries or machine changed; "
    "compare with another machine before trusting it",
    Fault.NOT_CLEAR: "harmless content is no longer clear: expect more alarms, and look at what changed",
    Fault.LATE: "not answered in time: see the queue and what else uses the machine, or raise the budget",
}


def _detail(results: Sequence[KnownResult], counts: Counter[Fault]) -> str:
    worst = next((fault for fault in _NEXT_STEP if counts[fault]), None)
    if worst is None:
        return "ok"
    told = ", ".join(f"{counts[fault]} {fault.replace('_', ' ')}" for fault in _NEXT_STEP if counts[fault])
    return f"of {len(results)} test scans {told}; {_NEXT_STEP[worst]}"
