"""Import of a COCO folder, such as an export of the review desk, as a catalogue of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from datasets.catalogue import Catalogue, CatalogueInfo, write_catalogue
from datasets.coco import Problem, category_labels, read_annotation
from datasets.errors import AnnotationError, CatalogueError, UnknownLabelError
from datasets.fields import Fields, read_json
from datasets.hashing import sha256_of
from datasets.records import SPLITS, Energy, ImageRecord, Output, SourceKind, Split, checked_file_name
from datasets.samples import Annotation
from datasets.split import split_records
from detector.errors import ImageError
from detector.images import ImageLimits, decode
from detector.taxonomy import LABELS

__all__ = ["DROP", "ImportOptions", "import_coco"]

DROP: Final = "none"
_DOCUMENTS: Final = ("annotations.json", "_annotations.coco.json", "annotations/annotations.json")
# Boxes of other tools often reach a pixel over the border; more than this is said.
_OVERHANG_PX: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What the user says about the images that are imported.

    Attributes:
        licence: SPDX identifier or a plain name.
        name: of the catalogue; the folder's name where it is left empty.
        source_kind: "imported", or "real" for one's own scans.
        research_only: the images may not be trained on without the user's word.
        mapping: label there -> our label, or "none" to leave its boxes out.
        shares: of train, val and test where the images do not say their split.
        seed: of that split.
    """

    licence: str
    name: str = ""
    source_kind: SourceKind = "imported"
    research_only: bool = False
    mapping: Mapping[str, str] = field(default_factory=dict)
    shares: Sequence[float] = (0.8, 0.1, 0.1)
    seed: int = 0


def import_coco(
    source: Path | str,
    out: Path | str,
    options: ImportOptions,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[Catalogue, list[Problem]]:
    """Copy a COCO folder into a new catalogue and return it with a list of what was left out or changed.

    An image that cannot be read, or one of whose annotations is wrong, is left out: a missing box would teach a model
    that there is nothing.

    Raises:
        UnknownLabelError: a label is not ours and not mapped.
        CatalogueError: there is no COCO document, nothing in it is usable, or `out` is a catalogue already.
    """
    source, out = Path(source), Path(out)
    options = replace(options, name=options.name or source.resolve().stem)
    if (out / "catalogue.json").exists():
        raise CatalogueError(f"{out}: is a catalogue already; choose another folder")
    path = _document_in(source)
    document = read_json(path)
    labels = _mapped_labels(document, options.mapping)
    problems: list[Problem] = []
    marks = _annotations_by_image(document, labels)
    entries = document.items("images")
    items: list[tuple[ImageRecord, tuple[Annotation, ...]]] = []
    name_of: dict[str, str] = {}
    own_splits = 0
    for number, value in enumerate(entries):
        name = f"image {number}"
        try:
            entry = Fields(value, name)
            name = checked_file_name(entry.text("file_name"))
            data, image_rgb = _read_image(path.parent, name)
            record = _record(entry, name, data, image_rgb, options)
            found = [_read_mark(one, labels, record, problems, name) for one in marks.get(entry.integer("id"), [])]
            first = name_of.setdefault(record.sha256, name)
            if first != name:
                raise AnnotationError(f"is the same image as {first}")
        except (CatalogueError, ImageError) as error:
            problems.append(Problem(name, f"left out: {error}"))
        else:
            target = out / "images" / record.file_name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            items.append((record, tuple(found)))
            own_splits += entry.raw("split") in SPLITS
        if on_progress is not None:
            on_progress(number + 1, len(entries))
    if not items:
        listed = "; ".join(str(problem) for problem in problems[:3])
        raise CatalogueError(f"{source}: no image is usable ({listed or 'there are none'})")
    if own_splits < len(items):
        records = split_records([record for record, _ in items], options.shares, seed=options.seed)
        items = [(record, found) for record, (_, found) in zip(records, items, strict=True)]
    info = CatalogueInfo(options.name, options.licence, options.source_kind, options.research_only)
    return write_catalogue(out, items, info), problems


def _document_in(source: Path) -> Path:
    if source.is_file() and source.suffix == ".json":
        return source
    found = [source / name for name in _DOCUMENTS if (source / name).is_file()] or sorted(source.glob("*.json"))
    if len(found) != 1:
        what = f"holds {len(found)} JSON files" if found else "holds no annotations.json"
        raise CatalogueError(f"{source}: {what}; unpack the export, and name the folder or the JSON file itself")
    return found[0]


def _mapped_labels(document: Fields, mapping: Mapping[str, str]) -> dict[int, str]:
    if wrong := sorted({new for new in mapping.values() if new not in (*LABELS, DROP)}):
        raise UnknownLabelError(f"--map: {', '.join(wrong)} is not ours; use {DROP} or one of {', '.join(LABELS)}")
    labels = category_labels(document, mapping)
    used = {value.get("category_id") for value in document.items("annotations") if isinstance(value, dict)}
    unknown = sorted({label for number, label in labels.items() if number in used and label not in (*LABELS, DROP)})
    if unknown:
        example = " ".join(f"'{label}={DROP}'" for label in unknown)
        raise UnknownLabelError(
            f"unknown labels: {', '.join(unknown)}; map each to one of ours or leave its boxes out,"
            f" for example: --map {example}; our labels: {', '.join(LABELS)}"
        )
    return labels


def _annotations_by_image(document: Fields, labels: Mapping[int, str]) -> dict[int, list[Fields]]:
    found: dict[int, list[Fields]] = {}
    for number, value in enumerate(document.items("annotations")):
        entry = Fields(value, f"annotation {number}")
        if labels.get(entry.integer("category_id")) != DROP:
            found.setdefault(entry.integer("image_id"), []).append(entry)
    return found


def _read_image(folder: Path, name: str) -> tuple[bytes, NDArray[np.uint8]]:
    for path in (folder / name, folder / "images" / name):
        if path.is_file():
            if not path.resolve().is_relative_to(folder.resolve()):
                raise AnnotationError("is a link that leaves the folder")
            if path.stat().st_size > ImageLimits().max_bytes:
                raise AnnotationError(f"is larger than {ImageLimits().max_bytes} bytes")
            try:
                data = path.read_bytes()
            except OSError as error:
                raise AnnotationError(f"cannot be read ({error.strerror})") from error
            return data, decode(data)
    raise AnnotationError("the file is missing")


def _record(entry: Fields, name: str, data: bytes, image_rgb: NDArray[np.uint8], options: ImportOptions) -> ImageRecord:
    height, width = image_rgb.shape[:2]
    for key, actual in (("width", width), ("height", height)):
        if key in entry and entry.integer(key) != actual:
            raise AnnotationError(f"is {width} x {height} pixels, the record says {key} {entry.integer(key)}")
    digest = sha256_of(data)
    grey = bool((image_rgb == image_rgb[:, :, :1]).all())
    parcel = next((entry.text(key) for key in ("parcel_id", "scan_id") if key in entry), name)
    return ImageRecord(
        file_name=_stored_name(name, digest),
        width=width,
        height=height,
        sha256=digest,
        parcel_id=parcel,
        split=cast("Split", _known(entry, "split", SPLITS) or "train"),
        view=entry.text("view", "unknown"),
        scanner=entry.text("scanner", "unknown"),
        source=entry.text("source", options.name),
        licence=options.licence,
        energy=cast("Energy", _known(entry, "energy", ("dual", "single")) or ("single" if grey else "dual")),
        output=cast("Output", _known(entry, "output", ("colour", "grey")) or ("grey" if grey else "colour")),
        recipe=entry.text("recipe") if "recipe" in entry else None,
        seed=entry.integer("seed", 0, 2**64) if "seed" in entry else None,
    )


def _known(entry: Fields, key: str, values: tuple[str, ...]) -> str | None:
    """Return the value if it is one of ours: the review desk writes "unknown" where it does not know."""
    return next((value for value in values if value == entry.raw(key)), None)


def _stored_name(name: str, digest: str) -> str:
    """Return a plain name that no other content has, so that two folders of one export cannot overwrite each other."""
    path = PurePosixPath(name)
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", path.stem)[:60]
    suffix = re.sub(r"[^A-Za-z0-9.]+", "", path.suffix.lower())[:8]
    return f"{stem}-{digest[:12]}{suffix}"


def _read_mark(
    entry: Fields, labels: Mapping[int, str], record: ImageRecord, problems: list[Problem], name: str
) -> Annotation:
    mark = read_annotation(entry, labels)
    x0, y0, x1, y1 = mark.xyxy
    clipped = max(x0, 0.0), max(y0, 0.0), min(x1, float(record.width)), min(y1, float(record.height))
    if clipped[0] >= clipped[2] or clipped[1] >= clipped[3]:
        raise AnnotationError(f"{entry.where}: the box {mark.xyxy} is outside the image")
    overhang = max(abs(old - new) for old, new in zip(mark.xyxy, clipped, strict=True))
    if overhang > _OVERHANG_PX:
        problems.append(
            Problem(name, f"{entry.where}: the box reached {overhang:.1f} px over the border", warning=True)
        )
    return replace(mark, xyxy=clipped)
