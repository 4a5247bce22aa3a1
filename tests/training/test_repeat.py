"""The smoke run, as steps: render 60, train, average, export, compare, serve; killed, run again, changed on the way."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import yaml

from datasets.catalogue import Catalogue
from detector.detector import Detector
from parcelray import main
from training.card import summary
from training.config import load_run
from training.errors import StepsError
from training.steps import load_steps

pytestmark = [pytest.mark.torch, pytest.mark.timeout(900)]  # seven commands, some of them twice
ROOT = Path(__file__).parents[2]
REPEAT = sorted((ROOT / "training" / "repeat").glob("*.yaml"))
# Half of these parcels hold nothing, so that thresholds and false alarms have something to go by.
RECIPE = {
    "name": "half",
    "split": {"train": 0.4, "val": 0.3, "test": 0.3},
    "firearm_share": 0.6,
    **dict.fromkeys(("part_share", "ammunition_share", "mixed_share"), 0.0),
    "close_up_share": 1.0,
    "long_side_px": [96, 128],
    "min_visibility": 0.1,
}


def write_steps(path: Path, steps: list[str], **values: object) -> Path:
    path.write_text(yaml.safe_dump({"out": str(path.parent / "made"), "values": values, "steps": steps}))
    return path


def start(steps: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "parcelray", "repeat", str(steps), *options]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    while not path.exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_run: Callable[..., Path]) -> Path:
    """Return the folder of a model made by steps that were killed while rendering and stopped while training."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "half.yaml").write_text(yaml.safe_dump(RECIPE))
    tiny_run(folder, catalogues={str(folder / "a"): 0.5, str(folder / "b"): 0.5}, out=str(folder / "run"))
    steps = [
        f"catalogue render {folder}/a --recipe {folder}/half.yaml --seed 4 --count {{count}}",
        f"catalogue render {folder}/b --recipe {folder}/half.yaml --seed 3 --count {{count}}",
        f"train {folder}/run.yaml --go-on",
        f"average {folder}/mean {folder}/run {folder}/run",
        f"export {folder}/mean --look 64 --look 96m --catalogue {folder}/a --test-catalogue {folder}/b"
        f" --no-calibration --out {folder}/made/model.onnx --notes 'made by a test'",
        f"compare {folder}/b first={folder}/made/model.onnx again={folder}/made/model.onnx --out {folder}/made/against",
    ]
    path = write_steps(folder / "steps.yaml", steps, count=1000)

    first = start(path, "--set", "count=30")
    wait_for(folder / "a" / ".parts" / "00000002.json", first)
    first.kill()
    first.communicate()
    assert not (folder / "made" / "steps.json").exists()

    second = start(path, "--set", "count=30")
    wait_for(folder / "run" / "weights" / "last.pt", second)
    second.send_signal(signal.SIGTERM)
    said, _ = second.communicate(timeout=300)
    assert second.returncode == 1, said
    assert "stopped; run the same command again to go on" in said
    assert len(json.loads((folder / "made" / "steps.json").read_text())["steps"]) == 2

    third = start(path, "--set", "count=30")
    said, _ = third.communicate(timeout=600)
    assert third.returncode == 0, said
    assert "step 2 of 6 is done" in said
    assert "Resuming training" in (folder / "run" / "train.log").read_text()
    return folder


def test_what_was_made_says_what_it_was_made_of(made: Path) -> None:
    card = Detector.load(made / "made" / "model.onnx").card
    assert (card.name, card.notes) == ("tiny", "made by a test")
    assert card.data_version.split() == [Catalogue.load(made / name).version for name in "ab"]
    assert [(look.size_px, look.mirrored) for look in card.looks] == [(64, False), (96, True)]
    rows = json.loads((made / "made" / "steps.json").read_text())["steps"]
    assert len(rows) == 6
    assert all(row["seconds"] > 0 for row in rows)


def test_the_cards_figures_come_out_of_evaluate_again(made: Path) -> None:
    card = Detector.load(made / "made" / "model.onnx").card
    (kept,) = card.metrics["evaluations"].values()
    report = made / "made" / "report"
    assert main(["evaluate", str(made / "made" / "model.onnx"), str(made / "b"), "--out", str(report)]) == 0
    again = summary(json.loads((report / "evaluation.json").read_text()))
    assert {key: kept[key] for key in kept if key not in {"created", "command"}} == {
        key: again[key] for key in again if key not in {"created", "command"}
    }
    assert kept["classes"]


def test_a_model_does_not_differ_from_itself(made: Path) -> None:
    document = json.loads((made / "made" / "against" / "comparison.json").read_text())
    row = document["models"]["again"]
    assert row["figures"] == document["models"]["first"]["figures"]
    assert set(row["figures"]) >= {"map50", "firearm recall at 10%"}
    assert all(value is None or set(value.values()) == {0.0} for value in row["difference"].values())
    assert "| again | 64, 96m |" in (made / "made" / "against" / "comparison.md").read_text()


def test_a_comparison_measures_only_what_is_new(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compare", str(made / "b"), f"first={made / 'made' / 'model.onnx'}", "shipped=shipped"]
    assert main([*words, "--out", str(made / "made" / "against")]) == 0
    said = capsys.readouterr().out
    assert "measuring shipped" in said
    assert "measuring first" not in said
    document = json.loads((made / "made" / "against" / "comparison.json").read_text())
    figure, difference = (document["models"]["shipped"][key]["map50"]["value"] for key in ("figures", "difference"))
    assert difference == pytest.approx(figure - document["models"]["first"]["figures"]["map50"]["value"], abs=2e-4)


def test_what_was_made_serves(made: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "parcelray", "serve", "--port", "0", "--data", str(tmp_path), "--sessions", "1"]
    process = subprocess.Popen(
        [*command, "--model", str(made / "made" / "model.onnx")],
        cwd=ROOT,
        env={**os.environ, "PARCELRAY_BUDGET_MS": "60000"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("ParcelRay serves on "), first
        with httpx.Client(base_url=first.split()[-1], timeout=120) as client:
            until = time.monotonic() + 120
            while not is_ready(client):
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.1)
            scan = next((made / "b" / "images").iterdir())
            answer = client.post("/v1/scans", content=scan.read_bytes(), headers={"Content-Type": "image/jpeg"})
        assert answer.status_code == 201, answer.text
        assert answer.json()["model"]["name"] == "tiny"
        assert answer.json()["verdict"] in {"alarm", "clear", "refer"}
        assert "budget_exceeded" not in answer.json()["reasons"]
    finally:
        process.terminate()
        process.communicate(timeout=60)


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_a_finished_run_is_kept_and_a_changed_step_is_run_again(
    made: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(made / "run.yaml"), "--go-on"]) == 0
    assert "holds the finished run" in capfd.readouterr().out
    steps = write_steps(tmp_path / "s.yaml", ["catalogue stats {which}", f"catalogue check {made / 'b'}"], which="")
    for which, ran in (("a", 2), ("a", 0), ("b", 2)):
        assert main(["repeat", str(steps), "--set", f"which={made / which}"]) == 0
        said = capfd.readouterr().out
        assert said.count(" is done: ") == 2 - ran


def test_a_step_that_fails_ends_it_and_keeps_what_was_done(
    made: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    render = f"catalogue render {made / 'a'} --recipe {made / 'half.yaml'} --count 30 --seed "
    steps = write_steps(tmp_path / "s.yaml", [f"{render}4", f"{render}2"])
    assert main(["repeat", str(steps)]) == 2
    said = capfd.readouterr().err
    assert "already holds another catalogue" in said
    assert "step 2 of 2 ended with 2" in said
    assert "Traceback" not in said
    assert len(json.loads((tmp_path / "made" / "steps.json").read_text())["steps"]) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: [x]", "'out' and 'steps'"),
        ("out: o\nsteps: []", "list of commands"),
        ("out: o\nsteps: [1]", "list of commands"),
        ("out: o\nsteps: ['train {a}']", "not among 'values'"),
        ('out: o\nsteps: ["train \'a"]', "No closing quotation"),
        ("out: [", "cannot be read as YAML"),
    ],
)
def test_steps_that_cannot_be_run_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(StepsError, match=message):
        load_steps(tmp_path / "s.yaml", {})


def test_a_value_must_be_one_of_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = write_steps(tmp_path / "s.yaml", ["bench {what}"], what="render")
    assert load_steps(steps, {"what": "load"}).commands == ("bench load",)
    assert main(["repeat", str(steps), "--set", "which=1"]) == 2
    assert "holds no value 'which'; those that can be set: what" in capsys.readouterr().err


@pytest.mark.parametrize("path", REPEAT, ids=lambda path: path.stem)
def test_the_steps_of_this_repository_name_commands_and_files_that_exist(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datasets.render.recipe import Recipe
    from parcelray import build_parser

    monkeypatch.chdir(ROOT)
    out: set[str] = set()
    for command in load_steps(path, {}).commands:
        words = shlex.split(command)
        given = vars(build_parser(words[0]).parse_args(words))
        if given.get("recipe"):
            Recipe.load(given["recipe"])
        if words[0] == "train":
            run = load_run(given["run"])
            data = given["catalogue"] or list(run.catalogues)
            assert set(data) <= out, "trained on before it was rendered"
            weights = given["weights"] or run.weights
            assert weights is None or weights in out or Path(weights).exists(), weights
        out |= {str(given[key]) for key in ("out",) if given.get(key)}
        out |= {str(run.out)} if words[0] == "train" else set()
