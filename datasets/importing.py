"""Import of the images and annotations of others as a catalogue of one's own, whatever layout they come in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from datasets.catalogue import Catalogue, CatalogueInfo, write_atomically, write_catalogue
from datasets.coco import Problem, normalised, read_record
from datasets.errors import AnnotationError, CatalogueError
from datasets.fields import Fields
from datasets.formats.entries import Found, read_inside
from datasets.formats.layouts import LAYOUTS, Layout
from datasets.hashing import sha256_of
from datasets.mapping import Target, resolve
from datasets.records import SPLITS, Energy, ImageRecord, Output, SourceKind, Split
from datasets.samples import Annotation
from datasets.sidecar import Sidecar, read_sidecar
from datasets.split import split_records
from detector.errors import ImageError
from detector.images import ImageLimits, decode

__all__ = ["ImportOptions", "import_images"]

# Boxes of other tools often reach a pixel over the border; more than this is said.
_OVERHANG_PX: Final = 1.0
# An object whose label cannot be told keeps its image out.
_UNKNOWN: Final = Target("")
_Item = tuple[ImageRecord, tuple[Annotation, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What the user says about the images that are imported.

    Attributes:
        licence: SPDX identifier or a plain name; may be empty for a published set, whose terms are known.
        name: of the catalogue; the folder's name where it is left empty.
        source_kind: "real" for one's own scans; None for what an export says of itself, or "imported".
        research_only: the images may not be trained on without the user's word; None for what is known of the set.
        mapping: label there -> our label, with attributes such as "handgun+printed", or "none" to leave it out.
        shares: of train, val and test where the images do not say their split.
        seed: of that split.
        replace: `out` may be a catalogue already; the new version takes its place when it is whole.
    """

    licence: str = ""
    name: str = ""
    source_kind: SourceKind | None = None
    research_only: bool | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    shares: Sequence[float] = (0.8, 0.1, 0.1)
    seed: int = 0
    replace: bool = False


def import_images(
    layout: str,
    source: Path | str,
    out: Path | str,
    options: ImportOptions,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[Catalogue, list[Problem]]:
    """Copy images into a new catalogue and return it with a list of what was left out or changed.

    An image that cannot be read, or one of whose annotations is wrong, is left out: a missing box would teach a model
    that there is nothing. Images that come with a train and a test split but no val give part of train to val.

    An import that is interrupted leaves no catalogue, or the old one as it was, and can be run again.

    Args:
        layout: a key of `datasets.formats.layouts.LAYOUTS`.
        source: the unpacked folder, or for COCO its document.
        out: folder of the catalogue.
        options: what the user says of the images.
        on_progress: called with images done and images in all.

    Raises:
        UnknownLabelError: a label is not ours and not mapped.
        CatalogueError: it is not that layout, nothing in it is usable, its licence is not known, or `out` may not be
            written.
    """
    source, out = Path(source), Path(out)
    root = source.parent if source.is_file() else source
    old = _old_version(out, source, options)
    sidecar = read_sidecar(root)
    if sidecar is not None and not sidecar.complete:
        raise CatalogueError(f"{root}: this export was interrupted; run it again before importing it")
    info = _info(LAYOUTS[layout], sidecar, options, source)
    found: list[Found] = []
    problems: list[Problem] = []
    for one in LAYOUTS[layout].read(source):
        if isinstance(one, Found):
            found.append(one)
        else:
            problems.append(one)
    used = {mark.label for one in found for mark in one.marks if mark.label}
    targets = resolve(used, options.mapping, LAYOUTS[layout].mapping)
    taken = _Taken(root, out, _Settled(info, targets, sidecar.images if sidecar else {}), problems)
    for number, one in enumerate(found, start=1):
        taken.add(one)
        if on_progress is not None:
            on_progress(number, len(found))
    if not taken.items:
        listed = "; ".join(str(problem) for problem in problems[:3])
        raise CatalogueError(f"{source}: no image is usable ({listed or 'there are none'})")
    records = _split(taken, options)
    items = [(record, marks) for record, (_, marks) in zip(records, taken.items, strict=True)]
    catalogue = write_catalogue(out, items, info)
    _sweep(catalogue, old)
    return catalogue, problems


@dataclass(frozen=True, slots=True)
class _Settled:
    """What is known before the first image is opened: the catalogue's info, the labels, records of an own export."""

    info: CatalogueInfo
    targets: Mapping[str, Target]
    own_records: Mapping[str, Mapping[str, object]]


class _Taken:
    """The images taken so far, already in the catalogue's folder."""

    def __init__(self, root: Path, out: Path, settled: _Settled, problems: list[Problem]) -> None:
        self.items: list[_Item] = []
        self.without_split = 0
        self._root, self._images, self._settled, self._problems = root, out / "images", settled, problems
        self._name_of: dict[str, str] = {}

    def add(self, found: Found) -> None:
        """Take one image, or list why not."""
        try:
            data = read_inside(self._root, found.path, ImageLimits().max_bytes)
            image_rgb = decode(data)
            digest = sha256_of(data)
            own = self._settled.own_records.get(digest, {})
            entry = Fields({**found.about, **own}, found.name)
            record = _record(entry, found.name, digest, image_rgb, self._settled.info)
            if own:
                record = _own_record(own, record)
            marks = tuple(self._annotations(found, record))
            first = self._name_of.get(digest)
            if first is not None:
                raise AnnotationError(f"is the same image as {first}")
        except (CatalogueError, ImageError) as error:
            self._problems.append(Problem(found.name, f"left out: {error}"))
            return
        target = self._images / record.file_name
        # The name holds the content's hash: a file that is there is this image, unless a writer died in the middle.
        if not target.is_file() or target.read_bytes() != data:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(target, data)
        self._name_of[digest] = found.name
        self.items.append((record, marks))
        self.without_split += entry.raw("split") not in SPLITS

    def _annotations(self, found: Found, record: ImageRecord) -> Iterable[Annotation]:
        for number, mark in enumerate(found.marks):
            target = self._settled.targets.get(mark.label, _UNKNOWN)
            if target.label is not None:
                if mark.seen is None:
                    raise AnnotationError(mark.fault)
                annotation = _annotation(mark.seen, target, target.label, record, relative=found.relative)
                whole = normalised(annotation, f"annotation {number}")
                yield self._clipped(whole, record, found.name, f"annotation {number}")

    def _clipped(self, whole: Annotation, record: ImageRecord, name: str, where: str) -> Annotation:
        x0, y0, x1, y1 = whole.xyxy
        clipped = max(x0, 0.0), max(y0, 0.0), min(x1, float(record.width)), min(y1, float(record.height))
        if clipped[0] >= clipped[2] or clipped[1] >= clipped[3]:
            raise AnnotationError(f"{where}: the box {whole.xyxy} is outside the image")
        overhang = max(abs(a - b) for a, b in zip(whole.xyxy, clipped, strict=True))
        if overhang > _OVERHANG_PX:
            reason = f"{where}: the box reached {overhang:.1f} px over the border"
            self._problems.append(Problem(name, reason, warning=True))
        return replace(whole, xyxy=clipped)


def _annotation(seen: Annotation, target: Target, label: str, record: ImageRecord, *, relative: bool) -> Annotation:
    wide, high = (record.width, record.height) if relative else (1, 1)
    x0, y0, x1, y1 = seen.xyxy
    return replace(
        seen,
        label=label,
        xyxy=(x0 * wide, y0 * high, x1 * wide, y1 * high),
        attributes=(*seen.attributes, *target.attributes),
        area=seen.area * wide * high,
    )


def _old_version(out: Path, source: Path, options: ImportOptions) -> Catalogue | None:
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise CatalogueError(f"{out}: lies in the folder that is imported; choose another folder")
    if not (out / "catalogue.json").exists():
        return None
    if not options.replace:
        raise CatalogueError(f"{out}: is a catalogue already; choose another folder, or say --replace")
    return Catalogue.load(out)


def _info(layout: Layout, sidecar: Sidecar | None, options: ImportOptions, source: Path) -> CatalogueInfo:
    licence = options.licence or (sidecar.licence if sidecar else "") or layout.licence
    if not licence:
        raise CatalogueError(
            "the licence of the images is not known; say it with --licence, such as CC-BY-4.0 or 'own'"
        )
    limited = layout.research_only or (sidecar is not None and sidecar.research_only)
    if options.research_only is False and limited and not options.licence:
        raise CatalogueError(
            f"{source}: is for research only ({licence}); name with --licence the terms that give you more"
        )
    return CatalogueInfo(
        name=options.name or (sidecar.name if sidecar else source.resolve().stem),
        licence=licence,
        source_kind=options.source_kind or (sidecar.source_kind if sidecar else "imported"),
        research_only=limited if options.research_only is None else options.research_only,
    )


def _record(entry: Fields, name: str, digest: str, image_rgb: NDArray[np.uint8], info: CatalogueInfo) -> ImageRecord:
    height, width = image_rgb.shape[:2]
    for key, actual in (("width", width), ("height", height)):
        if key in entry and entry.integer(key) != actual:
            raise AnnotationError(f"is {width} x {height} pixels, the record says {key} {entry.integer(key)}")
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
        source=entry.text("source", info.name),
        licence=info.licence,
        energy=cast("Energy", _known(entry, "energy", ("dual", "single")) or ("single" if grey else "dual")),
        output=cast("Output", _known(entry, "output", ("colour", "grey")) or ("grey" if grey else "colour")),
        recipe=entry.text("recipe") if "recipe" in entry else None,
        seed=entry.integer("seed", 0, 2**64) if "seed" in entry else None,
    )


def _own_record(own: Mapping[str, object], record: ImageRecord) -> ImageRecord:
    """Return what our own export says of an image, with the name and size that it has now."""
    now = {key: getattr(record, key) for key in ("file_name", "width", "height", "sha256", "split")}
    return read_record(Fields({"licence": record.licence, **own, **now}, record.file_name), record.split)


def _known(entry: Fields, key: str, values: tuple[str, ...]) -> str | None:
    """Return the value if it is one of ours: the review desk writes "unknown" where it does not know."""
    return next((value for value in values if value == entry.raw(key)), None)


def _stored_name(name: str, digest: str) -> str:
    """Return a plain name that no other content has, so that two folders of one export cannot overwrite each other."""
    path = PurePosixPath(name)
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", path.stem).removesuffix(f"-{digest[:12]}")[:60]
    suffix = re.sub(r"[^A-Za-z0-9.]+", "", path.suffix.lower())[:8]
    return f"{stem}-{digest[:12]}{suffix}"


def _split(taken: _Taken, options: ImportOptions) -> list[ImageRecord]:
    records = [record for record, _ in taken.items]
    if taken.without_split:
        return split_records(records, options.shares, seed=options.seed)
    train, val, _ = options.shares
    if {record.split for record in records} != {"train", "test"} or not val:
        return records
    own = [record for record in records if record.split == "train"]
    share = val / (train + val)
    shared = {one.file_name: one for one in split_records(own, (1 - share, share, 0.0), seed=options.seed)}
    return [shared.get(record.file_name, record) for record in records]


def _sweep(catalogue: Catalogue, old: Catalogue | None) -> None:
    """Remove the images that only the replaced version had, and what a writer that died has left."""
    kept = {record.file_name for record in catalogue.records}
    for record in old.records if old else ():
        if record.file_name not in kept:
            catalogue.path_of(record).unlink(missing_ok=True)
    for leftover in (catalogue.folder / "images").glob(".writing-*"):
        leftover.unlink(missing_ok=True)
