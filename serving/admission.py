"""Decides at once what becomes of a scan, from how many are in work and how fast they leave.

A scan is taken while a session is free. When none is, it is taken where it is expected to be done within its budget.
Where it is not, it is put off: stored, answered `refer` at once, and finished when nothing fresh waits. When as many
wait as may, for their turn or to be finished, it is refused. Those that were taken are so answered in time however many
more come, because a refused scan costs next to nothing.

What is expected is the number of scans in work times the measured interval at which scans leave while every session has
work: whatever holds them up, model, disk or processor, is in it. Of every budget, as much is kept for storing as that
takes, and four times what it varies by.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from serving.errors import OverloadedError

__all__ = ["Admission"]

_FIRST_MS: Final = 50.0  # of one session, until scans have been measured
_WEIGHT: Final = 0.1  # of the newest measurement in a mean
# Intervals vary: scans that are expected at the very end of their time would often miss it.
_USABLE: Final = 0.9
_DEVIATIONS: Final = 4.0  # as TCP waits for an answer (RFC 6298)


class Admission:
    """Places for scans: one for each session, `queue_limit` to wait their turn, and as many to be finished later.

    Attributes:
        calm: set while a session is free, so that what was left over may have it.
    """

    def __init__(
        self,
        sessions: int,
        queue_limit: int,
        left_over: Callable[[], int],
        *,
        reserve_ms: float = 0.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with no scan in work.

        Args:
            sessions: scans that the model reads at the same time.
            queue_limit: scans that may wait beside them.
            left_over: tells how many stored scans are not finished.
            reserve_ms: part of every budget that is kept for storing and sending, at least.
            now: a clock in seconds.
        """
        self._sessions = sessions
        self._queue_limit = queue_limit
        self._left_over = left_over
        self._least_reserve_ms = reserve_ms
        self._now = now
        self.calm = asyncio.Event()
        self.calm.set()
        self._in_work = 0
        self._put_off = 0
        self._interval_ms = _FIRST_MS / sessions
        self._storing_ms = 0.0
        self._storing_varies_ms = 0.0
        # When the last scan left, or the last session was taken; None while a session is free.
        self._busy_since: float | None = None

    @property
    def expected_ms(self) -> float:
        """How long a scan that comes now is expected to take."""
        return (self._in_work + 1) * self._interval_ms

    def reserve_ms(self, left_ms: float) -> float:
        """Return how much of what is left of a budget to keep for storing and sending, half of it at most."""
        usual_ms = self._storing_ms + _DEVIATIONS * self._storing_varies_ms
        return min(max(self._least_reserve_ms, usual_ms), left_ms / 2)

    def stored(self, took_ms: float) -> None:
        """Take note of how long a scan that was read, or given up, took to be stored."""
        # Mean and mean deviation, as TCP follows its round-trip times (RFC 6298).
        difference = took_ms - self._storing_ms
        self._storing_ms += _WEIGHT * difference
        self._storing_varies_ms += _WEIGHT * (abs(difference) - self._storing_varies_ms)

    def check(self, left_ms: float) -> bool:
        """Return whether a scan with so much of its budget left is expected to be done in time.

        Raises:
            OverloadedError: it is not, and no more can be put off; or every place is taken.
        """
        if self._in_work < self._sessions:
            return True
        if self._in_work >= self._sessions + self._queue_limit:
            reason = f"{self._in_work} scans are in work and no more fit"
        elif self.expected_ms - self._storing_ms <= _USABLE * (left_ms - self.reserve_ms(left_ms)):
            return True
        elif self._put_off * self._storing_ms < left_ms / 2 and self._put_off + self._left_over() < self._queue_limit:
            return False  # those that are put off at the same time must be stored in time
        else:
            reason = f"{self._in_work} scans are in work and one more would take {self.expected_ms:.0f} ms"
        wait_s = math.ceil(self.expected_ms / 1e3)
        raise OverloadedError(f"{reason}; send again after Retry-After seconds", retry_after_s=min(wait_s, 60))

    @contextmanager
    def place(self, left_ms: float) -> Iterator[bool]:
        """Hold a place while a scan is in work, and say whether it is to be done now or put off.

        Raises:
            OverloadedError: as `check` says.
        """
        if not self.check(left_ms):
            self._put_off += 1
            try:
                yield False
            finally:
                self._put_off -= 1
            return
        self._in_work += 1
        if self._in_work == self._sessions:
            self._busy_since = self._now()
            self.calm.clear()
        try:
            yield True
        finally:
            self._leave()

    def _leave(self) -> None:
        if self._busy_since is not None:
            now = self._now()
            # With nothing waiting, decoding and storing leave the sessions idle in between: that is not full speed.
            weight = _WEIGHT if self._in_work > self._sessions else _WEIGHT / 3
            self._interval_ms += weight * ((now - self._busy_since) * 1e3 - self._interval_ms)
            self._busy_since = now
        self._in_work -= 1
        if self._in_work < self._sessions:
            self._busy_since = None
            self.calm.set()
