"""Renders new parcels beside a training that runs, batch after batch, so that the network keeps meeting new ones.

One process renders the next batch with low priority while the training draws from the last one. A batch is a whole
catalogue in the run's folder; renders resume, so that neither a kill nor a stop loses one. The batch before the one
in use is deleted.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

from training.config import FreshRenders
from training.errors import TrainingError
from training.own_command import start_command

__all__ = ["FreshBatches"]

_LOG: Final = "render.log"
_STOP_S: Final = 30.0


class FreshBatches:
    """The batches of one run. A context: leaving it stops the render that runs."""

    def __init__(self, settings: FreshRenders, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        self._process: subprocess.Popen[bytes] | None = None
        whole = sorted(int(path.parent.name) for path in folder.glob("[0-9]*/catalogue.json"))
        self.number = whole[-1] if whole else -1

    def __enter__(self) -> FreshBatches:
        """Return itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop the render that runs; the next run of the same folder goes on with it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    @property
    def current(self) -> Path:
        """Folder of the batch in use."""
        return self.folder / f"{self.number:04d}"

    def first(self) -> None:
        """Wait for a batch to begin with, and start on the next one.

        Raises:
            TrainingError: it cannot be rendered.
        """
        if self.number >= 0:
            self._start(self.number + 1)
            return
        self._start(0)
        while not self.advance():
            time.sleep(0.1)

    def advance(self) -> bool:
        """Move on to the next batch if it is rendered, and start on the one after it.

        Raises:
            TrainingError: it cannot be rendered.
        """
        if self._process is None or self._process.poll() is None:
            return False
        if self._process.returncode != 0:
            said = (self.folder / _LOG).read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise TrainingError(
                f"{self.folder}: the next batch cannot be rendered ({said[-1] if said else self._process.returncode}); "
                "mend that and go on with --resume, or train without 'fresh'"
            )
        shutil.rmtree(self.folder / f"{self.number:04d}", ignore_errors=True)
        self.number += 1
        self._start(self.number + 1)
        return True

    def _start(self, number: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        how = self.settings
        words = ["catalogue", "render", str(self.folder / f"{number:04d}"), "--recipe", how.recipe]
        words += ["--count", str(how.parcels), "--seed", str(how.seed + number), "--jobs", str(how.jobs)]
        with (self.folder / _LOG).open("wb") as log:
            # The training must not wait for the renders, so they take what it leaves.
            self._process = start_command(
                words, when_orphaned=signal.SIGTERM, nice=10, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
