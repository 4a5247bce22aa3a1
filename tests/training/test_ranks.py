"""Training in several processes, by gloo on the CPU: what two GPUs would do, but for their speed."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from datasets.catalogue import Catalogue
from training.budget import Progress
from training.config import parse_run
from training.epoch_order import EpochOrder, Pool
from training.errors import RunConfigError
from training.ranks import Rank

pytestmark = [pytest.mark.torch, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
Make = Callable[..., Catalogue]


def start(run: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "parcelray", "train", str(run), "--go-on", *options]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_ranks_share_an_epoch_between_them() -> None:
    whole = list(EpochOrder([Pool(10, 0.5), Pool(6, 0.5)], 8, seed=3))
    parts = [EpochOrder([Pool(10, 0.5), Pool(6, 0.5)], 8, seed=3, rank=Rank(number, 2)) for number in range(2)]
    assert [len(part) for part in parts] == [4, 4]
    assert sorted(index for part in parts for index in part) == sorted(whole)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"device": "0,one"}, "numbers of GPUs such as 0,1"),
        ({"device": "0,1", "batch": 5, "nbs": 5}, "share evenly"),
        ({"device": "cpu,cpu", "fresh": {}}, "no 'fresh' renders"),
    ],
)
def test_devices_that_cannot_train_together_are_refused(change: dict[str, object], message: str) -> None:
    run = {"name": "a", "catalogues": ["c"], "out": "o", "epochs": 1}
    with pytest.raises(RunConfigError, match=message):
        parse_run({**run, **change})


def test_two_processes_train_one_network_and_go_on_after_a_stop(
    shapes: Catalogue, tmp_path: Path, tiny_run: Callable[..., Path]
) -> None:
    from training.networks import load_network

    run = tiny_run(tmp_path, shapes.folder, device="cpu,cpu", hours=10.0, epochs=None, val_every=1, plots=True)
    out = tmp_path / "out"
    first = start(run)
    while Progress.load(out / "progress.json").epochs_done < 1:
        assert first.poll() is None, first.communicate()[0]
        time.sleep(0.1)
    first.terminate()
    said, _ = first.communicate(timeout=300)
    assert first.returncode == 1, said
    assert said.count("stopped; go on with --resume") == 1
    stopped = Progress.load(out / "progress.json")

    second = start(run, "--hours", str((stopped.elapsed_s + 5) / 3600))
    said, _ = second.communicate(timeout=400)
    assert second.returncode == 0, said
    assert said.count("finished: ") == 1
    done = Progress.load(out / "progress.json").epochs_done
    assert done > stopped.epochs_done
    with (out / "results.csv").open() as file:
        assert [int(row["epoch"]) for row in csv.DictReader(file)] == list(range(1, done + 1))
    load_network(out / "weights" / "last.pt")
    log = (out / "train.log").read_text()
    assert log.count(f"epoch {done}/{done} ") == 1, "only the first process writes"
    assert (out / "results.png").is_file()
    assert list(out.glob("val_batch*_pred.jpg"))
