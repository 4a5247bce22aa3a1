"""Everything a running service holds, and its lifetime: opened in order, closed in reverse."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
from alembic.util import CommandError
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from detector.errors import ModelError
from detector.quality import flaw_of
from serving.access.gate import Gate
from serving.access.keys import KeyStore
from serving.admission import Admission
from serving.errors import BadSettingsError
from serving.events.feed import Feed
from serving.inference import BLANK_RGB, InferencePool, ScanDetector
from serving.keeping import StoreCheck
from serving.late import LateWork
from serving.live import Board
from serving.model_swap import ModelSwap
from serving.monitor.known import load_known
from serving.monitor.runner import Monitor, folder_of
from serving.retention import Retainer
from serving.scanners import Scanners, load_scanners
from serving.schemas import ScanOut
from serving.screening import Screening
from serving.settings import Settings
from serving.shadow.runner import Shadow
from serving.store.database import Database
from serving.store.images import DiskImages, ImageStore
from serving.store.outbox import DELIVERIES, Outbox
from serving.store.remote_images import RemoteImages
from serving.store.scans import ScanFilter, ScanStore
from serving.telemetry import Telemetry
from serving.tracing import Tracing, open_tracing
from serving.webhooks.dispatcher import Dispatcher

__all__ = ["Services", "open_services", "open_store"]


@dataclass(slots=True)
class Services:
    """What routes work with."""

    settings: Settings
    admission: Admission
    pool: InferencePool
    store: ScanStore
    gate: Gate
    images: ImageStore
    store_check: StoreCheck
    thumbnails: Path
    screening: Screening
    scanners: Scanners
    swap: ModelSwap
    shadow: Shadow
    monitor: Monitor
    telemetry: Telemetry
    tracing: Tracing
    board: Board
    feed: Feed
    outbox: Outbox
    webhooks: Dispatcher
    open_requests: int = 0
    open_bytes: int = 0
    # Pictures for people must not take the cores from scans.
    display_slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    # An export reads everything and takes room on the disk: one after the other.
    export_slot: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    # One lock for each key in use, so that a retry that overtakes the first post waits for its answer.
    key_locks: weakref.WeakValueDictionary[str, asyncio.Lock] = field(default_factory=weakref.WeakValueDictionary)

    @property
    def detector(self) -> ScanDetector:
        """The model that serves now."""
        return self.pool.detector


def open_store(settings: Settings) -> tuple[ScanStore, ImageStore]:
    """Open the database, at its newest schema, and the images; close the store's database after use.

    Raises:
        OSError: the data folder cannot be made.
        BadSettingsError: the database cannot be opened or is newer than this software.
    """
    # Parcels are nobody else's business on a shared machine.
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    images: ImageStore = (
        RemoteImages(settings.images_url) if settings.images_url else DiskImages(settings.data_dir / "images")
    )
    try:
        return ScanStore(Database(settings.database, migrate=settings.migrate_on_start)), images
    except (SQLAlchemyError, CommandError) as error:
        url = make_url(settings.database).render_as_string(hide_password=True)
        reason = str(getattr(error, "orig", None) or error)
        raise BadSettingsError(
            f"the database {url} cannot be opened ({reason}); restore it, or start with another --data folder"
        ) from error


@asynccontextmanager
async def open_services(settings: Settings, detector: ScanDetector) -> AsyncIterator[Services]:
    """Open the store, warm the model up, take over left-over work, and close everything at the end.

    Raises:
        ModelError: the model fails on its first image.
        BadSettingsError: the model lacks an operating point, or the database, the scanners' file or the test scans
            are amiss.
    """
    # Sessions fill the cores. OpenCV's own threads would wait for a core, and the session for them: twice the latency.
    cv2.setNumThreads(1)
    scanners = load_scanners(settings)
    tracing = open_tracing(settings)
    lowest = scanners.check(detector)
    store, images = await asyncio.to_thread(open_store, settings)
    thumbnails = settings.data_dir / "thumbnails"
    try:
        thumbnails.mkdir(exist_ok=True)
        pool = InferencePool(
            detector,
            sessions=settings.sessions,
            min_score=min(settings.min_score, lowest),  # an alarm must never be cut off
            check=flaw_of if settings.quality_checks else None,
        )
        admission = Admission(
            settings.sessions,
            settings.queue_limit,
            lambda: late.left_over,
            reserve_ms=settings.answer_reserve_ms,
        )
        late = LateWork(pool, store, images, admission=admission, scanners=scanners, attempts=settings.late_attempts)
        telemetry, board = Telemetry(), Board()
        known = None if settings.monitor_every_s is None else load_known(folder_of(settings))

        def on_swap(served: ScanDetector) -> None:
            telemetry.serve(served)
            monitor.start_anew()

        swap = ModelSwap(settings, pool, scanners, on_swap, known)
        shadow = Shadow(settings, pool, images, swap, scanners=scanners, telemetry=telemetry)
        observers = (telemetry.scan, board.scan, shadow.offer)
        screening = Screening(
            settings,
            pool,
            store,
            images,
            late,
            admission=admission,
            scanners=scanners,
            tracing=tracing,
            observers=observers,
        )
        monitor = Monitor(settings, pool, screening, telemetry, known)
        gate = Gate(KeyStore(store.database), settings)
        feed = Feed(settings, store.database, board.forget)
        outbox = Outbox(store.database)
        store_check = StoreCheck(store, images, settings.min_free_bytes)
        webhooks = Dispatcher(settings, outbox, telemetry.webhook)
        with closing(screening), closing(gate), closing(store_check), _woken_by_writes(store.database, feed, webhooks):
            async with pool:
                if settings.warm_up:
                    await _warm_up(pool)
                async with late, Retainer(settings, store, images), feed, webhooks, shadow, monitor:
                    services = Services(
                        settings,
                        admission,
                        pool,
                        store,
                        gate,
                        images,
                        store_check,
                        thumbnails,
                        screening,
                        scanners,
                        swap,
                        shadow,
                        monitor,
                        telemetry,
                        tracing,
                        board,
                        feed,
                        outbox,
                        webhooks,
                    )
                    telemetry.watch(pool, admission, lambda: services.open_requests, webhooks.waiting)
                    board.restore(await asyncio.to_thread(_latest, store))
                    yield services
    finally:
        store.database.close()
        await asyncio.to_thread(tracing.close)


@contextmanager
def _woken_by_writes(database: Database, feed: Feed, webhooks: Dispatcher) -> Iterator[None]:
    """Wake these in the event loop when a thread of this process has written what they wait for."""
    loop = asyncio.get_running_loop()

    def tell(noted: Mapping[Any, Any]) -> None:
        loop.call_soon_threadsafe(feed.wake)
        if DELIVERIES in noted:
            loop.call_soon_threadsafe(webhooks.wake)

    database.on_write.append(tell)
    try:
        yield
    finally:
        database.on_write.remove(tell)


def _latest(store: ScanStore) -> list[ScanOut]:
    return [ScanOut.model_validate_json(scan.answer) for scan in store.find(ScanFilter(), before=None, limit=60)]


async def _warm_up(pool: InferencePool) -> None:
    try:
        await pool.submit(BLANK_RGB).result
    except Exception as error:
        raise ModelError(f"the model fails on its first image ({error}); serve another one") from error
