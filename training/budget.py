"""How many epochs fit into a given time, and how that knowledge and checkpoints survive a kill."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

__all__ = ["PROGRESS_FILE", "Progress", "planned_epochs", "put_in_place"]

PROGRESS_FILE: Final = "progress.json"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run had come at its last checkpoint.

    Attributes:
        epochs_done: whole epochs.
        elapsed_s: wall clock of all processes of the run together.
        epoch_s: mean of an epoch in the last of them, validation and saving included.
    """

    epochs_done: int = 0
    elapsed_s: float = 0.0
    epoch_s: float = 0.0

    @classmethod
    def load(cls, path: Path) -> Progress:
        """Read what `save` wrote; a run that has saved nothing yet has made no progress."""
        return cls(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else cls()

    def save(self, path: Path) -> None:
        """Replace the file atomically."""
        partial = path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8") as file:
            json.dump(asdict(self), file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)


def planned_epochs(progress: Progress, budget_s: float) -> int:
    """Return after how many epochs in all the run must end to keep within `budget_s`: at least one more than done.

    An epoch that would end past the budget by less than half its length is still begun.
    """
    if progress.epoch_s <= 0:
        return 100_000  # nothing measured yet: the first epoch runs with the first learning rate
    left = (budget_s - progress.elapsed_s) / progress.epoch_s
    return progress.epochs_done + max(1, math.floor(left + 0.5))


def put_in_place(partial: Path, final: Path, *, keep: bool) -> None:
    """Give a finished checkpoint its name once it is on the disk; without `keep`, drop it."""
    if not keep:
        partial.unlink()
        return
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(final)
