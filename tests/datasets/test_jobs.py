"""Both jobs that make a catalogue part by part, killed in the middle of writing a file."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.errors import JobError
from datasets.jobs import Job
from parcelray import main

ROOT = Path(__file__).parents[2]
RECIPE = "{name: small, views: 2, long_side_px: [96, 128], max_triangles: 20000, firearm_share: 0.5}\n"
# Dies just before a finished file gets its name: the moment that leaves most behind.
_KILLED = """
import os, signal, sys
from pathlib import Path

ending, times = sys.argv[1], int(sys.argv[2])
rename = Path.replace


def replace(self, target):
    global times
    if str(target).endswith(ending):
        times -= 1
        if not times:
            os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, target)


if __name__ == "__main__":
    from parcelray import main

    Path.replace = replace
    main(sys.argv[3:])
"""


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def render_words(tmp_path: Path) -> list[str]:
    (tmp_path / "small.yaml").write_text(RECIPE)
    return ["render", "--count", "4", "--seed", "5", "--recipe", str(tmp_path / "small.yaml"), "--jobs", "2"]


def insert_words(tmp_path: Path) -> list[str]:
    (tmp_path / "benign").mkdir()
    rng = np.random.default_rng(0)
    for number in range(3):
        image = np.full((96, 128, 3), 250, np.uint8)
        image[10:86, 10:118] = cv2.resize(rng.integers(150, 230, (8, 10, 1), np.uint8), (108, 76))[..., None]
        cv2.imwrite(str(tmp_path / f"benign/{number}.png"), image)
    words = ["insert", str(tmp_path / "benign"), "--count", "4", "--licence", "own", "--look", "line_grey"]
    return [*words, "--pixel-mm", "3", "4", "--jobs", "2"]


@pytest.mark.parametrize(("words_of", "image"), [(render_words, ".jpg"), (insert_words, ".png")])
def test_killed_twice_it_ends_in_the_same_bytes(tmp_path: Path, words_of: object, image: str) -> None:
    assert callable(words_of)
    task, *rest = words_of(tmp_path)
    positional, options = (rest[:1], rest[1:]) if task == "insert" else ([], rest)

    def words(out: str) -> list[str]:
        return ["catalogue", task, *positional, str(tmp_path / out), *options]

    assert main(words("whole")) == 0
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    script = tmp_path / "main.py"
    script.write_text(_KILLED)
    kept: dict[str, int] = {}
    for ending, times in ((image, "3"), ("/catalogue.json", "1")):
        command = [sys.executable, str(script), ending, times, *words("killed")]
        ended = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, check=False)
        assert ended.returncode == -signal.SIGKILL
        assert not (killed / "catalogue.json").exists()
        assert (killed / ".parts/job").exists()
        unlike = contents(killed / "images").items() - contents(whole / "images").items()
        assert not unlike  # whole images and nothing else
        parts = {path.name: path.stat().st_mtime_ns for path in (killed / ".parts").glob("[0-9]*.json")}
        assert kept.items() <= parts.items()  # what was done is not done again
        kept = parts
    assert len(kept) == 4
    assert len(list((killed / "images").iterdir())) >= 2
    assert main(words("killed")) == 0
    assert contents(killed) == contents(whole)


def test_a_half_done_job_is_finished_by_its_own_arguments_only(tmp_path: Path) -> None:
    Job.claim(tmp_path / "out", {"recipe": "a", "seed": 1})
    assert Job.claim(tmp_path / "out", {"recipe": "a", "seed": 1}).is_open()
    with pytest.raises(JobError, match="of another seed; choose another folder"):
        Job.claim(tmp_path / "out", {"recipe": "a", "seed": 2})
    with pytest.raises(JobError, match="another look and recipe"):
        Job.claim(tmp_path / "out", {"look": "a", "seed": 1})
