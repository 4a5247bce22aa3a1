"""`parcelray catalogue look` and `insert`: rendered threats in real benign scans."""

from __future__ import annotations

import argparse
from pathlib import Path

from datasets.cli_output import progress, summarise
from datasets.cli_workers import add_workers

__all__ = ["add_insert", "add_look"]


def add_look(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `catalogue look`."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="benign scans of one scanner: catalogue or images")
    parser.add_argument("out", type=Path, metavar="OUT.json")
    parser.add_argument("--scanner", default="", metavar="NAME", help="only this scanner of a catalogue")
    _add_pixel(parser)
    parser.set_defaults(task_function=_look)


def add_insert(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `catalogue insert`."""
    parser.add_argument("benign", type=Path, metavar="BENIGN", help="catalogue, or folder of images without threats")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--count", type=int, required=True, metavar="N", help="images to make")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="same seed, same bytes (default 0)")
    add_workers(parser)
    parser.add_argument(
        "--look", metavar="FILE", help="of the scanner, from 'catalogue look' (default: estimated from the scans)"
    )
    parser.add_argument("--scanner", default="", metavar="NAME", help="only this scanner of a catalogue")
    parser.add_argument("--labels", nargs="+", default=[], metavar="LABEL", help="insert only these")
    parser.add_argument("--licence", default="", metavar="L", help="of a folder's images, such as 'own'")
    parser.add_argument("--research-only", action="store_true", help="a folder's images may not be trained on freely")
    parser.add_argument("--name", default="", help="of the new catalogue")
    _add_pixel(parser)
    parser.set_defaults(task_function=_insert)


def _add_pixel(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pixel-mm",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="size of a pixel at the parcel (default: that of the look, or judged by a parcel of 280 to 650 mm)",
    )


def _look(arguments: argparse.Namespace) -> int:
    from datasets.compositing.benign import Benign
    from datasets.compositing.estimate import estimate_look

    # The licence does not matter to an estimate: no image is copied.
    benign = Benign.open(arguments.folder, licence="unknown", scanner=arguments.scanner)
    with progress("looking", "image") as show:
        look = estimate_look(
            [scan.path for scan in benign.scans],
            arguments.scanner or benign.scans[0].record.scanner,
            pixel_mm=_checked_pixel(arguments.pixel_mm),
            on_progress=show,
        )
    look.save(arguments.out)
    print(f"{arguments.out}: look of {look.name}, {look.kind}, {look.sensor.photons[0]:.0f} quanta a pixel; assumed:")
    for line in look.assumed:
        print(f"- {line}")
    return 0


def _insert(arguments: argparse.Namespace) -> int:
    from dataclasses import replace

    from datasets.compositing.benign import Benign
    from datasets.compositing.estimate import estimate_look
    from datasets.compositing.job import InsertOptions, insert_into_catalogue
    from datasets.compositing.look import Look
    from detector.taxonomy import LABELS

    pixel_mm = _checked_pixel(arguments.pixel_mm)
    benign = Benign.open(
        arguments.benign,
        licence=arguments.licence,
        research_only=arguments.research_only,
        scanner=arguments.scanner,
    )
    for problem in benign.problems:
        print(f"left out: {problem}")
    if arguments.look:
        look = Look.load(arguments.look)
        look = look if pixel_mm is None else replace(look, pixel_mm=pixel_mm)
    else:
        with progress("looking", "image") as show:
            look = estimate_look(
                [scan.path for scan in benign.scans],
                benign.scans[0].record.scanner,
                pixel_mm=pixel_mm,
                on_progress=show,
            )
    options = InsertOptions(
        count=arguments.count,
        look=look,
        seed=arguments.seed,
        labels=tuple(arguments.labels) or LABELS,
        name=arguments.name,
    )
    with progress("inserting", "image") as show:
        catalogue, problems = insert_into_catalogue(
            benign, arguments.out, options, arguments.jobs, ray=arguments.ray, on_progress=show
        )
    for warning in problems:
        print(warning)
    summarise(catalogue)
    return 0


def _checked_pixel(values: list[float] | None) -> tuple[float, float] | None:
    from datasets.errors import CatalogueError

    if values is None:
        return None
    low, high = values
    if not 0.01 <= low <= high <= 20:
        raise CatalogueError(f"--pixel-mm: expected 0.01 <= LOW <= HIGH <= 20, got {low:g} {high:g}")
    return low, high
