"""SIXray: VOC XML for the images with prohibited items, tables of names for the splits, images in numbered folders.

    0/ 1/ ... 20/            N*.jpg without, P*.jpg with prohibited items
    Annotation/P00001.xml    VOC
    ImageSet/{10,100,1000}/{train,test}.csv    first column: the image's name

Source: github.com/MeioJane/SIXray and public loaders of the set; some copies call the folder `Annotations` or
`annotations`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from datasets.coco import Problem
from datasets.errors import AnnotationError, CatalogueError
from datasets.formats.entries import (
    ANNOTATION_BYTES,
    DOCUMENT_BYTES,
    Found,
    image_paths,
    in_order,
    name_below,
    need_folder,
    orphans,
    read_inside,
)
from datasets.formats.voc import parse_voc

__all__ = ["read_sixray"]

_FOLDERS: Final = ("Annotation", "Annotations", "annotations")


def read_sixray(source: Path) -> Iterator[Found | Problem]:
    """Yield the images of SIXray.

    A P image without XML holds an item whose place is not known: it is left out. An image that one table calls train
    and another test has no split of its own.

    Raises:
        CatalogueError: there is no XML file.
    """
    root = need_folder(source, "SIXray")
    folder = next((root / name for name in _FOLDERS if (root / name).is_dir()), root / _FOLDERS[0])
    files = {path.stem: path for path in in_order(folder, frozenset({".xml"}))}
    if not files:
        raise CatalogueError(f"{root}: holds no Annotation/*.xml; name the folder that holds Annotation and ImageSet")
    split_of = _splits(root)
    for path in image_paths(root):
        name = name_below(root, path)
        file = files.pop(path.stem, None)
        if file is None:
            if path.stem.startswith("P"):
                yield Problem(name, "left out: holds a prohibited item, but there is no XML file that says where")
            else:
                yield Found(name=name, path=path, about={"split": split_of.get(path.stem)})
            continue
        try:
            marks, about = parse_voc(read_inside(root, file, ANNOTATION_BYTES))
        except AnnotationError as error:
            yield Problem(name_below(root, file), f"left out: {error}")
            continue
        yield Found(name=name, path=path, marks=marks, about={**about, "split": split_of.get(path.stem)})
    yield from orphans(root, files.values(), ())


def _splits(root: Path) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for split in ("train", "test"):
        for path in sorted(root.glob(f"ImageSet/*/{split}.csv")):
            try:
                text = read_inside(root, path, DOCUMENT_BYTES).decode("utf-8", "replace")
            except AnnotationError as error:
                raise CatalogueError(f"{path}: {error}; restore it or take it away") from error
            for line in text.splitlines()[1:]:
                stem = line.split(",", 1)[0].strip()
                found[stem] = split if found.setdefault(stem, split) == split else None
    return found
