import argparse
import json
from pathlib import Path

import pytest

from benchmarks.cli import add_arguments, run


def test_bench_render_prints_every_stage_and_writes_the_machine_beside_the_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    out = tmp_path / "render.json"
    assert run(parser.parse_args(["render", "--count", "2", "--out", str(out)])) == 0
    printed = capsys.readouterr().out
    document = json.loads(out.read_text())
    figures = document["figures"]
    assert set(figures["stages"]) == {"compose", "scan", "encode", "total"}
    assert all(stage in printed for stage in figures["stages"])
    assert figures["images_per_s"] > 0
    assert document["machine"]["cores"] >= 1
