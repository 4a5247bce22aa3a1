"""Decides at once whether a scan can still be done in time, from how many are in work and how fast they leave.

The rule: a scan is taken while a session is free. When all are taken, it must fit into the queue and be expected to be
done within its budget, else it is refused; refused scans cost next to nothing, so those that were taken are answered in
time however many more come. What is expected is the number of scans in work times the measured interval at which scans
leave while every session has work: whatever holds them up, model, disk or processor, is in it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from serving.errors import OverloadedError

__all__ = ["Admission"]

_FIRST_MS: Final = 50.0  # of one session, until scans have been measured
_WEIGHT: Final = 0.1  # of the newest interval in the mean
# Intervals vary: scans that are expected at the very end of their budget would often miss it.
_USABLE: Final = 0.8


class Admission:
    """The places for scans in work: one for each session and at most `queue_limit` more."""

    def __init__(self, sessions: int, queue_limit: int, now: Callable[[], float] = time.monotonic) -> None:
        self._sessions = sessions
        self._places = sessions + queue_limit
        self._now = now
        self._in_work = 0
        self._interval_ms = _FIRST_MS / sessions
        # When the last scan left, or the last session was taken; None while a session is free.
        self._busy_since: float | None = None

    @property
    def expected_ms(self) -> float:
        """How long a scan that comes now is expected to take."""
        return (self._in_work + 1) * self._interval_ms

    def check(self, left_ms: float) -> None:
        """Refuse a scan that has so much of its budget left, if it cannot be done in time.

        Raises:
            OverloadedError: every place is taken, or too many are for this budget.
        """
        if self._in_work < self._sessions:
            return
        if self._in_work >= self._places:
            reason = f"{self._in_work} scans are in work and no more fit"
        elif self.expected_ms > _USABLE * left_ms:
            reason = f"{self._in_work} scans are in work and one more would take {self.expected_ms:.0f} ms"
        else:
            return
        wait_s = math.ceil(self.expected_ms / 1e3)
        raise OverloadedError(f"{reason}; send again after Retry-After seconds", retry_after_s=min(wait_s, 60))

    @contextmanager
    def place(self, left_ms: float) -> Iterator[None]:
        """Hold a place while a scan is in work.

        Raises:
            OverloadedError: as `check` says.
        """
        self.check(left_ms)
        self._in_work += 1
        if self._in_work == self._sessions:
            self._busy_since = self._now()
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        if self._busy_since is not None:
            now = self._now()
            self._interval_ms += _WEIGHT * ((now - self._busy_since) * 1e3 - self._interval_ms)
            self._busy_since = now
        self._in_work -= 1
        if self._in_work < self._sessions:
            self._busy_since = None
