"""COCO JSON, as the annotation files of a catalogue and as what other tools write.

Boxes are kept on a grid of 1/256 pixel: on it, `x0 + (x1 - x0)` is exactly `x1`, so that what was written is what
is read, bit for bit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

from datasets.errors import AnnotationError, CatalogueError, UnknownLabelError
from datasets.fields import Fields
from datasets.records import (
    DIFFICULTIES,
    SOURCE_KINDS,
    SPLITS,
    Difficulty,
    Energy,
    ImageRecord,
    Output,
    SourceKind,
    Split,
    checked_file_name,
)
from datasets.samples import Annotation
from detector.taxonomy import ATTRIBUTES, LABELS, TAXONOMY

__all__ = [
    "CATEGORIES",
    "Problem",
    "category_labels",
    "from_coco",
    "normalised",
    "on_grid",
    "read_annotation",
    "read_record",
    "to_coco",
]

_GRID: Final = 256.0
MAX_SIDE_PX: Final = 100_000
CATEGORIES: Final = tuple(
    {"id": number, "name": info.name, "supercategory": info.group.value}
    for number, info in enumerate(TAXONOMY.values(), start=1)
)
_IDS: Final = {label: number for number, label in enumerate(LABELS, start=1)}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with one file; a warning does not make the catalogue unusable."""

    file: str
    reason: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.file}: {'warning: ' if self.warning else ''}{self.reason}"


def on_grid(value: float) -> float:
    """Return the nearest multiple of 1/256 pixel."""
    return round(value * _GRID) / _GRID


def normalised(annotation: Annotation, where: str) -> Annotation:
    """Return the annotation as a file keeps it: plain floats, box on the grid, attributes in order.

    Raises:
        UnknownLabelError: its label is not in the taxonomy.
        AnnotationError: the box is empty or not finite, an attribute is unknown, a value out of range.
    """
    _check(annotation, where)
    x0, y0, x1, y1 = (on_grid(float(value)) for value in annotation.xyxy)
    if x0 >= x1 or y0 >= y1:
        raise AnnotationError(f"{where}: the box {annotation.xyxy} is smaller than 1/256 pixel")
    return replace(
        annotation,
        xyxy=(x0, y0, x1, y1),
        attributes=tuple(sorted(set(annotation.attributes))),
        visibility=float(annotation.visibility),
        area=float(annotation.area),
    )


def to_coco(items: Iterable[tuple[ImageRecord, Sequence[Annotation]]], info: Mapping[str, object]) -> bytes:
    """Return the COCO document of one split, one record a line, in the order given.

    Raises:
        AnnotationError: a record or an annotation is not valid.
    """
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for image_id, (record, marks) in enumerate(items, start=1):
        images.append(_image_entry(record, image_id))
        for mark in marks:
            entry = _annotation_entry(mark, record.file_name)
            annotations.append({"id": len(annotations) + 1, "image_id": image_id, **entry})
    parts = [
        f'"info": {_dumps(dict(info))}',
        f'"licenses": [{_dumps({"id": 1, "name": info.get("licence", "unknown")})}]',
        f'"categories": {_lines(CATEGORIES)}',
        f'"images": {_lines(images)}',
        f'"annotations": {_lines(annotations)}',
    ]
    return ("{\n" + ",\n".join(parts) + "\n}\n").encode()


def from_coco(
    document: Fields, split: Split, problems: list[Problem] | None = None
) -> list[tuple[ImageRecord, tuple[Annotation, ...]]]:
    """Read an annotation file of a catalogue, as `to_coco` writes it.

    With `problems`, an image that is wrong, or has a wrong annotation, is left out and listed there.

    Raises:
        CatalogueError: something is wrong and `problems` is None, or the file as a whole is not COCO.
    """
    labels = category_labels(document)
    records: dict[int, ImageRecord] = {}
    marks: dict[int, list[Annotation]] = {}
    for number, value in enumerate(document.items("images")):
        name = f"{document.where} image {number}"
        try:
            entry = Fields(value, name)
            image_id = entry.integer("id")
            record = read_record(entry, split)
            if image_id in records:
                raise AnnotationError(f"{name}: image id {image_id} is there twice")
            records[image_id], marks[image_id] = record, []
        except CatalogueError as error:
            _report(problems, document.where, error)
    spoilt: set[int] = set()
    for number, value in enumerate(document.items("annotations")):
        image_id = -1
        try:
            entry = Fields(value, f"{document.where} annotation {number}")
            image_id = entry.integer("image_id")
            if image_id not in records:
                raise AnnotationError(f"{entry.where}: no usable image has the id {image_id}")
            if "occlusion" in entry:
                raise AnnotationError(
                    f"{entry.where}: has 'occlusion', which is 'superposition' now; make the catalogue again with "
                    "'parcelray catalogue insert'"
                )
            marks[image_id].append(read_annotation(entry, labels))
        except CatalogueError as error:
            spoilt.add(image_id)
            _report(problems, records[image_id].file_name if image_id in records else document.where, error)
    return [(records[key], tuple(marks[key])) for key in records if key not in spoilt]


def category_labels(document: Fields, mapping: Mapping[str, str] | None = None) -> dict[int, str]:
    """Return category id -> name as mapped; names are not held against the taxonomy here."""
    labels: dict[int, str] = {}
    for number, value in enumerate(document.items("categories")):
        entry = Fields(value, f"{document.where} category {number}")
        name = entry.text("name")
        labels[entry.integer("id")] = (mapping or {}).get(name, name)
    return labels


def read_annotation(entry: Fields, labels: Mapping[int, str]) -> Annotation:
    """Return the annotation of one COCO entry.

    Raises:
        UnknownLabelError: its label is not in the taxonomy.
        AnnotationError: a key is missing, the box is empty or not finite, an attribute is unknown.
    """
    category = entry.integer("category_id")
    label = labels.get(category)
    if label is None or label not in TAXONOMY:
        shown = f"category id {category}, which 'categories' does not list" if label is None else f"label {label!r}"
        raise UnknownLabelError(f"{entry.where}: unknown {shown}; known labels: {', '.join(LABELS)}")
    x0, y0, width, height = entry.numbers("bbox", 4)
    annotation = Annotation(
        label=label,
        xyxy=(x0, y0, x0 + width, y0 + height),
        attributes=_attributes(entry),
        visibility=entry.number("visibility", 1.0),
        area=entry.number("area", width * height),
        view_difficulty=entry.share("view_difficulty"),
        superposition=entry.share("superposition"),
        difficulty=_difficulty(entry),
    )
    return normalised(annotation, entry.where)


def _difficulty(entry: Fields) -> Difficulty | None:
    return cast("Difficulty", entry.choice("difficulty", DIFFICULTIES)) if "difficulty" in entry else None


def _attributes(entry: Fields) -> tuple[str, ...]:
    value = entry.raw("attributes")
    if isinstance(value, dict):  # CVAT writes {"occluded": true, ...} with attributes of its own among them
        return tuple(name for name in ATTRIBUTES if value.get(name) is True)
    if value is None:
        return ()
    names = entry.items("attributes")
    return tuple(sorted({str(name) for name in names}))


def _check(annotation: Annotation, where: str) -> None:
    x0, y0, x1, y1 = annotation.xyxy
    if annotation.label not in TAXONOMY:
        raise UnknownLabelError(f"{where}: unknown label {annotation.label!r}; known labels: {', '.join(LABELS)}")
    # Written so that NaN fails too.
    if not (-MAX_SIDE_PX < x0 < x1 < MAX_SIDE_PX * 2 and -MAX_SIDE_PX < y0 < y1 < MAX_SIDE_PX * 2):
        raise AnnotationError(f"{where}: expected a box with x0 < x1 and y0 < y1, got {annotation.xyxy}")
    if not 0.0 <= annotation.visibility <= 1.0:
        raise AnnotationError(f"{where}: expected a visibility in 0..1, got {annotation.visibility}")
    if not 0.0 <= annotation.area < MAX_SIDE_PX**2:
        raise AnnotationError(f"{where}: expected an area of 0 or more, got {annotation.area}")
    for name in ("view_difficulty", "superposition"):
        value = getattr(annotation, name)
        if value is not None and not 0.0 <= value <= 1.0:
            raise AnnotationError(f"{where}: expected a {name} in 0..1, got {value}")
    if unknown := set(annotation.attributes) - set(ATTRIBUTES):
        raise AnnotationError(f"{where}: unknown attributes {sorted(unknown)}; known: {', '.join(ATTRIBUTES)}")


def _annotation_entry(mark: Annotation, where: str) -> dict[str, object]:
    mark = normalised(mark, where)
    x0, y0, x1, y1 = mark.xyxy
    entry = {
        "category_id": _IDS[mark.label],
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": mark.area,
        "iscrowd": 0,
        "attributes": list(mark.attributes),
        "visibility": mark.visibility,
    }
    return entry | _known(mark, ("view_difficulty", "superposition", "difficulty"))


def _image_entry(record: ImageRecord, image_id: int) -> dict[str, object]:
    entry = {
        "id": image_id,
        "file_name": record.file_name,
        "width": record.width,
        "height": record.height,
        "license": 1,
        "split": record.split,
        "parcel_id": record.parcel_id,
        "view": record.view,
        "scanner": record.scanner,
        "source": record.source,
        "licence": record.licence,
        "energy": record.energy,
        "output": record.output,
        "recipe": record.recipe,
        "seed": record.seed,
        "sha256": record.sha256,
    } | _known(record, ("source_kind", "research_only", "complexity", "difficulty"))
    # What is written must be readable: the reader's checks are the writer's too.
    if read_record(Fields(entry, record.file_name), record.split) != record:
        raise AnnotationError(f"{record.file_name}: the record has values that JSON does not keep: {record}")
    return entry


def read_record(entry: Fields, split: Split) -> ImageRecord:
    """Return the record of one image entry of a catalogue.

    Raises:
        AnnotationError: a key is missing or its value is not valid.
    """
    sha256 = entry.text("sha256")
    if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
        raise AnnotationError(f"{entry.where}: expected 64 hex digits for 'sha256', got {sha256[:80]!r}")
    if entry.choice("split", SPLITS, split) != split:
        raise AnnotationError(f"{entry.where}: is of split {entry.raw('split')!r} but in the file of {split!r}")
    return ImageRecord(
        file_name=checked_file_name(entry.text("file_name")),
        width=entry.integer("width", 1, MAX_SIDE_PX),
        height=entry.integer("height", 1, MAX_SIDE_PX),
        sha256=sha256,
        parcel_id=entry.text("parcel_id"),
        split=split,
        view=entry.text("view"),
        scanner=entry.text("scanner"),
        source=entry.text("source"),
        licence=entry.text("licence"),
        energy=cast("Energy", entry.choice("energy", ("dual", "single"))),
        output=cast("Output", entry.choice("output", ("colour", "grey"))),
        recipe=entry.text("recipe") if "recipe" in entry else None,
        seed=entry.integer("seed", 0, 2**64) if "seed" in entry else None,
        source_kind=cast("SourceKind", entry.choice("source_kind", SOURCE_KINDS)) if "source_kind" in entry else None,
        research_only=entry.boolean("research_only") if "research_only" in entry else None,
        complexity=entry.share("complexity"),
        difficulty=_difficulty(entry),
    )


def _known(source: ImageRecord | Annotation, names: Sequence[str]) -> dict[str, object]:
    """Return the values that are there: a file does not name what nobody measured."""
    return {name: value for name in names if (value := getattr(source, name)) is not None}


def _report(problems: list[Problem] | None, file: str, error: CatalogueError) -> None:
    if problems is None:
        raise error
    problems.append(Problem(file, str(error)))


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _lines(entries: Sequence[Mapping[str, object]]) -> str:
    return "[\n" + ",\n".join(_dumps(entry) for entry in entries) + "\n]" if entries else "[]"
