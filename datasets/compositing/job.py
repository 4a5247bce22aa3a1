"""Insert threats into many benign scans; stop it at any moment and start it again.

Each image is drawn from (options, seed, index) alone, so that jobs, order and interruptions leave no trace. An image
is done when its record lies in `.parts`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from datasets.catalogue import Catalogue, CatalogueInfo, write_atomically, write_catalogue
from datasets.coco import Problem
from datasets.compositing.benign import Benign, BenignScan
from datasets.compositing.look import Look
from datasets.errors import CatalogueError, InsertionError, JobError
from datasets.records import ImageRecord
from datasets.render.job import worker_processes
from datasets.samples import Annotation
from detector.errors import ImageError
from detector.taxonomy import LABELS

__all__ = ["InsertOptions", "insert_into_catalogue"]

_PARTS: Final = ".parts"
_OTHERS: Final = 4  # scans that are tried where the one whose turn it is takes no threat
_QUEUED_PER_JOB: Final = 16
# Raised whenever this software would insert otherwise, so that a half-done job is never continued by other code.
_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class InsertOptions:
    """What to insert.

    Attributes:
        count: images to make.
        look: of the scanner.
        seed: same seed, same bytes.
        labels: what may be inserted.
        families: where a label is named, only these phantom families of it are used.
        most: largest number of threats in one image.
        name: of the catalogue; that of the benign scans with "-inserted" where it is left empty.
    """

    count: int
    look: Look
    seed: int = 0
    labels: tuple[str, ...] = LABELS
    families: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    most: int = 2
    name: str = ""

    def __post_init__(self) -> None:
        if self.count < 1 or self.seed < 0 or self.most < 1:
            raise CatalogueError(
                f"expected a count of at least 1 and a seed of at least 0, got {self.count} and {self.seed}"
            )
        if not self.labels or (unknown := sorted(set(self.labels) - set(LABELS))):
            raise CatalogueError(f"--labels: {', '.join(unknown)} unknown; known labels: {', '.join(LABELS)}")

    def digest(self) -> str:
        """Return 64 hex digits over all that decides what an insertion looks like, but not the count and the seed."""
        content: dict[str, object] = {"version": _VERSION, "look": self.look.as_dict(), "most": self.most}
        content |= {"labels": sorted(self.labels), "families": dict(self.families)}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def insert_into_catalogue(
    benign: Benign,
    out: Path,
    options: InsertOptions,
    jobs: int = 1,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> tuple[Catalogue, list[Problem]]:
    """Make a catalogue of benign scans with threats in them; images that an earlier run finished are kept.

    Licence, research-only flag, parcel and split are those of the benign scan that an image was made of.

    Args:
        benign: the scans.
        out: folder of the catalogue; empty, missing, or holding the same job half done.
        options: what to insert.
        jobs: processes, each on one thread.
        on_progress: called with images done and images in all, at the start and after each image.

    Returns:
        The catalogue, and a warning for each image that no scan tried would take.

    Raises:
        JobError: the folder holds something else, or a process died.
        CatalogueError: no scan takes a threat, for example because the look is of another kind of image.
    """
    if jobs < 1:
        raise JobError(f"expected jobs of at least 1, got {jobs}")
    parts = out / _PARTS
    _claim(out, {"insertion": options.digest(), "seed": options.seed, "benign": benign.digest()})
    (out / "images").mkdir(exist_ok=True)
    done = {int(path.stem) for path in parts.glob("[0-9]*.json")}
    todo = (index for index in range(options.count) if index not in done)
    finished = len(done & set(range(options.count)))
    on_progress(finished, options.count)
    order = np.random.default_rng(options.seed).permutation(len(benign.scans))
    tasks = ((index, _candidates(benign.scans, order, options.seed, index)) for index in todo)
    if finished < options.count:
        for _ in _insert_all(tasks, out, options, min(jobs, options.count - finished)):
            finished += 1
            on_progress(finished, options.count)
    items, problems = _collected(parts, options.count)
    if not items:
        raise CatalogueError(f"no scan takes a threat; the first: {problems[0]}")
    name = options.name or f"{benign.info.name}-inserted"
    info = CatalogueInfo(name, benign.info.licence, "composited", benign.info.research_only)
    catalogue = write_catalogue(out, items, info)
    shutil.rmtree(parts)
    return catalogue, problems


def _claim(out: Path, wanted: dict[str, object]) -> None:
    """Make the folder ours, or see that it holds the same job half done."""
    claim = out / _PARTS / "job"
    if claim.exists():
        if json.loads(claim.read_text()) != wanted:
            raise JobError(f"{out} holds a half-done job of other scans, look, labels or seed; choose another folder")
        return
    if out.exists() and any(path.name != _PARTS for path in out.iterdir()):
        raise JobError(f"{out} is not empty; choose a new folder")
    claim.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(claim, json.dumps(wanted).encode())


def _candidates(
    scans: Sequence[BenignScan], order: np.ndarray[tuple[int], np.dtype[np.int64]], seed: int, index: int
) -> list[BenignScan]:
    """Return the scan whose turn it is, all scans in turn, and a few others."""
    others = np.random.default_rng([seed, index]).integers(len(scans), size=_OTHERS)
    return [scans[int(order[index % len(order)])], *(scans[int(other)] for other in others)]


def _insert_all(
    tasks: Iterator[tuple[int, list[BenignScan]]], out: Path, options: InsertOptions, jobs: int
) -> Iterator[int]:
    """Yield each image's index when it is on disk."""
    with worker_processes(jobs) as pool:
        try:
            while batch := list(islice(tasks, jobs * _QUEUED_PER_JOB)):
                yield from pool.map(partial(_insert_one, out, options), batch)
        except BrokenProcessPool:
            raise JobError(
                "an inserting process died (out of memory?); run the same command again to continue, with fewer --jobs"
            ) from None


def _insert_one(out: Path, options: InsertOptions, task: tuple[int, list[BenignScan]]) -> int:
    """Insert into one scan and put the image and then its record on disk."""
    from datasets.compositing.insertion import insert  # noqa: PLC0415  (numba loads in the workers only)

    index, scans = task
    entry: dict[str, Any] = {}
    for turn, scan in enumerate(scans):
        rng = np.random.default_rng(np.random.SeedSequence([options.seed, index, turn]))
        try:
            found = insert(
                scan.path.read_bytes(),
                options.look,
                rng,
                labels=options.labels,
                families=options.families,
                most=options.most,
            )
        except (InsertionError, ImageError, OSError) as error:
            entry.setdefault("problem", [scan.record.file_name, str(error)])
            continue
        record = _record(scan.record, found.data, f"{index:06d}.{found.suffix}", options)
        write_atomically(out / "images" / record.file_name, found.data)
        entry = {"record": asdict(record), "annotations": [asdict(mark) for mark in found.annotations]}
        break
    write_atomically(out / _PARTS / f"{index:08d}.json", json.dumps(entry).encode())
    return index


def _record(benign: ImageRecord, data: bytes, file_name: str, options: InsertOptions) -> ImageRecord:
    return replace(
        benign,
        file_name=file_name,
        sha256=hashlib.sha256(data).hexdigest(),
        source=f"parcelray insert into {benign.sha256[:16]} of {benign.source}",
        recipe=options.digest(),
        seed=options.seed,
    )


def _collected(parts: Path, count: int) -> tuple[list[tuple[ImageRecord, list[Annotation]]], list[Problem]]:
    items, problems = [], []
    for index in range(count):
        entry = json.loads((parts / f"{index:08d}.json").read_text())
        if "record" in entry:
            marks = [
                Annotation(**{**mark, "xyxy": tuple(mark["xyxy"]), "attributes": tuple(mark["attributes"])})
                for mark in entry["annotations"]
            ]
            items.append((ImageRecord(**entry["record"]), marks))
        else:
            file, reason = entry["problem"]
            problems.append(Problem(file, f"image {index} was not made: {reason}", warning=True))
    return items, problems
