"""One HTML sheet about a catalogue: what is in it, counted and shown, in a file that needs no other."""

from __future__ import annotations

from typing import Final

from datasets.catalogue import Catalogue
from datasets.pages import boxes, colour_of, data_uri, render_template, small_jpeg
from datasets.records import SPLITS, ImageRecord
from datasets.samples import Annotation
from datasets.stats import Table, count
from detector.taxonomy import LABELS

__all__ = ["stats_page"]

_SAMPLE_PX: Final = 420
# What people ask for first; the others follow as `count` gives them.
_FIRST: Final = ("images with label", "label", "scanner", "box size", "visibility", "difficulty", "view", "attribute")


def stats_page(catalogue: Catalogue) -> str:
    """Return the page; a picture of every label that is there, and one without any.

    Raises:
        CatalogueError: an image cannot be read.
    """
    tables = sorted(count(catalogue), key=lambda table: (*_FIRST, table.title).index(table.title))
    samples = [
        {
            "label": label or "nothing to find",
            "colour": colour_of(label) if label else "#9aa4b0",
            "record": record,
            "uri": data_uri(small_jpeg(catalogue, record, _SAMPLE_PX)),
            "marks": boxes(catalogue.annotations_of(record)),
        }
        for label, record in _samples(catalogue)
    ]
    marks = sum(len(catalogue.annotations_of(record)) for record in catalogue.records)
    tiles = [
        (len(catalogue.records), "images"),
        (len({record.parcel_id for record in catalogue.records}), "parcels"),
        (marks, "annotations"),
        (len({record.scanner for record in catalogue.records}), "scanners"),
        (sum(not catalogue.annotations_of(record) for record in catalogue.records), "images without annotations"),
    ]
    return render_template(
        "stats.html",
        info=catalogue.info,
        version=catalogue.version[:16],
        tiles=tiles,
        splits=SPLITS,
        tables=[_shown(table) for table in tables if table.rows],
        samples=samples,
    )


def _shown(table: Table) -> dict[str, object]:
    rows = [{"name": name, **row, "all": sum(row.values())} for name, row in table.rows.items()]
    largest = max(sum(row.values()) for row in table.rows.values())
    return {"title": table.title, "rows": rows, "largest": max(largest, 1)}


def _samples(catalogue: Catalogue) -> list[tuple[str, ImageRecord]]:
    """Return for each label an image that shows it well, and for "" one without annotations; each image once."""
    found: list[tuple[str, ImageRecord]] = []
    used: set[str] = set()
    for label in (*LABELS, ""):
        fitting = []
        for record, marks in catalogue.items():
            if record.file_name in used or (label == "") == bool(marks):
                continue
            shown = max((_shows(mark, record) for mark in marks if mark.label == label), default=0.0)
            if shown > 0 or not label:
                fitting.append((shown / max(len(marks), 1), record.file_name, record))
        if fitting:  # better than most, but not the one that fills its image
            best = sorted(fitting)[len(fitting) * 4 // 5][2]
            used.add(best.file_name)
            found.append((label, best))
    return found


def _shows(mark: Annotation, record: ImageRecord) -> float:
    """Return the share of the image that the visible part of an object takes."""
    x0, y0, x1, y1 = mark.xyxy
    return mark.visibility * (x1 - x0) * (y1 - y0) / (record.width * record.height)
