"""DvXray: two views of each bag and one JSON file for both.

    DvXray_Positive_Samples/P00001.json P00001_OL.png P00001_SD.png
    DvXray_Negative_Samples/...

    {"name": "P00001", "objects": [{"label": "Gun", "ol_bb": [x0, y0, x1, y1], "sd_bb": [...]}]}

OL is the view from above, SD the one from the side. "objects" is the text "None" for a clean bag, and a box is the
word "difficult" where the item could not be made out in that view. Source: get_split.py of
github.com/Mbwslib/DvXray, and public loaders of the set for the boxes. It has no split of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from datasets.coco import Problem
from datasets.errors import CatalogueError
from datasets.fields import Fields, parse_json
from datasets.formats.entries import (
    ANNOTATION_BYTES,
    Found,
    Mark,
    boxed,
    in_order,
    name_below,
    need_folder,
    read_inside,
    unreadable,
)

__all__ = ["read_dvxray"]

_VIEWS: Final = (("OL", "ol_bb", "top"), ("SD", "sd_bb", "side"))


def read_dvxray(source: Path) -> Iterator[Found | Problem]:
    """Yield the images of DvXray: two a bag, with the bag as their parcel.

    Raises:
        CatalogueError: there is no JSON file.
    """
    root = need_folder(source, "DvXray")
    files = in_order(root, frozenset({".json"}))
    if not any(file.name != "parcelray.json" for file in files):
        raise CatalogueError(f"{root}: holds no JSON file; name the folder that holds DvXray_Positive_Samples")
    for file in files:
        name = name_below(root, file)
        try:
            document = parse_json(read_inside(root, file, ANNOTATION_BYTES), name)
            values = [] if document.raw("objects") == "None" else document.items("objects")
            objects = [Fields(value, f"object {number}") for number, value in enumerate(values)]
        except CatalogueError as error:
            yield Problem(name, f"left out, both views: {error}")
            continue
        for ending, key, view in _VIEWS:
            path = file.with_name(f"{file.stem}_{ending}.png")
            yield Found(
                name=name_below(root, path),
                path=path,
                marks=tuple(_mark(entry, key) for entry in objects),
                about={"parcel_id": name.removesuffix(".json"), "view": view},
            )


def _mark(entry: Fields, key: str) -> Mark:
    label = ""
    try:
        label = entry.text("label")
        if entry.raw(key) == "difficult":
            return Mark(label, None, fault=f"holds {label!r}, which its annotators could not make out in this view")
        x0, y0, x1, y1 = entry.numbers(key, 4)
    except CatalogueError as error:
        return unreadable(label, error)
    return boxed(label, (x0, y0, x1, y1))
