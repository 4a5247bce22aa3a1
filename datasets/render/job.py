"""Render a whole catalogue on many cores; stop it at any moment and start it again.

Each parcel is drawn from (recipe, seed, index) alone, so that jobs, order and interruptions leave no trace. A parcel
is done when its record lies in `.parts`; the record is written after the images, both by renaming a finished file.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import Any, Final

import cv2

from datasets.catalogue import Catalogue, CatalogueInfo, write_catalogue
from datasets.encoding import encode_dual_energy, encode_jpeg, encode_png
from datasets.errors import JobError
from datasets.records import ImageRecord
from datasets.render.recipe import Recipe
from datasets.samples import Annotation, Sample
from detector import __version__

__all__ = [
    "LICENCE",
    "claim_folder",
    "finished_parcels",
    "read_parts",
    "release_folder",
    "render_catalogue",
    "render_parcels",
    "worker_processes",
]

LICENCE: Final = "CC0-1.0"
_PARTS: Final = ".parts"
_ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
# Enough to keep every process busy, few enough that a million parcels take no memory.
_QUEUED_PER_JOB: Final = 4


def render_catalogue(
    out: Path,
    recipe: Recipe,
    count: int,
    seed: int = 0,
    jobs: int = 1,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> Catalogue:
    """Render `count` parcels into a catalogue; parcels that an earlier run finished are kept.

    Args:
        out: folder of the catalogue; empty, missing, or holding the same job half done.
        recipe: what to render.
        count: parcels (each gives `recipe.views` images).
        seed: of the catalogue.
        jobs: processes, each on one thread.
        on_progress: called with parcels done and parcels in all, at the start and after each parcel.

    Raises:
        JobError: the folder holds something else, or a process died.
    """
    out = Path(out)
    if count < 1 or jobs < 1 or seed < 0:
        raise JobError(f"expected count and jobs of at least 1 and a seed of at least 0, got {count}, {jobs}, {seed}")
    parts = out / _PARTS
    if (out / "catalogue.json").exists() and not (parts / "job").exists():
        return _finished(out, recipe, count, seed)
    claim_folder(out, recipe, seed)
    (out / "images").mkdir(exist_ok=True)
    done = finished_parcels(out)
    todo = (index for index in range(count) if index not in done)
    finished = len(done & set(range(count)))
    on_progress(finished, count)
    if finished < count:
        for _ in render_parcels(todo, out, recipe, seed, min(jobs, count - finished)):
            finished += 1
            on_progress(finished, count)
    info = CatalogueInfo(
        name=recipe.name, licence=LICENCE, source_kind="rendered", created_by=f"parcelray {__version__}"
    )
    catalogue = write_catalogue(out, read_parts(out, range(count)), info)
    release_folder(out)
    return catalogue


def claim_folder(out: Path, recipe: Recipe, seed: int) -> None:
    """Make a folder ours, or see that it holds the same job half done.

    Raises:
        JobError: it holds something else.
    """
    parts = out / _PARTS
    claim = parts / "job"
    wanted = {"recipe": recipe.digest(), "seed": seed}
    if claim.exists():
        found = json.loads(claim.read_text())
        if found != wanted:
            raise JobError(f"{out} holds a half-done render of another recipe or seed; choose another folder")
        return
    if out.exists() and any(path.name != _PARTS for path in out.iterdir()):
        raise JobError(f"{out} is not empty; choose a new folder")
    parts.mkdir(parents=True, exist_ok=True)
    _write(claim, json.dumps(wanted).encode(), parts)


def release_folder(out: Path) -> None:
    """Forget the job of a folder whose catalogue is written."""
    shutil.rmtree(out / _PARTS)


def finished_parcels(out: Path) -> set[int]:
    """Return the parcels whose images and record are on disk."""
    return {int(path.stem) for path in (out / _PARTS).glob("[0-9]*.json")}


def _finished(out: Path, recipe: Recipe, count: int, seed: int) -> Catalogue:
    """Return the catalogue of an earlier run if it is what this run would give."""
    catalogue = Catalogue.load(out)
    wanted = {recipe.parcel_id(seed, index) for index in range(count)}
    if {record.parcel_id for record in catalogue.records} != wanted:
        raise JobError(f"{out} already holds another catalogue; choose a new folder")
    return catalogue


def render_parcels(todo: Iterator[int], out: Path, recipe: Recipe, seed: int, jobs: int) -> Iterator[int]:
    """Render parcels and yield each one's index when its images and its record are on disk.

    Args:
        todo: which ones.
        out: a folder that `claim_folder` has made ours.
        recipe: what to render.
        seed: of the catalogue.
        jobs: processes, each on one thread.

    Raises:
        JobError: a process died.
    """
    pending: set[Future[int]] = set()
    with worker_processes(jobs) as pool:
        try:
            more = True
            while pending or more:
                while more and len(pending) < jobs * _QUEUED_PER_JOB:
                    index = next(todo, None)
                    if index is None:
                        more = False
                    else:
                        pending.add(pool.submit(_render_one, out, recipe, seed, index))
                ready, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in ready:
                    yield future.result()
        except BrokenProcessPool:
            raise JobError(
                "a rendering process died (out of memory?); run the same command again to continue, with fewer --jobs"
            ) from None


@contextmanager
def worker_processes(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Give processes of one thread each; libraries read from the environment how many they may use as they load."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_start_worker)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _start_worker() -> None:
    """Set one process up: one thread, deaf to Ctrl-C, gone when its parent is."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent.sentinel,), daemon=True).start()


def _leave_with(sentinel: int) -> None:
    wait_for([sentinel])
    os._exit(1)


def _render_one(out: Path, recipe: Recipe, seed: int, index: int) -> int:
    """Render one parcel and put its images and then its record on disk."""
    from datasets.render.sample import render_parcel  # noqa: PLC0415  (numba loads in the workers only)

    entries = []
    for sample in render_parcel(recipe, seed, index):
        record, data = _encoded(sample, recipe)
        _write(out / "images" / record.file_name, data, out / _PARTS)
        entries.append({"record": asdict(record), "annotations": [asdict(item) for item in sample.annotations]})
    _write(out / _PARTS / f"{index:08d}.json", json.dumps(entries).encode(), out / _PARTS)
    return index


def _encoded(sample: Sample, recipe: Recipe) -> tuple[ImageRecord, bytes]:
    facts: dict[str, Any] = dict(sample.provenance)
    if sample.transmissions is not None:
        suffix, data = "tiff", encode_dual_energy(sample.transmissions)
    elif recipe.image_format == "png":
        suffix, data = "png", encode_png(sample.image_rgb)
    else:
        suffix, data = "jpg", encode_jpeg(sample.image_rgb, int(facts["jpeg_quality"]))
    height, width = sample.image_rgb.shape[:2]
    record = ImageRecord(
        file_name=f"{facts['parcel_id']}-{facts['view']}.{suffix}",
        width=width,
        height=height,
        sha256=hashlib.sha256(data).hexdigest(),
        parcel_id=facts["parcel_id"],
        split=facts["split"],
        view=facts["view"],
        scanner=facts["scanner"],
        source="parcelray render",
        licence=LICENCE,
        energy="dual" if facts["output"] == "colour" else "single",
        output=facts["output"],
        recipe=facts["recipe"],
        seed=facts["seed"],
        complexity=facts["complexity"],
        difficulty=facts["difficulty"],
    )
    return record, data


def read_parts(out: Path, indices: Iterable[int]) -> Iterator[tuple[ImageRecord, tuple[Annotation, ...]]]:
    """Yield the images of rendered parcels with their annotations."""
    for index in indices:
        for entry in json.loads((out / _PARTS / f"{index:08d}.json").read_text()):
            annotations = tuple(
                Annotation(**{**item, "xyxy": tuple(item["xyxy"]), "attributes": tuple(item["attributes"])})
                for item in entry["annotations"]
            )
            yield ImageRecord(**entry["record"]), annotations


def _write(path: Path, data: bytes, scratch: Path) -> None:
    """Write a file that is either whole or not there, also after the process was killed."""
    temporary = scratch / f".{path.name}.{os.getpid()}"
    temporary.write_bytes(data)
    temporary.replace(path)
