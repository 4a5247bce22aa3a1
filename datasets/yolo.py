"""YOLO layout: the folders and label files that ultralytics trains from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from datasets.catalogue import Catalogue, write_atomically
from datasets.encoding import encode_png
from datasets.errors import AnnotationError, CatalogueError, UnknownLabelError
from datasets.records import SPLITS
from datasets.samples import Annotation
from detector.errors import ImageError
from detector.images import decode
from detector.taxonomy import LABELS

__all__ = ["read_labels", "to_yolo", "write_labels"]

_MARK: Final = "# ParcelRay catalogue"


def to_yolo(catalogue: Catalogue, out: Path | str, *, min_visibility: float = 0.0) -> Path:
    """Write `out/{images,labels}/{train,val,test}/` and return the path of `out/data.yaml`.

    Images are hard links, or symbolic links where the file system has no hard ones between the two places; a TIFF
    becomes a PNG of what the detector sees of it, because other readers do not know raw dual energy. An export
    of the same version that is already there is kept as it is; one of another version is replaced.

    Args:
        catalogue: what to write.
        out: a folder that is new, empty, or an earlier export.
        min_visibility: annotations below it are left out.

    Raises:
        CatalogueError: `out` holds something else, or an image is missing.
    """
    out = Path(out)
    path = out / "data.yaml"
    first_line = f"{_MARK} {catalogue.version} min_visibility {min_visibility:g}"
    earlier = path.read_text("utf-8").split("\n", 1)[0] if path.is_file() else ""
    if earlier == first_line:
        return path
    if out.exists() and any(out.iterdir()) and not earlier.startswith(_MARK):
        raise CatalogueError(f"{out}: is not empty and not an earlier export; choose another folder")
    for folder in ("images", "labels"):
        shutil.rmtree(out / folder, ignore_errors=True)
    for split in SPLITS:
        images, labels = out / "images" / split, out / "labels" / split
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        for record in catalogue.images(split):
            # Flat names: ultralytics finds a label by replacing the last "/images/" of a path.
            name = record.file_name.replace("/", "__")
            label_file = (labels / name).with_suffix(".txt")
            if label_file.exists():
                raise CatalogueError(f"{record.file_name}: another image has the same name but for '/' or its ending")
            _place(catalogue.path_of(record), images / name)
            kept = [mark for mark in catalogue.annotations_of(record) if mark.visibility >= min_visibility]
            label_file.write_text(write_labels(kept, record.width, record.height), "utf-8")
    names = "\n".join(f"  {number}: {label}" for number, label in enumerate(LABELS))
    folders = "\n".join(f"{split}: images/{split}" for split in SPLITS)
    write_atomically(path, f"{first_line}\n{folders}\nnames:\n{names}\n".encode())
    return path


def write_labels(annotations: Sequence[Annotation], width: int, height: int) -> str:
    """Return one line an annotation: class, centre x, centre y, width, height, all as shares of the image."""
    lines = []
    for mark in annotations:
        x0, y0, x1, y1 = mark.xyxy
        shares = ((x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height)
        lines.append(" ".join([str(LABELS.index(mark.label)), *(f"{share:.9f}" for share in shares)]))
    return "".join(f"{line}\n" for line in lines)


def read_labels(text: str, width: int, height: int, names: Sequence[str] = LABELS) -> list[Annotation]:
    """Return the annotations of one label file; attributes and visibility are not in that format.

    Raises:
        AnnotationError: a line is not a class and four numbers, or the class has no name.
        UnknownLabelError: the name is not in the taxonomy.
    """
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        try:
            index = int(words[0])
            centre_x, centre_y, wide, high = (float(word) for word in words[1:])
        except ValueError:
            raise AnnotationError(f"line {number}: expected a class and four numbers, got {line[:80]!r}") from None
        if not 0 <= index < len(names):
            raise AnnotationError(f"line {number}: class {index} has no name; names end at {len(names) - 1}")
        if names[index] not in LABELS:
            raise UnknownLabelError(f"line {number}: unknown label {names[index]!r}; known: {', '.join(LABELS)}")
        if not (0 < wide <= 2 and 0 < high <= 2 and -1 <= centre_x <= 2 and -1 <= centre_y <= 2):
            raise AnnotationError(f"line {number}: expected shares of the image, got {line[:80]!r}")
        x0, y0 = (centre_x - wide / 2) * width, (centre_y - high / 2) * height
        box = (x0, y0, x0 + wide * width, y0 + high * height)
        found.append(Annotation(names[index], box, area=wide * width * high * height))
    return found


def _place(source: Path, target: Path) -> None:
    if not source.is_file():
        raise CatalogueError(f"{source}: is missing; run 'parcelray catalogue check'")
    if target.suffix.lower() in {".tif", ".tiff"}:
        try:
            target.with_suffix(".png").write_bytes(encode_png(decode(source.read_bytes())))
        except ImageError as error:
            raise CatalogueError(f"{source}: {error}; run 'parcelray catalogue check'") from error
        return
    try:
        os.link(source, target)
    except OSError:
        target.symlink_to(source.resolve())
