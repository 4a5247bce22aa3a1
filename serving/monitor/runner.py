"""Sends the test scans through the whole path, one after the other, and remembers what came of it.

They are decoded, queued, looked at, decided about and stored like every scan. They are marked in the store, and counted
nowhere as parcels.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from serving.answers import model_out
from serving.clock import Clock
from serving.errors import OverloadedError, ServiceError
from serving.inference import InferencePool
from serving.intake import PostedScan, PostedView
from serving.monitor.known import SHIPPED, KnownScan, KnownScans, load_known
from serving.monitor.report import Fault, KnownResult, MonitorReport, judged, summary
from serving.schemas import ScanMetadata, ScanOut
from serving.screening import Screening
from serving.settings import Settings
from serving.telemetry import Telemetry

__all__ = ["Monitor", "folder_of"]

_SCORES: Final = "test-scan-scores.json"
_log = logging.getLogger("parcelray.serving")


def folder_of(settings: Settings) -> Path:
    """Return where the test scans lie."""
    return settings.monitor_dir or SHIPPED


class Monitor:
    """Runs the test scans by setting and on demand; use it as an async context manager."""

    def __init__(
        self,
        settings: Settings,
        pool: InferencePool,
        screening: Screening,
        telemetry: Telemetry,
        known: KnownScans | None,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._screening = screening
        self._telemetry = telemetry
        self._known = known
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._stopping = False
        self.last: MonitorReport | None = None

    async def __aenter__(self) -> Monitor:
        if self._settings.monitor_every_s is not None:
            self._task = asyncio.create_task(self._work(self._settings.monitor_every_s))
        return self

    async def __aexit__(self, *_: object) -> None:
        # Not cancelled: the scan at hand is answered and stored to its end.
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task

    async def run(self) -> MonitorReport:
        """Send every test scan once, and judge the answers.

        Raises:
            BadSettingsError: the folder of test scans is not whole.
            OverloadedError: the service stops meanwhile.
        """
        async with self._lock:
            known = self._known
            if known is None:
                known = await asyncio.to_thread(load_known, folder_of(self._settings))
            detector = self._pool.detector
            recorded = await asyncio.to_thread(self._recorded, known, detector.model_sha256)
            results = []
            for scan in known.scans:
                if self._stopping:
                    raise OverloadedError("the service stops; run them when it is back", retry_after_s=5)
                results.append(await self._ask(scan, recorded.get(scan.name)))
            report = summary(results, model_out(detector), datetime.now(UTC))
            # Only a sound first run may say what later ones are measured against.
            if report.ok and not recorded and detector is self._pool.detector:
                scores = {result.name: result.score for result in results}
                await asyncio.to_thread(self._remember, detector.model_sha256, known, scores)
            self.last = report
        self._telemetry.test_scans({fault.value: count for fault, count in report.faults.items()})
        if report.ok:
            _log.info("test scans: %d as known", len(results))
        else:
            _log.error("test scans: %s", report.detail)
        return report

    def start_anew(self) -> None:
        """Forget what was said of the model before, and look at the new one at once where there is a schedule."""
        self.last = None
        self._wake.set()

    async def _work(self, every_s: float) -> None:
        while not self._stopping:
            try:
                await self.run()
            except OverloadedError as stopped:
                _log.info("test scans: %s", stopped)
            except Exception:  # noqa: BLE001 - the watchman must not die of what he sees
                _log.exception("the test scans could not be run; they are tried again")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), every_s)
            self._wake.clear()

    async def _ask(self, known: KnownScan, recorded: float | None) -> KnownResult:
        posted = PostedScan(
            (PostedView("view-1", known.data, known.sha256),), ScanMetadata(tags={"test_scan": known.name})
        )
        try:
            text, _ = await self._screening.screen(posted, Clock.start(self._settings.budget_ms), None, test=True)
        except (ServiceError, SQLAlchemyError) as error:
            return KnownResult(
                name=known.name,
                known=sorted({item.label for item in known.objects}),
                scan_id=None,
                verdict=None,
                score=None,
                recorded=recorded,
                total_ms=None,
                faults=[Fault.FAILED],
                detail=error.title if isinstance(error, ServiceError) else "the database does not answer",
            )
        return judged(known, ScanOut.model_validate_json(text), recorded, self._settings.monitor_band)

    def _recorded(self, known: KnownScans, model_sha256: str) -> Mapping[str, float]:
        """Return what these scans scored when they were chosen for the model, or when it first saw them here."""
        if known.model_sha256 == model_sha256:
            return known.scores
        try:
            kept = json.loads(self._path.read_text("utf-8"))
            if kept["model_sha256"] == model_sha256 and kept["scans"] == _fingerprint(known):
                return {str(name): float(score) for name, score in kept["scores"].items()}
        except FileNotFoundError:
            pass
        except (ValueError, KeyError, TypeError, AttributeError):
            _log.warning("%s cannot be read and is written anew", self._path)
        return {}

    def _remember(self, model_sha256: str, known: KnownScans, scores: Mapping[str, float | None]) -> None:
        text = json.dumps({"model_sha256": model_sha256, "scans": _fingerprint(known), "scores": scores})
        fresh = self._path.with_suffix(".new")
        try:
            with fresh.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as error:
            _log.error("the scores of the test scans cannot be written: %s", error.strerror)

    @property
    def _path(self) -> Path:
        return self._settings.data_dir / _SCORES


def _fingerprint(known: KnownScans) -> dict[str, str]:
    return {scan.name: scan.sha256 for scan in known.scans}
