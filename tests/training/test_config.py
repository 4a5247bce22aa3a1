from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from training.config import load_run, parse_run, with_overrides
from training.errors import RunConfigError

RUNS = Path(__file__).parents[2] / "training" / "runs"
GOOD: dict[str, Any] = {"name": "a", "catalogues": ["c"], "out": "o", "epochs": 2}


@pytest.mark.parametrize("path", sorted(RUNS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_runs_of_this_repository_are_valid_and_do_not_depend_on_a_clock(path: Path) -> None:
    run = load_run(path)
    assert run.epochs is not None
    assert run.epoch_images > 0
    assert run.weights is None or (RUNS.parents[1] / run.weights).is_file()


def test_a_run_comes_back_from_what_it_writes() -> None:
    run = parse_run({**GOOD, "augmentation": {"mosaic": 1, "grey": 0.3}, "device": 0})
    assert parse_run(run.as_dict()) == run
    assert run.augmentation.mosaic == 1.0
    assert run.device == "0"
    assert run.smallest_imgsz == run.imgsz


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epoch": 3}, "did you mean 'epochs'"),
        ({"augmentation": {"mosiac": 0.5}}, "did you mean 'mosaic'"),
        ({"augmentation": {"grey": 1.5}}, r"0\.\.1 for 'grey'"),
        ({"augmentation": [1]}, "keys and values"),
        ({"hours": 1.0}, "either 'epochs' or 'hours'"),
        ({"epochs": None}, "either 'epochs' or 'hours'"),
        ({"epochs": "two"}, "expected int for 'epochs'"),
        ({"epochs": True}, "expected int for 'epochs'"),
        ({"lr0": float("nan")}, "for 'lr0'"),
        ({"imgsz": 100}, "multiple of 32"),
        ({"smallest_imgsz": 640}, "smallest_imgsz"),
        ({"batch": 16, "nbs": 24}, "multiple of 'batch'"),
        ({"optimiser": "adam"}, "SGD, AdamW, MuSGD"),
        ({"catalogues": "one"}, "list of folders, or folder: weight pairs"),
        ({"catalogues": []}, "at least one"),
        ({"catalogues": {}}, "at least one"),
        ({"catalogues": {"a": 0}}, "for 'weight', got 0"),
        ({"catalogues": {"a": "much"}}, "expected float for 'weight'"),
        ({"fresh": {"share": 1.0}}, "for 'share'"),
        ({"fresh": {"parcel": 10}}, "did you mean 'parcels'"),
        ({"bf16": "yes"}, "expected bool"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(RunConfigError, match=message):
        parse_run({**GOOD, **change})


def test_weights_and_fresh_renders_come_back_too() -> None:
    run = parse_run({**GOOD, "catalogues": {"a": 2, "b": 0.5}, "fresh": {"recipe": "bags", "share": 0.25}})
    assert parse_run(run.as_dict()) == run
    assert run.catalogues == {"a": 2.0, "b": 0.5}
    assert run.fresh is not None
    assert (run.fresh.recipe, run.fresh.share) == ("bags", 0.25)
    assert with_overrides(run, catalogues=["c"]).catalogues == {"c": None}


def test_a_missing_key_and_a_file_that_is_no_yaml_are_named(tmp_path: Path) -> None:
    with pytest.raises(RunConfigError, match="'out'"):
        parse_run({"name": "a", "catalogues": ["c"], "epochs": 1})
    (tmp_path / "run.yaml").write_text("a: [")
    with pytest.raises(RunConfigError, match="cannot be read as YAML"):
        load_run(tmp_path / "run.yaml")
    with pytest.raises(RunConfigError, match="cannot be read"):
        load_run(tmp_path / "absent.yaml")


def test_options_take_the_place_of_the_file() -> None:
    run = with_overrides(parse_run(GOOD), hours=0.5, out="elsewhere", weights=None)
    assert (run.hours, run.epochs, run.out, run.weights) == (0.5, None, "elsewhere", None)
    with pytest.raises(RunConfigError, match="hours"):
        with_overrides(parse_run(GOOD), hours=-1.0)
