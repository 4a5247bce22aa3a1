"""`parcelray catalogue diff`, `merge`, `duplicates`, `datasheet`, `reference` and `gallery`."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from datasets.cli_output import progress, summarise
from datasets.cli_workers import add_workers

if TYPE_CHECKING:
    Tasks = argparse._SubParsersAction[argparse.ArgumentParser]

__all__ = ["add_tasks"]


def add_tasks(tasks: Tasks) -> None:
    """Add the sub-commands to those of `parcelray catalogue`."""
    diff = tasks.add_parser("diff", help="list what differs between two catalogues; exit 1 if something does")
    diff.add_argument("first", type=Path, metavar="A")
    diff.add_argument("second", type=Path, metavar="B")
    diff.add_argument("--json", action="store_true", help="print JSON")
    diff.set_defaults(task_function=_diff)
    merge = tasks.add_parser("merge", help="copy catalogues into one that says of each image where it came from")
    merge.add_argument("out", type=Path, metavar="OUT")
    merge.add_argument("parts", type=Path, nargs="+", metavar="DIR", help="at least two; the first one's labels count")
    merge.add_argument("--name", default="", help="of the new catalogue (default: the names of the parts)")
    merge.set_defaults(task_function=_merge)
    same = tasks.add_parser("duplicates", help="list images that look the same; exit 1 if a pair crosses splits")
    same.add_argument("folder", type=Path, metavar="DIR")
    same.add_argument("--bits", type=int, default=6, metavar="B", help="bits of 256 that may differ (default 6)")
    same.add_argument("--json", action="store_true", help="print JSON")
    same.add_argument("--jobs", type=int, default=2, metavar="J", help="images read at a time (default 2)")
    same.set_defaults(task_function=_duplicates)
    sheet = tasks.add_parser("datasheet", help="write a datasheet for this version, with gaps for what only you know")
    sheet.add_argument("folder", type=Path, metavar="DIR")
    sheet.add_argument("--out", type=Path, metavar="FILE.md", help="default: in DIR, named after the version")
    sheet.set_defaults(task_function=_datasheet)
    reference = tasks.add_parser("reference", help="render the reference catalogue: 1,200 chosen images")
    reference.add_argument("out", type=Path, metavar="OUT")
    reference.add_argument("--parcels", type=int, default=600, metavar="N", help="of two images each (default 600)")
    reference.add_argument("--seed", type=int, default=20_260, metavar="S", help="another seed, another catalogue")
    add_workers(reference)
    reference.set_defaults(task_function=_reference)
    gallery = tasks.add_parser("gallery", help="write a page to look through all images, with filters and boxes")
    gallery.add_argument("folder", type=Path, metavar="DIR")
    gallery.add_argument("out", type=Path, metavar="OUT.html")
    gallery.add_argument("--copy", action="store_true", help="copy the images too, so that the page can be moved")
    gallery.set_defaults(task_function=_gallery)


def _diff(arguments: argparse.Namespace) -> int:
    from datasets.catalogue import Catalogue
    from datasets.diff import difference

    first, second = Catalogue.load(arguments.first), Catalogue.load(arguments.second)
    found = difference(first, second)
    if arguments.json:
        versions = {"first": first.version, "second": second.version}
        print(json.dumps({"same": not found, "versions": versions, **asdict(found)}, indent=2))
    elif found:
        print("\n".join(found.lines()))
    else:
        print(f"no difference, version {first.version[:16]}")
    return 1 if found else 0


def _merge(arguments: argparse.Namespace) -> int:
    from datasets.catalogue import Catalogue
    from datasets.merge import merge_catalogues

    parts = [Catalogue.load(folder) for folder in arguments.parts]
    with progress("merging", "image") as show:
        merged = merge_catalogues(arguments.out, parts, name=arguments.name, on_progress=show)
    for duplicate in merged.duplicates:
        print(duplicate)
    for old, new in merged.renamed:
        print(f"{old}: another parcel has this id, it is now {new}")
    for parcel, split in merged.moved:
        print(f"parcel {parcel}: was in several splits, all of it is now in {split}")
    catalogue = merged.catalogue
    summarise(catalogue)
    use = {True: ", research only", False: ""}
    origins = Counter(
        f"{catalogue.source_kind_of(record)}, {record.licence}{use[catalogue.is_research_only(record)]}"
        for record in catalogue.records
    )
    for origin, images in sorted(origins.items()):
        print(f"  {images} images: {origin}")
    return 1 if any(not duplicate.same_annotations for duplicate in merged.duplicates) else 0


def _duplicates(arguments: argparse.Namespace) -> int:
    from datasets.catalogue import Catalogue
    from datasets.duplicates import find_duplicates

    catalogue = Catalogue.load(arguments.folder)
    with progress("looking", "image") as show:
        pairs, problems = find_duplicates(catalogue, bits=arguments.bits, threads=arguments.jobs, on_progress=show)
    crossing = sum(pair.crosses_splits for pair in pairs)
    if arguments.json:
        listed = [
            {
                "files": [pair.first.file_name, pair.second.file_name],
                "splits": [pair.first.split, pair.second.split],
                "same_parcel": pair.first.parcel_id == pair.second.parcel_id,
                "same_file": pair.same_file,
                "bits": pair.bits,
            }
            for pair in pairs
        ]
        unread = [{"file": one.file, "reason": one.reason} for one in problems]
        print(json.dumps({"version": catalogue.version, "pairs": listed, "unread": unread}, indent=2))
    else:
        for problem in problems:
            print(problem)
        for pair in pairs:
            where = f"{pair.first.split} and {pair.second.split}" if pair.crosses_splits else pair.first.split
            likeness = "the same file" if pair.same_file else f"{pair.bits} of 256 bits differ"
            print(f"{pair.second.file_name} looks like {pair.first.file_name} ({likeness}; in {where})")
        print(f"{len(pairs)} pairs, {crossing} of them across splits")
    return 1 if crossing or problems else 0


def _datasheet(arguments: argparse.Namespace) -> int:
    from datasets.catalogue import Catalogue
    from datasets.datasheet import write_datasheet

    print(write_datasheet(Catalogue.load(arguments.folder), arguments.out))
    return 0


def _reference(arguments: argparse.Namespace) -> int:
    from datasets.render.reference import build_reference

    with progress("rendering", "parcel") as show:
        catalogue = build_reference(
            arguments.out,
            parcels=arguments.parcels,
            seed=arguments.seed,
            jobs=arguments.jobs,
            ray=arguments.ray,
            on_progress=show,
        )
    summarise(catalogue)
    return 0


def _gallery(arguments: argparse.Namespace) -> int:
    from datasets.catalogue import Catalogue
    from datasets.gallery import write_gallery

    with progress("drawing", "image") as show:
        write_gallery(Catalogue.load(arguments.folder), arguments.out, copy=arguments.copy, on_progress=show)
    print(arguments.out)
    return 0
