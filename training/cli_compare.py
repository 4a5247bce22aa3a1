"""`parcelray compare CATALOGUE NAME=MODEL.onnx...`: models on one split, with intervals of their differences."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `parcelray compare`."""
    parser.add_argument("catalogue", type=Path, metavar="CATALOGUE")
    parser.add_argument(
        "models", nargs="+", metavar="NAME=MODEL.onnx", help="'NAME=shipped' for the shipped one; first: the baseline"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="JSON, Markdown, and what is measured")
    parser.add_argument("--split", choices=["train", "val", "test"], default="test")
    parser.add_argument("--title", default="Comparison", help="of the table")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="look at the first N images only")


def run(arguments: argparse.Namespace) -> int:
    """Compare, and print the table."""
    from datasets.catalogue import Catalogue
    from training.compare import COMPARISON, compare
    from training.errors import EvaluationError

    models = {}
    for text in arguments.models:
        name, equals, model = text.partition("=")
        if not (name and equals and model) or name in models:
            raise EvaluationError(f"expected NAME=MODEL.onnx with a name of its own, got {text!r}")
        models[name] = None if model == "shipped" else Path(model)
    compare(
        models,
        Catalogue.load(arguments.catalogue),
        arguments.split,
        arguments.out,
        title=arguments.title,
        most=arguments.limit,
    )
    page = (arguments.out / COMPARISON).with_suffix(".md")
    print(page.read_text(encoding="utf-8"))
    print(f"wrote {arguments.out / COMPARISON} and {page}")
    return 0
