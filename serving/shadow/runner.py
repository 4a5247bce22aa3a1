"""Shows the scans that were answered to a candidate, when nothing else is to be done, and compares.

The candidate sees a scan after its answer was given and stored, so it changes none. One scan at a time, and only when
no view waits or runs; what comes meanwhile is skipped and counted. A candidate that fails or hangs is dropped for good.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, Field

from detector.images import ImageLimits
from detector.policy import Decision, ViewOutcome, decide
from serving.answers import REASON_OF, model_out, view_out
from serving.errors import NotFoundError, UnfitModelError
from serving.inference import InferencePool, ScanDetector
from serving.model_swap import FitModel, ModelSwap
from serving.scanners import Scanners
from serving.schemas import ModelOut, ScanOut, ViewOut
from serving.settings import Settings
from serving.shadow.candidate import Candidate, CandidateError, Look
from serving.shadow.comparison import Comparison, DifferentScan, LabelCounts, LatencyOut
from serving.store.images import ImageStore
from serving.telemetry import Telemetry

__all__ = ["Shadow", "ShadowReport", "ShadowState"]

_BUSY: Final = "busy"
_UNREAD: Final = "unread"
_NO_IMAGE: Final = "no_image"
_log = logging.getLogger("parcelray.serving")


class ShadowState(StrEnum):
    """What became of a candidate."""

    RUNNING = "running"
    STOPPED = "stopped"
    DROPPED = "dropped"
    PROMOTED = "promoted"


class ShadowReport(BaseModel):
    """Where a candidate differs from the model that serves."""

    state: ShadowState
    detail: str = Field(description="Why it no longer runs, and the next step; empty while it does.")
    file: str
    candidate: ModelOut
    serving: ModelOut
    since: datetime
    until: datetime | None
    compared: int
    skipped: dict[str, int] = Field(
        description="busy: the service had other work; unread: the answer was given before every view was read; "
        "no_image: the image is gone."
    )
    agreement: float | None = Field(description="Share of the compared scans with the same verdict.")
    verdicts: dict[str, dict[str, int]] = Field(description="Scans, by the answered verdict, then the candidate's.")
    alarm_rate_serving: float | None
    alarm_rate_candidate: float | None
    labels: dict[str, LabelCounts] = Field(description="Scans in which a label alarmed.")
    latency_serving: LatencyOut
    latency_candidate: LatencyOut = Field(description="At the lowest priority, so rather too high than too low.")
    most_different: list[DifferentScan] = Field(description="At most twenty, other verdicts first.")


class _Run:
    """One candidate and what is known of it."""

    def __init__(
        self, model: FitModel, serving: ScanDetector, candidate: Candidate, thread: ThreadPoolExecutor
    ) -> None:
        self.model = model
        self.serving = serving
        self.comparison = Comparison()
        self.skipped: Counter[str] = Counter({_BUSY: 0, _UNREAD: 0, _NO_IMAGE: 0})
        self.state, self.detail = ShadowState.RUNNING, ""
        self.since = datetime.now(UTC)
        self.until: datetime | None = None
        self.candidate = candidate
        self.thread = thread
        self.task: asyncio.Task[None] | None = None

    def end(self, state: ShadowState, detail: str) -> None:
        """Let the candidate go, without waiting for it; what came first is what is told."""
        if self.state is ShadowState.RUNNING:
            self.state, self.detail, self.until = state, detail, datetime.now(UTC)
            self.candidate.kill()
            self.thread.submit(self.candidate.close)
            self.thread.shutdown(wait=False)


class Shadow:
    """The candidate in shadow, if there is one; use it as an async context manager, and `offer` it every answer."""

    def __init__(
        self,
        settings: Settings,
        pool: InferencePool,
        images: ImageStore,
        swap: ModelSwap,
        *,
        scanners: Scanners,
        telemetry: Telemetry,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._images = images
        self._swap = swap
        self._scanners = scanners
        self._telemetry = telemetry
        self._run: _Run | None = None
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Shadow:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end(ShadowState.STOPPED, "the service stopped")

    async def start(self, name: str) -> ShadowReport:
        """Run the file of that name in the models folder beside the serving model, in place of the one before.

        Raises:
            NotFoundError: there is no such file.
            UnfitModelError: it cannot be loaded, fails a check, or serves already.
        """
        async with self._lock:
            model = await self._swap.check(name)
            if model.detector.model_sha256 == self._pool.detector.model_sha256:
                raise UnfitModelError(f"{name} is the model that serves; there is nothing to compare")
            await self._end(ShadowState.STOPPED, f"{name} took its place")
            thread = ThreadPoolExecutor(1, thread_name_prefix="shadow")
            try:
                candidate = await asyncio.get_running_loop().run_in_executor(thread, self._load, model)
            except CandidateError as error:
                thread.shutdown(wait=False)
                raise UnfitModelError(f"{name} does not run in shadow: {error}") from error
            self._run = _Run(model, self._pool.detector, candidate, thread)
        card = model.detector.card
        _log.warning("model %s %s %s runs in shadow", card.name, card.version, model.detector.model_sha256)
        return self.report()

    def report(self) -> ShadowReport:
        """Return what is known of the candidate that runs or ran last.

        Raises:
            NotFoundError: none ran since the start.
        """
        run = self._needed()
        told = run.comparison
        alarms, latencies = told.alarm_rates(), told.latencies()
        verdicts: dict[str, dict[str, int]] = {}
        for (ours, theirs), count in sorted(told.verdicts.items()):
            verdicts.setdefault(ours, {})[theirs] = count
        return ShadowReport(
            state=run.state,
            detail=run.detail,
            file=run.model.file.name,
            candidate=model_out(run.model.detector),
            serving=model_out(run.serving),
            since=run.since,
            until=run.until,
            compared=told.scans,
            skipped=dict(run.skipped),
            agreement=told.agreement(),
            verdicts=verdicts,
            alarm_rate_serving=alarms[0],
            alarm_rate_candidate=alarms[1],
            labels=dict(sorted(told.labels.items())),
            latency_serving=latencies[0],
            latency_candidate=latencies[1],
            most_different=told.most_different(),
        )

    async def stop(self) -> ShadowReport:
        """End the candidate; its report stays until the next one starts.

        Raises:
            NotFoundError: none ran since the start.
        """
        async with self._lock:
            self._needed()
            await self._end(ShadowState.STOPPED, "it was stopped")
            return self.report()

    async def promote(self) -> ScanDetector:
        """Serve the candidate from now on, if its file is still the one that was compared.

        Raises:
            NotFoundError: none runs.
            UnfitModelError: its file fails a check now; the model that served still does.
        """
        async with self._lock:
            run = self._needed()
            if run.state is not ShadowState.RUNNING:
                raise NotFoundError(f"the candidate no longer runs ({run.detail}); start one: POST /v1/model/shadow")
            detector = await self._swap.swap(run.model.file.name, sha256=run.model.detector.model_sha256)
            await self._end(ShadowState.PROMOTED, "it serves now; POST /v1/model/rollback goes back")
        return detector

    def offer(self, answer: ScanOut) -> None:
        """Compare an answered scan if there is nothing else to do; never waits."""
        run = self._run
        if run is None or run.state is not ShadowState.RUNNING:
            return
        if answer.model.sha256 != run.serving.model_sha256:
            # What was counted so far speaks of another model.
            run.end(ShadowState.STOPPED, "another model serves now; start the candidate again to compare with it")
        elif not all(view.inferred for view in answer.views):
            self._skip(run, _UNREAD)
        elif run.task is not None or not self._pool.idle:
            self._skip(run, _BUSY)
        else:
            run.task = asyncio.create_task(self._compare(run, answer))

    async def _compare(self, run: _Run, answer: ScanOut) -> None:
        try:
            looks = await asyncio.get_running_loop().run_in_executor(run.thread, self._look, run, answer)
        except OSError:
            self._skip(run, _NO_IMAGE)
        except CandidateError as error:
            if run.state is ShadowState.RUNNING:
                run.end(ShadowState.DROPPED, f"{error}; scans were answered as ever. Mend it, then start it again")
                _log.error("the model in shadow is dropped: %s", error)
        else:
            decision, views = self._judged(run, answer, looks)
            run.comparison.add(answer, decision, views, max(look.latency_ms for look in looks))
            self._telemetry.shadow("compared")
            self._telemetry.shadow_verdict(answer.verdict.value, decision.verdict.value)
        finally:
            run.task = None

    def _look(self, run: _Run, answer: ScanOut) -> list[Look]:
        return run.candidate.look([self._images.read(view.sha256) for view in answer.views])

    def _judged(self, run: _Run, answer: ScanOut, looks: Sequence[Look]) -> tuple[Decision, list[ViewOut]]:
        """Return what the candidate's answer would have been."""
        thresholds = run.model.detector.thresholds(self._scanners.of(answer.scanner_id).operating_point)
        flaw = next((reason for reason in answer.reasons if reason in REASON_OF.values()), None)
        outcomes = [ViewOutcome(look.detections, flaw) for look in looks]
        views = [
            view_out(view.name, view.sha256, (view.width, view.height), outcome, thresholds)
            for view, outcome in zip(answer.views, outcomes, strict=True)
        ]
        return decide(outcomes, thresholds), views

    def _load(self, model: FitModel) -> Candidate:
        return Candidate(
            model.file.resolve(),
            model.detector.model_sha256,
            min_score=min(self._pool.min_score, model.lowest),
            limits=ImageLimits(max_pixels=self._settings.max_view_pixels),
            timeout_s=self._settings.stall_s,
        )

    def _skip(self, run: _Run, why: str) -> None:
        run.skipped[why] += 1
        self._telemetry.shadow(why)

    def _needed(self) -> _Run:
        if self._run is None:
            raise NotFoundError("no model ran in shadow since the start; start one: POST /v1/model/shadow")
        return self._run

    async def _end(self, state: ShadowState, detail: str) -> None:
        if self._run is not None:
            self._run.end(state, detail)
            if self._run.task is not None:
                await asyncio.wait([self._run.task])
            await asyncio.to_thread(self._run.thread.shutdown)
