"""How long a busy server asks to wait."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import httpx

__all__ = ["retry_after_s"]


def retry_after_s(answer: httpx.Response) -> float:
    """Return the seconds or the time that `Retry-After` names; 0 where it names none."""
    text = answer.headers.get("retry-after", "")
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return 0.0
