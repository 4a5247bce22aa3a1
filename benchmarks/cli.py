"""`parcelray bench latency | render`."""

from __future__ import annotations

import argparse
import importlib
from typing import Final

_BENCHMARKS: Final = {
    "latency": ("benchmarks.latency", "milliseconds from posted bytes to detections, and views per second"),
    "render": ("benchmarks.render", "rendered images per second per core"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand a benchmark."""
    benchmarks = parser.add_subparsers(dest="benchmark", metavar="BENCHMARK", required=True)
    for name, (module, summary) in _BENCHMARKS.items():
        importlib.import_module(module).add_arguments(benchmarks.add_parser(name, help=summary, description=summary))


def run(arguments: argparse.Namespace) -> int:
    """Run the benchmark that was asked for."""
    return int(importlib.import_module(_BENCHMARKS[arguments.benchmark][0]).run(arguments))
