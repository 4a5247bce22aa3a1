"""OPIXray: a text file for each image, one object a line: image name, label, x0, y0, x1, y1 in pixels.

    train/train_image/009651.jpg   train/train_annotation/009651.txt
    test/test_image/...            test/test_annotation/...

Source: DOAM/data/OPIXray.py of github.com/OPIXray-author/OPIXray. All its labels are blades: imported, it is a set of
hard negatives.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from datasets.coco import Problem
from datasets.errors import AnnotationError, CatalogueError
from datasets.formats.entries import (
    ANNOTATION_BYTES,
    Found,
    Mark,
    boxed,
    finite,
    image_paths,
    in_order,
    name_below,
    need_folder,
    orphans,
    read_inside,
    unreadable,
)

__all__ = ["read_opixray"]


def read_opixray(source: Path) -> Iterator[Found | Problem]:
    """Yield the images of OPIXray.

    Raises:
        CatalogueError: neither train/train_image nor test/test_image is there.
    """
    root = need_folder(source, "OPIXray")
    splits = [split for split in ("train", "test") if (root / split / f"{split}_image").is_dir()]
    if not splits:
        raise CatalogueError(f"{root}: holds neither train/train_image nor test/test_image; name the OPIXray folder")
    used: set[Path] = set()
    for split in splits:
        for path in image_paths(root / split / f"{split}_image"):
            file = root / split / f"{split}_annotation" / f"{path.stem}.txt"
            used.add(file)
            try:
                text = read_inside(root, file, ANNOTATION_BYTES).decode("utf-8")
            except (AnnotationError, UnicodeDecodeError) as error:
                yield Problem(name_below(root, path), f"left out: {name_below(root, file)}: {error}")
                continue
            lines = enumerate(text.splitlines(), start=1)
            marks = [_mark(line, path.name, f"line {number}") for number, line in lines if line.strip()]
            yield Found(name=name_below(root, path), path=path, marks=tuple(marks), about={"split": split})
        texts = in_order(root / split / f"{split}_annotation", frozenset({".txt"}))
        yield from orphans(root, texts, used)


def _mark(line: str, image: str, where: str) -> Mark:
    words = line.split()
    label = words[1] if len(words) == 6 and words[1].isprintable() else ""
    try:
        if not label:
            raise AnnotationError(f"{where}: expected a name, a label and four numbers, got {line[:80]!r}")
        if words[0] != image:
            raise AnnotationError(f"{where}: is of the image {words[0][:80]!r}; correct the file")
        x0, y0, x1, y1 = (finite(word, where) for word in words[2:])
    except AnnotationError as error:
        return unreadable(label, error)
    return boxed(label, (x0, y0, x1, y1))
