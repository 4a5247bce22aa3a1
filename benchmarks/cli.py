"""`parcelray bench hostile | latency | load | render | unfamiliar`.

The options stand here, so that `bench latency` and `bench load` run where the renderer's extra is not installed.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import Final

_MODULES: Final = {name: f"benchmarks.{name}" for name in ("hostile", "latency", "load", "render", "unfamiliar")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand a benchmark."""
    benchmarks = parser.add_subparsers(dest="benchmark", metavar="BENCHMARK", required=True)
    for name, summary, options in (
        ("hostile", "damaged image files through the decoders: crashes, hangs, memory", _hostile_options),
        ("latency", "milliseconds from posted bytes to detections, and views per second", _latency_options),
        ("load", "what a whole service bears: capacity, steady load, overload, recovery", _load_options),
        ("render", "rendered images per second on one core, memory, and how processes scale", _render_options),
        ("unfamiliar", "how often a model refers bodies, blank views, photographs, and scans", _unfamiliar_options),
    ):
        options(benchmarks.add_parser(name, help=summary, description=summary))


def run(arguments: argparse.Namespace) -> int:
    """Run the benchmark that was asked for."""
    return int(importlib.import_module(_MODULES[arguments.benchmark]).run(arguments))


def _hostile_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, default=100_000, help="files (default 100000)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the files (default 1)")
    parser.add_argument("--first", type=int, default=0, help="number of the first file, to go on or to repeat one")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")


def _latency_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", nargs="*", type=Path, help="image files to post (default: the shipped sample scan)")
    parser.add_argument(
        "--model",
        type=Path,
        action="append",
        help="model file, or the name of a shipped one; repeat to compare (default: both shipped ones)",
    )
    parser.add_argument("--count", type=int, default=100, help="timed views (default 100)")
    parser.add_argument("--sessions", type=int, default=2, help="parallel sessions for the throughput row (default 2)")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")


def _load_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--image", type=Path, help="image file to post (default: the shipped sample scan)")
    parser.add_argument("--model", type=Path, help="model file or shipped name (default: as `serve`)")
    parser.add_argument("--sessions", type=int, help="inferences at the same time (default: CPU cores)")
    parser.add_argument("--budget-ms", type=int, default=250, help="budget of every scan (default 250)")
    parser.add_argument("--clients", type=int, default=4, help="clients that measure the capacity (default 4)")
    parser.add_argument("--arrivals", choices=("poisson", "even"), default="poisson", help="(default poisson)")
    parser.add_argument("--share", type=float, default=0.8, help="of the capacity, as steady load (default 0.8)")
    parser.add_argument("--times", type=float, default=3.0, help="the capacity, as overload (default 3)")
    parser.add_argument("--capacity-s", type=float, default=20, help="seconds of each look at capacity (default 20)")
    parser.add_argument("--steady-s", type=float, default=300, help="seconds of steady load (default 300)")
    parser.add_argument("--overload-s", type=float, default=120, help="seconds of overload (default 120)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the arrivals (default 0)")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")


def _render_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, default=40, help="timed images of each set (default 40)")
    parser.add_argument("--jobs", type=int, default=1, help="also time whole jobs with 1 and this many processes")
    parser.add_argument("--memory-count", type=int, default=0, help="also watch memory over so many images (Linux)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the images (default 0)")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")


def _unfamiliar_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", nargs="*", type=Path, metavar="FOLDER", help="of images, such as photographs")
    parser.add_argument("--model", type=Path, help="ONNX file (default: the shipped model)")
    parser.add_argument("--catalogue", type=Path, help="whose test split must not be referred")
    parser.add_argument("--count", type=int, default=400, help="rendered bodies (default 400)")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
