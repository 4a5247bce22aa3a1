"""A datasheet for one version of a catalogue, after Gebru et al., "Datasheets for Datasets" (2021), in Markdown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from datasets.catalogue import Catalogue, write_atomically
from datasets.errors import CatalogueError
from datasets.pages import render_template
from datasets.records import SPLITS
from datasets.stats import count
from detector.taxonomy import TAXONOMY

__all__ = ["datasheet", "write_datasheet"]

_LISTED = 12


def write_datasheet(catalogue: Catalogue, out: Path | None = None) -> Path:
    """Write the datasheet beside the catalogue's other files, or to `out`, and return where it is.

    Raises:
        CatalogueError: there is one already: somebody may have filled its gaps in.
    """
    path = out or catalogue.folder / f"datasheet-{catalogue.version[:12]}.md"
    if path.exists():
        raise CatalogueError(f"{path}: exists and may have been filled in; rename or remove it first")
    write_atomically(path, datasheet(catalogue).encode())
    return path


def datasheet(catalogue: Catalogue) -> str:
    """Return the datasheet as Markdown: what the catalogue records, and gaps for what only its owner knows."""
    records = catalogue.records
    tables = {table.title: {name: sum(row.values()) for name, row in table.rows.items()} for table in count(catalogue)}
    rendered = [record for record in records if catalogue.source_kind_of(record) == "rendered"]
    research_only = sum(catalogue.is_research_only(record) for record in records)
    return render_template(
        "datasheet.md",
        name=_plain(catalogue.info.name),
        version=catalogue.version,
        created_by=_plain(catalogue.info.created_by),
        images=len(records),
        parcels=len({record.parcel_id for record in records}),
        marks=sum(tables["label"].values()),
        empty=tables["images"].get("without", 0),
        origins=_counted(tables["kind"]) + " (" + _counted(tables["source"]) + ")",
        splits=_counted({split: len(catalogue.images(split)) for split in SPLITS}),
        scanners=_counted(tables["scanner"]),
        views=_counted(tables["view"]),
        outputs=_counted(tables["output"]) + "; energies: " + _counted(tables["energy"]),
        difficulties=_counted(tables["difficulty"]),
        attributes=_counted(tables["attribute"]),
        visibilities=_counted(tables["visibility"]) or "no objects",
        licences=_counted(tables["licence"]),
        labels=[
            {
                "label": label,
                "group": info.group.value,
                "marks": tables["label"][label],
                "images": tables["images with label"][label],
            }
            for label, info in TAXONOMY.items()
        ],
        rendered=bool(rendered),
        rendered_all=bool(rendered) and len(rendered) == len(records),
        recipes=_listed(record.recipe[:12] for record in rendered if record.recipe),
        seeds=_listed(str(record.seed) for record in rendered if record.seed is not None),
        research_only=research_only,
    )


def _counted(counts: dict[str, int]) -> str:
    """Return "a 3, b 2"; of many, the most frequent."""
    common = [(name, number) for name, number in Counter(counts).most_common(_LISTED) if number]
    rest = sum(number > 0 for number in counts.values()) - len(common)
    return ", ".join(f"{_plain(name)} {number}" for name, number in common) + (f", {rest} more" if rest else "")


def _listed(values: Iterable[str]) -> str:
    names = sorted(set(values))
    return ", ".join(map(_plain, names[:_LISTED])) + (f", {len(names) - _LISTED} more" if len(names) > _LISTED else "")


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is: names come from files of others."""
    return re.sub(r"([\\`*_{}\[\]<>#|!])", r"\\\1", text)
