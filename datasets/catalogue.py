"""A catalogue: a folder of images with COCO annotations and provenance, split by parcel, versioned by its content.

    catalogue.json                      name, licence, source kind, version, counts, hashes of the annotation files
    images/...                          the image files
    annotations/{train,val,test}.json   COCO

`catalogue.json` is replaced last and names the hash of every annotation file: until then the old version is whole,
and from then on the new one is, even if the process dies before the annotation files have got their final names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


from datasets.records import ImageRecord, SourceKind, Split
from datasets.samples import Annotation

__all__ = ["Catalogue", "CatalogueInfo", "write_catalogue"]


@dataclass(frozen=True, slots=True)
class CatalogueInfo:
    """What is true of a catalogue as a whole.

    Attributes:
        name: a short name for people.
        licence: SPDX identifier or a plain name.
        source_kind: "rendered", "real" or "imported".
        research_only: its images may not be trained on without the user's word, nor leave the machine.
        created_by: software and version.
    """

    name: str
    licence: str
    source_kind: SourceKind
    research_only: bool = False
    created_by: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """A loaded catalogue; pixels stay on disk.

    Attributes:
        folder: where it lies.
        info: what is true of it as a whole.
        version: 64 hex digits over the content.
        records: all images, by split and file name.
    """

    folder: Path
    info: CatalogueInfo
    version: str
    records: tuple[ImageRecord, ...]
    _annotations: dict[str, tuple[Annotation, ...]]

    @classmethod
    def load(cls, folder: Path | str) -> Catalogue:
        """Read a catalogue's records."""
        raise NotImplementedError

    def images(self, split: Split | None = None) -> tuple[ImageRecord, ...]:
        """Return the images of one split, or of all."""
        return tuple(record for record in self.records if split in {None, record.split})

    def annotations_of(self, image: ImageRecord) -> tuple[Annotation, ...]:
        """Return the annotations of one image."""
        return self._annotations[image.file_name]

    def path_of(self, image: ImageRecord) -> Path:
        """Return where the image file lies."""
        return self.folder / "images" / image.file_name


def write_catalogue(
    folder: Path | str,
    items: Iterable[tuple[ImageRecord, Sequence[Annotation]]],
    info: CatalogueInfo,
) -> Catalogue:
    """Write the records of images that already lie in `folder/images`, replacing an earlier version atomically.

    The images are not opened: `ImageRecord.sha256`, `width` and `height` are taken as they are.

    Raises:
        AnnotationError: a record or an annotation is not valid, or two records share a file name.
        CatalogueError: images of one parcel are in more than one split.
    """
    raise NotImplementedError
