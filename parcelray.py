"""ParcelRay finds firearms, their parts and ammunition in X-ray images of parcels.

The command line is `parcelray COMMAND`, also `python -m parcelray COMMAND`.

Each room brings its own commands in a `cli` module with `add_arguments(parser)` and `run(arguments) -> int`.
Only the room of the command that was asked for is imported, so that a serving install never needs torch.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Final

COMMANDS: Final = {
    "detect": ("detector.cli", "find weapons, parts and ammunition in image files"),
    "serve": ("serving.cli", "start the HTTP service and the review desk"),
    "watch": ("serving.cli_watch", "screen the image files that scanners drop into a folder"),
    "models": ("serving.cli_models", "change the model that a service uses; run a candidate beside it, and compare"),
    "monitor": ("serving.monitor.cli", "send scans with known content through a service; choose such scans"),
    "evidence": ("serving.cli_evidence", "verify the evidence chain; export a scan as a signed bundle; check one"),
    "scans": ("serving.cli_scans", "erase a scan"),
    "retention": ("serving.cli_retention", "erase what has been kept long enough"),
    "db": ("serving.cli_db", "bring the database's schema up to date"),
    "keys": ("serving.access.cli", "create, list and revoke the API keys of a service"),
    "webhooks": ("serving.webhooks.cli", "post events to other systems; see and retry what they have not got"),
    "catalogue": ("datasets.cli", "render, check, split and describe catalogues of annotated scans"),
    "train": ("training.cli_train", "train a model from one YAML file"),
    "adapt": ("training.cli_adapt", "fit a model to one scanner, with benign scans of it alone"),
    "repeat": ("training.cli_repeat", "make a model, or compare models, by the commands that one YAML file lists"),
    "average": ("training.cli_average", "average the weights of runs that went on from one checkpoint"),
    "mine": ("training.cli_mine", "keep the benign images that a model finds hardest, to train on"),
    "evaluate": ("training.cli_evaluate", "measure an ONNX model on a catalogue"),
    "compare": ("training.cli_compare", "measure several models on one catalogue, with intervals of their differences"),
    "export": ("training.cli_export", "turn trained weights into a checked ONNX model with its card"),
    "bench": ("benchmarks.cli", "measure speed: latency, load, render"),
}
_ROOMS: Final = frozenset({"training", "datasets", "benchmarks"})
# What an import error of one of these packages means: the extra that brings it.
_EXTRA_OF: Final = {
    **dict.fromkeys(("numba", "xraydb", "tqdm", "yaml"), "render"),
    **dict.fromkeys(("torch", "torchvision", "ultralytics", "albumentations", "onnx", "pycocotools"), "train"),
    **dict.fromkeys(("psycopg",), "postgres"),
    **dict.fromkeys(("fsspec", "s3fs"), "s3"),
    "ray": "ray",
}


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Return the parser; only `command`'s room, if given, is imported to add its arguments."""
    from detector import __version__  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="parcelray", description=__doc__.splitlines()[0])
    parser.add_argument("--version", action="version", version=f"parcelray {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, summary) in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=summary)
        if name == command:
            importlib.import_module(module).add_arguments(sub)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 done with problems found, 2 could not be done."""
    from detector.errors import ParcelRayError  # noqa: PLC0415

    words = list(sys.argv[1:] if argv is None else argv)
    command = next((word for word in words if not word.startswith("-")), None)
    try:
        arguments = build_parser(command).parse_args(words)
        return int(importlib.import_module(COMMANDS[arguments.command][0]).run(arguments))
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package in _ROOMS:  # the serving image has only part of the house
            print(f"parcelray {command}: not part of this installation; run it from a full checkout", file=sys.stderr)
        elif package in _EXTRA_OF:
            extra = _EXTRA_OF[package]
            print(f"parcelray {command}: needs the {extra!r} extra: pip install 'parcelray[{extra}]'", file=sys.stderr)
        else:
            raise
    except (ParcelRayError, OSError) as error:
        print(f"parcelray {command}: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"parcelray {command}: stopped", file=sys.stderr)
        return 130
    return 2


if __name__ == "__main__":
    raise SystemExit(main())
