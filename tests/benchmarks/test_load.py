import argparse
import hashlib
import json
from pathlib import Path

import pytest

from benchmarks.cli import add_arguments, run


@pytest.mark.timeout(300)
def test_bench_load_gets_an_answer_to_every_scan_however_many_it_sends(
    tiny_model_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    out = tmp_path / "load.json"
    short = ["--capacity-s", "2", "--steady-s", "2", "--overload-s", "4", "--budget-ms", "2000"]
    words = ["load", "--model", str(tiny_model_path), "--sessions", "1", *short]
    # How fast this machine is just now says nothing about the service: what must hold is that all is answered.
    assert run(parser.parse_args([*words, "--out", str(out)])) in {0, 1}
    document = json.loads(out.read_text())
    assert {"machine", "commit", "software"} <= document.keys()
    figures = document["figures"]
    assert figures["model"]["sha256"] == hashlib.sha256(tiny_model_path.read_bytes()).hexdigest()
    assert list(figures["phases"]) == ["capacity", "steady", "overload", "recovery", "capacity again"]
    for phase in figures["phases"].values():
        assert set(phase["answers"]) <= {"201", "503"}
        assert sum(phase["answers"].values()) == phase["scans"] > 0
        assert max(rss for _, rss in phase["rss_mib"]) < 1024
    assert figures["phases"]["overload"]["scans"] == round(3 * figures["capacity_per_s"] * 4)
    printed = capsys.readouterr().out
    assert all(
        f"{'holds' if held else 'FAILS'}  {criterion}" in printed for criterion, held in figures["holds"].items()
    )
