"""Changes the model that serves, without losing a scan.

    load -> check -> warm up -> remember the choice -> serve

A candidate that fails any step leaves everything as it was. Views that wait or run keep the model they were posted to,
so that every answer names the model that looked. The choice outlives a restart; a start that finds it missing or
changed refuses, instead of falling back to another model.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from detector.detector import Detector, find_model
from detector.errors import ParcelRayError
from detector.policy import above_threshold
from serving.errors import BadSettingsError, NotFoundError, UnfitModelError
from serving.files import sync_folder, write_whole
from serving.inference import BLANK_RGB, InferencePool, ScanDetector
from serving.monitor.known import KnownScans, finds, look
from serving.scanners import Scanners
from serving.settings import Settings

__all__ = ["FitModel", "ModelSwap", "load_chosen"]

_CHOICE: Final = "serving-model.json"
_log = logging.getLogger("parcelray.serving")


@dataclass(frozen=True, slots=True)
class _Serving:
    detector: ScanDetector
    file: Path | None


@dataclass(frozen=True, slots=True)
class FitModel:
    """A model that passed every check, its file, and the lowest threshold in use."""

    detector: ScanDetector
    file: Path
    lowest: float


class ModelSwap:
    """The model that serves and the one before it."""

    def __init__(
        self,
        settings: Settings,
        pool: InferencePool,
        scanners: Scanners,
        on_swap: Callable[[ScanDetector], None],
        known: KnownScans | None = None,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._scanners = scanners
        self._on_swap = on_swap
        self._known = known
        self._now = _Serving(pool.detector, _named_file(settings) or _chosen_file(settings))
        self._before: _Serving | None = None
        self._lock = asyncio.Lock()

    async def swap(self, name: str, *, sha256: str | None = None) -> ScanDetector:
        """Serve the file of that name in the models folder from now on, if it has the hash where one is given.

        Raises:
            NotFoundError: there is no such file.
            UnfitModelError: it cannot be loaded or fails a check; the model that served still does.
        """
        async with self._lock:
            fit = await self.check(name)
            if sha256 is not None and fit.detector.model_sha256 != sha256:
                raise UnfitModelError(f"{name} is not served: the file is not the one that was compared; copy it again")
            await self._serve(_Serving(fit.detector, fit.file), fit.lowest)
        return fit.detector

    async def check(self, name: str) -> FitModel:
        """Load the file of that name in the models folder, and look whether it could serve.

        Raises:
            NotFoundError: there is no such file.
            UnfitModelError: it cannot be loaded or fails a check.
        """
        file = self._settings.models / name
        if not file.is_file():
            raise NotFoundError(f"there is no {name} in {self._settings.models}; copy the model there first")
        try:
            detector, lowest = await asyncio.to_thread(self._checked, file)
        except ParcelRayError as error:
            raise UnfitModelError(f"{name} is not served: {error}") from error
        return FitModel(detector, file, lowest)

    async def roll_back(self) -> ScanDetector:
        """Serve the model before this one again.

        Raises:
            NotFoundError: there was none since the start.
        """
        async with self._lock:
            if self._before is None:
                raise NotFoundError("no model served before this one since the start; name one: POST /v1/model")
            before = self._before
            await self._serve(before, self._scanners.check(before.detector))
        return before.detector

    def _checked(self, file: Path) -> tuple[ScanDetector, float]:
        detector = Detector.load(file, sessions=self._settings.sessions)
        lowest = self._scanners.check(detector)
        found = detector.detect(BLANK_RGB, min_score=min(self._pool.min_score, lowest))
        if above_threshold(found, detector.thresholds(self._settings.operating_point)):
            raise UnfitModelError("it alarms on an empty view")
        for scan in self._known.scans if self._known else ():
            if scan.objects and not finds(scan, look(scan, detector, self._settings.operating_point)[1]):
                raise UnfitModelError(
                    f"it misses what is known to be in the test scan {scan.name}; choose test scans for this model "
                    "(parcelray monitor pick) if that is meant"
                )
        return detector, lowest

    async def _serve(self, new: _Serving, lowest: float) -> None:
        try:
            await asyncio.to_thread(_remember, self._settings, new)
        except OSError as error:
            raise UnfitModelError(f"the choice cannot be written ({error.strerror}); free disk space") from error
        self._pool.serve(new.detector, lowest)
        self._before, self._now = self._now, new
        self._on_swap(new.detector)
        card = new.detector.card
        _log.warning("model %s %s %s serves from now on", card.name, card.version, new.detector.model_sha256)


def load_chosen(settings: Settings) -> Detector:
    """Load the model to start with: the one in the settings, else the one chosen last, else the shipped one.

    Raises:
        ModelError: it cannot be loaded.
        BadSettingsError: the chosen file was replaced by another one.
    """
    file = _named_file(settings) or _chosen_file(settings)
    detector = Detector.load(file, sessions=settings.sessions)
    if file is not None and settings.model_file is None:
        chosen = json.loads((settings.data_dir / _CHOICE).read_text("utf-8"))
        if chosen["sha256"] != detector.model_sha256:
            raise BadSettingsError(
                f"{file} is not the model that was chosen; put that one back, or start with --model {file}"
            )
    return detector


def _named_file(settings: Settings) -> Path | None:
    return None if settings.model_file is None else find_model(settings.model_file)


def _chosen_file(settings: Settings) -> Path | None:
    path = settings.data_dir / _CHOICE
    try:
        return Path(json.loads(path.read_text("utf-8"))["file"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise BadSettingsError(f"{path} cannot be read; delete it and choose the model anew") from error


def _remember(settings: Settings, new: _Serving) -> None:
    path = settings.data_dir / _CHOICE
    if new.file is None:
        path.unlink(missing_ok=True)
        return
    write_whole(path, json.dumps({"file": str(new.file.resolve()), "sha256": new.detector.model_sha256}).encode())
    sync_folder(path.parent)
