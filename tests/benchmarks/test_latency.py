import argparse
import json
from pathlib import Path

import pytest

from benchmarks.cli import add_arguments, run
from detector.detector import Detector


def test_bench_latency_measures_every_stage_of_both_shipped_models(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    out = tmp_path / "latency.json"
    assert run(parser.parse_args(["latency", "--count", "3", "--sessions", "2", "--out", str(out)])) == 0
    printed = capsys.readouterr().out
    figures = json.loads(out.read_text())["figures"]
    assert [row["model"].split()[0] for row in figures["models"]] == ["parcelray-nano-int8", "parcelray-nano"]
    for model in figures["models"]:
        assert f"model {model['model']} at {model['looks']} px" in printed
        assert all(stage in printed for stage in model["stages"])
        for row in model["stages"].values():
            assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
        assert model["views_per_s"] > 0
    assert len({model["model_sha256"] for model in figures["models"]}) == 2


def test_bench_latency_measures_the_models_that_are_named(tiny_model_path: Path, tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    out = tmp_path / "latency.json"
    words = ["latency", "--count", "2", "--model", str(tiny_model_path), "--model", "parcelray-nano", "--out", str(out)]
    assert run(parser.parse_args(words)) == 0
    models = json.loads(out.read_text())["figures"]["models"]
    assert [(row["model"].split()[0], row["looks"]) for row in models] == [
        ("tiny", "64"),
        ("parcelray-nano", " and ".join(looks_of("parcelray-nano"))),
    ]


def looks_of(model: str) -> list[str]:
    return [f"{look.size_px}{'m' if look.mirrored else ''}" for look in Detector.load(model).looks]
