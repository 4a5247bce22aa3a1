"""Runs a detector over the images of a catalogue, or of a plain COCO file, and keeps what it found beside the truth."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from datasets.catalogue import Catalogue
from datasets.records import Split
from detector.boxes import intersection_over_union
from detector.detections import Detections
from detector.detector import Detector
from detector.images import decode
from detector.taxonomy import LABELS, Group, group_of
from training.breakdown import facts_of_mark, size_class
from training.errors import EvaluationError
from training.metrics import FloatArray, IntArray, ScoredImage

__all__ = ["GROUPS", "best_of_each", "by_group", "look_at_catalogue", "look_at_coco", "parse_group_map"]

GROUPS = tuple(Group)
LEAST_SCORE = 0.005
_IMAGE_FACTS = ("scanner", "view", "difficulty", "material")
_SAME_OBJECT_IOU = 0.6


def look_at_catalogue(
    detector: Detector,
    catalogue: Catalogue,
    split: Split,
    *,
    min_score: float = LEAST_SCORE,
    threads: int = 2,
    most: int = 0,
) -> list[ScoredImage]:
    """Return the images of a split with their labels' objects and detections; classes are indices into `LABELS`.

    Args:
        detector: to look with.
        catalogue: whose images to look at.
        split: of the catalogue.
        min_score: detections below it are dropped.
        threads: images looked at at the same time.
        most: look at no more images than this; 0: all.

    Raises:
        EvaluationError: the split is empty.
    """
    records = catalogue.images(split)[: most or None]
    if not records:
        raise EvaluationError(f"{catalogue.folder}: the split {split!r} is empty; name another one with --split")
    empty = []
    for record in records:
        marks = catalogue.annotations_of(record)
        boxes = np.array([mark.xyxy for mark in marks], np.float64).reshape(-1, 4)
        ids = np.array([LABELS.index(mark.label) for mark in marks], np.int64)
        one = _without_answer(record.file_name, record.parcel_id, record.output, boxes, ids)
        facts = {"scanner": record.scanner, "view": record.view}
        known = tuple(facts_of_mark(mark, record.width, record.height) for mark in marks)
        empty.append(replace(one, facts=facts, truth_facts=known))
    paths = [catalogue.path_of(record) for record in records]
    return _look(detector, empty, paths, min_score, threads)


def look_at_coco(
    detector: Detector,
    coco: Path,
    images: Path,
    group_of_category: Mapping[int, Group],
    *,
    min_score: float = LEAST_SCORE,
    threads: int = 2,
) -> list[ScoredImage]:
    """Return the images of a plain COCO file; classes are indices into `GROUPS`, other categories are not objects.

    A category whose name is a label or a group needs no entry in `group_of_category`. The part that an image belongs
    to is its `source`, where the file has one.

    Raises:
        EvaluationError: the file is not COCO or lists no image.
    """
    try:
        document = json.loads(coco.read_text(encoding="utf-8"))
        group_of_category = {**_named_groups(document.get("categories", [])), **group_of_category}
        objects: dict[int, list[tuple[list[float], Group]]] = {int(entry["id"]): [] for entry in document["images"]}
        for entry in document["annotations"]:
            if (group := group_of_category.get(int(entry["category_id"]))) is not None:
                x, y, width, height = (float(value) for value in entry["bbox"])
                objects[int(entry["image_id"])].append(([x, y, x + width, y + height], group))
        entries = [(str(entry["file_name"]), entry) for entry in document["images"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EvaluationError(f"{coco}: not a COCO file ({type(error).__name__}: {error})") from error
    if not entries:
        raise EvaluationError(f"{coco}: lists no image")
    if not group_of_category:
        raise EvaluationError(
            f"{coco}: no category has the name of a label or group; say which is which, such as --group-map 1=firearm"
        )
    empty = []
    for name, entry in entries:
        marks = objects[int(entry["id"])]
        boxes = np.array([box for box, _ in marks], np.float64).reshape(-1, 4)
        ids = np.array([GROUPS.index(group) for _, group in marks], np.int64)
        parcel = str(entry.get("parcel_id", name))
        one = _without_answer(name, parcel, str(entry.get("source", "all")), boxes, ids)
        facts = {key: str(entry[key]) for key in _IMAGE_FACTS if key in entry}
        size = float(entry.get("width", 0)), float(entry.get("height", 0))
        known = tuple({"size": size_class(box, *size)} for box, _ in marks) if all(size) else ()
        empty.append(replace(one, facts=facts, truth_facts=known))
    looked = _look(detector, empty, [images / name for name, _ in entries], min_score, threads)
    return [replace(image, found_ids=_group_ids(image.found_ids)) for image in looked]


def by_group(images: Iterable[ScoredImage]) -> list[ScoredImage]:
    """Return the images with labels replaced by their groups; of boxes on one object the best of a group is kept."""
    return [
        best_of_each(replace(image, truth_ids=_group_ids(image.truth_ids), found_ids=_group_ids(image.found_ids)))
        for image in images
    ]


def best_of_each(image: ScoredImage) -> ScoredImage:
    """Return the image without detections that a better one of the same class overlaps by more than 0.6 (IoU)."""
    keep: list[int] = []
    overlap = intersection_over_union(image.found_xyxy, image.found_xyxy)
    for index, kind in enumerate(image.found_ids):  # highest score first
        if not any(kind == image.found_ids[other] and overlap[index, other] > _SAME_OBJECT_IOU for other in keep):
            keep.append(index)
    return replace(image, found_xyxy=image.found_xyxy[keep], found_ids=image.found_ids[keep], scores=image.scores[keep])


def parse_group_map(texts: Sequence[str]) -> dict[int, Group]:
    """Return category id -> group from texts such as "1=firearm".

    Raises:
        EvaluationError: a text is not of that form.
    """
    result = {}
    for text in texts:
        number, _, group = text.partition("=")
        if not number.isdigit() or group not in GROUPS:
            raise EvaluationError(f"expected ID=GROUP with a group of {', '.join(GROUPS)}, got {text!r}")
        result[int(number)] = Group(group)
    return result


def _named_groups(categories: Iterable[Mapping[str, Any]]) -> dict[int, Group]:
    result = {}
    for category in categories:
        name = str(category["name"]).lower().replace(" ", "_")
        if name in LABELS or name in GROUPS:
            result[int(category["id"])] = group_of(name) if name in LABELS else Group(name)
    return result


def _group_ids(label_ids: IntArray) -> IntArray:
    table = np.array([GROUPS.index(group_of(label)) for label in LABELS], np.int64)
    return table[label_ids]


def _without_answer(name: str, parcel: str, part: str, boxes: FloatArray, ids: IntArray) -> ScoredImage:
    nothing = np.empty(0, np.int64)
    return ScoredImage(name, parcel, part, boxes, ids, np.empty((0, 4)), nothing, np.empty(0))


def _look(
    detector: Detector, images: Sequence[ScoredImage], paths: Sequence[Path], min_score: float, threads: int
) -> list[ScoredImage]:
    def find(path: Path) -> Detections:
        return detector.detect(decode(path.read_bytes()), min_score=min_score)

    with ThreadPoolExecutor(threads) as pool:
        found = _mapped(pool, find, paths)
        return [
            replace(image, found_xyxy=one.xyxy, found_ids=one.label_ids, scores=one.scores, path=path)
            for image, one, path in zip(images, found, paths, strict=True)
        ]


def _mapped(
    pool: ThreadPoolExecutor, find: Callable[[Path], Detections], paths: Sequence[Path]
) -> Iterable[Detections]:
    yield from pool.map(find, paths)
