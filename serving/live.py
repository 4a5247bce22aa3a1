"""The operator's board: the latest answers of every lane and how the last hour went, in memory."""

from __future__ import annotations

import math
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from detector.policy import Reason
from serving.schemas import ScanOut

__all__ = ["Board", "Lane"]

_HOUR_S: Final = 3600.0
_MAX_LANES: Final = 64
_MAX_AN_HOUR: Final = 20_000  # more than one lane can scan
SHOWN: Final = 4


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane as the page shows it."""

    scanner_id: str | None
    lane: str | None
    latest: Sequence[ScanOut]
    verdicts: Counter[str]
    misses: int
    slowest_ms: float | None
    budget_ms: int


class Board:
    """The last answers of each scanner and lane; of very many lanes, those that scanned last."""

    def __init__(self, now: Callable[[], float] = time.monotonic, max_lanes: int = _MAX_LANES) -> None:
        self._now = now
        self._max_lanes = max_lanes
        self._latest: OrderedDict[tuple[str | None, str | None], deque[ScanOut]] = OrderedDict()
        self._hour: dict[tuple[str | None, str | None], deque[tuple[float, str, bool, float]]] = {}

    def scan(self, answer: ScanOut) -> None:
        """Add a new answer."""
        key = (answer.scanner_id, answer.lane)
        self._latest.setdefault(key, deque(maxlen=SHOWN)).appendleft(answer)
        self._latest.move_to_end(key)
        missed = Reason.BUDGET_EXCEEDED in answer.reasons
        hour = self._hour.setdefault(key, deque(maxlen=_MAX_AN_HOUR))
        hour.append((self._now(), answer.verdict.value, missed, answer.timings_ms.total))
        if len(self._latest) > self._max_lanes:
            oldest, _ = self._latest.popitem(last=False)
            del self._hour[oldest]

    def restore(self, answers: Sequence[ScanOut]) -> None:
        """Show answers from before the start, newest first; they count for no hour."""
        for answer in answers:
            self._latest.setdefault((answer.scanner_id, answer.lane), deque(maxlen=SHOWN)).append(answer)

    def forget(self, scan_id: str) -> None:
        """Take an erased scan off the board; what it counted for the hour stays."""
        for key, latest in list(self._latest.items()):
            kept = [answer for answer in latest if answer.id != scan_id]
            if not kept:
                del self._latest[key]
                self._hour.pop(key, None)
            elif len(kept) < len(latest):
                self._latest[key] = deque(kept, maxlen=SHOWN)

    def lanes(self) -> list[Lane]:
        """Return the lanes in the order of their names."""
        order = sorted(self._latest, key=lambda key: (key[0] or "", key[1] or ""))
        return [self._lane(key) for key in order]

    def _lane(self, key: tuple[str | None, str | None]) -> Lane:
        hour = self._hour.setdefault(key, deque(maxlen=_MAX_AN_HOUR))
        while hour and hour[0][0] < self._now() - _HOUR_S:
            hour.popleft()
        totals = sorted(total for *_, total in hour)
        return Lane(
            scanner_id=key[0],
            lane=key[1],
            latest=tuple(self._latest[key]),
            verdicts=Counter(verdict for _, verdict, *_ in hour),
            misses=sum(missed for *_, missed, _ in hour),
            slowest_ms=totals[math.ceil(0.99 * len(totals)) - 1] if totals else None,
            budget_ms=self._latest[key][0].budget_ms,
        )
