"""Rate limits: a bucket of tokens for each key, refilled steadily, holding ten seconds' worth."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

__all__ = ["RateLimiter"]

_BURST_S: Final = 10.0


class RateLimiter:
    """Counts the requests of keys that were verified, so its size is bounded by their number."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait_s(self, key_id: str, requests_per_minute: int) -> float:
        """Count one request; returns 0 when it may pass, else the seconds until one may."""
        rate_per_s = requests_per_minute / 60
        capacity = max(1.0, rate_per_s * _BURST_S)
        now = self._now()
        tokens, since = self._buckets.get(key_id, (capacity, now))
        tokens = min(capacity, tokens + (now - since) * rate_per_s)
        passes = tokens >= 1
        self._buckets[key_id] = (tokens - 1 if passes else tokens, now)
        return 0.0 if passes else (1 - tokens) / rate_per_s
