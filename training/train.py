"""Runs one training from start, or from its last checkpoint, to end; reads top to bottom."""

from __future__ import annotations

import errno
import logging
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from training.budget import PROGRESS_FILE, Progress
from training.config import RunConfig
from training.errors import TrainingError
from training.fresh import FreshBatches
from training.labelled import RunData, load_run_data
from training.ranks import last_map50, start_ranks, this_rank

if TYPE_CHECKING:
    from training.adapter import Trainer

__all__ = ["TrainResult", "is_finished", "is_started", "train"]

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a training run left behind.

    Attributes:
        folder: of the run.
        weights: best checkpoint by validation, or the last one where none was validated.
        finished: False if it was asked to stop before its end; resume it then.
        epochs: done in all.
        elapsed_s: wall clock of all processes of the run together.
        map50: of the last validation.
    """

    folder: Path
    weights: Path
    finished: bool
    epochs: int
    elapsed_s: float
    map50: float


def train(run: RunConfig, *, resume: bool = False) -> TrainResult:
    """Train, and return where the weights are.

    SIGTERM and the first Ctrl-C end it after the running batch, with a checkpoint to resume from.

    Raises:
        TrainingError: the folder already holds a run and `resume` is False, or holds none and it is True; or the disk
            is full.
        CatalogueError: a catalogue cannot be used.
    """
    folder = Path(run.out)
    last = _last(run)
    if resume and not last.exists():
        raise TrainingError(f"{folder}: nothing to resume; start the run without --resume")
    if not resume and last.exists():
        raise TrainingError(f"{folder}: already holds a run; go on with --resume, or name another folder in 'out'")
    if resume and is_finished(run):
        raise TrainingError(
            f"{folder}: finished after {Progress.load(folder / PROGRESS_FILE).epochs_done} epochs; to train further, "
            f"start another run with 'weights: {last}'"
        )
    if resume and run.epochs is not None and run.epochs != (begun := _epochs_of(folder)):
        raise TrainingError(
            f"{folder}: was started for {begun or 'no stated number of'} epochs, and its learning rate follows that; "
            f"ask for as many, or start another run with 'weights: {last}'"
        )
    rank = this_rank()
    if rank.of == 1 and "," in run.device:
        _write(run.as_dict(), folder / "run.yaml")
        start_ranks(run, resume=resume)
        return _result(run, is_finished(run))
    data = load_run_data(run)
    if run.nice:
        os.nice(run.nice)

    from training.adapter import LOGGER, Trainer  # noqa: PLC0415 - seconds of imports

    if rank.of == 1:
        _write(run.as_dict(), folder / "run.yaml")
    if rank.writes:
        _write(_about(data), folder / "data.yaml")
    with _logged_to(LOGGER, folder / "train.log") if rank.writes else nullcontext():
        for file, reason in data.skipped.items():
            LOGGER.warning(f"skipped {file}: {reason}")
        with _full_disk_explained(folder), _fresh_renders(run, folder) as fresh:
            trainer = Trainer(run, data, resume=last if resume else None, fresh=fresh)
            with _stopping(trainer):
                trainer.train()
    return _result(run, finished=not trainer.asked_to_stop)


def is_started(run: RunConfig) -> bool:
    """Return whether the run's folder holds a checkpoint to resume from."""
    return _last(run).exists()


def is_finished(run: RunConfig) -> bool:
    """Return whether the run's folder holds all the training that the run asks for."""
    progress = Progress.load(Path(run.out) / PROGRESS_FILE)
    if run.hours is not None:
        return progress.elapsed_s + progress.epoch_s / 2 >= run.hours * 3600
    return run.epochs is not None and progress.epochs_done >= run.epochs


def _last(run: RunConfig) -> Path:
    return Path(run.out) / "weights" / "last.pt"


def _result(run: RunConfig, finished: bool) -> TrainResult:
    """Return what the run's folder holds."""
    folder = Path(run.out)
    progress, best = Progress.load(folder / PROGRESS_FILE), folder / "weights" / "best.pt"
    weights = best if best.exists() else _last(run)
    return TrainResult(folder, weights, finished, progress.epochs_done, progress.elapsed_s, last_map50(folder))


def _epochs_of(folder: Path) -> int | None:
    """Return how many epochs the run of a folder was started for."""
    known = yaml.safe_load((folder / "run.yaml").read_text(encoding="utf-8"))
    return int(known["epochs"]) if known["epochs"] else None


def _about(data: RunData) -> dict[str, Any]:
    return {
        "versions": list(data.versions),
        "train": sum(len(source.images) for source in data.train),
        "shares": [round(source.share, 4) for source in data.train],
        "val": len(data.val),
        "skipped": dict(data.skipped),
    }


def _write(document: Mapping[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


@contextmanager
def _fresh_renders(run: RunConfig, folder: Path) -> Iterator[FreshBatches | None]:
    """Wait for the first batch of fresh renders, where the run wants any."""
    if run.fresh is None:
        yield None
        return
    with FreshBatches(run.fresh, folder / "fresh") as batches:
        batches.first()
        yield batches


@contextmanager
def _stopping(trainer: Trainer) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C ask the trainer to stop; a second one interrupts at once."""

    def ask(number: int, frame: object) -> None:  # noqa: ARG001 - the signal handler's signature
        if trainer.asked_to_stop:
            raise KeyboardInterrupt
        trainer.asked_to_stop = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _full_disk_explained(folder: Path) -> Iterator[None]:
    """Turn a write that found no room into an error that says what is safe and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        for partial in (folder / "weights").glob("*.partial"):
            partial.unlink()  # half a checkpoint is of no use, and takes room
        last = folder / "weights" / "last.pt"
        safe = f"the last checkpoint {last} is whole" if last.exists() else "no checkpoint was written yet"
        how = "go on with --resume" if last.exists() else "start again"
        raise TrainingError(f"{folder}: {error.strerror}; {safe}: free disk space, then {how}") from error


@contextmanager
def _logged_to(logger: logging.Logger, path: Path) -> Iterator[None]:
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
