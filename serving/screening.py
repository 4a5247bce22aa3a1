"""One scan from bytes to a stored verdict, within its budget.

    admit -> decode -> queue and infer (images are made durable meanwhile) -> decide -> store -> answer

When the budget runs out before the model has seen every view, the answer is given from what there is: a view that was
not read makes the scan `refer` (or leaves an alarm found in another view standing). The scan is stored with its work
marked as left over, and `serving.late` finishes it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from detector import __version__
from detector.errors import ImageError, ImageTooLargeError
from detector.image_headers import Header
from detector.images import ImageLimits, checked_header, decode
from detector.policy import Reason, ViewOutcome, above_threshold, decide
from serving.admission import Admission
from serving.alarms import AlarmRanks
from serving.answers import model_out, outcome_of, view_out
from serving.clock import Clock
from serving.errors import (
    BodyTooLargeError,
    IdempotencyKeyReusedError,
    OverloadedError,
    UnreadableViewError,
)
from serving.ids import IdMaker
from serving.inference import InferencePool, ScanDetector
from serving.intake import PostedScan, PostedView
from serving.item_ids import WRONG_CHECK_DIGIT, has_wrong_check_digit
from serving.keeping import ImageKeeper, storing
from serving.late import LateWork
from serving.patience import from_database
from serving.scanners import Scanners
from serving.schemas import AlarmRank, ScanMetadata, ScanOut, TimingsOut
from serving.settings import Settings
from serving.store.images import ImageStore
from serving.store.scans import NewScan, ScanStore
from serving.tracing import Tracing
from serving.turns import Turns

__all__ = ["Screening", "same_scan"]

_T = TypeVar("_T")
_log = logging.getLogger("parcelray.serving")


@dataclass(frozen=True, slots=True)
class _Picture:
    """One view; no pixels where the time ran out before it was decoded."""

    posted: PostedView
    header: Header
    image_rgb: NDArray[np.uint8] | None


class Screening:
    """Answers scans with one detector and one store."""

    def __init__(
        self,
        settings: Settings,
        pool: InferencePool,
        store: ScanStore,
        images: ImageStore,
        late: LateWork,
        *,
        admission: Admission,
        scanners: Scanners,
        tracing: Tracing,
        observers: Sequence[Callable[[ScanOut], None]] = (),
    ) -> None:
        self._settings = settings
        self._admission = admission
        self._pool = pool
        self._store = store
        self._images = images
        self._late = late
        self._scanners = scanners
        self._tracing = tracing
        self._alarms = AlarmRanks()
        self._observers = tuple(observers)
        self._new_id = IdMaker()
        self._limits = ImageLimits(max_pixels=settings.max_view_pixels)
        # Headers decide what a budget's answer says, so they must not wait behind a large picture that is decoded.
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="header")
        self._decoders = ThreadPoolExecutor(max(2, settings.sessions), thread_name_prefix="decode")
        # Threads of its own, so that nobody who looks at pictures holds up an answer.
        self._writers = ThreadPoolExecutor(store.database.writers, thread_name_prefix="store")
        self._turns = Turns(store.database.writers + 1)  # no writer waits until the loop has called the next one
        self._lookups = ThreadPoolExecutor(2, thread_name_prefix="lookup")
        self._keeper = ImageKeeper(images)
        self._open_pixels = 0

    def close(self) -> None:
        """Wait for the last reading, decoding and writing."""
        self._keeper.close()
        for executor in (self._readers, self._decoders, self._writers, self._lookups):
            executor.shutdown(wait=True)

    async def first_answer(self, idempotency_key: str) -> tuple[str, str] | None:
        """Return the request hash and the answer's text of the scan that first used a key."""
        loop = asyncio.get_running_loop()
        return await from_database(loop.run_in_executor(self._lookups, self._store.first_answer, idempotency_key))

    async def screen(
        self, posted: PostedScan, clock: Clock, idempotency_key: str | None, *, test: bool = False
    ) -> tuple[str, bool]:
        """Return the answer's text, and whether it is the first answer to a repeated post.

        A test scan is kept like every other, but marked, and nobody who counts or shows parcels is told of it.

        Raises:
            ServiceError: refused, overloaded or not storable; then nothing was stored.
        """
        self._keeper.check()
        with self._admission.place(clock.left_s() * 1e3) as now:
            headers = await self._headers(posted.views)
            with self._room_for(headers):
                return await self._screen(posted, headers, clock, idempotency_key, now=now, test=test)

    async def _screen(
        self,
        posted: PostedScan,
        headers: Sequence[Header],
        clock: Clock,
        idempotency_key: str | None,
        *,
        now: bool,
        test: bool,
    ) -> tuple[str, bool]:
        reserve_ms = self._admission.reserve_ms(clock.budget_ms)
        arrived_ms = clock.elapsed_ms()
        if now:
            pictures = await self._decode(posted.views, headers, clock.left_s(reserve_ms))
        else:
            pictures = [_Picture(view, header, None) for view, header in zip(posted.views, headers, strict=True)]
        decoded_ms = clock.elapsed_ms() - arrived_ms
        keeping = asyncio.create_task(self._keeper.keep(posted.views, clock.left_s()))
        detector = self._pool.detector  # the same for all views, and for what the answer says of it
        framing = self._scanners.of(posted.metadata.scanner_id).framing
        jobs = [
            None if p.image_rgb is None else self._pool.submit(p.image_rgb, detector, framing=framing) for p in pictures
        ]
        results = [job.result for job in jobs if job is not None]
        if results:
            await asyncio.wait(results, timeout=clock.left_s(reserve_ms))
        read_ms = clock.elapsed_ms()
        # Still unfinished ones leave the queue here; those that the model has already run on to their end.
        outcomes = [outcome_of(job) for job in jobs]
        store_ms = await keeping
        unfinished = any(outcome.reason is Reason.BUDGET_EXCEEDED for outcome in outcomes)
        timings = TimingsOut(
            decode=round(decoded_ms, 3),
            queue=round(max((job.queue_ms for job in jobs if job), default=0.0), 3),
            inference=round(max((job.inference_ms for job in jobs if job), default=0.0), 3),
            store=round(store_ms, 3),
            total=round(clock.elapsed_ms(), 3),
        )
        began_s = time.monotonic()
        answer = self._answer(posted, pictures, outcomes, clock, timings, detector=detector, test=test)
        decided_s = time.monotonic()
        new = NewScan(
            answer=answer,
            text=answer.model_dump_json(),
            metadata=posted.metadata,
            media_types=tuple(picture.header.media_type for picture in pictures),
            sizes_bytes=tuple(len(view.data) for view in posted.views),
            idempotency_key=idempotency_key,
            request_sha256=posted.fingerprint,
            software=f"parcelray {__version__}",
            late=unfinished,
        )
        with storing():
            first = await from_database(self._add(new, posted.views, clock))
        if first is not None:
            return same_scan(first, posted), True
        self._admission.stored(clock.elapsed_ms() - read_ms)
        arrived_s = clock.started + arrived_ms / 1e3
        decode_s, verdict_s = (arrived_s, arrived_s + decoded_ms / 1e3), (began_s, decided_s)
        self._tracing.scan(answer.id, jobs, decode_s=decode_s, verdict_s=verdict_s)
        if unfinished:
            self._late.adopt(answer.id, {view.name: job for view, job in zip(posted.views, jobs, strict=True)})
        for observe in () if test else self._observers:
            observe(answer)
        what = "test scan" if test else "scan"
        _log.info("%s %s %s %.0f ms", what, answer.id, answer.verdict, clock.elapsed_ms())
        return new.text, False

    async def _add(self, new: NewScan, views: Sequence[PostedView], clock: Clock) -> tuple[str, str] | None:
        add = partial(self._store.add, new, partial(self._put_again, views))
        async with self._turns.turn(clock.started + clock.budget_ms / 1e3):
            return await asyncio.get_running_loop().run_in_executor(self._writers, add)

    def _put_again(self, views: Sequence[PostedView], sha256: str) -> None:
        view = next(view for view in views if view.sha256 == sha256)
        self._images.put(sha256, view.data, again=True)

    async def _headers(self, views: Sequence[PostedView]) -> list[Header]:
        """Read what the files say about themselves; milliseconds, so it is done whatever the budget."""
        loop = asyncio.get_running_loop()
        read = partial(_header_of, limits=self._limits)
        return list(await _all_of([loop.run_in_executor(self._readers, read, view) for view in views]))

    @contextmanager
    def _room_for(self, headers: Sequence[Header]) -> Iterator[None]:
        """Hold memory for the pixels of one scan; alone, a scan of any allowed size fits."""
        pixels = sum(header.pixels for header in headers)
        if self._open_pixels and self._open_pixels + pixels > self._settings.max_open_pixels:
            raise OverloadedError("too many large images are in work; send again", retry_after_s=1)
        self._open_pixels += pixels
        try:
            yield
        finally:
            self._open_pixels -= pixels

    async def _decode(self, views: Sequence[PostedView], headers: Sequence[Header], timeout_s: float) -> list[_Picture]:
        loop = asyncio.get_running_loop()
        pixels = [
            loop.run_in_executor(self._decoders, _pixels_of, view, header)
            for view, header in zip(views, headers, strict=True)
        ]
        _mark_seen(pixels)
        await asyncio.wait(pixels, timeout=timeout_s)
        for image in pixels:
            image.cancel()  # what has not begun by now is left to the late worker
        return [
            _Picture(view, header, image.result() if image.done() and not image.cancelled() else None)
            for view, header, image in zip(views, headers, pixels, strict=True)
        ]

    def _answer(
        self,
        posted: PostedScan,
        pictures: Sequence[_Picture],
        outcomes: Sequence[ViewOutcome],
        clock: Clock,
        timings: TimingsOut,
        *,
        detector: ScanDetector,
        test: bool,
    ) -> ScanOut:
        metadata = posted.metadata
        scanner = self._scanners.of(metadata.scanner_id)
        thresholds = detector.thresholds(scanner.operating_point)
        decision = decide(outcomes, thresholds)
        scan_id = self._new_id()
        path = f"/v1/scans/{scan_id}"
        links = {"self": path, "reviews": f"{path}/reviews", "desk": f"/review/scans/{scan_id}"}
        links |= {f"image:{view.name}": f"{path}/views/{view.name}/image" for view in posted.views}
        wrong_id = metadata.item_id is not None and has_wrong_check_digit(metadata.item_id)
        return ScanOut(
            id=scan_id,
            verdict=decision.verdict,
            reasons=list(decision.reasons),
            views=[
                view_out(picture.posted.name, picture.posted.sha256, picture.header.resolution_wh, outcome, thresholds)
                for picture, outcome in zip(pictures, outcomes, strict=True)
            ],
            model=model_out(detector),
            operating_point=scanner.operating_point or detector.card.operating_point,
            thresholds=thresholds,
            timings_ms=timings,
            budget_ms=clock.budget_ms,
            received_at=clock.received_at,
            item_id=metadata.item_id,
            scanner_id=metadata.scanner_id,
            lane=metadata.lane,
            scan_number=metadata.scan_number,
            flags=[WRONG_CHECK_DIGIT] if wrong_id else [],
            test=test,
            alarm_rank=None if test else self._alarm_rank(outcomes, thresholds, metadata, scanner.alarms_per_hour),
            captured_at=metadata.captured_at,
            tags=metadata.tags,
            late_result=None,
            review=None,
            links=links,
        )

    def _alarm_rank(
        self,
        outcomes: Sequence[ViewOutcome],
        thresholds: Mapping[str, float],
        metadata: ScanMetadata,
        allowed: int | None,
    ) -> AlarmRank | None:
        read = [outcome.detections for outcome in outcomes if outcome.detections is not None]
        scores = [found.score for detections in read for found in above_threshold(detections, thresholds)]
        if not scores or allowed is None:
            return None
        return self._alarms.rank(metadata.scanner_id, metadata.lane, max(scores), allowed)


def same_scan(first: tuple[str, str], posted: PostedScan) -> str:
    """Return the first answer's text, if the key came with the same scan again.

    Raises:
        IdempotencyKeyReusedError: it came with another one.
    """
    request_sha256, text = first
    if request_sha256 != posted.fingerprint:
        raise IdempotencyKeyReusedError("the Idempotency-Key was used for another scan; make a new key for each scan")
    return text


def _header_of(view: PostedView, limits: ImageLimits) -> Header:
    with _named(view):
        return checked_header(view.data, limits, header=view.header)


def _pixels_of(view: PostedView, header: Header) -> NDArray[np.uint8]:
    with _named(view):
        return decode(view.data, header=header)


@contextmanager
def _named(view: PostedView) -> Iterator[None]:
    try:
        yield
    except ImageTooLargeError as error:
        raise BodyTooLargeError(f"view {view.name!r}: {error}", view=view.name) from error
    except ImageError as error:
        raise UnreadableViewError(f"view {view.name!r}: {error}", view=view.name) from error


async def _all_of(futures: Sequence[asyncio.Future[_T]]) -> list[_T]:
    _mark_seen(futures)
    return [await future for future in futures]


def _mark_seen(futures: Sequence[asyncio.Future[_T]]) -> None:
    # One damaged view is enough for the answer; asyncio would log the others as forgotten.
    for future in futures:
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
