"""What the reader of a foreign layout hands over, and how it opens files that may be damaged or hostile."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from datasets.coco import Problem
from datasets.encoding import encode_png
from datasets.errors import AnnotationError, CatalogueError
from datasets.records import ImageRecord
from datasets.samples import Annotation
from detector.errors import ImageError
from detector.images import decode

__all__ = [
    "ANNOTATION_BYTES",
    "DOCUMENT_BYTES",
    "Found",
    "Mark",
    "Reader",
    "boxed",
    "finite",
    "flat_name",
    "image_paths",
    "in_order",
    "name_below",
    "need_folder",
    "orphans",
    "place_image",
    "read_inside",
    "unreadable",
]

# One image's annotation, and the document of a whole set (PIDray's is about 100 MB with its masks).
ANNOTATION_BYTES: Final = 4 << 20
DOCUMENT_BYTES: Final = 1 << 30
_RAW: Final = (".tif", ".tiff")
_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})


@dataclass(frozen=True, slots=True)
class Mark:
    """One object as the foreign annotation states it.

    Attributes:
        label: as it is called there; empty where it cannot be told.
        seen: the rest, unchecked, in pixels or in shares of the image where `Found.relative`; its label does not
            count. None where there is no usable box.
        fault: why there is none.
    """

    label: str
    seen: Annotation | None
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One image that a reader found; the file has not been opened.

    Attributes:
        name: its path below the imported folder, for messages and as the parcel's id where nothing else is one.
        path: the image file.
        marks: what is annotated in it.
        relative: the boxes are shares of the image.
        about: values of `ImageRecord` that the layout knows, and the size that it states; they are checked later.
    """

    name: str
    path: Path
    marks: tuple[Mark, ...] = ()
    relative: bool = False
    about: Mapping[str, object] = field(default_factory=dict)


Reader = Callable[[Path], Iterator[Found | Problem]]


def boxed(label: str, corners: tuple[float, float, float, float], attributes: tuple[str, ...] = ()) -> Mark:
    """Return the mark of an object with a box between two opposite corners (x0, y0, x1, y1), given in any order."""
    x0, y0, x1, y1 = corners
    left, top, right, bottom = min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)
    area = (right - left) * (bottom - top)
    return Mark(label, Annotation(label, (left, top, right, bottom), attributes, area=area))


def unreadable(label: str, error: Exception) -> Mark:
    """Return the mark of an object whose box cannot be used."""
    return Mark(label, None, fault=str(error))


def finite(text: str | None, where: str) -> float:
    """Return the number that a text spells.

    Raises:
        AnnotationError: it is not a finite number.
    """
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise AnnotationError(f"{where}: expected a number, got {(text or '')[:80]!r}")
    return value


def name_below(root: Path, path: Path) -> str:
    """Return a path relative to the imported folder, safe to print whatever the file is called."""
    name = path.relative_to(root).as_posix().encode("utf-8", "backslashreplace").decode()
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in name)


def need_folder(source: Path, layout: str) -> Path:
    """Return the folder to import.

    Raises:
        CatalogueError: it is not a folder.
    """
    if not source.is_dir():
        raise CatalogueError(f"{source}: is not a folder; name the unpacked {layout} folder")
    return source


def read_inside(root: Path, path: Path, max_bytes: int) -> bytes:
    """Return the bytes of a file of the imported folder.

    Raises:
        AnnotationError: it is missing, not a plain file, a link that leaves the folder, larger than `max_bytes`, or
            cannot be read.
    """
    try:
        if not path.resolve().is_relative_to(root.resolve()):
            raise AnnotationError("is a link that leaves the folder")
        if not path.is_file():
            raise AnnotationError("the file is missing")
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except (OSError, RuntimeError, ValueError) as error:  # also a link to itself, and a name with a zero byte
        raise AnnotationError(f"cannot be read ({error})") from error
    if len(data) > max_bytes:
        raise AnnotationError(f"is larger than {max_bytes} bytes")
    return data


def orphans(root: Path, files: Iterable[Path], used: Collection[Path]) -> Iterator[Problem]:
    """Yield a problem for each annotation file whose image is not there."""
    for file in files:
        if file not in used:
            yield Problem(
                name_below(root, file), "left out: its image is missing; restore the image or remove this file"
            )


def image_paths(folder: Path) -> list[Path]:
    """Return the image files below a folder in order; links to other folders are not followed."""
    return in_order(folder, _SUFFIXES)


def in_order(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """Return the files below a folder that end like this, in order; links to other folders are not followed."""
    return sorted(
        Path(where) / name
        for where, _, names in os.walk(folder)
        for name in names
        if os.path.splitext(name)[1].lower() in suffixes  # noqa: PTH122 - a set may hold a million files
    )


def flat_name(record: ImageRecord) -> str:
    """Return the name of an image in an export that has no folders for it, a PNG in place of a TIFF."""
    path = PurePosixPath(record.file_name.replace("/", "__"))
    return str(path.with_suffix(".png") if path.suffix.lower() in _RAW else path)


def place_image(source: Path, target: Path) -> None:
    """Put an image of a catalogue into an export.

    It is a hard link, or a symbolic one where there is no hard one. A TIFF that is to become a PNG is written as the
    detector sees it, because other readers do not know raw dual energy.

    Raises:
        CatalogueError: the image is missing or damaged, or another one of the export has the same name.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if source.suffix.lower() in _RAW and target.suffix == ".png":
            target.write_bytes(encode_png(decode(source.read_bytes())))
            return
        if not source.is_file():
            raise FileNotFoundError(2, "is missing")
    except (OSError, ImageError) as error:
        raise CatalogueError(f"{source}: {error}; run 'parcelray catalogue check'") from error
    try:
        os.link(source, target)
    except FileExistsError:
        raise CatalogueError(f"{target.name}: two images of the catalogue would get this name in the export") from None
    except OSError:
        target.symlink_to(source.resolve())
