"""`parcelray.json`: what an export says of itself and of its images, for which other layouts have no place.

It keeps a research-only catalogue research-only, rendered images rendered, and the views of one parcel together when
an export is imported again. Images are known by their SHA-256, so files may be renamed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, cast

from datasets.catalogue import Catalogue, write_atomically
from datasets.errors import AnnotationError, CatalogueError
from datasets.fields import Fields, parse_json
from datasets.formats.entries import DOCUMENT_BYTES, read_inside
from datasets.records import ImageRecord, SourceKind

__all__ = ["SIDECAR", "Sidecar", "read_sidecar", "write_sidecar"]

SIDECAR: Final = "parcelray.json"
_FORMAT: Final = 1
# These are the exported file's own.
_LEFT_OUT: Final = ("file_name", "width", "height", "sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """What an export says of itself.

    Attributes:
        what: layout, catalogue version and smallest visibility; the same again is the same export.
        complete: the export was not interrupted.
        name: of the catalogue.
        licence: of the catalogue.
        source_kind: of the catalogue.
        research_only: of the catalogue.
        images: SHA-256 -> fields of the record.
    """

    what: str
    complete: bool
    name: str
    licence: str
    source_kind: SourceKind
    research_only: bool
    images: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def write_sidecar(out: Path, catalogue: Catalogue, what: str, images: Mapping[str, ImageRecord] | None = None) -> None:
    """Write `out/parcelray.json`: with the records by the exported file's hash when all is there, without before."""
    info = catalogue.info
    head = {
        "parcelray_export": _FORMAT,
        "what": what,
        "complete": images is not None,
        "name": info.name,
        "licence": info.licence,
        "source_kind": info.source_kind,
        "research_only": info.research_only,
        "images": {digest: _kept(record) for digest, record in (images or {}).items()},
    }
    write_atomically(out / SIDECAR, (json.dumps(head, ensure_ascii=False, indent=1) + "\n").encode())


def read_sidecar(root: Path) -> Sidecar | None:
    """Return what the export in a folder says of itself; None where it says nothing.

    Raises:
        CatalogueError: it is damaged. It may say that the images are for research only, so it is not passed over.
    """
    path = root / SIDECAR
    if not path.exists() and not path.is_symlink():
        return None
    try:
        head = parse_json(read_inside(root, path, DOCUMENT_BYTES), SIDECAR)
        if head.integer("parcelray_export") != _FORMAT:
            raise AnnotationError(f"is of format {head.integer('parcelray_export')}, this software reads {_FORMAT}")
        images = Fields(head.raw("images"), f"{SIDECAR} images")
        listed = cast("Mapping[str, object]", head.raw("images"))
        return Sidecar(
            what=head.text("what"),
            complete=head.boolean("complete"),
            name=head.text("name"),
            licence=head.text("licence"),
            source_kind=cast("SourceKind", head.text("source_kind")),
            research_only=head.boolean("research_only"),
            images={key: _object(images, key) for key in listed},
        )
    except CatalogueError as error:
        raise CatalogueError(f"{path}: {error}; export again, or restore it") from error


def _object(images: Fields, key: str) -> Mapping[str, object]:
    value = images.raw(key)
    if not isinstance(value, dict):
        raise AnnotationError(f"expected a JSON object for image {key[:64]!r}")
    return value


def _kept(record: ImageRecord) -> dict[str, object]:
    return {key: value for key, value in asdict(record).items() if value is not None and key not in _LEFT_OUT}
