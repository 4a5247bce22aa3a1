"""Runs the detector beside the event loop: fresh views first, work past its deadline never started.

A view whose scan ran out of time while it waited is dropped from the queue; `serving.late` reads it again from the
store when no fresh view is waiting. A view that is already running is always finished.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from detector.detections import Detections
from detector.model_card import ModelCard
from detector.quality import Flaw, Framing

__all__ = ["BLANK_RGB", "InferencePool", "Job", "ScanDetector"]

BLANK_RGB: Final[NDArray[np.uint8]] = np.full((512, 640, 3), 255, np.uint8)
_NICER: Final = 5  # a third of the share of others
_log = logging.getLogger("parcelray.serving")


class ScanDetector(Protocol):
    """What the service needs of a detector; `detect` is called from several threads."""

    @property
    def card(self) -> ModelCard:
        """What the model says about itself."""

    @property
    def model_sha256(self) -> str:
        """SHA-256 of the model file."""

    def detect(self, image_rgb: NDArray[np.uint8], *, min_score: float) -> Detections:
        """Return what is found in an (H, W, 3) view."""

    def thresholds(self, operating_point: str | None = None) -> Mapping[str, float]:
        """Return label -> lowest score that alarms."""


@dataclass(eq=False, slots=True)
class Job:
    """One view on its way through the model; `result` fails with whatever the detector raised."""

    image_rgb: NDArray[np.uint8]
    detector: ScanDetector
    result: asyncio.Future[Detections]
    framing: Framing | None = None
    submitted: float = field(default_factory=time.monotonic)
    started: float | None = None
    finished: float | None = None
    flaw: Flaw | None = None  # known with the result

    def abandon(self) -> bool:
        """Take the view back out of the queue; False when the model has it already."""
        return self.started is None and self.result.cancel()

    @property
    def queue_ms(self) -> float:
        """Time spent waiting for a session so far."""
        return ((self.started or time.monotonic()) - self.submitted) * 1e3

    @property
    def inference_ms(self) -> float:
        """Time spent in the model so far."""
        return 0.0 if self.started is None else ((self.finished or time.monotonic()) - self.started) * 1e3


def _yield_to_answers() -> None:
    """Let this thread have a core only as far as no other thread of the service needs it.

    Inferences fill the cores. Without this an answer waits for its turn among them, again for each of its steps.
    """
    if sys.platform == "linux":  # elsewhere it would be the whole process
        os.setpriority(os.PRIO_PROCESS, 0, min(os.getpriority(os.PRIO_PROCESS, 0) + _NICER, 19))


class InferencePool:
    """Up to `sessions` inferences at the same time; `serving.admission` bounds what waits for them.

    Use it as an async context manager on one event loop.
    """

    def __init__(
        self,
        detector: ScanDetector,
        *,
        sessions: int,
        min_score: float,
        check: Callable[[NDArray[np.uint8], Framing | None], Flaw | None] | None = None,
    ) -> None:
        self.detector = detector
        self.min_score = min_score
        self._check = check
        self._sessions = sessions
        self._fresh: deque[Job] = deque()
        self._late: deque[Job] = deque()
        self._running: set[Job] = set()
        self._executor = ThreadPoolExecutor(sessions, thread_name_prefix="inference", initializer=_yield_to_answers)
        self.last_error: str | None = None

    async def __aenter__(self) -> InferencePool:
        return self

    async def __aexit__(self, *_: object) -> None:
        for job in (*self._fresh, *self._late):
            job.abandon()
        # What runs is finished: its thread could not be stopped anyway.
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)
        # The last results reach the loop through callbacks.
        while self._running:
            await asyncio.sleep(0.005)

    def serve(self, detector: ScanDetector, lowest_threshold: float) -> None:
        """Give views that come from now on to another model; those that wait or run keep theirs."""
        self.detector = detector
        self.min_score = min(self.min_score, lowest_threshold)  # never higher: the other model's views may still wait
        self.last_error = None

    def submit(
        self,
        image_rgb: NDArray[np.uint8],
        detector: ScanDetector | None = None,
        *,
        framing: Framing | None = None,
        late: bool = False,
    ) -> Job:
        """Queue one view for a model, the serving one unless another is given; late ones wait for all fresh ones.

        `framing` is given where the scanner's pictures have one.
        """
        job = Job(image_rgb, detector or self.detector, asyncio.get_running_loop().create_future(), framing)
        (self._late if late else self._fresh).append(job)
        self._dispatch()
        return job

    async def self_test(self, timeout_s: float) -> None:
        """Look at an empty view when no scan waits, so that `last_error` speaks of now."""
        job = self.submit(BLANK_RGB, late=True)
        await asyncio.wait([job.result], timeout=timeout_s)
        job.abandon()

    @property
    def waiting(self) -> int:
        """Fresh views that wait for a session."""
        return sum(not job.result.done() for job in self._fresh)

    @property
    def idle(self) -> bool:
        """Whether no view runs or waits, late ones neither."""
        return not self._running and not self.waiting and all(job.result.done() for job in self._late)

    @property
    def oldest_running_s(self) -> float:
        """How long the longest inference has been running."""
        now = time.monotonic()
        return max((now - (job.started or now) for job in self._running), default=0.0)

    def _dispatch(self) -> None:
        while len(self._running) < self._sessions and (self._fresh or self._late):
            job = (self._fresh or self._late).popleft()
            if job.result.done():
                continue  # taken back while it waited
            job.started = time.monotonic()
            self._running.add(job)
            future = asyncio.get_running_loop().run_in_executor(
                self._executor, self._detect, job.detector, job.image_rgb, job.framing
            )
            future.add_done_callback(partial(self._finish, job))

    def _detect(
        self, detector: ScanDetector, image_rgb: NDArray[np.uint8], framing: Framing | None
    ) -> tuple[Detections, Flaw | None]:
        found = detector.detect(image_rgb, min_score=self.min_score)
        return found, self._check(image_rgb, framing) if self._check else None

    def _finish(self, job: Job, done: asyncio.Future[tuple[Detections, Flaw | None]]) -> None:
        job.finished = time.monotonic()
        self._running.discard(job)
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        if job.detector is self.detector:
            self.last_error = None if error is None else type(error).__name__
        if error is not None:
            _log.error("inference failed: %s", type(error).__name__)
        if not job.result.done():
            if error is None:
                found, job.flaw = done.result()
                job.result.set_result(found)
            else:
                job.result.set_exception(error)
                job.result.exception()  # somebody may have stopped waiting; that is no programming error
        self._dispatch()
