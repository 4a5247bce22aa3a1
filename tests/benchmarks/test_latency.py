import argparse
import json
from pathlib import Path

import pytest

from benchmarks.cli import add_arguments, run


def test_bench_latency_measures_every_stage_of_the_shipped_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    out = tmp_path / "latency.json"
    assert run(parser.parse_args(["latency", "--count", "3", "--sessions", "2", "--out", str(out)])) == 0
    printed = capsys.readouterr().out
    figures = json.loads(out.read_text())["figures"]
    assert all(stage in printed for stage in figures["stages"])
    for row in figures["stages"].values():
        assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
    assert figures["views_per_s"] > 0
    assert len(figures["model_sha256"]) == 64
