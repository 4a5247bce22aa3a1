"""What is in a catalogue, counted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from datasets.catalogue import Catalogue
from datasets.records import DIFFICULTIES, SPLITS, ImageRecord
from datasets.samples import Annotation
from detector.taxonomy import ATTRIBUTES, LABELS

__all__ = ["Table", "count", "format_tables"]

# Side of a square of the box's area, in pixels of the stored image; 32 and 96 are COCO's borders.
_SIZES: Final = ((16, "under 16 px"), (32, "16 to 32 px"), (96, "32 to 96 px"), (math.inf, "96 px and more"))


@dataclass(frozen=True, slots=True)
class Table:
    """Counts of one kind: row name -> split -> count."""

    title: str
    rows: Mapping[str, Mapping[str, int]]


def count(catalogue: Catalogue) -> list[Table]:
    """Count images and annotations by split and by what trainers ask for first."""
    images: dict[str, Counter[tuple[str, str]]] = {
        name: Counter()
        for name in ("images", "output", "energy", "scanner", "view", "difficulty", "source", "kind", "licence", "use")
    }
    marks: dict[str, Counter[tuple[str, str]]] = {
        name: Counter() for name in ("label", "images with label", "box size", "attribute", "visibility")
    }
    for record, found in catalogue.items():
        values = _image_values(record, bool(found))
        values.append(("kind", catalogue.source_kind_of(record)))
        values.append(("use", "research only" if catalogue.is_research_only(record) else "free to train on"))
        for kind, value in values:
            images[kind][value, record.split] += 1
        for label in {mark.label for mark in found}:
            marks["images with label"][label, record.split] += 1
        for mark in found:
            for kind, value in _mark_values(mark):
                marks[kind][value, record.split] += 1
    order = {
        "label": LABELS,
        "images with label": LABELS,
        "box size": tuple(name for _, name in _SIZES),
        "attribute": (*ATTRIBUTES, "none"),
        "difficulty": (*DIFFICULTIES, "not measured"),
    }
    return [_table(kind, counts, order.get(kind)) for kind, counts in (images | marks).items()]


def format_tables(tables: list[Table]) -> str:
    """Return the tables as plain text."""
    lines = []
    for table in tables:
        width = max([len(name) for name in table.rows] + [len(table.title), 18])
        lines.append(f"{table.title:<{width}}" + "".join(f"{split:>9}" for split in (*SPLITS, "all")))
        for name, row in table.rows.items():
            numbers = [row[split] for split in SPLITS]
            lines.append(f"{name:<{width}}" + "".join(f"{number:>9}" for number in (*numbers, sum(numbers))))
        lines.append("")
    return "\n".join(lines)


def _image_values(record: ImageRecord, has_marks: bool) -> list[tuple[str, str]]:
    return [
        ("images", "with annotations" if has_marks else "without"),
        ("output", record.output),
        ("energy", record.energy),
        ("scanner", record.scanner),
        ("view", record.view),
        ("difficulty", record.difficulty or "not measured"),
        ("source", record.source),
        ("licence", record.licence),
    ]


def _mark_values(mark: Annotation) -> list[tuple[str, str]]:
    x0, y0, x1, y1 = mark.xyxy
    side = math.sqrt((x1 - x0) * (y1 - y0))
    size = next(name for border, name in _SIZES if side < border)
    low = min(math.floor(mark.visibility * 5), 4) / 5
    attributes = [("attribute", name) for name in mark.attributes or ("none",)]
    return [("label", mark.label), ("box size", size), ("visibility", f"{low:.1f} to {low + 0.2:.1f}"), *attributes]


def _table(title: str, counts: Counter[tuple[str, str]], order: tuple[str, ...] | None) -> Table:
    names = order or sorted({name for name, _ in counts})
    return Table(title, {name: {split: counts[name, split] for split in SPLITS} for name in names})
