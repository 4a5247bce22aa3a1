"""A candidate model in a process of its own: it may fail, hang or crash without the service noticing.

Once its model is loaded the process has the least priority that the system gives, so that scans which come while it
looks have the cores first. Views go to it as they were posted, one at a time; it answers with what it found. It ends
when its pipe closes.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from detector.detections import Detections
from detector.detector import Detector
from detector.errors import ParcelRayError
from detector.images import ImageLimits, decode

__all__ = ["Candidate", "CandidateError", "Look"]

_LEAST_PRIORITY: Final = 19
_LOAD_S: Final = 120.0


class CandidateError(ParcelRayError):
    """The candidate failed, hangs or is gone."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the candidate found in one view, and how long it took."""

    detections: Detections
    latency_ms: float


class Candidate:
    """One process; its methods block and are called from one thread, only `kill` from any."""

    def __init__(
        self, file: Path, model_sha256: str, *, min_score: float, limits: ImageLimits, timeout_s: float
    ) -> None:
        """Start the process and wait until its model is loaded.

        Raises:
            CandidateError: it cannot be loaded, or is not the file of that hash.
        """
        self._timeout_s = timeout_s
        # Not forked: a copy of a process with threads may stop at any of their locks.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_work, args=(theirs, file, min_score, limits), name="candidate", daemon=True
        )
        self._process.start()
        theirs.close()
        try:
            if self._answer(_LOAD_S) != model_sha256:
                raise CandidateError("the file was changed while it was loaded; copy it anew and start again")
        except BaseException:
            self.kill()
            self.close()
            raise

    def look(self, views: Sequence[bytes]) -> list[Look]:
        """Return what is found in each view.

        Raises:
            CandidateError: it failed, took longer than it may, or is gone.
        """
        looks = []
        for data in views:
            try:
                self._pipe.send_bytes(data)
            except OSError:
                raise CandidateError("its process has ended") from None
            xyxy, label_ids, scores, unlike, latency_ms = self._answer(self._timeout_s)
            looks.append(Look(replace(Detections.of(xyxy, label_ids, scores), unlike_training=unlike), latency_ms))
        return looks

    def kill(self) -> None:
        """End the process, whatever it does; a `look` in another thread fails."""
        self._process.kill()

    def close(self) -> None:
        """Wait for the end of the killed process and let go of it."""
        self._process.join()
        self._process.close()
        self._pipe.close()

    def _answer(self, timeout_s: float) -> Any:  # noqa: ANN401 - what our own process sends
        try:
            if not self._pipe.poll(timeout_s):
                raise CandidateError(f"it hangs, or the machine has no time left for it: no answer for {timeout_s:g} s")
            answer = self._pipe.recv()
        except (EOFError, OSError):
            raise CandidateError("its process has ended") from None
        if isinstance(answer, CandidateError):
            raise answer
        return answer


def _work(pipe: Connection, file: Path, min_score: float, limits: ImageLimits) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which closes the pipe
    with suppress(EOFError, BrokenPipeError):
        try:
            detector = Detector.load(file)
            if hasattr(os, "nice"):
                os.nice(_LEAST_PRIORITY)
            pipe.send(detector.model_sha256)
            while True:
                image_rgb = decode(pipe.recv_bytes(), limits)
                began = time.perf_counter()
                found = detector.detect(image_rgb, min_score=min_score)
                latency_ms = (time.perf_counter() - began) * 1e3
                pipe.send((found.xyxy, found.label_ids, found.scores, found.unlike_training, latency_ms))
        except (EOFError, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the service says so and goes on
            pipe.send(CandidateError(str(error) or type(error).__name__))
