"""`parcelray average OUT.pt SOURCE SOURCE...`: the mean of the weights of runs that went on from one checkpoint."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `parcelray average`."""
    parser.add_argument("out", type=Path, metavar="OUT.pt", help="to train on from, or to export")
    parser.add_argument("sources", type=Path, nargs="+", metavar="SOURCE", help="folders of runs, or weights files")


def run(arguments: argparse.Namespace) -> int:
    """Average, and write."""
    from training.adapter import save_slim
    from training.export import weights_of

    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    save_slim([weights_of(source) for source in arguments.sources], arguments.out)
    print(f"wrote {arguments.out}, the mean of {len(arguments.sources)}; measure it beside each of them")
    return 0
