"""A catalogue: a folder of images with COCO annotations and provenance, split by parcel, versioned by its content.

    catalogue.json                      name, licence, source kind, version, counts, hashes of the annotation files
    images/...                          the image files
    annotations/{train,val,test}.json   COCO

`catalogue.json` is replaced last and names the hash of every annotation file: until then the old version is whole,
and from then on the new one is, even if the process dies before the annotation files have got their final names.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self, cast

from datasets.coco import Problem, from_coco, normalised, to_coco
from datasets.errors import AnnotationError, CatalogueError, ResearchOnlyError
from datasets.fields import Fields, parse_json, read_json
from datasets.hashing import content_version, sha256_of
from datasets.records import SOURCE_KINDS, SPLITS, ImageRecord, SourceKind, Split, checked_file_name
from datasets.samples import Annotation
from detector import __version__

__all__ = ["Catalogue", "CatalogueInfo", "read_leniently", "require_trainable", "write_atomically", "write_catalogue"]

_FORMAT: Final = 1
_HEAD: Final = "catalogue.json"
_TEMPORARY: Final = ".writing-"
CatalogueKind = SourceKind | Literal["mixed"]
_KINDS: Final[tuple[str, ...]] = (*SOURCE_KINDS, "mixed")
_Item = tuple[ImageRecord, Sequence[Annotation]]


@dataclass(frozen=True, slots=True)
class CatalogueInfo:
    """What is true of a catalogue as a whole.

    Attributes:
        name: a short name for people.
        licence: SPDX identifier or a plain name.
        source_kind: "rendered", "real", "imported", "composited" (threats rendered into benign
            scans), or "mixed" where each image says its own.
        research_only: images of it may not be trained on without the user's word, nor leave the machine.
        created_by: software and version; ParcelRay's own where it is left empty.
    """

    name: str
    licence: str
    source_kind: CatalogueKind
    research_only: bool = False
    created_by: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """A loaded catalogue; pixels stay on disk.

    Attributes:
        folder: where it lies.
        info: what is true of it as a whole.
        version: 64 hex digits over the content.
        records: all images, split by split, by file name within each.
    """

    folder: Path
    info: CatalogueInfo
    version: str
    records: tuple[ImageRecord, ...]
    _annotations: Mapping[str, tuple[Annotation, ...]]

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read a catalogue's records; the images are not opened.

        Raises:
            CatalogueError: it is not a catalogue, or not the one that its `catalogue.json` describes.
        """
        folder = Path(folder)
        head = _read_head(folder)
        items: list[_Item] = []
        for split in SPLITS:
            items += from_coco(parse_json(_annotation_bytes(folder, head, split), f"annotations/{split}.json"), split)
        _refuse_duplicates(items)
        catalogue = cls(folder, _info(head), content_version(items), *_columns(items))
        if head.text("version") != catalogue.version:
            raise CatalogueError(f"{folder}: the content is not version {head.text('version')[:12]}; restore {_HEAD}")
        return catalogue

    def images(self, split: Split | None = None) -> tuple[ImageRecord, ...]:
        """Return the images of one split, or of all."""
        return tuple(record for record in self.records if split in {None, record.split})

    def source_kind_of(self, image: ImageRecord) -> CatalogueKind:
        """Return whether one image was rendered, is a real scan, or was imported."""
        return image.source_kind or self.info.source_kind

    def one_source_kind(self, split: Split | None = None) -> CatalogueKind:
        """Return the kind of all images of a split, because figures of rendered and real images are never mixed.

        Raises:
            CatalogueError: there are several kinds.
        """
        kinds = sorted({self.source_kind_of(image) for image in self.images(split)})
        if len(kinds) > 1 or kinds == ["mixed"]:
            raise CatalogueError(
                f"{self.folder}: {split or 'it'} holds {' and '.join(kinds)} images, and one figure over both means"
                " nothing; use the catalogues that it was merged from, one at a time"
            )
        return kinds[0] if kinds else self.info.source_kind

    def is_research_only(self, image: ImageRecord) -> bool:
        """Return whether one image may not be trained on without the user's word."""
        return self.info.research_only if image.research_only is None else image.research_only

    def annotations_of(self, image: ImageRecord) -> tuple[Annotation, ...]:
        """Return the annotations of one image."""
        return self._annotations[image.file_name]

    def items(self) -> list[tuple[ImageRecord, tuple[Annotation, ...]]]:
        """Return every image with its annotations, as `write_catalogue` takes them."""
        return [(record, self._annotations[record.file_name]) for record in self.records]

    def path_of(self, image: ImageRecord) -> Path:
        """Return where the image file lies."""
        return self.folder / "images" / image.file_name


def write_catalogue(folder: Path | str, items: Iterable[_Item], info: CatalogueInfo) -> Catalogue:
    """Write the records of images that already lie in `folder/images`, replacing an earlier version atomically.

    The images are not opened: `ImageRecord.sha256`, `width` and `height` are taken as they are.

    Raises:
        AnnotationError: a record or an annotation is not valid, or two records share a file name.
        CatalogueError: images of one parcel are in more than one split, or a field of `info` is not valid.
    """
    folder = Path(folder)
    ordered = [
        (record, tuple(normalised(mark, record.file_name) for mark in marks))
        for record, marks in sorted(items, key=lambda item: (SPLITS.index(item[0].split), item[0].file_name))
    ]
    _refuse_duplicates(ordered)
    _refuse_shared_parcels(ordered)
    version = content_version(ordered)
    by_split = {split: [item for item in ordered if item[0].split == split] for split in SPLITS}
    about = {"name": info.name, "licence": info.licence, "version": version}
    files = {split: to_coco(by_split[split], about) for split in SPLITS}
    head = {
        "format": _FORMAT,
        "name": info.name,
        "created_by": info.created_by or f"parcelray {__version__}",
        "licence": info.licence,
        "source_kind": info.source_kind,
        "research_only": info.research_only,
        "version": version,
        "images": {split: len(by_split[split]) for split in SPLITS},
        "annotations": {split: sum(len(marks) for _, marks in by_split[split]) for split in SPLITS},
        "sha256": {split: sha256_of(files[split]) for split in SPLITS},
    }
    _info(Fields(head, "catalogue info"))
    _refuse_unsaid(ordered, info)
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    (folder / "images").mkdir(exist_ok=True)
    for split, data in files.items():
        write_atomically(_pending(folder, split, sha256_of(data)), data)
    write_atomically(folder / _HEAD, (json.dumps(head, indent=2, ensure_ascii=False) + "\n").encode())
    for split, data in files.items():
        _pending(folder, split, sha256_of(data)).replace(folder / "annotations" / f"{split}.json")
    for leftover in (*(folder / "annotations").glob(".*"), *folder.glob(f"{_TEMPORARY}*")):
        leftover.unlink(missing_ok=True)
    created = CatalogueInfo(info.name, info.licence, info.source_kind, info.research_only, str(head["created_by"]))
    return Catalogue(folder, created, version, *_columns(ordered))


def read_leniently(folder: Path | str) -> tuple[list[_Item], list[Problem]]:
    """Read as much of a catalogue as can be read, and list what cannot.

    Raises:
        CatalogueError: it is not a catalogue at all.
    """
    folder = Path(folder)
    head = _read_head(folder)
    items: list[_Item] = []
    problems: list[Problem] = []
    for split in SPLITS:
        name = f"annotations/{split}.json"
        try:
            data = _annotation_bytes(folder, head, split)
        except CatalogueError as error:
            problems.append(Problem(name, str(error)))
            try:
                data = (folder / name).read_bytes()
            except OSError:
                continue
        try:
            items += from_coco(parse_json(data, name), split, problems)
        except CatalogueError as error:
            problems.append(Problem(name, str(error)))
    if not problems and content_version(items) != head.text("version"):
        problems.append(Problem(_HEAD, f"the content is not version {head.text('version')[:12]}; restore {_HEAD}"))
    return items, problems


def require_trainable(catalogue: Catalogue, *, allow_research_only: bool) -> None:
    """Refuse a research-only catalogue unless the user has stated that he may train on it.

    Raises:
        ResearchOnlyError: it is research-only and `allow_research_only` is False.
    """
    limited = catalogue.info.research_only or any(map(catalogue.is_research_only, catalogue.records))
    if limited and not allow_research_only:
        raise ResearchOnlyError(
            f"{catalogue.folder}: catalogue {catalogue.info.name!r} (licence {catalogue.info.licence}) is for research"
            " only; leave it out, or, if its licence gives you the right, put 'allow_research_only: true' into the run"
        )


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is either the old one or the new one, whatever happens meanwhile."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=_TEMPORARY)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _read_head(folder: Path) -> Fields:
    if not (folder / _HEAD).is_file():
        raise CatalogueError(f"{folder}: has no {_HEAD}; make one with 'parcelray catalogue render' or 'import'")
    head = read_json(folder / _HEAD)
    if (number := head.integer("format")) != _FORMAT:
        raise CatalogueError(f"{folder}: catalogue format {number}, this software reads {_FORMAT}; use a newer version")
    return head


def _info(head: Fields) -> CatalogueInfo:
    kind = cast("CatalogueKind", head.choice("source_kind", _KINDS))
    name, licence = head.text("name"), head.text("licence")
    return CatalogueInfo(name, licence, kind, head.boolean("research_only"), head.text("created_by"))


def _annotation_bytes(folder: Path, head: Fields, split: Split) -> bytes:
    """Return the file that `catalogue.json` means, also where a dead writer has not got to renaming it."""
    expected = Fields(head.raw("sha256"), f"{_HEAD} sha256").text(split)
    path = folder / "annotations" / f"{split}.json"
    for candidate in (path, _pending(folder, split, checked_file_name(expected))):
        try:
            data = candidate.read_bytes()
        except OSError:
            continue
        if sha256_of(data) == expected:
            return data
    what = "was changed after the catalogue was written" if path.exists() else "is missing"
    raise CatalogueError(f"{path}: {what}; restore it, or import the folder again to accept the change")


def _pending(folder: Path, split: Split, sha256: str) -> Path:
    return folder / "annotations" / f".{split}-{sha256[:16]}.json"


def _columns(items: Sequence[_Item]) -> tuple[tuple[ImageRecord, ...], dict[str, tuple[Annotation, ...]]]:
    return tuple(record for record, _ in items), {record.file_name: tuple(marks) for record, marks in items}


def _refuse_duplicates(items: Sequence[_Item]) -> None:
    seen: set[str] = set()
    for record, _ in items:
        if record.file_name in seen:
            raise AnnotationError(f"{record.file_name}: two records have this file name; give every image its own")
        seen.add(record.file_name)


def _refuse_unsaid(items: Sequence[_Item], info: CatalogueInfo) -> None:
    """Refuse a mixed catalogue whose images do not say what they are, and a free one that holds a restricted image."""
    for record, _ in items:
        if info.source_kind == "mixed" and record.source_kind is None:
            raise AnnotationError(f"{record.file_name}: has no source kind, and the catalogue is mixed; set it")
        if info.source_kind not in {"mixed", record.source_kind or info.source_kind}:
            kinds = f"is {record.source_kind}, the catalogue {info.source_kind}"
            raise AnnotationError(f"{record.file_name}: {kinds}; say 'mixed' of the catalogue")
        if record.research_only and not info.research_only:
            raise AnnotationError(f"{record.file_name}: is for research only; so must the catalogue be")


def _refuse_shared_parcels(items: Sequence[_Item]) -> None:
    split_of: dict[str, Split] = {}
    for record, _ in items:
        first = split_of.setdefault(record.parcel_id, record.split)
        if first != record.split:
            raise CatalogueError(
                f"{record.file_name}: parcel {record.parcel_id!r} is in {first!r} and in {record.split!r};"
                " all images of one parcel go into one split"
            )
