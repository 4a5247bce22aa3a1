"""`parcelray evaluate MODEL.onnx CATALOGUE`: measures a model and writes the report as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `parcelray evaluate`."""
    parser.add_argument("model", metavar="MODEL.onnx", help="any model file with a card; 'shipped' for the shipped one")
    parser.add_argument("catalogue", metavar="CATALOGUE", nargs="?", help="folder of the catalogue")
    parser.add_argument("--split", choices=("train", "val", "test"), default="test")
    parser.add_argument("--coco", type=Path, metavar="FILE", help="a plain COCO file of real images instead")
    parser.add_argument("--images", type=Path, metavar="DIR", help="folder of its images; default: beside it")
    parser.add_argument(
        "--group-map", action="append", metavar="ID=GROUP", default=[], help="which of its categories is which group"
    )
    parser.add_argument("--data-name", metavar="NAME", help="of the COCO data, in the report; default: the file's")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write evaluation.json here; default: print it")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="look at the first N images only")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")


def run(arguments: argparse.Namespace) -> int:
    """Measure; 0 when the report is written."""
    from datasets.catalogue import Catalogue
    from detector.detector import Detector
    from training.errors import EvaluationError
    from training.evaluate import evaluate_catalogue, evaluate_coco
    from training.looking import parse_group_map

    if (arguments.catalogue is None) == (arguments.coco is None):
        raise EvaluationError("expected either a CATALOGUE or --coco FILE")
    detector = Detector.load(None if arguments.model == "shipped" else arguments.model, sessions=2)
    if arguments.coco is not None:
        groups = parse_group_map(arguments.group_map)
        if not groups:
            raise EvaluationError("say which category is which group, such as --group-map 1=firearm")
        images = arguments.images or arguments.coco.parent
        command = f"parcelray evaluate MODEL.onnx --coco {arguments.coco.name} " + " ".join(
            f"--group-map {text}" for text in arguments.group_map
        )
        report = evaluate_coco(
            detector,
            arguments.coco,
            images,
            groups,
            name=arguments.data_name,
            command=command,
            seed=arguments.seed,
        )
    else:
        limit = f" --limit {arguments.limit}" if arguments.limit else ""
        command = f"parcelray evaluate MODEL.onnx CATALOGUE --split {arguments.split} --seed {arguments.seed}{limit}"
        report = evaluate_catalogue(
            detector,
            Catalogue.load(arguments.catalogue),
            arguments.split,
            command=command,
            seed=arguments.seed,
            most=arguments.limit,
        )
    _write(report, arguments.out)
    return 0


def _write(report: dict[str, Any], folder: Path | None) -> None:
    text = json.dumps(report, indent=2, allow_nan=False) + "\n"
    if folder is None:
        sys.stdout.write(text)
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evaluation.json").write_text(text, encoding="utf-8")
    print(f"wrote {folder / 'evaluation.json'}")
