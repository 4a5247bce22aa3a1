"""Export of a catalogue to the layouts of other tools, to train elsewhere or to hand annotations on."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from datasets.catalogue import Catalogue
from datasets.errors import CatalogueError
from datasets.formats.layouts import WRITERS
from datasets.hashing import sha256_of_file
from datasets.records import ImageRecord
from datasets.samples import Annotation
from datasets.sidecar import read_sidecar, write_sidecar

__all__ = ["export_catalogue"]

_RESULTS: Final = {"coco": "annotations", "voc": ".", "yolo": "data.yaml"}
_FOLDERS: Final = ("images", "labels", "annotations", "JPEGImages", "Annotations", "ImageSets")


def export_catalogue(
    catalogue: Catalogue,
    layout: str,
    out: Path | str,
    *,
    min_visibility: float = 0.0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a catalogue in another layout and return what to give to the tool that reads it.

    Images are hard links, or symbolic links where the file system has no hard ones between the two places. An export
    of the same version that is already there is kept as it is; another, or one that was interrupted, is replaced.

    Args:
        catalogue: what to write.
        layout: a key of `datasets.formats.layouts.WRITERS`.
        out: a folder that is new, empty, or an earlier export.
        min_visibility: annotations below it are left out.
        on_progress: called with images done and images in all.

    Raises:
        CatalogueError: `out` holds something else, or an image is missing.
    """
    out = Path(out)
    what = f"{layout} {catalogue.version} min_visibility {min_visibility:g}"
    earlier = read_sidecar(out)
    if earlier is None and out.exists() and any(out.iterdir()):
        raise CatalogueError(f"{out}: is not empty and not an earlier export; choose another folder")

    def kept(record: ImageRecord) -> Sequence[Annotation]:
        return [mark for mark in catalogue.annotations_of(record) if mark.visibility >= min_visibility]

    done = out / _RESULTS[layout]
    if earlier is not None and earlier.complete and earlier.what == what:
        return done
    out.mkdir(parents=True, exist_ok=True)
    # From here on the folder is known as ours, so that an export that was interrupted can be made again.
    write_sidecar(out, catalogue, what)
    for name in _FOLDERS:
        shutil.rmtree(out / name, ignore_errors=True)
    (out / "data.yaml").unlink(missing_ok=True)
    images = {}
    for number, (record, path) in enumerate(WRITERS[layout](catalogue, out, kept), start=1):
        same = path.suffix == Path(record.file_name).suffix
        images[record.sha256 if same else sha256_of_file(path)] = record
        if on_progress is not None:
            on_progress(number, len(catalogue.records))
    write_sidecar(out, catalogue, what, images)
    return done
