"""The arguments of the catalogue commands that work in many processes."""

from __future__ import annotations

import argparse

__all__ = ["add_workers"]


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add `--jobs` and `--ray`."""
    parser.add_argument("--jobs", type=int, default=1, metavar="J", help="processes on this machine (default 1)")
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="work on a Ray cluster, to the same bytes: auto (the one that 'ray start' started here), HOST:PORT,"
        " ray://HOST:PORT, or local (one of J processes here, to try it)",
    )
