from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from datasets.catalogue import Catalogue
from parcelray import main

Make = Callable[..., Catalogue]


def test_check_prints_one_problem_a_line_and_exits_1(make_catalogue: Make, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_catalogue().folder
    assert main(["catalogue", "check", str(folder)]) == 0
    assert capsys.readouterr().out == "0 problems, 0 warnings\n"
    (folder / "images/0/top.png").unlink()
    assert main(["catalogue", "check", str(folder)]) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("0/top.png: cannot be read")
    assert last == "1 problems, 0 warnings"
    assert main(["catalogue", "check", "--json", str(folder)]) == 1
    report = json.loads(capsys.readouterr().out)
    assert not report["ok"]
    assert report["problems"][0]["file"] == "0/top.png"


def test_split_again_by_scanner(make_catalogue: Make, capsys: pytest.CaptureFixture[str]) -> None:
    old = make_catalogue()
    words = ["catalogue", "split", str(old.folder), "--by", "scanner", "--shares", "0.5", "0.25", "0.25", "--seed", "3"]
    assert main(words) == 0
    new = Catalogue.load(old.folder)
    assert new.version != old.version
    assert new.version[:16] in capsys.readouterr().out
    scanners = [{image.scanner for image in new.images(split)} for split in ("train", "val", "test")]
    assert sum(len(names) for names in scanners) == 4
    assert main(words) == 0
    assert Catalogue.load(old.folder).version == new.version


def test_stats_counts_what_is_there(make_catalogue: Make, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_catalogue(parcels=5).folder
    assert main(["catalogue", "stats", "--json", str(folder)]) == 0
    counts = json.loads(capsys.readouterr().out)["counts"]
    assert counts["label"]["handgun"] == {"train": 4, "val": 4, "test": 2}
    assert counts["label"]["bolt"] == {"train": 0, "val": 0, "test": 0}
    assert counts["box size"]["16 to 32 px"] == {"train": 4, "val": 4, "test": 2}
    assert counts["attribute"]["polymer"]["train"] == 4
    assert counts["view"]["side"] == {"train": 2, "val": 2, "test": 1}
    assert main(["catalogue", "stats", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["handgun", "4", "4", "2", "10"] for line in lines)


def test_sheet_draws_the_boxes(make_catalogue: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = make_catalogue().folder, tmp_path / "sheet.png"
    assert main(["catalogue", "sheet", str(folder), str(out), "--count", "8", "--labels", "handgun"]) == 0
    image = cv2.imread(str(out), cv2.IMREAD_COLOR_RGB)
    assert image is not None
    assert image.shape == (2 * 342, 6 * 400, 3)
    assert ((image == (214, 39, 40)).all(axis=2)).sum() > 8 * 300
    capsys.readouterr()
    assert main(["catalogue", "sheet", str(folder), str(out), "--labels", "bolt"]) == 2
    assert "no image fits" in capsys.readouterr().err
    assert main(["catalogue", "sheet", str(folder), str(out), "--labels", "sword"]) == 2
    assert "known labels: handgun" in capsys.readouterr().err


def test_import_maps_labels_and_exits_1_if_something_was_left_out(
    make_catalogue: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = make_catalogue()
    source = ours.folder / "annotations.json"
    text = (ours.folder / "annotations/train.json").read_text("utf-8").replace('"handgun"', '"gun=short"')
    source.write_text(text, "utf-8")
    (ours.folder / "images/0/top.png").write_bytes(b"?")
    words = ["catalogue", "import", "coco", str(ours.folder), str(tmp_path / "out"), "--licence", "own"]
    assert main(words) == 2
    assert "--map 'gun=short=none'" in capsys.readouterr().err
    assert main([*words, "--map", "gun=short=handgun", "--research-only"]) == 1
    assert "0/top.png: left out" in capsys.readouterr().out
    read = Catalogue.load(tmp_path / "out")
    assert read.info.research_only
    assert {mark.label for _, marks in read.items() for mark in marks} == {"handgun"}


def test_export_prints_what_to_give_to_the_other_tool(
    make_catalogue: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["catalogue", "export", str(make_catalogue().folder), str(tmp_path / "yolo"), "--format", "yolo"]
    assert main(words) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "yolo" / "data.yaml")
    with pytest.raises(SystemExit):
        main(words[:-2])
