"""`parcelray mine CATALOGUE OUT`: keeps the images without a threat that a model finds hardest, to train on."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `parcelray mine`."""
    parser.add_argument("catalogue", type=Path, metavar="CATALOGUE", help="its train split is searched")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder of the new catalogue")
    parser.add_argument("--model", metavar="MODEL", help="file, or name of a shipped one; default: as `detect`")
    parser.add_argument("--count", type=int, default=500, metavar="N", help="images to keep (default 500)")
    parser.add_argument("--threads", type=int, default=2, metavar="T", help="images looked at at a time (default 2)")


def run(arguments: argparse.Namespace) -> int:
    """Search, and say what was found."""
    from datasets.catalogue import Catalogue
    from datasets.cli_output import progress, summarise
    from detector.detector import Detector
    from training.errors import TrainingError
    from training.mining import mine

    if min(arguments.count, arguments.threads) < 1:
        raise TrainingError("expected at least 1 for --count and --threads")
    detector = Detector.load(arguments.model, sessions=arguments.threads)
    with progress("searching", "image") as show:
        mined = mine(
            arguments.out,
            Catalogue.load(arguments.catalogue),
            detector,
            arguments.count,
            threads=arguments.threads,
            on_progress=show,
        )
    summarise(mined.catalogue)
    print(
        f"of {mined.looked_at} images without a threat {mined.alarms} alarm; kept are those that score "
        f"{mined.lowest:.3f} to {mined.highest:.3f}"
    )
    print(f"train on them: name {arguments.out} among the 'catalogues' of a run, with a weight")
    return 0
