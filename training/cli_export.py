"""`parcelray export RUN_DIR|weights.pt --out FILE.onnx`: a checked ONNX model with its card."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `parcelray export`."""
    parser.add_argument(
        "source",
        type=Path,
        metavar="SOURCE",
        help="folder of a run, weights file, or exported model (also the name of a shipped one)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.onnx")
    parser.add_argument(
        "--catalogue",
        action="append",
        type=Path,
        default=[],
        metavar="DIR",
        help="choose thresholds on its val split; several: on all of them together",
    )
    parser.add_argument(
        "--test-catalogue",
        action="append",
        type=Path,
        default=[],
        metavar="DIR",
        help="measure on its test split and keep the figures in the card",
    )
    parser.add_argument("--imgsz", type=int, metavar="PX", help="side of the network's input; default: the run's")
    parser.add_argument(
        "--look",
        action="append",
        metavar="PX[m]",
        default=[],
        help="instead of --imgsz: look at each view at this size, 'm' for mirrored. Repeat for looks that vote",
    )
    parser.add_argument("--name", help="of the model; default: the run's")
    parser.add_argument("--model-version", default=None, metavar="V", help="default: the software's version")
    parser.add_argument("--no-calibration", action="store_true", help="keep the network's scores as they are")
    parser.add_argument(
        "--promise",
        action="append",
        metavar="NAME=false-alarm:RATE",
        help="operating points to choose instead of the usual three; also NAME=miss:RATE. Repeat for several",
    )
    parser.add_argument(
        "--int8", action="store_true", help="quantise SOURCE, an exported model, on the --catalogue's val split"
    )
    parser.add_argument("--notes", default="", help="what a user must know, kept in the card")
    parser.add_argument(
        "--weights-out", type=Path, metavar="FILE.pt", help="also keep the weights alone, half precision"
    )
    parser.add_argument(
        "--report",
        action="append",
        type=Path,
        metavar="FILE.json",
        help="add this report of `parcelray evaluate` to the card of SOURCE, an exported model",
    )


def run(arguments: argparse.Namespace) -> int:
    """Export; 0 when the file is written and loads."""
    from detector.detector import find_model
    from training.errors import ExportError
    from training.export import export, weights_of
    from training.model_file import ExportOptions, parse_looks
    from training.operating_point import PROMISES, parse_promise
    from training.refit import add_reports, refit

    source = find_model(arguments.source)
    if arguments.imgsz is not None and (arguments.imgsz % 32 or arguments.imgsz < 64):
        raise ExportError(f"expected a multiple of 32 from 64 for --imgsz, got {arguments.imgsz}")
    if arguments.look and (arguments.imgsz is not None or source.suffix == ".onnx"):
        raise ExportError("--look exports weights, and takes the place of --imgsz")
    if arguments.report:
        add_reports(source, arguments.out, arguments.report)
        return 0
    options = ExportOptions(
        name=arguments.name,
        imgsz=arguments.imgsz,
        looks=parse_looks(arguments.look),
        catalogues=tuple(arguments.catalogue),
        test_catalogues=tuple(arguments.test_catalogue),
        calibrate=not arguments.no_calibration,
        promises=dict(parse_promise(text) for text in arguments.promise or ()) or dict(PROMISES),
        notes=arguments.notes,
        **({"version": arguments.model_version} if arguments.model_version else {}),
    )
    if arguments.int8:
        from training.quantise import quantise

        quantise(source, arguments.out, options)
        return 0
    if source.suffix == ".onnx":
        refit(source, arguments.out, options)
        return 0
    export(source, arguments.out, options)
    if arguments.weights_out is not None:
        from training.networks import save_slim

        arguments.weights_out.parent.mkdir(parents=True, exist_ok=True)
        save_slim([weights_of(source)], arguments.weights_out)
        print(f"wrote {arguments.weights_out} ({arguments.weights_out.stat().st_size / 1e6:.1f} MB)")
    return 0
