"""Compares two models' answers to the same scans; bounded however many scans there are."""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from collections.abc import Sequence
from typing import Final

from pydantic import BaseModel, Field

from detector.policy import Decision, Verdict
from serving.schemas import ScanOut, ViewOut

__all__ = ["Comparison", "DifferentScan", "LabelCounts", "LatencyOut"]

_MOST_DIFFERENT: Final = 20
_LATENCIES: Final = 2000


class LabelCounts(BaseModel):
    """In how many scans a label alarmed."""

    both: int = 0
    serving_only: int = 0
    candidate_only: int = 0


class LatencyOut(BaseModel):
    """Milliseconds in the model for the slowest view of a scan, of the last two thousand scans."""

    p50_ms: float | None
    p99_ms: float | None


class DifferentScan(BaseModel):
    """A scan that a person should look at before the candidate serves."""

    scan_id: str
    serving: Verdict
    candidate: Verdict
    label: str | None = Field(description="The label whose best scores lie furthest apart.")
    serving_score: float
    candidate_score: float
    desk: str


class Comparison:
    """What two models said, counted."""

    def __init__(self) -> None:
        self.verdicts: Counter[tuple[str, str]] = Counter()
        self.labels: dict[str, LabelCounts] = {}
        self._different: list[tuple[bool, float, str, DifferentScan]] = []
        self._serving_ms: deque[float] = deque(maxlen=_LATENCIES)
        self._candidate_ms: deque[float] = deque(maxlen=_LATENCIES)

    def add(self, answer: ScanOut, decision: Decision, views: Sequence[ViewOut], latency_ms: float) -> None:
        """Count one scan: what was answered, and what the candidate would have."""
        self.verdicts[answer.verdict.value, decision.verdict.value] += 1
        ours, theirs = _alarmed(answer.views), _alarmed(views)
        for label in ours | theirs:
            counts = self.labels.setdefault(label, LabelCounts())
            counts.both += label in ours and label in theirs
            counts.serving_only += label not in theirs
            counts.candidate_only += label not in ours
        self._serving_ms.append(answer.timings_ms.inference)
        self._candidate_ms.append(latency_ms)
        self._note(answer, decision.verdict, _best(answer.views), _best(views))

    @property
    def scans(self) -> int:
        """How many scans were compared."""
        return self.verdicts.total()

    def agreement(self) -> float | None:
        """Return the share of scans with the same verdict."""
        return _share(sum(n for (ours, theirs), n in self.verdicts.items() if ours == theirs), self.scans)

    def alarm_rates(self) -> tuple[float | None, float | None]:
        """Return the share of scans that alarm: of the serving model, of the candidate."""
        counts = [sum(n for pair, n in self.verdicts.items() if pair[side] == Verdict.ALARM) for side in (0, 1)]
        return _share(counts[0], self.scans), _share(counts[1], self.scans)

    def most_different(self) -> list[DifferentScan]:
        """Return the scans that differ most: other verdicts first, then by scores."""
        return [entry[-1] for entry in sorted(self._different, key=lambda entry: entry[:3], reverse=True)]

    def latencies(self) -> tuple[LatencyOut, LatencyOut]:
        """Return the times of the serving model and of the candidate."""
        return _latency(self._serving_ms), _latency(self._candidate_ms)

    def _note(self, answer: ScanOut, candidate: Verdict, ours: dict[str, float], theirs: dict[str, float]) -> None:
        gaps = {label: abs(ours.get(label, 0.0) - theirs.get(label, 0.0)) for label in ours.keys() | theirs.keys()}
        label = max(gaps, key=lambda name: (gaps[name], name), default=None)
        scan = DifferentScan(
            scan_id=answer.id,
            serving=answer.verdict,
            candidate=candidate,
            label=label,
            serving_score=ours.get(label or "", 0.0),
            candidate_score=theirs.get(label or "", 0.0),
            desk=f"/review/scans/{answer.id}?show=all",
        )
        entry = (answer.verdict is not candidate, gaps[label] if label else 0.0, answer.id, scan)
        if not entry[0] and not entry[1]:
            return
        push = heapq.heappush if len(self._different) < _MOST_DIFFERENT else heapq.heappushpop
        push(self._different, entry)


def _alarmed(views: Sequence[ViewOut]) -> set[str]:
    return {found.label for view in views for found in view.detections if found.alarm}


def _best(views: Sequence[ViewOut]) -> dict[str, float]:
    best: dict[str, float] = {}
    for found in (found for view in views for found in view.detections):
        best[found.label] = max(best.get(found.label, 0.0), found.score)
    return best


def _share(count: int, of: int) -> float | None:
    return round(count / of, 4) if of else None


def _latency(values: Sequence[float]) -> LatencyOut:
    ordered = sorted(values)
    if not ordered:
        return LatencyOut(p50_ms=None, p99_ms=None)
    p50, p99 = (round(ordered[math.ceil(share * len(ordered)) - 1], 1) for share in (0.5, 0.99))
    return LatencyOut(p50_ms=p50, p99_ms=p99)
