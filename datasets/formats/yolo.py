"""YOLO: a data.yaml, folders of images, and a text file of shares for each image, as ultralytics trains from.

Shares are written with nine decimals: on the catalogue's grid of 1/256 pixel every box comes back exact, up to sides
of 100,000 pixels. The format has no place for attributes, visibility and area. An image without a label file is one
without objects: that is the format's convention.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import yaml

from datasets.catalogue import Catalogue, write_atomically
from datasets.coco import Problem
from datasets.errors import AnnotationError, CatalogueError
from datasets.fields import Fields
from datasets.formats.entries import (
    ANNOTATION_BYTES,
    Found,
    Mark,
    boxed,
    finite,
    flat_name,
    image_paths,
    name_below,
    need_folder,
    place_image,
    read_inside,
    unreadable,
)
from datasets.records import SPLITS, ImageRecord
from datasets.samples import Annotation
from detector.taxonomy import LABELS

__all__ = ["read_labels", "read_yolo", "write_labels", "write_yolo"]

_DATA: Final = "data.yaml"
_DEPTH: Final = 8


def read_yolo(source: Path) -> Iterator[Found | Problem]:
    """Yield the images of a folder with a data.yaml.

    Source: the dataset pages of ultralytics, and its rule for paths of Roboflow, which begin with "../" too many.

    Raises:
        CatalogueError: there is no data.yaml, or it names no classes or no folder.
    """
    root = need_folder(source, "YOLO")
    data = _read_data(root)
    names = _names(data)
    splits = [split for split in SPLITS if split in data]
    if not splits:
        raise CatalogueError(f"{root / _DATA}: names none of {', '.join(SPLITS)}; name the folders of the images")
    for split in splits:
        for folder in _folders(root, data, split):
            for path in image_paths(folder):
                label_file = _label_file(path)
                marks: tuple[Mark, ...] = ()
                name = name_below(root, path)
                if label_file.exists() or label_file.is_symlink():
                    try:
                        text = read_inside(root, label_file, ANNOTATION_BYTES).decode("utf-8")
                    except (AnnotationError, UnicodeDecodeError) as error:
                        yield Problem(name, f"left out: {name_below(root, label_file)}: {error}")
                        continue
                    marks = tuple(read_labels(text, names))
                yield Found(name=name, path=path, marks=marks, relative=True, about={"split": split})


def write_yolo(
    catalogue: Catalogue, out: Path, kept: Callable[[ImageRecord], Sequence[Annotation]]
) -> Iterator[tuple[ImageRecord, Path]]:
    """Write `out/{images,labels}/{train,val,test}/` and `out/data.yaml`; yield each image with its file."""
    for split in SPLITS:
        images, labels = out / "images" / split, out / "labels" / split
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        for record in catalogue.images(split):
            # Flat names: ultralytics finds a label by replacing the last "/images/" of a path.
            name = flat_name(record)
            label_file = (labels / name).with_suffix(".txt")
            if label_file.exists():
                raise CatalogueError(f"{record.file_name}: another image has the same name but for '/' or its ending")
            label_file.write_text(write_labels(kept(record), record.width, record.height), "utf-8")
            place_image(catalogue.path_of(record), images / name)
            yield record, images / name
    data: dict[str, object] = {split: f"images/{split}" for split in SPLITS}
    data["names"] = dict(enumerate(LABELS))
    write_atomically(out / _DATA, yaml.safe_dump(data, sort_keys=False).encode())


def write_labels(annotations: Sequence[Annotation], width: int, height: int) -> str:
    """Return one line an annotation: class, centre x, centre y, width, height, all as shares of the image."""
    lines = []
    for mark in annotations:
        x0, y0, x1, y1 = mark.xyxy
        shares = ((x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height)
        lines.append(" ".join([str(LABELS.index(mark.label)), *(f"{share:.9f}" for share in shares)]))
    return "".join(f"{line}\n" for line in lines)


def read_labels(text: str, names: Sequence[str] = LABELS) -> list[Mark]:
    """Return the marks of one label file, their boxes as shares of the image.

    A line that is wrong becomes a mark without a box: what is there is then known not to be known.
    """
    return [
        _read_line(line, f"line {number}", names) for number, line in enumerate(text.splitlines(), 1) if line.strip()
    ]


def _read_line(line: str, where: str, names: Sequence[str]) -> Mark:
    label = ""
    try:
        words = line.split()
        if not words[0].isascii() or not words[0].isdecimal() or int(words[0][:9]) >= len(names):
            raise AnnotationError(f"{where}: class {words[0][:20]!r} has no name; names end at {len(names) - 1}")
        label = names[int(words[0][:9])]
        if len(words) != 5:
            raise AnnotationError(f"{where}: expected a class and four numbers, got {line[:80]!r}")
        centre_x, centre_y, wide, high = (finite(word, where) for word in words[1:])
        if not (0 < wide <= 2 and 0 < high <= 2 and -1 <= centre_x <= 2 and -1 <= centre_y <= 2):
            raise AnnotationError(f"{where}: expected shares of the image, got {line[:80]!r}")
    except AnnotationError as error:
        return unreadable(label, error)
    return boxed(label, (centre_x - wide / 2, centre_y - high / 2, centre_x + wide / 2, centre_y + high / 2))


def _read_data(root: Path) -> Fields:
    try:
        text = read_inside(root, root / _DATA, ANNOTATION_BYTES).decode("utf-8")
        _refuse_bombs(text)
        return Fields(yaml.safe_load(text), _DATA)
    except (AnnotationError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        shown = str(error).splitlines()[0][:200]
        raise CatalogueError(f"{root / _DATA}: {shown}; name the folder that holds the {_DATA}") from error


def _refuse_bombs(text: str) -> None:
    """Refuse aliases, which fill the memory, and deep nesting, which takes hours; no data.yaml has either."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or depth > _DEPTH:
            raise AnnotationError("uses YAML aliases or nests deeply; write the values out")


def _names(data: Fields) -> list[str]:
    value = data.raw("names")
    if isinstance(value, dict):
        if sorted(map(str, value)) != sorted(str(number) for number in range(len(value))):
            raise CatalogueError(f"{_DATA}: expected the classes of 'names' to be numbered 0, 1, 2, ...")
        by_number = {int(key): name for key, name in value.items()}
        value = [by_number[number] for number in range(len(by_number))]
    if not isinstance(value, list) or not value:
        raise CatalogueError(f"{_DATA}: expected 'names' to list the classes")
    return [Fields({"name": name}, f"{_DATA} class {number}").text("name") for number, name in enumerate(value)]


def _folders(root: Path, data: Fields, split: str) -> Iterator[Path]:
    value = data.raw(split)
    for entry in value if isinstance(value, list) else [value]:
        if not isinstance(entry, str):
            raise CatalogueError(f"{_DATA}: expected '{split}' to name a folder")
        path = data.raw("path")
        base = root / path if isinstance(path, str) and (root / path).is_dir() else root
        for folder in (base / entry, root / entry, root / entry.removeprefix("../")):
            if folder.is_dir() and folder.resolve().is_relative_to(root.resolve()):
                # Without "..", so that the names of its images are below the imported folder.
                yield root / folder.resolve().relative_to(root.resolve())
                break
        else:
            raise CatalogueError(f"{_DATA}: '{split}' is {entry[:200]!r}, which is no folder of images in {root}")


def _label_file(image: Path) -> Path:
    before, images, after = str(image.with_suffix(".txt")).rpartition("/images/")
    return Path(f"{before}/labels/{after}") if images else image.with_suffix(".txt")
