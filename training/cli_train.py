"""`parcelray train RUN.yaml`: trains a model from one YAML file."""

from __future__ import annotations

import argparse

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `parcelray train`."""
    parser.add_argument("run", metavar="RUN.yaml", help="the run; see training/runs/nano.yaml")
    parser.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")
    parser.add_argument("--go-on", action="store_true", help="start, resume, or be content with a run that is finished")
    parser.add_argument("--catalogue", action="append", metavar="DIR", help="instead of the file's catalogues")
    parser.add_argument("--out", metavar="DIR", help="instead of the file's folder")
    parser.add_argument("--network", metavar="NAME", help="instead of the file's 'model': yolo11n, yolo11s, ...")
    parser.add_argument("--weights", metavar="FILE", help="own checkpoint to start from")
    parser.add_argument("--hours", type=float, help="wall-clock budget, instead of the file's length")
    parser.add_argument("--epochs", type=int, help="number of epochs, instead of the file's length")


def run(arguments: argparse.Namespace) -> int:
    """Train; 0 finished, 1 stopped early with a checkpoint to resume from."""
    from training.config import load_run, with_overrides
    from training.ranks import this_rank
    from training.train import is_finished, is_started, train

    config = with_overrides(
        load_run(arguments.run),
        catalogues=arguments.catalogue,
        out=arguments.out,
        model=arguments.network,
        weights=arguments.weights,
        hours=arguments.hours,
        epochs=arguments.epochs,
    )
    if arguments.go_on and is_finished(config):
        print(f"{config.out} holds the finished run; remove the folder to train again")
        return 0
    result = train(config, resume=arguments.resume or (arguments.go_on and is_started(config)))
    if this_rank().of > 1:  # the process that started this one and its like says how it went
        return 0
    how = "finished" if result.finished else "stopped; go on with --resume"
    print(
        f"{how}: {result.epochs} epochs in {result.elapsed_s / 60:.1f} min, val mAP50 {result.map50:.3f}, "
        f"weights {result.weights}"
    )
    return 0 if result.finished else 1
