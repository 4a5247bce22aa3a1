"""Keeps a scan's images before it is acknowledged, and asks whether the store takes them.

Storage behind a network may take a connection and never answer. Nothing is acknowledged then, but all are answered in
time: who waits for such storage waits to the end of the scan's budget, and once every thread hangs in it nobody waits.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from serving.errors import StoreUnavailableError
from serving.intake import PostedView
from serving.store.images import ImageStore
from serving.store.scans import ScanStore

__all__ = ["ImageKeeper", "StoreCheck", "reading", "storing"]

_THREADS: Final = 4
_RETRY_S: Final = 5
_PATIENCE_S: Final = 2.0  # of who asks whether the store is well
_log = logging.getLogger("parcelray.serving")


class ImageKeeper:
    """Threads that make images durable; those that hang in the storage hold up nothing else."""

    def __init__(self, images: ImageStore) -> None:
        self._images = images
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="images")
        self._hanging: set[Future[None]] = set()

    def close(self) -> None:
        """Wait for what is being written."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def check(self) -> None:
        """Refuse a scan whose images could not be kept, before anything is spent on it.

        Raises:
            StoreUnavailableError: every thread hangs in the storage.
        """
        if len(self._hanging) >= _THREADS:
            raise StoreUnavailableError("the image storage does not answer; see to it", retry_after_s=_RETRY_S)

    async def keep(self, views: Sequence[PostedView], left_s: float) -> float:
        """Return how many milliseconds it took until all images were durable.

        Raises:
            StoreUnavailableError: the storage failed, or it may hang and took longer than `left_s`.
        """
        began = time.monotonic()
        for view in views:
            patience_s = max(began + left_s - time.monotonic(), 0.0) if self._images.may_hang else None
            await self._put(view, patience_s)
        return (time.monotonic() - began) * 1e3

    async def _put(self, view: PostedView, patience_s: float | None) -> None:
        work = self._threads.submit(self._images.put, view.sha256, view.data)
        written = asyncio.wrap_future(work)
        written.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may wait any more
        await asyncio.wait([written], timeout=patience_s)
        if written.done():
            with storing():
                written.result()
            return
        if not work.cancel():
            self._hanging.add(work)
            work.add_done_callback(self._hanging.discard)
        _log.error("the image storage did not take an image within the budget")
        raise StoreUnavailableError(
            "the image storage did not take the images within the budget; see to it, or allow more time (X-Budget-Ms), "
            "then send again",
            retry_after_s=_RETRY_S,
        )


@contextmanager
def storing() -> Iterator[None]:
    """Turn an error of the image storage into the answer to the client."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        _log.error("images cannot be written: %s", reason)
        raise StoreUnavailableError(
            f"the images cannot be written ({reason}); see to the disk or the image storage, then send again",
            retry_after_s=_RETRY_S,
        ) from error


@contextmanager
def reading() -> Iterator[None]:
    """Turn an error of the image storage into the answer to the client; FileNotFoundError, no such image, stays."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreUnavailableError("the image storage does not answer; try again", retry_after_s=_RETRY_S) from error


class StoreCheck:
    """Asks database and images whether they take writes; who asks is answered in time, whatever they do."""

    def __init__(self, store: ScanStore, images: ImageStore, min_free_bytes: int) -> None:
        self._store = store
        self._images = images
        self._min_free_bytes = min_free_bytes
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-check")
        self._asked: asyncio.Future[str] | None = None  # one question at a time: more would fill threads that hang
        self._since = 0.0

    def close(self) -> None:
        """Wait for the last answer."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def ask(self) -> str:
        """Return ok, or what is wrong."""
        if self._asked is None or self._asked.done():
            self._since = time.monotonic()
            self._asked = asyncio.get_running_loop().run_in_executor(self._thread, self._look)
        await asyncio.wait([self._asked], timeout=_PATIENCE_S)
        return self._asked.result() if self._asked.done() else f"no answer for {time.monotonic() - self._since:.0f} s"

    def _look(self) -> str:
        try:
            self._store.probe()
            self._images.probe()
        except (SQLAlchemyError, OSError) as error:
            return f"not writable: {type(error).__name__}"
        free = self._images.free_bytes()
        if free is not None and free < self._min_free_bytes:
            return f"{free >> 20} MiB of disk left"
        return "ok"
