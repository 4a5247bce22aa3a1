"""COCO: one JSON document for many images, or one for each split.

Boxes are numbers of pixels in JSON, so a catalogue comes back bit for bit: boxes, attributes, visibility, area and
every field of the records. Masks are not kept; the area that they cover is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, cast

from datasets.catalogue import Catalogue, write_atomically
from datasets.coco import Problem, category_labels, read_annotation, to_coco
from datasets.errors import AnnotationError, CatalogueError
from datasets.fields import Fields, parse_json
from datasets.formats.entries import (
    DOCUMENT_BYTES,
    Found,
    Mark,
    name_below,
    need_folder,
    place_image,
    read_inside,
    unreadable,
)
from datasets.records import SPLITS, ImageRecord, checked_file_name
from datasets.samples import Annotation
from detector.taxonomy import LABELS

__all__ = ["read_coco", "read_documents", "write_coco"]

_DOCUMENTS: Final = ("annotations.json", "_annotations.coco.json", "annotations/annotations.json")
# Document, folder of its images, split; all relative to the imported folder.
_Document = tuple[Path, Sequence[Path], str | None]


def read_coco(source: Path) -> Iterator[Found | Problem]:
    """Yield the images of a COCO folder, or of the document that is named.

    Looked for in this order: `annotations.json` (the review desk's export), `_annotations.coco.json`,
    `annotations/instances_*.json`, any other `annotations/*.json`, `*/_annotations.coco.json` (Roboflow), and a
    lone JSON file. A document whose name or folder ends in train, val, valid or test says the split.

    Raises:
        CatalogueError: there is no document, or it cannot be read.
    """
    root = source.parent if source.is_file() else source
    for path in _documents_in(source):
        split = _split_of(path)
        named = [root / split, root / f"{split}2017", root / "images" / split] if split else []
        folders = [path.parent, path.parent / "images", root, root / "images", *named]
        yield from _read_document(root, path, folders, split)


def read_documents(source: Path, layout: str, documents: Sequence[tuple[str, str, str]]) -> Iterator[Found | Problem]:
    """Yield the images of a published set: its documents, each with the folder of its images and its split.

    Raises:
        CatalogueError: none of the documents is there, or one cannot be read.
    """
    need_folder(source, layout)
    there = [source / name for name, _, _ in documents if (source / name).is_file()]
    if not there:
        names = ", ".join(name for name, _, _ in documents)
        raise CatalogueError(f"{source}: holds none of {names}; name the unpacked {layout} folder")
    for name, folder, split in documents:
        if source / name in there:
            yield from _read_document(source, source / name, [source / folder, source / "images", source], split)
        else:
            yield Problem(name, "is missing; its images are left out", warning=True)


def write_coco(
    catalogue: Catalogue, out: Path, kept: Callable[[ImageRecord], Sequence[Annotation]]
) -> Iterator[tuple[ImageRecord, Path]]:
    """Write `out/images` and `out/annotations/instances_{train,val,test}.json`; yield each image with its file."""
    info = catalogue.info
    about = {"name": info.name, "licence": info.licence, "version": catalogue.version}
    folder = out / "annotations"
    folder.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        items = [(record, kept(record)) for record in catalogue.images(split)]
        for record, _ in items:
            path = out / "images" / record.file_name
            place_image(catalogue.path_of(record), path)
            yield record, path
        write_atomically(folder / f"instances_{split}.json", to_coco(items, about))


def _documents_in(source: Path) -> list[Path]:
    if source.is_file() and source.suffix == ".json":
        return [source]
    for name in _DOCUMENTS:
        if (source / name).is_file():
            return [source / name]
    for pattern in ("annotations/instances_*.json", "annotations/*.json", "*/_annotations.coco.json", "*.json"):
        found = sorted(source.glob(pattern))
        if found and (pattern != "*.json" or len(found) == 1):
            return found
    what = "holds several JSON files" if any(source.glob("*.json")) else "holds no annotations.json"
    raise CatalogueError(f"{source}: {what}; unpack the export, and name the folder or the JSON file itself")


def _split_of(path: Path) -> str | None:
    for text in (path.stem, path.parent.name):
        if match := re.search(r"(?:^|[_-])(train|val|valid|test)(?:20\d\d)?$", text):
            return "val" if match[1] == "valid" else match[1]
    return None


def _read_document(root: Path, path: Path, folders: Sequence[Path], split: str | None) -> Iterator[Found | Problem]:
    try:
        document = parse_json(read_inside(root, path, DOCUMENT_BYTES), path.name)
    except AnnotationError as error:
        raise CatalogueError(f"{path}: {error}; restore it") from error
    yield from (marks := _Marks(document)).problems
    seen: set[int] = set()
    for number, value in enumerate(document.items("images")):
        name = f"{name_below(root, path)} image {number}"
        try:
            entry = Fields(value, f"image {number}")
            name = checked_file_name(entry.text("file_name"))
            image_id = entry.integer("id")
            if image_id in seen:
                raise AnnotationError(f"image id {image_id} is there twice")
            seen.add(image_id)
        except CatalogueError as error:
            yield Problem(name, f"left out: {error}")
            continue
        about = {**cast("dict[str, object]", value)}
        if about.get("split") not in SPLITS:
            about["split"] = split
        image = next((one / name for one in folders if (one / name).is_file()), folders[0] / name)
        yield Found(name=name_below(root, image), path=image, marks=tuple(marks.of.pop(image_id, ())), about=about)
    if marks.of:
        count, first = sum(map(len, marks.of.values())), min(marks.of)
        yield Problem(
            name_below(root, path),
            f"{count} annotations left out: no usable entry in 'images' has their image_id, such as {first}",
        )


class _Marks:
    """The annotations of a document by the id of their image."""

    def __init__(self, document: Fields) -> None:
        self.of: dict[int, list[Mark]] = {}
        self.problems: list[Problem] = []
        labels = category_labels(document)
        for number, value in enumerate(document.items("annotations")):
            where = f"annotation {number}"
            try:
                entry = Fields(value, where)
                image_id = entry.integer("image_id")
            except CatalogueError as error:
                self.problems.append(Problem(document.where, f"left out: {error}"))
            else:
                self.of.setdefault(image_id, []).append(_mark(entry, labels))


def _mark(entry: Fields, labels: dict[int, str]) -> Mark:
    label = ""
    try:
        category = entry.integer("category_id")
        if category not in labels:
            raise AnnotationError(f"{entry.where}: category id {category} is not in 'categories'")
        label = labels[category]
        # What it becomes is settled later; any label of ours lets the rest be read.
        return Mark(label, read_annotation(entry, {category: LABELS[0]}))
    except CatalogueError as error:
        return unreadable(label, error)
