"""How long a request waits for the database: a server that takes a question and never answers must not keep it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Final, TypeVar

from serving.errors import StoreUnavailableError

__all__ = ["from_database"]

_PATIENCE_S: Final = 5.0
_RETRY_S: Final = 5
_T = TypeVar("_T")
_log = logging.getLogger("parcelray.serving")


async def from_database(work: Awaitable[_T]) -> _T:
    """Return what comes of work in a thread; what has begun there goes on when nobody waits any more.

    Raises:
        StoreUnavailableError: it took too long; what it was to write may yet be written.
    """
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await work
    except TimeoutError:
        _log.error("the database did not answer within %.0f s", _PATIENCE_S)
        raise StoreUnavailableError("the database does not answer; try again", retry_after_s=_RETRY_S) from None
