"""STCray: a folder for each kind of item, and a LabelMe file with rectangles for each image.

    STCray_TrainSet/Images/Class 2_Gun/x.jpg       STCray_TestSet/...
    STCray_TrainSet/Json_BB/Class 2_Gun/x.json     {"imageWidth": .., "shapes": [{"label": .., "points": [[..], [..]]}]}

Only the images of "Non Threat" have no JSON file. Source: the set's card (Naoufel555/STCray-Dataset) and public
loaders of it, which note that corners come in any order and that the names of labels vary.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from datasets.coco import Problem
from datasets.errors import AnnotationError, CatalogueError
from datasets.fields import Fields, parse_json
from datasets.formats.entries import (
    ANNOTATION_BYTES,
    Found,
    Mark,
    boxed,
    image_paths,
    in_order,
    name_below,
    need_folder,
    orphans,
    read_inside,
    unreadable,
)
from datasets.mapping import folded

__all__ = ["read_stcray"]

_SPLITS: Final = (("STCray_TrainSet", "train"), ("STCray_TestSet", "test"))


def read_stcray(source: Path) -> Iterator[Found | Problem]:
    """Yield the images of STCray; the augmented part, of few items, is not read.

    Raises:
        CatalogueError: neither part is there.
    """
    root = need_folder(source, "STCray")
    parts = [(root / folder, split) for folder, split in _SPLITS if (root / folder / "Images").is_dir()]
    if not parts:
        raise CatalogueError(
            f"{root}: holds neither {_SPLITS[0][0]}/Images nor {_SPLITS[1][0]}/Images; name the folder above them"
        )
    for part, split in parts:
        used: set[Path] = set()
        for path in image_paths(part / "Images"):
            file = (part / "Json_BB" / path.relative_to(part / "Images")).with_suffix(".json")
            used.add(file)
            name = name_below(root, path)
            about: dict[str, object] = {"split": split}
            if not file.exists() and folded(path.parent.name).endswith("nonthreat"):
                yield Found(name=name, path=path, about=about)
                continue
            try:
                document = parse_json(read_inside(root, file, ANNOTATION_BYTES), file.name)
                about |= {"width": document.raw("imageWidth"), "height": document.raw("imageHeight")}
                marks = [_mark(value, f"shape {number}") for number, value in enumerate(document.items("shapes"))]
            except CatalogueError as error:
                yield Problem(name, f"left out: {name_below(root, file)}: {error}")
                continue
            yield Found(name=name, path=path, marks=tuple(marks), about=about)
        yield from orphans(root, in_order(part / "Json_BB", frozenset({".json"})), used)


def _mark(value: object, where: str) -> Mark:
    label = ""
    try:
        entry = Fields(value, where)
        label = entry.text("label")
        points = entry.items("points")
        if len(points) != 2:
            raise AnnotationError(f"{where}: expected two corners, got {len(points)}")
        (x0, y0), (x1, y1) = (Fields({"point": point}, where).numbers("point", 2) for point in points)
    except CatalogueError as error:
        return unreadable(label, error)
    return boxed(label, (x0, y0, x1, y1))
