"""`parcelray adapt OUT --benign DIR`: fits a model to one scanner, with benign scans of it alone."""

from __future__ import annotations

import argparse
import json
import os
from functools import partial
from pathlib import Path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `parcelray adapt`."""
    parser.add_argument("out", type=Path, metavar="OUT", help="folder of all that is made; run again to go on")
    parser.add_argument(
        "--benign",
        type=Path,
        required=True,
        metavar="DIR",
        help="at least 100 scans without a threat: images, or a catalogue",
    )
    parser.add_argument("--scanner", default="", metavar="NAME", help="of the scanner; default: the folder's")
    parser.add_argument(
        "--minutes", type=float, default=45.0, metavar="M", help="of training (default 45); the rest takes about ten"
    )
    parser.add_argument(
        "--pixel-mm", nargs=2, type=float, metavar=("LOW", "HIGH"), help="size of a pixel at the parcel, if known"
    )
    parser.add_argument("--licence", default="own", metavar="L", help="of the images (default own)")
    parser.add_argument(
        "--insertions", type=int, default=600, metavar="N", help="scans with threats to make (default 600)"
    )
    parser.add_argument("--renders", type=int, default=300, metavar="N", help="parcels to render (default 300)")
    parser.add_argument("--replay", type=Path, metavar="CATALOGUE", help="train on this instead of such renders")
    parser.add_argument("--imgsz", type=int, default=448, metavar="PX", help="largest side to train at (default 448)")
    parser.add_argument(
        "--model", type=Path, metavar="MODEL.onnx", help="to start from; default: the shipped float32 one"
    )
    parser.add_argument("--weights", type=Path, metavar="FILE.pt", help="of that model; default: the shipped ones")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="J", help="processes (default: all cores)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Adapt; 0 done, whether it helped or not, 1 stopped before its end."""
    from datasets.cli_output import progress
    from training.adapt import REPORT, AdaptOptions, adapt
    from training.errors import TrainingError

    if (arguments.model is None) != (arguments.weights is None):
        raise TrainingError("--model and --weights go together: the exported network and what it was exported from")
    given = {
        key: value for key, value in vars(arguments).items() if key not in {"command", "out"} and value is not None
    }
    if arguments.pixel_mm:
        low, high = given["pixel_mm"] = tuple(arguments.pixel_mm)
        if not 0.01 <= low <= high <= 20:
            raise TrainingError(f"--pixel-mm: expected 0.01 <= LOW <= HIGH <= 20, got {low:g} {high:g}")
    if not adapt(arguments.out, AdaptOptions(**given), partial(print, flush=True), progress):
        print("stopped; run the same command again to go on")
        return 1
    report = json.loads((arguments.out / REPORT).read_text(encoding="utf-8"))
    print(report["verdict"]["advice"])
    print(f"model {arguments.out / 'model.onnx'}, report {arguments.out / 'report.html'}")
    return 0
