"""Ranks the alarms of a lane where people cannot open every parcel: none is dropped, the surest come first."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from serving.schemas import AlarmRank

__all__ = ["AlarmRanks"]

_HOUR_S: Final = 3600.0
_MAX_LANES: Final = 1000
_MAX_AN_HOUR: Final = 20_000  # more than one lane can scan


class AlarmRanks:
    """The scores of each lane's alarms in the last hour, in memory: a restart begins a new hour."""

    def __init__(self, now: Callable[[], float] = time.monotonic, max_lanes: int = _MAX_LANES) -> None:
        self._now = now
        self._max_lanes = max_lanes
        self._lanes: OrderedDict[tuple[str | None, str | None], deque[tuple[float, float]]] = OrderedDict()

    def rank(self, scanner_id: str | None, lane: str | None, score: float, allowed: int) -> AlarmRank:
        """Count an alarm and return its place among those of the last hour, best score first."""
        key, now = (scanner_id, lane), self._now()
        alarms = self._lanes.setdefault(key, deque(maxlen=_MAX_AN_HOUR))
        self._lanes.move_to_end(key)
        if len(self._lanes) > self._max_lanes:
            self._lanes.popitem(last=False)
        while alarms and alarms[0][0] < now - _HOUR_S:
            alarms.popleft()
        place = 1 + sum(other >= score for _, other in alarms)
        alarms.append((now, score))
        return AlarmRank(rank=place, alarms_last_hour=len(alarms), allowed=allowed, within=place <= allowed)
