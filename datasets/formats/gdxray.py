"""GDXray: series of grey PNG files, with one ground-truth text for each series.

    Baggages/B0046/B0046_0001.png
    Baggages/B0046/ground_truth.txt    one box a line: number of the image, x0, x1, y0, y1

Source: the group's description (Mery et al., "GDXray: The Database of X-ray Images for Nondestructive Testing", J.
Nondestruct. Eval. 34, 2015) and src/convert.py of github.com/dataset-ninja/gdxray, which reads the same numbers from
BoundingBox.mat and notes that B0031 has its upper and lower edges swapped. The boxes carry no label, so the series
stands for one. Pixels are taken to count from 0; the set's own tools count from 1.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from datasets.coco import Problem
from datasets.errors import AnnotationError, CatalogueError
from datasets.formats.entries import (
    ANNOTATION_BYTES,
    Found,
    boxed,
    finite,
    image_paths,
    name_below,
    need_folder,
    read_inside,
)

__all__ = ["read_gdxray"]

_SERIES: Final = re.compile(r"[A-Z]\d{4}")
_GROUND_TRUTH: Final = "ground_truth.txt"
_NAMED: Final = 5


def read_gdxray(source: Path) -> Iterator[Found | Problem]:
    """Yield the images of every series below the folder that has a ground truth.

    An image of such a series without a box holds none of the objects of that series. A series without a ground truth
    is left out: what is in its images is not known.

    Raises:
        CatalogueError: there is no series.
    """
    root = need_folder(source, "GDXray")
    series: dict[Path, list[Path]] = defaultdict(list)
    for path in image_paths(root):
        if _SERIES.fullmatch(path.parent.name) and path.name.startswith(path.parent.name):
            series[path.parent].append(path)
    if not series:
        raise CatalogueError(f"{root}: holds no series such as Baggages/B0046; name the folder of a GDXray group")
    for folder, images in series.items():
        try:
            boxes = _boxes(root, folder / _GROUND_TRUTH)
        except AnnotationError as error:
            also = "; write the rows of BoundingBox.mat into it" if (folder / "BoundingBox.mat").exists() else ""
            reason = f"left out, {len(images)} images: {_GROUND_TRUTH}: {error}{also}"
            yield Problem(name_below(root, folder), reason)
            continue
        for path in images:
            name = name_below(root, path)
            number = re.search(r"_(\d{1,8})$", path.stem)
            if number is None:
                yield Problem(name, "left out: its name does not end in its number in the series")
                continue
            marks = tuple(boxed(folder.name, box) for box in boxes.pop(int(number[1]), ()))
            yield Found(name=name, path=path, marks=marks, about={"energy": "single", "output": "grey"})
        if boxes:
            missing = ", ".join(str(number) for number in sorted(boxes)[:_NAMED])
            yield Problem(
                name_below(root, folder / _GROUND_TRUTH),
                f"boxes of {len(boxes)} images that are missing left out: {missing}; restore the images",
            )


def _boxes(root: Path, path: Path) -> dict[int, list[tuple[float, float, float, float]]]:
    text = read_inside(root, path, ANNOTATION_BYTES).decode("utf-8", "replace")
    boxes = defaultdict(list)
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.replace(",", " ").split()
        if not words:
            continue
        if len(words) != 5:
            raise AnnotationError(f"line {number}: expected five numbers, got {line[:80]!r}")
        image, x0, x1, y0, y1 = (finite(word, f"line {number}") for word in words)
        boxes[int(image)].append((x0, y0, x1, y1))
    return boxes
