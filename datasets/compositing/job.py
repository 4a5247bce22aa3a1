"""Insert threats into many benign scans; each image is drawn from (options, seed, index) alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from datasets.catalogue import Catalogue, CatalogueInfo
from datasets.coco import Problem
from datasets.compositing.benign import Benign, BenignScan
from datasets.compositing.look import Look
from datasets.difficulty import level_of_image
from datasets.errors import CatalogueError, InsertionError, JobError
from datasets.hashing import sha256_of
from datasets.jobs import Job, Part, Progress, Work, no_progress
from datasets.records import ImageRecord
from detector.errors import ImageError
from detector.taxonomy import LABELS

if TYPE_CHECKING:
    from datasets.compositing.insertion import Inserted

__all__ = ["InsertOptions", "insert_into_catalogue"]

_OTHERS: Final = 4  # scans that are tried where the one whose turn it is takes no threat
# Raised whenever this software would insert otherwise, so that a half-done job is never continued by other code.
_VERSION: Final = 6


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
    ray: str | None = None,
    on_progress: Progress = no_progress,
) -> tuple[Catalogue, list[Problem]]:
    """Make a catalogue of benign scans with threats in them; images that an earlier run finished are kept.

    Licence, research-only flag, parcel and split are those of the benign scan that an image was made of.

    Args:
        benign: the scans.
        out: folder of the catalogue; empty, missing, or holding the same job half done.
        options: what to insert.
        jobs: processes, each on one thread.
        ray: address of a Ray cluster that inserts instead, as `datasets.ray_workers.ray_pool` takes it; its machines
            must find the scans under the same paths.
        on_progress: called with images done and images in all, at the start and after each image.

    Returns:
        The catalogue, and a warning for each image that no scan tried would take.

    Raises:
        JobError: the folder holds something else, a scan has changed, a process died, or the cluster cannot be used.
        CatalogueError: no scan takes a threat, for example because the look is of another kind of image.
    """
    if jobs < 1:
        raise JobError(f"expected jobs of at least 1, got {jobs}")
    job = Job.claim(
        out,
        {"look, labels or number of threats": options.digest(), "seed": options.seed, "benign scans": benign.digest()},
    )
    order = np.random.default_rng(options.seed).permutation(len(benign.scans))

    def work(index: int) -> Work:
        return partial(_insert, options, index, _candidates(benign.scans, order, options.seed, index))

    indices = range(options.count)
    job.run(indices, work, jobs=jobs, ray=ray, on_progress=on_progress)
    parts = list(job.read(indices))
    items = [item for part in parts for item in part.items]
    problems = [part.problem for part in parts if part.problem is not None]
    if not items:
        raise CatalogueError(f"no scan takes a threat; the first: {problems[0]}")
    name = options.name or f"{benign.info.name}-inserted"
    info = CatalogueInfo(name, benign.info.licence, "composited", benign.info.research_only)
    options.look.save(out / "look.json")
    return job.finish(items, info), problems


def _candidates(
    scans: Sequence[BenignScan], order: np.ndarray[tuple[int], np.dtype[np.int64]], seed: int, index: int
) -> list[BenignScan]:
    """Return the scan whose turn it is, all scans in turn, and a few others."""
    others = np.random.default_rng([seed, index]).integers(len(scans), size=_OTHERS)
    return [scans[int(order[index % len(order)])], *(scans[int(other)] for other in others)]


def _insert(options: InsertOptions, index: int, scans: Sequence[BenignScan]) -> Part:
    """Insert into the first of the scans that takes a threat."""
    from datasets.compositing.insertion import insert  # noqa: PLC0415  (numba loads in the workers only)

    problem: Problem | None = None
    for turn, scan in enumerate(scans):
        rng = np.random.default_rng(np.random.SeedSequence([options.seed, index, turn]))
        try:
            found = insert(
                _read(scan),
                options.look,
                rng,
                labels=options.labels,
                families=options.families,
                most=options.most,
            )
        except (InsertionError, ImageError) as error:
            reason = f"image {index} was not made: {error}"
            problem = problem or Problem(scan.record.file_name, reason, warning=True)
            continue
        record = _record(scan.record, found, f"{index:06d}.{found.suffix}", options)
        return Part(((record, tuple(found.annotations)),), (found.data,))
    return Part(problem=problem)


def _read(scan: BenignScan) -> bytes:
    """Return the bytes of a scan, the same ones on every machine and as long as the job lasts."""
    try:
        data = scan.path.read_bytes()
    except OSError as error:
        raise JobError(
            f"{scan.path}: {error.strerror}; the benign scans must stay in place, on every machine that inserts"
        ) from None
    if sha256_of(data) != scan.record.sha256:
        raise JobError(f"{scan.path}: is not what it was when the job started; restore it, or start in another folder")
    return data


def _record(benign: ImageRecord, found: Inserted, file_name: str, options: InsertOptions) -> ImageRecord:
    levels = [mark.difficulty for mark in found.annotations if mark.difficulty is not None]
    return replace(
        benign,
        file_name=file_name,
        sha256=sha256_of(found.data),
        complexity=found.complexity,
        difficulty=level_of_image(levels, found.complexity),
        source=f"parcelray insert into {benign.sha256[:16]} of {benign.source}",
        recipe=options.digest(),
        seed=options.seed,
    )
