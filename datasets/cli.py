"""`parcelray catalogue`: render, import, check, split, describe and export catalogues."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from datasets import cli_exchange, cli_tools
from datasets.cli_compositing import add_insert, add_look
from datasets.cli_exchange import add_shares as _add_shares
from datasets.cli_output import progress as _progress
from datasets.cli_output import summarise as _summarise
from datasets.cli_workers import add_workers

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands of `parcelray catalogue`."""
    tasks = parser.add_subparsers(dest="task", metavar="TASK", required=True)
    _add_render(tasks.add_parser("render", help="render a catalogue of parcels with known content"))
    add_look(tasks.add_parser("look", help="estimate how a scanner shows what it measures, from its benign scans"))
    add_insert(tasks.add_parser("insert", help="lay rendered threats into benign scans"))
    cli_exchange.add_import(tasks.add_parser("import", help="import images and annotations of other tools"))
    cli_exchange.add_export(tasks.add_parser("export", help="write the layout of another tool"))
    _add_check(tasks.add_parser("check", help="list everything that is wrong; exit 1 if there is a problem"))
    _add_split(tasks.add_parser("split", help="split again, keeping parcels (or scanners) together"))
    stats = tasks.add_parser("stats", help="count labels, sizes, attributes, scanners")
    stats.add_argument("folder", type=Path, metavar="DIR")
    stats.add_argument("--json", action="store_true", help="print JSON")
    stats.add_argument("--html", type=Path, metavar="OUT.html", help="also write one page with pictures")
    stats.set_defaults(task_function=_stats)
    _add_sheet(tasks.add_parser("sheet", help="draw a contact sheet with boxes"))
    distance = tasks.add_parser("distance", help="how far two sets of images lie apart in fixed statistics")
    distance.add_argument("first", type=Path, metavar="A", help="a catalogue, or any folder of images")
    distance.add_argument("second", type=Path, metavar="B")
    distance.add_argument("--json", action="store_true", help="print JSON")
    distance.set_defaults(task_function=_distance)
    cli_tools.add_tasks(tasks)


def run(arguments: argparse.Namespace) -> int:
    """Run one sub-command: 0 done, 1 problems found."""
    return int(arguments.task_function(arguments))


def _add_render(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--count", type=int, required=True, metavar="N", help="parcels to render")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="same seed, same bytes (default 0)")
    add_workers(parser)
    parser.add_argument(
        "--recipe", metavar="FILE", help="a recipe file, or a preset: train, bags, benign, calibration, test, reference"
    )
    parser.set_defaults(task_function=_render)


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--jobs", type=int, default=2, metavar="J", help="images read at a time (default 2)")
    parser.set_defaults(task_function=_check)


def _add_split(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--by", choices=["parcel", "scanner"], default="parcel", help="what stays together")
    _add_shares(parser)
    parser.set_defaults(task_function=_split)


def _add_sheet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("out", type=Path, metavar="OUT.png")
    parser.add_argument("--count", type=int, default=24, metavar="N")
    parser.add_argument("--split", choices=["train", "val", "test"])
    parser.add_argument("--labels", nargs="+", default=[], metavar="LABEL", help="only images with one of these")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="another seed shows other images")
    parser.set_defaults(task_function=_sheet)


def _render(arguments: argparse.Namespace) -> int:
    from datasets.render.job import render_catalogue
    from datasets.render.recipe import Recipe

    recipe = Recipe.load(arguments.recipe)
    with _progress("rendering", "parcel") as show:
        catalogue = render_catalogue(
            arguments.out,
            recipe,
            arguments.count,
            arguments.seed,
            arguments.jobs,
            ray=arguments.ray,
            on_progress=show,
        )
    _summarise(catalogue)
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from datasets.checks import check_catalogue

    with _progress("checking", "image") as show:
        problems = check_catalogue(arguments.folder, threads=arguments.jobs, on_progress=show)
    serious = sum(not problem.warning for problem in problems)
    if arguments.json:
        listed = [{"file": p.file, "reason": p.reason, "warning": p.warning} for p in problems]
        print(json.dumps({"folder": str(arguments.folder), "ok": not serious, "problems": listed}, indent=2))
    else:
        for problem in problems:
            print(problem)
        print(f"{serious} problems, {len(problems) - serious} warnings")
    return 1 if serious else 0


def _split(arguments: argparse.Namespace) -> int:
    from datasets.catalogue import Catalogue, write_catalogue
    from datasets.split import split_records

    catalogue = Catalogue.load(arguments.folder)
    records = split_records(catalogue.records, arguments.shares, by=arguments.by, seed=arguments.seed)
    items = [(record, catalogue.annotations_of(old)) for record, old in zip(records, catalogue.records, strict=True)]
    _summarise(write_catalogue(arguments.folder, items, catalogue.info))
    return 0


def _stats(arguments: argparse.Namespace) -> int:
    from datasets.catalogue import Catalogue
    from datasets.stats import count, format_tables

    catalogue = Catalogue.load(arguments.folder)
    tables = count(catalogue)
    if arguments.html is not None:
        from datasets.stats_page import stats_page

        arguments.html.write_text(stats_page(catalogue), encoding="utf-8")
    if arguments.json:
        counts = {table.title: table.rows for table in tables}
        print(json.dumps({"name": catalogue.info.name, "version": catalogue.version, "counts": counts}, indent=2))
    else:
        _summarise(catalogue)
        print()
        print(format_tables(tables), end="")
    return 0


def _distance(arguments: argparse.Namespace) -> int:
    from dataclasses import asdict

    from datasets.distance import distances_of_folders, format_distances

    with _progress("measuring", "image") as show:
        distances = distances_of_folders(arguments.first, arguments.second, show)
    if arguments.json:
        print(json.dumps({output: asdict(item) for output, item in distances.items()}, indent=2))
    else:
        print(format_distances(distances), end="")
    return 0


def _sheet(arguments: argparse.Namespace) -> int:
    import cv2

    from datasets.catalogue import Catalogue
    from datasets.errors import CatalogueError
    from datasets.sheet import contact_sheet
    from detector.taxonomy import LABELS

    if unknown := sorted(set(arguments.labels) - set(LABELS)):
        raise CatalogueError(f"--labels: {', '.join(unknown)} unknown; known labels: {', '.join(LABELS)}")
    catalogue = Catalogue.load(arguments.folder)
    sheet = contact_sheet(
        catalogue, count=arguments.count, split=arguments.split, labels=arguments.labels, seed=arguments.seed
    )
    done, data = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    if not done:
        raise CatalogueError(f"{arguments.out}: the sheet is too large; ask for fewer images with --count")
    arguments.out.write_bytes(data.tobytes())
    print(arguments.out)
    return 0
