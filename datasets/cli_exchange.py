"""`parcelray catalogue import` and `export`: the layouts of other tools and of published sets."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from datasets.cli_output import progress, summarise

__all__ = ["EXPORTS", "IMPORTS", "add_export", "add_import", "add_shares"]

_SHARES: Final = (0.8, 0.1, 0.1)

# Spelled out, so that --help loads no reader; a test holds them against the readers and writers.
EXPORTS: Final = ("coco", "voc", "yolo")
IMPORTS: Final = (*EXPORTS, "clcxray", "dvxray", "gdxray", "opixray", "pidray", "pixray", "sixray", "stcray")


def add_import(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `import`."""
    parser.add_argument("layout", choices=IMPORTS, metavar="LAYOUT", help=f"one of {', '.join(IMPORTS)}")
    parser.add_argument("source", type=Path, metavar="DIR", help="unpacked folder, or for coco its JSON file")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument(
        "--licence", default="", metavar="L", help="such as CC-BY-4.0 or 'own'; known of published sets"
    )
    parser.add_argument(
        "--map", nargs="+", default=[], metavar="OLD=NEW", help="their label = ours, ours+attribute, or none"
    )
    parser.add_argument(
        "--research-only",
        action=argparse.BooleanOptionalAction,
        help="refuse training unless it is allowed by name (default: as is known of the set)",
    )
    parser.add_argument("--own-scans", action="store_true", help="these are real scans of one's own scanners")
    parser.add_argument("--name", default="", help="of the catalogue (default: the folder's name)")
    parser.add_argument(
        "--replace", action="store_true", help="OUT is a catalogue already: replace it, images and all, when done"
    )
    add_shares(parser)
    parser.set_defaults(task_function=_import)


def add_export(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `export`."""
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--format", choices=EXPORTS, required=True, help="layout to write")
    parser.add_argument("--min-visibility", type=float, default=0.0, metavar="V", help="leave out what is seen less")
    parser.set_defaults(task_function=_export)


def add_shares(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a split."""
    parser.add_argument(
        "--shares", nargs=3, type=float, default=_SHARES, metavar=("TRAIN", "VAL", "TEST"), help="default 0.8 0.1 0.1"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="another seed gives another split")


def _import(arguments: argparse.Namespace) -> int:
    from datasets.importing import ImportOptions, import_images
    from datasets.mapping import parse_map

    options = ImportOptions(
        licence=arguments.licence,
        name=arguments.name,
        source_kind="real" if arguments.own_scans else None,
        research_only=arguments.research_only,
        mapping=parse_map(arguments.map),
        shares=arguments.shares,
        seed=arguments.seed,
        replace=arguments.replace,
    )
    with progress("importing", "image") as show:
        catalogue, problems = import_images(arguments.layout, arguments.source, arguments.out, options, show)
    for problem in problems:
        print(problem)
    summarise(catalogue)
    return 1 if any(not problem.warning for problem in problems) else 0


def _export(arguments: argparse.Namespace) -> int:
    from datasets.catalogue import Catalogue
    from datasets.exporting import export_catalogue

    catalogue = Catalogue.load(arguments.folder)
    with progress("exporting", "image") as show:
        path = export_catalogue(
            catalogue, arguments.format, arguments.out, min_visibility=arguments.min_visibility, on_progress=show
        )
    print(path)
    if catalogue.info.research_only:
        print(f"for research only ({catalogue.info.licence}): do not hand it on")
    return 0
