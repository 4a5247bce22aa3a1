"""Merging catalogues into a new one, in which every image still says where it came from and what may be done with it.

An image that several catalogues hold is taken once. Its parcel is then one parcel, whatever the catalogues called it,
and so are parcels of the same id from the same source; parcels that only share an id get ids of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from datasets.catalogue import Catalogue, CatalogueInfo, write_atomically, write_catalogue
from datasets.errors import CatalogueError
from datasets.hashing import sha256_of
from datasets.records import SOURCE_KINDS, ImageRecord, Split
from datasets.samples import Annotation

__all__ = ["Duplicate", "Merged", "copy_image", "merge_catalogues"]

# An image that was kept for a test in one catalogue must not be trained on because of another.
_STRICTEST_FIRST: Final[tuple[Split, ...]] = ("test", "val", "train")
_Key = tuple[int, str]  # number of the catalogue, parcel id in it


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An image that was left out because the merged catalogue holds it already.

    Attributes:
        left_out: folder of its catalogue and file name.
        kept: file name in the merged catalogue.
        same_annotations: False where the two do not agree on what is in the image; those that were kept first count.
    """

    left_out: str
    kept: str
    same_annotations: bool

    def __str__(self) -> str:
        disagree = "" if self.same_annotations else "; their annotations differ, those of the kept one count"
        return f"{self.left_out}: is the same image as {self.kept}, left out{disagree}"


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged catalogue and what merging did to the parts.

    Attributes:
        catalogue: the new one.
        duplicates: images left out.
        renamed: parcel ids that were taken, with their new ones.
        moved: parcels of several splits, with the one they are all in now.
    """

    catalogue: Catalogue
    duplicates: tuple[Duplicate, ...]
    renamed: tuple[tuple[str, str], ...]
    moved: tuple[tuple[str, Split], ...]


def merge_catalogues(
    out: Path | str,
    parts: Sequence[Catalogue],
    *,
    name: str = "",
    on_progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> Merged:
    """Copy the images of several catalogues into a new one.

    Args:
        out: folder of the new catalogue.
        parts: what to merge; where two hold one image, the annotations of the first count.
        name: of the new catalogue; the names of the parts where it is left empty.
        on_progress: called with images done and images in all.

    Raises:
        CatalogueError: `out` is a catalogue already, fewer than two parts, or an image is missing or was changed.
    """
    out = Path(out)
    if (out / "catalogue.json").exists():
        raise CatalogueError(f"{out}: is a catalogue already; choose another folder")
    if len(parts) < 2:
        raise CatalogueError(f"expected at least two catalogues to merge, got {len(parts)}")
    parcels, renamed = _new_parcel_ids(parts)
    folders = _folder_names(parts)
    items: list[tuple[ImageRecord, tuple[Annotation, ...]]] = []
    kept: dict[str, tuple[ImageRecord, tuple[Annotation, ...]]] = {}
    duplicates = []
    splits: dict[str, set[Split]] = {}
    total, done = sum(len(part.records) for part in parts), 0
    for number, part in enumerate(parts):
        for record, marks in part.items():
            parcel = parcels[number, record.parcel_id]
            splits.setdefault(parcel, set()).add(record.split)
            if record.sha256 in kept:
                first, first_marks = kept[record.sha256]
                same = _unordered(first_marks) == _unordered(marks)
                duplicates.append(Duplicate(str(part.path_of(record)), first.file_name, same))
            else:
                new = _taken_over(part, record, f"{folders[number]}/{record.file_name}", parcel)
                copy_image(part.path_of(record), out / "images" / new.file_name, record)
                kept[record.sha256] = (new, marks)
                items.append((new, marks))
            done += 1
            on_progress(done, total)
    split_of = {parcel: next(one for one in _STRICTEST_FIRST if one in found) for parcel, found in splits.items()}
    items = [(replace(record, split=split_of[record.parcel_id]), marks) for record, marks in items]
    moved = tuple((parcel, split_of[parcel]) for parcel, found in sorted(splits.items()) if len(found) > 1)
    catalogue = write_catalogue(out, items, _info(parts, items, name))
    return Merged(catalogue, tuple(duplicates), renamed, moved)


def _info(
    parts: Sequence[Catalogue], items: Sequence[tuple[ImageRecord, tuple[Annotation, ...]]], name: str
) -> CatalogueInfo:
    kinds = [kind for kind in SOURCE_KINDS if any(record.source_kind == kind for record, _ in items)]
    licences = list(dict.fromkeys(part.info.licence for part in parts))
    return CatalogueInfo(
        name=name or " + ".join(dict.fromkeys(part.info.name for part in parts)),
        licence=" AND ".join(licences),
        source_kind=kinds[0] if len(kinds) == 1 else "mixed",
        research_only=any(record.research_only for record, _ in items),
    )


def _taken_over(part: Catalogue, record: ImageRecord, file_name: str, parcel: str) -> ImageRecord:
    kind = part.source_kind_of(record)
    if kind == "mixed":
        raise CatalogueError(f"{part.path_of(record)}: does not say whether it is rendered or real")
    return replace(
        record, file_name=file_name, parcel_id=parcel, source_kind=kind, research_only=part.is_research_only(record)
    )


def copy_image(source: Path, target: Path, record: ImageRecord) -> None:
    """Copy an image whose bytes are still those that its record names.

    Raises:
        CatalogueError: it is missing or was changed.
    """
    try:
        data = source.read_bytes()
    except OSError as error:
        raise CatalogueError(f"{source}: cannot be read ({error.strerror}); run 'parcelray catalogue check'") from error
    if sha256_of(data) != record.sha256:
        raise CatalogueError(f"{source}: was changed: its SHA-256 is not the recorded one; restore it")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, data)


def _new_parcel_ids(parts: Sequence[Catalogue]) -> tuple[dict[_Key, str], tuple[tuple[str, str], ...]]:
    """Return the parcel's id in the merged catalogue for each (part, id there), and which ids had to be changed."""
    first_of: dict[tuple[str, str], _Key] = {}
    leader: dict[_Key, _Key] = {}

    def lead(key: _Key) -> _Key:
        while leader.setdefault(key, key) != key:
            key = leader[key]
        return key

    sources: dict[_Key, str] = {}
    for number, part in enumerate(parts):
        for record in part.records:
            key = (number, record.parcel_id)
            sources.setdefault(key, record.source)
            for evidence in (("image", record.sha256), (f"source {record.source}", record.parcel_id)):
                leader[lead(key)] = lead(first_of.setdefault(evidence, key))
    ids: dict[_Key, str] = {}
    taken: set[str] = set()
    renamed = []
    for key in leader:
        head = lead(key)
        if head not in ids:
            ids[head] = wanted = head[1]
            number = 1
            while ids[head] in taken:
                ids[head] = f"{sources[head]}:{wanted}" + (f":{number}" if number > 1 else "")
                number += 1
            taken.add(ids[head])
            if ids[head] != wanted:
                renamed.append((str(parts[head[0]].folder / wanted), ids[head]))
    return {key: ids[lead(key)] for key in leader}, tuple(renamed)


def _folder_names(parts: Sequence[Catalogue]) -> list[str]:
    """Return a plain folder name for the images of each part, all different."""
    names: list[str] = []
    for number, part in enumerate(parts, start=1):
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", part.info.name)[:60].strip("_") or "part"
        names.append(f"{number}-{name}")
    return names


def _unordered(marks: Sequence[Annotation]) -> list[str]:
    return sorted(map(repr, marks))
