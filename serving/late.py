"""Finishes work that an exceeded budget left over, from memory where the model had it already, else from the store.

Left-over work is a mark on the stored scan, not a list in memory: a restart finds it again, and a long overload costs
disk, not memory. The verdict that was answered stays; what is found is kept beside it as the late result.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from detector.errors import ImageError
from detector.images import decode
from detector.policy import Reason, ViewOutcome, decide
from detector.quality import Framing
from serving.admission import Admission
from serving.answers import model_out, outcome_of, view_out
from serving.inference import InferencePool, Job, ScanDetector
from serving.scanners import Scanners
from serving.schemas import LateResult
from serving.store.images import ImageStore
from serving.store.models import Scan
from serving.store.scans import ScanStore

__all__ = ["LateWork"]

_RETRY_S: Final = 5.0
_log = logging.getLogger("parcelray.serving")


class LateWork:
    """One background worker; use it as an async context manager inside the pool's."""

    def __init__(
        self,
        pool: InferencePool,
        store: ScanStore,
        images: ImageStore,
        *,
        admission: Admission,
        scanners: Scanners,
        attempts: int,
    ) -> None:
        self._pool = pool
        self._admission = admission
        self._store = store
        self._images = images
        self._scanners = scanners
        self._attempts = attempts
        self._wake = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._adopted: set[str] = set()
        self._worker: asyncio.Task[None] | None = None

    async def __aenter__(self) -> LateWork:
        self._worker = asyncio.create_task(self._work())
        return self

    async def __aexit__(self, *_: object) -> None:
        # What is not finished stays marked in the store and is found by the next start.
        tasks = [task for task in (self._worker, *self._tasks.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def left_over(self) -> int:
        """Scans that were answered since the start and are not finished."""
        return len(self._adopted)

    def adopt(self, scan_id: str, jobs: Mapping[str, Job | None]) -> None:
        """Take over a stored scan whose answer could not wait for these jobs, by view name."""
        self._adopted.add(scan_id)
        held = {name: job for name, job in jobs.items() if job is not None and not job.result.cancelled()}
        if len(held) == len(jobs):
            task = asyncio.create_task(self._finish_running(scan_id, held))
            self._tasks[scan_id] = task
            task.add_done_callback(lambda _: self._let_go(scan_id))
        self._wake.set()

    def _let_go(self, scan_id: str) -> None:
        # If it could not be stored, its mark stands and the worker has it from here.
        self._tasks.pop(scan_id, None)
        self._wake.set()

    async def _finish_running(self, scan_id: str, jobs: Mapping[str, Job]) -> None:
        await asyncio.wait([job.result for job in jobs.values()])
        outcomes = {name: outcome_of(job) for name, job in jobs.items()}
        try:
            scan = await asyncio.to_thread(self._store.get, scan_id)
            if scan is not None:
                await self._keep(scan, outcomes, next(iter(jobs.values())).detector)
        except SQLAlchemyError as error:
            _log.error("late result of scan %s not stored: %s", scan_id, type(error).__name__)

    async def _work(self) -> None:
        while True:
            try:
                # Not only the model but also the reading and writing around it would cost fresh scans their budget.
                await self._admission.calm.wait()
                running, waiting = tuple(self._tasks), self._adopted.difference(self._tasks)
                scan_id = await asyncio.to_thread(self._store.next_late, but=running)
                if scan_id is None:
                    self._adopted -= waiting  # what is not in the store any more was erased
                    await self._wake.wait()
                    self._wake.clear()
                else:
                    await self._finish_stored(scan_id)
            except Exception:  # noqa: BLE001 - left-over work must not end with one scan that fails
                _log.exception("late work failed; it is tried again")
                await asyncio.sleep(_RETRY_S)

    async def _finish_stored(self, scan_id: str) -> None:
        # Counted before it is tried: an image that kills the process must not do so at every start for ever.
        attempt = await asyncio.to_thread(self._store.count_late_attempt, scan_id)
        scan = await asyncio.to_thread(self._store.get, scan_id)
        if scan is None:
            return
        if attempt > self._attempts:
            failed = {view.name: ViewOutcome(None, Reason.MODEL_FAILURE) for view in scan.views}
            await self._keep(scan, failed, self._pool.detector)
            return
        # One view at a time: late work must never fill the memory or the sessions.
        detector = self._pool.detector
        framing = self._scanners.of(scan.scanner_id).framing
        outcomes = {view.name: await self._look(view.sha256, detector, framing) for view in scan.views}
        await self._keep(scan, outcomes, detector)

    async def _look(self, sha256: str, detector: ScanDetector, framing: Framing | None) -> ViewOutcome:
        while True:
            try:
                image_rgb = await asyncio.to_thread(lambda: decode(self._images.read(sha256)))
                break
            except (ImageError, FileNotFoundError):
                return ViewOutcome(None, Reason.UNREADABLE_VIEW)
            except OSError as error:  # says nothing about the image, so it must not use up the attempts
                _log.error("images cannot be read: %s", error)
                await asyncio.sleep(_RETRY_S)
        job = self._pool.submit(image_rgb, detector, framing=framing, late=True)
        await asyncio.wait([job.result])
        return outcome_of(job)

    async def _keep(self, scan: Scan, outcomes: Mapping[str, ViewOutcome], detector: ScanDetector) -> None:
        operating_point = self._scanners.of(scan.scanner_id).operating_point
        thresholds = detector.thresholds(operating_point)
        decision = decide(_in_order(scan, outcomes), thresholds)
        late = LateResult(
            verdict=decision.verdict,
            reasons=list(decision.reasons),
            views=[
                view_out(view.name, view.sha256, (view.width, view.height), outcomes[view.name], thresholds)
                for view in scan.views
            ],
            model=model_out(detector),
            operating_point=operating_point or detector.card.operating_point,
            thresholds=thresholds,
            finished_at=datetime.now(UTC),
        )
        await asyncio.to_thread(self._store.add_late_result, scan.id, late)
        self._adopted.discard(scan.id)
        _log.info("scan %s late %s", scan.id, late.verdict)


def _in_order(scan: Scan, outcomes: Mapping[str, ViewOutcome]) -> Sequence[ViewOutcome]:
    return [outcomes[view.name] for view in scan.views]
