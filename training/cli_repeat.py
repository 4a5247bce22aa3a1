"""`parcelray repeat STEPS.yaml`: makes a model, or a comparison of models, by the commands that one YAML file lists."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `parcelray repeat`."""
    parser.add_argument("steps", type=Path, metavar="STEPS.yaml", help="see training/repeat; run again to go on")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="instead of one of the file's 'values'"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run what is not done; 0 finished, 1 stopped before its end."""
    from training.errors import StepsError
    from training.steps import load_steps, run_steps

    if wrong := [text for text in arguments.set if "=" not in text]:
        raise StepsError(f"expected --set NAME=VALUE, got {wrong[0]!r}")
    values = dict(text.split("=", 1) for text in arguments.set)
    if run_steps(load_steps(arguments.steps, values), partial(print, flush=True)):
        return 0
    print("stopped; run the same command again to go on")
    return 1
