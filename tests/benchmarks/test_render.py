import argparse
import json
from pathlib import Path

import pytest

from benchmarks.cli import add_arguments, run


def test_bench_render_tells_stages_objects_scaling_and_memory_beside_the_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    out = tmp_path / "render.json"
    command = ["render", "--count", "2", "--jobs", "2", "--memory-count", "4", "--out", str(out)]
    assert run(parser.parse_args(command)) == 0
    printed = capsys.readouterr().out
    document = json.loads(out.read_text())
    figures = document["figures"]
    assert set(figures["sets"]) == {"usual", "full"}
    for found in figures["sets"].values():
        assert set(found["stages"]) == {"compose", "scan", "encode", "total"}
        assert all(stage in printed for stage in found["stages"])
        assert found["images_per_s"] > 0
        assert found["solids_mean"] > found["objects_mean"]
    assert 50 <= figures["sets"]["full"]["objects_mean"] <= 70
    assert [row["jobs"] for row in figures["jobs"]] == [1, 2]
    assert all(row["processor_s"] > 0 for row in figures["jobs"])
    assert [row["images"] for row in figures["memory"]] == [1, 2, 3, 4]
    assert all(100 < row["mib"] < 4000 for row in figures["memory"])
    assert document["machine"]["cores"] >= 1
