"""Trains on several devices, each by a process of its own that torch's launcher starts: ultralytics' DDP.

Every process ("rank") runs the same `parcelray train` on its share of each batch; gradients are averaged between them.
Only the first one, rank 0, writes the run's folder. `device: 0,1` takes two GPUs; `device: cpu,cpu` takes two processes
on the CPU, which trains no faster than one and is there to try this without GPUs.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training.config import RunConfig
from training.errors import TrainingError
from training.own_command import stops_passed_on

__all__ = ["ALONE", "Rank", "last_map50", "start_ranks", "this_rank"]


@dataclass(frozen=True, slots=True)
class Rank:
    """Which of how many processes this one is."""

    number: int = 0
    of: int = 1

    @property
    def writes(self) -> bool:
        """Whether this process writes the run's folder."""
        return self.number == 0


ALONE: Final = Rank()


def this_rank() -> Rank:
    """Return what torch's launcher says in the environment; the only one where it did not start this process."""
    return Rank(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))


def start_ranks(run: RunConfig, *, resume: bool) -> None:
    """Run `parcelray train` on the run's `run.yaml` in one process a device, to the end of all of them.

    SIGTERM and Ctrl-C ask the processes to stop; what they have not done within half a minute then is lost, up to an
    epoch.

    Raises:
        TrainingError: a process failed; its own message stands above.
    """
    ranks = run.device.split(",")
    words = ["train", str(Path(run.out) / "run.yaml"), *(["--resume"] if resume else [])]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(len(ranks))]
    house = str(Path(__file__).parents[1])
    path = os.pathsep.join([house, *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(  # noqa: S603 - our own program
        [*command, "-m", "parcelray", *words], env={**os.environ, "PYTHONPATH": path}
    )
    with stops_passed_on(process) as stops:
        code = process.wait()
    if code and not stops:
        raise TrainingError(
            f"{run.out}: a process of the training ended (see above); mend that and go on with --resume"
        )


def last_map50(folder: Path) -> float:
    """Return the last validation's mAP50 from the run's table; 0 where there is none."""
    table = folder / "results.csv"
    if not table.exists():
        return 0.0
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return float(rows[-1].get("metrics/mAP50(B)", 0.0)) if rows else 0.0
