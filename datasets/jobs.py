"""Jobs that make a catalogue part by part: stop one at any moment and start it again, it ends in the same bytes.

A part (a parcel, an image) depends on nothing but its work, so that processes, order and interruptions leave no trace.
Workers only compute; this process writes. A part is done when its record lies in `.parts`: that is written after the
part's images, all by renaming a finished file out of `.parts`, so that a kill leaves nothing half written beside them.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Self

from datasets.catalogue import Catalogue, CatalogueInfo, write_catalogue
from datasets.coco import Problem
from datasets.errors import JobError
from datasets.records import ImageRecord
from datasets.samples import Annotation
from datasets.workers import Pool, open_pool

__all__ = ["Item", "Job", "Part", "Progress", "Work", "no_progress"]

# Enough to keep every process busy, few enough that a million parts take no memory.
_AHEAD: Final = 4

Item = tuple[ImageRecord, tuple[Annotation, ...]]
Progress = Callable[[int, int], None]


def no_progress(done: int, total: int) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one piece of work gives.

    Attributes:
        items: its images.
        files: their bytes, until they are on disk.
        problem: why there is no image.
    """

    items: tuple[Item, ...] = ()
    files: tuple[bytes, ...] = ()
    problem: Problem | None = None


Work = Callable[[], Part]


class Job:
    """A folder in which a catalogue is made."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self._parts = out / ".parts"
        self._claim = self._parts / "job"

    @classmethod
    def claim(cls, out: Path, facts: Mapping[str, object]) -> Self:
        """Make a folder ours, or see that it holds the same job half done.

        Args:
            out: empty, missing, or of an earlier run of the same job.
            facts: all that decides what the parts look like, by its name for people.

        Raises:
            JobError: it holds something else.
        """
        job = cls(out)
        if job.is_open():
            found = json.loads(job._claim.read_text())
            other = sorted(name for name in {*facts, *found} if facts.get(name) != found.get(name))
            if other:
                raise JobError(
                    f"{out} holds a half-done job of another {' and '.join(other)}; choose another folder, or give"
                    " that job's own arguments to finish it"
                )
        elif out.exists() and any(path != job._parts for path in out.iterdir()):
            raise JobError(f"{out} is not empty; choose a new folder")
        else:
            job._parts.mkdir(parents=True, exist_ok=True)
            job._write(job._claim, json.dumps(dict(facts)).encode())
        (out / "images").mkdir(exist_ok=True)
        return job

    def is_open(self) -> bool:
        """Return whether the folder holds a claimed job."""
        return self._claim.exists()

    def run(
        self,
        indices: Sequence[int],
        work: Callable[[int], Work],
        *,
        jobs: int = 1,
        ray: str | None = None,
        on_progress: Progress = no_progress,
    ) -> None:
        """Make the parts that are not there yet.

        Args:
            indices: of the parts that must be there in the end.
            work: what makes one of them; goes to another process.
            jobs: processes, each on one thread.
            ray: address of a Ray cluster that works instead.
            on_progress: called with parts done and parts in all, at the start and after each part.

        Raises:
            JobError: a process died, or the cluster cannot be used; what is done stays.
        """
        done = {int(path.stem) for path in self._parts.glob("[0-9]*.json")}
        finished = sum(index in done for index in indices)
        on_progress(finished, len(indices))
        if finished == len(indices):
            return
        todo = (index for index in indices if index not in done)
        with open_pool(min(jobs, len(indices) - finished), ray) as pool:
            for index, part in _made(todo, work, pool):
                self._keep(index, part)
                finished += 1
                on_progress(finished, len(indices))

    def read(self, indices: Iterable[int]) -> Iterator[Part]:
        """Yield parts that are done, without the bytes of their files."""
        for index in indices:
            entry = json.loads((self._parts / f"{index:08d}.json").read_text())
            problem = entry["problem"]
            yield Part(
                tuple((ImageRecord(**record), tuple(map(_mark, marks))) for record, marks in entry["items"]),
                problem=None if problem is None else Problem(**problem),
            )

    def finish(self, items: Iterable[Item], info: CatalogueInfo) -> Catalogue:
        """Write the catalogue of the items and forget everything else that was made."""
        catalogue = write_catalogue(self.out, items, info)
        kept = {record.file_name for record in catalogue.records}
        for path in (self.out / "images").iterdir():
            if path.name not in kept:
                path.unlink()
        self._claim.unlink()  # first, so that a kill from here on leaves a finished job
        self.tidy()
        return catalogue

    def tidy(self) -> None:
        """Remove what a kill at the very end of a finished job has left."""
        shutil.rmtree(self._parts, ignore_errors=True)

    def _keep(self, index: int, part: Part) -> None:
        for (record, _), data in zip(part.items, part.files, strict=True):
            self._write(self.out / "images" / record.file_name, data)
        entry = {
            "items": [(asdict(record), [asdict(mark) for mark in marks]) for record, marks in part.items],
            "problem": None if part.problem is None else asdict(part.problem),
        }
        self._write(self._parts / f"{index:08d}.json", json.dumps(entry).encode())

    def _write(self, path: Path, data: bytes) -> None:
        temporary = self._parts / f".{path.name}.{os.getpid()}"
        temporary.write_bytes(data)
        temporary.replace(path)


def _made(indices: Iterator[int], work: Callable[[int], Work], pool: Pool) -> Iterator[tuple[int, Part]]:
    """Yield parts as they come, with a bounded number of them under way."""
    pending: dict[Future[Part], int] = {}
    while True:
        for index in islice(indices, max(pool.processes() * _AHEAD - len(pending), 0)):
            pending[pool.submit(work(index))] = index
        if not pending:
            return
        for future in wait(pending, return_when=FIRST_COMPLETED).done:
            yield pending.pop(future), future.result()


def _mark(values: dict[str, object]) -> Annotation:
    return Annotation(**{**values, "xyxy": tuple(values["xyxy"]), "attributes": tuple(values["attributes"])})  # type: ignore[arg-type]
