"""`parcelray evaluate MODEL.onnx CATALOGUE`: measures a model and writes the report as JSON, HTML and pictures."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from detector.detector import Detector

__all__ = ["add_arguments", "run"]

_PICTURES: Final = {
    "Reliability of scores": "reliability.png",
    "Worst misses": "misses.png",
    "Worst false alarms": "false-alarms.png",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `parcelray evaluate`."""
    parser.add_argument("model", metavar="MODEL", help="an ONNX file, or 'shipped' or the name of a shipped one")
    parser.add_argument(
        "--labels",
        metavar="NAMES",
        help="for a YOLO file without our card: for each of its classes, in order and separated by commas, our label, "
        "our group, or '-' where it is neither",
    )
    parser.add_argument("--imgsz", type=int, default=640, metavar="PX", help="side of that file's input; default: 640")
    parser.add_argument("catalogue", metavar="CATALOGUE", nargs="?", help="folder of the catalogue")
    parser.add_argument("--split", choices=("train", "val", "test"), default="test")
    parser.add_argument("--coco", type=Path, metavar="FILE", help="a plain COCO file of real images instead")
    parser.add_argument("--images", type=Path, metavar="DIR", help="folder of its images; default: beside it")
    parser.add_argument(
        "--group-map", action="append", metavar="ID=GROUP", default=[], help="which of its categories is which group"
    )
    parser.add_argument("--data-name", metavar="NAME", help="of the COCO data, in the report; default: the file's")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder of the report, JSON, HTML and pictures; default: print it",
    )
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="look at the first N images only")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    parser.add_argument(
        "--base-rate",
        type=_share,
        default=4.5e-4,
        metavar="P",
        help="share of parcels with a threat, for the share of alarms that are right; default: 0.00045",
    )
    parser.add_argument(
        "--sheets",
        action=argparse.BooleanOptionalAction,
        help="write failure sheets, which hold pixels; default: not for research-only or plain COCO data",
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure; 0 when the report is written."""
    from datasets.catalogue import Catalogue
    from training.errors import EvaluationError
    from training.evaluate import evaluate_catalogue, evaluate_coco
    from training.looking import parse_group_map

    if (arguments.catalogue is None) == (arguments.coco is None):
        raise EvaluationError("expected either a CATALOGUE or --coco FILE")
    detector, by_label = _model(arguments)
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.coco is not None:
        report = evaluate_coco(
            detector,
            arguments.coco,
            arguments.images or arguments.coco.parent,
            parse_group_map(arguments.group_map),
            name=arguments.data_name,
            command=_command(arguments),
            seed=arguments.seed,
            pictures=arguments.out if arguments.sheets else None,
        )
    else:
        catalogue = Catalogue.load(arguments.catalogue)
        sheets = not catalogue.info.research_only if arguments.sheets is None else arguments.sheets
        report = evaluate_catalogue(
            detector,
            catalogue,
            arguments.split,
            command=_command(arguments),
            seed=arguments.seed,
            most=arguments.limit,
            base_rate=arguments.base_rate,
            by_label=by_label,
            pictures=arguments.out if sheets else None,
        )
    _write(report, arguments.out)
    return 0


def _model(arguments: argparse.Namespace) -> tuple[Detector, bool]:
    """Return the detector, and whether its classes are labels and not only groups."""
    from detector.detector import Detector
    from detector.taxonomy import Group
    from training.foreign_model import load_foreign, parse_labels

    if arguments.labels is None:
        return Detector.load(None if arguments.model == "shipped" else arguments.model, sessions=2), True
    columns = parse_labels(arguments.labels)
    names = {name.strip() for name in arguments.labels.split(",")}
    return load_foreign(Path(arguments.model), columns, arguments.imgsz), not names & set(Group)


def _command(arguments: argparse.Namespace) -> str:
    """Return how the report can be made again, without paths of this machine."""
    words = ["parcelray", "evaluate", "MODEL.onnx"]
    if arguments.coco is None:
        words += ["CATALOGUE", "--split", arguments.split, "--base-rate", f"{arguments.base_rate:g}"]
    else:
        words += ["--coco", arguments.coco.name]
        for text in arguments.group_map:
            words += ["--group-map", text]
    if arguments.labels is not None:
        words += ["--labels", arguments.labels, "--imgsz", str(arguments.imgsz)]
    if arguments.limit:
        words += ["--limit", str(arguments.limit)]
    return shlex.join([*words, "--seed", str(arguments.seed)])


def _write(report: dict[str, Any], folder: Path | None) -> None:
    from training.html_report import html_report

    text = json.dumps(report, indent=2, allow_nan=False) + "\n"
    if folder is None:
        sys.stdout.write(text)
        return
    (folder / "evaluation.json").write_text(text, encoding="utf-8")
    pictures = {title: folder / file for title, file in _PICTURES.items() if (folder / file).is_file()}
    (folder / "report.html").write_text(html_report(report, pictures), encoding="utf-8")
    print(f"wrote {folder / 'evaluation.json'} and {folder / 'report.html'}")


def _share(text: str) -> float:
    value = float(text)
    if not 0.0 < value < 1.0:
        raise argparse.ArgumentTypeError(f"expected a share between 0 and 1, got {text}")
    return value
