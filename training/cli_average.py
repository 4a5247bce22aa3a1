"""`parcelray average OUT SOURCE SOURCE...`: the mean of the weights of runs that went on from one checkpoint."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `parcelray average`."""
    parser.add_argument("out", type=Path, metavar="OUT", help="FILE.pt, or a folder to export like a run's")
    parser.add_argument("sources", type=Path, nargs="+", metavar="SOURCE", help="folders of runs, or weights files")


def run(arguments: argparse.Namespace) -> int:
    """Average, and write."""
    from training.average import average

    written = average(arguments.out, arguments.sources)
    print(f"wrote {written}, the mean of {len(arguments.sources)}; measure it beside each of them")
    return 0
