"""How long an answer may take."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

__all__ = ["Clock"]


@dataclass(frozen=True, slots=True)
class Clock:
    """When a scan came and how long its answer may take."""

    received_at: datetime
    started: float
    budget_ms: int

    @classmethod
    def start(cls, budget_ms: int) -> Clock:
        """Return a clock that starts now."""
        return cls(datetime.now(UTC), time.monotonic(), budget_ms)

    def within(self, budget_ms: int | None) -> Clock:
        """Return the same with another budget, where one is given."""
        return self if budget_ms is None else replace(self, budget_ms=budget_ms)

    def elapsed_ms(self) -> float:
        """Return the time since the scan came."""
        return (time.monotonic() - self.started) * 1e3

    def left_s(self, reserve_ms: float = 0) -> float:
        """Return the time left until `reserve_ms` before the budget's end, never negative."""
        return max(self.budget_ms - reserve_ms - self.elapsed_ms(), 0.0) / 1e3
