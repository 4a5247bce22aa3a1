"""Training in several processes, by gloo on the CPU: what two GPUs would do, but for their speed."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from datasets.catalogue import Catalogue
from training.budget import Progress
from training.config import parse_run
from training.epoch_order import EpochOrder, Pool
from training.errors import RunConfigError
from training.ranks import Rank

pytestmark = [pytest.mark.torch, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
Make = Callable[..., Catalogue]


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


def test_two_processes_train_one_network_and_go_on_after_a_stop(shapes: Catalogue, tmp_path: Path) -> None:
    from training.adapter import load_network

    settings = {
        "name": "together",
        "catalogues": [str(shapes.folder)],
        "out": str(tmp_path / "out"),
        "imgsz": 64,
        "batch": 4,
        "nbs": 4,
        "epochs": 1,
        "epoch_images": 8,
        "val_every": 1,
        "workers": 0,
        "threads": 1,
        "device": "cpu,cpu",
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(settings))
    for epochs, more in ((1, []), (2, ["--epochs", "2"])):
        command = [sys.executable, "-m", "parcelray", "train", str(tmp_path / "run.yaml"), "--go-on", *more]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"finished: {epochs} epochs" in done.stdout
        assert done.stdout.count("finished: ") == 1
        assert Progress.load(tmp_path / "out" / "progress.json").epochs_done == epochs
    with (tmp_path / "out" / "results.csv").open() as file:
        assert [int(row["epoch"]) for row in csv.DictReader(file)] == [1, 2]
    load_network(tmp_path / "out" / "weights" / "last.pt")
    log = (tmp_path / "out" / "train.log").read_text()
    assert log.count("epoch 2/2") == 1, "only the first process writes"
    assert (tmp_path / "out" / "results.png").is_file()
    assert list((tmp_path / "out").glob("val_batch*_pred.jpg"))
