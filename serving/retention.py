"""Erases what has been kept long enough: by command, and by a task of the service.

The task is careful with the clock: a machine whose clock jumps ahead by years would otherwise erase everything.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from serving.settings import Settings
from serving.store import erasure
from serving.store.images import ImageStore, sweep
from serving.store.scans import ScanStore

__all__ = ["Outcome", "Retainer", "erase_scan", "run_retention"]

_MAX_CLOCK_DRIFT_S: Final = 600.0
_TRUSTED_S: Final = 1.0  # so long after an answer of the storage another one is expected
_POLICY: Final = "retention policy"
_log = logging.getLogger("parcelray.serving")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How much went: scans, images that no other scan uses, half-written files of killed processes."""

    scans: int
    images: int
    stale_files: int


def run_retention(
    settings: Settings,
    store: ScanStore,
    images: ImageStore,
    *,
    now: datetime,
    stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Erase by policy until nothing is due or `stop` says so; what is left is found by the next run.

    Raises:
        SQLAlchemyError: the database failed.
        OSError: the image storage failed; the rows of what was erased are gone, the images follow next time.
    """
    scans = 0
    for scan_id in erasure.due(store.database, _policy(settings), now):
        if stop():
            break
        scans += erasure.erase(store.database, scan_id, by="parcelray", reason=_POLICY)
    store.database.empty_log()
    removed = _purge(settings, store, images, stop)
    return Outcome(scans, removed, images.sweep() + sweep(settings.data_dir / "thumbnails"))


def erase_scan(
    settings: Settings, store: ScanStore, images: ImageStore, scan_id: str, *, by: str, reason: str
) -> tuple[bool, int]:
    """Erase one scan; returns whether it was there, and how many images went.

    Raises:
        OSError: the image storage failed; call again, also when the scan itself is gone.
    """
    found = erasure.erase(store.database, scan_id, by=by, reason=reason)
    store.database.empty_log()
    return found, _purge(settings, store, images)


def _purge(settings: Settings, store: ScanStore, images: ImageStore, stop: Callable[[], bool] = lambda: False) -> int:
    answered_s = -math.inf

    def ready() -> None:
        # An image goes in a writer's turn: storage that hangs would hold up every scan.
        nonlocal answered_s
        if images.may_hang and time.monotonic() - answered_s > _TRUSTED_S:
            images.probe()
            answered_s = time.monotonic()

    def remove(sha256: str) -> None:
        images.delete(sha256)
        (settings.data_dir / "thumbnails" / f"{sha256}.jpg").unlink(missing_ok=True)

    return erasure.purge_images(store.database, remove, ready=ready, stop=stop)


def _policy(settings: Settings) -> erasure.Retention:
    clear, others = (
        None if days is None else timedelta(days=days)
        for days in (settings.retain_clear_days, settings.retain_alarm_days)
    )
    return erasure.Retention(clear, others)


class Retainer:
    """The service's task; use it as an async context manager."""

    def __init__(self, settings: Settings, store: ScanStore, images: ImageStore) -> None:
        self._settings = settings
        self._store = store
        self._images = images
        self._stop = threading.Event()
        self._ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Retainer:
        self._task = asyncio.create_task(self._work())
        return self

    async def __aexit__(self, *_: object) -> None:
        # Not cancelled: the thread that erases needs the database until it has finished the scan at hand.
        self._stop.set()
        self._ended.set()
        if self._task is not None:
            await self._task

    async def _work(self) -> None:
        started_wall_s, started_s = time.time(), time.monotonic()
        while not self._stop.is_set():
            drift_s = (time.time() - started_wall_s) - (time.monotonic() - started_s)
            if abs(drift_s) > _MAX_CLOCK_DRIFT_S:
                _log.error("the clock jumped by %.0f s: nothing is erased by age until the next start", drift_s)
            else:
                await self._run()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), self._settings.retention_every_s)

    async def _run(self) -> None:
        try:
            outcome = await asyncio.to_thread(
                run_retention,
                self._settings,
                self._store,
                self._images,
                now=datetime.now(UTC),
                stop=self._stop.is_set,
            )
        except (SQLAlchemyError, OSError) as error:
            _log.error("retention failed and is tried again: %s", type(error).__name__)
        else:
            if outcome != Outcome(0, 0, 0):
                _log.info("retention erased %d scans and %d images", outcome.scans, outcome.images)
