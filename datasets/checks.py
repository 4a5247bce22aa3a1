"""The check of a catalogue: everything that would spoil training or a figure, one problem a line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.catalogue import read_leniently
from datasets.coco import Problem
from datasets.duplicates import near_pairs
from datasets.hashing import difference_hash, sha256_of
from datasets.records import SPLITS, ImageRecord
from datasets.samples import Annotation
from detector.errors import ImageError
from detector.images import decode

__all__ = ["check_catalogue"]


@dataclass(frozen=True, slots=True, eq=False)
class _Looked:
    record: ImageRecord
    reason: str | None
    hash: NDArray[np.uint64] | None = None


def check_catalogue(
    folder: Path | str, *, threads: int = 2, on_progress: Callable[[int, int], None] | None = None
) -> list[Problem]:
    """Return what is wrong with a catalogue: records, boxes, splits, and every image file.

    Args:
        folder: the catalogue.
        threads: how many images are read at a time.
        on_progress: called with images done and images in all.

    Raises:
        CatalogueError: it is not a catalogue at all.
    """
    folder = Path(folder)
    items, problems = read_leniently(folder)
    records = [record for record, _ in items]
    for record, marks in items:
        problems += _box_problems(record, marks)
    problems += _split_problems(records)
    problems += _duplicate_problems(records)
    looked: list[_Looked] = []
    with ThreadPoolExecutor(threads) as pool:
        for done, result in enumerate(pool.map(lambda record: _look(folder / "images", record), records), start=1):
            looked.append(result)
            if result.reason:
                problems.append(Problem(result.record.file_name, result.reason))
            if on_progress is not None:
                on_progress(done, len(records))
    return problems + _near_duplicate_warnings(looked)


def _box_problems(record: ImageRecord, marks: Sequence[Annotation]) -> list[Problem]:
    found = []
    for mark in marks:
        x0, y0, x1, y1 = mark.xyxy
        if x0 < 0 or y0 < 0 or x1 > record.width or y1 > record.height:
            size = f"{record.width} x {record.height}"
            found.append(
                Problem(record.file_name, f"box {mark.xyxy} of {mark.label} leaves the image of {size} pixels")
            )
    return found


def _split_problems(records: Sequence[ImageRecord]) -> list[Problem]:
    found = []
    splits_of: dict[str, dict[str, str]] = defaultdict(dict)
    for record in records:
        splits_of[record.parcel_id].setdefault(record.split, record.file_name)
    for parcel, files in splits_of.items():
        if len(files) > 1:
            reason = f"parcel {parcel!r} is in {' and '.join(files)}; run 'parcelray catalogue split'"
            found.append(Problem(list(files.values())[1], reason))
    filled = {record.split for record in records}
    for split in SPLITS:
        if split not in filled:
            # A catalogue of test scans alone is in order; one of nothing is not.
            reason = "the split is empty; run 'parcelray catalogue split' if it should not be"
            found.append(Problem(f"annotations/{split}.json", reason, warning=bool(filled)))
    return found


def _duplicate_problems(records: Sequence[ImageRecord]) -> list[Problem]:
    found = []
    name_of: dict[str, str] = {}
    path_of: dict[str, str] = {}
    for record in records:
        first = name_of.setdefault(record.sha256, record.file_name)
        if first != record.file_name:
            found.append(Problem(record.file_name, f"is the same image as {first}; remove one"))
        elif path_of.setdefault(record.file_name, record.split) != record.split:
            found.append(Problem(record.file_name, f"is in {path_of[record.file_name]} and in {record.split}"))
    return found


def _look(images: Path, record: ImageRecord) -> _Looked:
    path = images / record.file_name
    if not path.resolve().is_relative_to(images.resolve()):
        return _Looked(record, "is a link that leaves the catalogue; copy the file here")
    try:
        data = path.read_bytes()
    except OSError as error:
        return _Looked(record, f"cannot be read ({error.strerror}); restore it")
    if sha256_of(data) != record.sha256:
        return _Looked(record, "was changed: its SHA-256 is not the recorded one; restore it")
    try:
        image_rgb = decode(data)
    except ImageError as error:
        return _Looked(record, f"cannot be decoded: {error}")
    height, width = image_rgb.shape[:2]
    if (width, height) != (record.width, record.height):
        reason = f"is {width} x {height} pixels, the record says {record.width} x {record.height}"
        return _Looked(record, reason)
    return _Looked(record, None, difference_hash(image_rgb))


def _near_duplicate_warnings(looked: Sequence[_Looked]) -> list[Problem]:
    """Warn of images that look the same in different splits; the same file has been reported as a duplicate."""
    seen = [(one.record, one.hash) for one in looked if one.hash is not None]
    pairs = near_pairs([record for record, _ in seen], [bits for _, bits in seen])
    return [
        Problem(
            pair.second.file_name,
            f"looks almost the same as {pair.first.file_name} of {pair.first.split}; one parcel scanned twice?",
            warning=True,
        )
        for pair in pairs
        if pair.crosses_splits and not pair.same_file
    ]
