"""A page to look through a catalogue: filters, boxes to show and hide, both views side by side; opens from a file.

The page holds all records and draws the boxes itself. Small pictures lie beside it in `NAME_files`; the whole images
are linked where they lie in the catalogue, or copied beside the page so that it can be moved.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from markupsafe import Markup

from datasets.catalogue import Catalogue, write_atomically
from datasets.errors import CatalogueError
from datasets.pages import colour_of, render_template, small_jpeg
from datasets.records import DIFFICULTIES, ImageRecord
from detector.taxonomy import LABELS

__all__ = ["write_gallery"]

_SMALL_PX: Final = 360
_NOTHING: Final = "nothing to find"


def write_gallery(
    catalogue: Catalogue,
    out: Path,
    *,
    copy: bool = False,
    threads: int = 2,
    on_progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> None:
    """Write the page and the folder with its pictures; pictures of an earlier page there are replaced.

    Args:
        catalogue: to show.
        out: the HTML file.
        copy: copy the whole images too, instead of linking to them in the catalogue.
        threads: how many images are read at a time.
        on_progress: called with images done and images in all.

    Raises:
        CatalogueError: `out` is not an HTML file, or an image cannot be read.
    """
    if out.suffix.lower() not in {".html", ".htm"}:
        raise CatalogueError(f"{out}: expected the name of an HTML file, such as gallery.html")
    folder = out.parent / f"{out.stem}_files"
    (folder / "small").mkdir(parents=True, exist_ok=True)
    entries = []
    with ThreadPoolExecutor(threads) as pool:
        # The views of a parcel lie side by side, the one from above first.
        records = sorted(catalogue.records, key=lambda one: (one.parcel_id, one.view != "top", one.file_name))
        pictures = pool.map(lambda record: _write_small(catalogue, record, folder / "small"), records)
        for done, (record, small) in enumerate(zip(records, pictures, strict=True), start=1):
            whole = catalogue.path_of(record)
            if copy:
                whole = folder / "images" / record.file_name
                whole.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(catalogue.path_of(record), whole)
            links = {"small": _link(small, out), "file": _link(whole, out)}
            entries.append(_entry(catalogue, record) | links)
            on_progress(done, len(records))
    data = {"images": entries, "colours": {label: colour_of(label) for label in LABELS}, "filters": _filters(entries)}
    # Inside a script element only "</" and "<!--" could end it or change how it is read.
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    info = catalogue.info
    page = render_template(
        "gallery.html",
        title=info.name,
        about=f"{len(entries):,} images · {info.licence} · {info.source_kind} · version {catalogue.version[:16]}",
        research_only=info.research_only,
        data=Markup(text),  # noqa: S704  (escaped above for where it stands)
    )
    write_atomically(out, page.encode())


def _write_small(catalogue: Catalogue, record: ImageRecord, folder: Path) -> Path:
    path = folder / f"{record.sha256[:24]}.jpg"
    path.write_bytes(small_jpeg(catalogue, record, _SMALL_PX))
    return path


def _link(path: Path, page: Path) -> str:
    return quote(Path(os.path.relpath(path.resolve(), page.parent.resolve())).as_posix())


def _entry(catalogue: Catalogue, record: ImageRecord) -> dict[str, Any]:
    return {
        "name": record.file_name,
        "parcel": record.parcel_id,
        "view": record.view,
        "scanner": record.scanner,
        "split": record.split,
        "source": f"{record.source} ({catalogue.source_kind_of(record)})",
        "licence": record.licence,
        "width": record.width,
        "height": record.height,
        "complexity": record.complexity,
        "difficulty": record.difficulty,
        "marks": [
            {
                "label": mark.label,
                "box": [mark.xyxy[0], mark.xyxy[1], mark.xyxy[2] - mark.xyxy[0], mark.xyxy[3] - mark.xyxy[1]],
                "attributes": mark.attributes,
                "visibility": mark.visibility,
                "view": mark.view_difficulty,
                "superposition": mark.superposition,
                "difficulty": mark.difficulty,
            }
            for mark in catalogue.annotations_of(record)
        ],
    }


def _filters(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the filters that have something to choose between, each with its values and how many images have them."""
    labels = Counter(label for entry in entries for label in {mark["label"] for mark in entry["marks"]} or {_NOTHING})
    filters = [_filter("label", "Label", labels, (*LABELS, _NOTHING))]
    for key, name in (("difficulty", "Difficulty"), ("scanner", "Scanner"), ("view", "View"), ("split", "Split")):
        counts = Counter(entry[key] for entry in entries if entry[key])
        filters.append(_filter(key, name, counts, DIFFICULTIES if key == "difficulty" else tuple(sorted(counts))))
    return [one for one in filters if len(one["values"]) > 1 or one["key"] == "label"]


def _filter(key: str, name: str, counts: Counter[str], order: tuple[str, ...]) -> dict[str, Any]:
    return {"key": key, "name": name, "values": [(value, counts[value]) for value in order if counts[value]]}
