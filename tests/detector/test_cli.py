from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import parcelray
from detector import cli

Output = pytest.CaptureFixture[str]


def _write(path: Path, level: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((64, 96, 3), level, np.uint8))
    return path


def _detect(model: Path, *words: object) -> int:
    return parcelray.main(["detect", "--model", str(model), *map(str, words)])


def _json(output: Output) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.readouterr().out.splitlines()]


def test_json_has_one_object_a_line_as_others_rely_on(tmp_path: Path, tiny_model_path: Path, capsys: Output) -> None:
    dark, white = _write(tmp_path / "dark.png", 10), _write(tmp_path / "white.png", 255)
    assert _detect(tiny_model_path, "--json", dark, white) == 0
    first, second = _json(capsys)
    (found,) = first.pop("detections")
    assert first == {"image": str(dark), "verdict": "alarm", "reasons": ["above_threshold"]}
    assert sorted(found) == ["group", "label", "score", "xyxy"]
    assert (found["label"], found["group"]) == ("handgun", "firearm")
    assert found["xyxy"] == pytest.approx([24, 8.93, 72, 56.56], abs=0.01)
    assert 0.99 < found["score"] <= 1
    assert second == {
        "image": str(white), "verdict": "clear", "reasons": ["nothing_above_threshold"], "detections": [],
    }  # fmt: skip


def test_min_score_shows_more_or_less_but_never_changes_the_verdict(
    tmp_path: Path, tiny_model_path: Path, capsys: Output
) -> None:
    faint = _write(tmp_path / "faint.png", 183)  # darkness .28, score .42
    strong = _write(tmp_path / "strong.png", 168)  # darkness .34, score .69
    answers = {}
    for words in ([], ["--min-score", "0.01"], ["--min-score", "0.95"], ["--operating-point", "high-recall"]):
        assert _detect(tiny_model_path, "--json", *words, faint, strong) == 0
        answers[" ".join(words)] = [(line["verdict"], len(line["detections"])) for line in _json(capsys)]
    assert answers == {
        "": [("clear", 0), ("alarm", 1)],
        "--min-score 0.01": [("clear", 1), ("alarm", 1)],
        "--min-score 0.95": [("clear", 0), ("alarm", 0)],
        "--operating-point high-recall": [("alarm", 1), ("alarm", 1)],
    }


def test_an_unreadable_image_is_referred_and_the_others_go_on(
    tmp_path: Path, tiny_model_path: Path, capsys: Output
) -> None:
    (tmp_path / "broken.png").write_bytes(_write(tmp_path / "dark.png", 10).read_bytes()[:-20])
    (tmp_path / "empty.jpg").touch()
    names = ["broken.png", "absent.png", "empty.jpg", "dark.png"]
    assert _detect(tiny_model_path, "--json", *(tmp_path / name for name in names)) == 1
    output = capsys.readouterr()
    lines = [json.loads(line) for line in output.out.splitlines()]
    assert [line["verdict"] for line in lines] == ["refer", "refer", "refer", "alarm"]
    assert [line["reasons"] for line in lines[:3]] == [["unreadable_view"]] * 3
    assert [line["detections"] for line in lines[:3]] == [[]] * 3
    for line, words in zip(lines, ("cut short", "No such file", "empty"), strict=False):
        assert words in line["message"]
    assert "message" not in lines[3]
    assert "3 of the images could not be screened" in output.err


def test_a_folder_stands_for_its_images_by_name(tmp_path: Path, tiny_model_path: Path, capsys: Output) -> None:
    folder = tmp_path / "scans"
    for name in ("b.png", "a.JPG", "c.tif"):
        _write(folder / name, 255)
    (folder / "notes.txt").write_text("no image")
    (folder / "deeper.png").mkdir()
    assert _detect(tiny_model_path, "--json", folder) == 0
    assert [Path(line["image"]).name for line in _json(capsys)] == ["a.JPG", "b.png", "c.tif"]
    (tmp_path / "bare").mkdir()
    assert _detect(tiny_model_path, "--json", tmp_path / "bare") == 1
    (line,) = _json(capsys)
    assert line["verdict"] == "refer"
    assert "without images" in line["message"]


def test_people_get_lines_they_can_read(tmp_path: Path, tiny_model_path: Path, capsys: Output) -> None:
    assert _detect(tiny_model_path, _write(tmp_path / "dark.png", 10), tmp_path / "absent.png") == 1
    text = capsys.readouterr().out
    assert "dark.png: ALARM (above_threshold)" in text
    assert "1.00  handgun        firearm    [    24      9     72     57]" in text
    assert "absent.png: REFER (the file cannot be read: No such file or directory)" in text


def test_saved_pictures_never_overwrite_inputs_or_each_other(
    tmp_path: Path, tiny_model_path: Path, capsys: Output
) -> None:
    inputs = [_write(tmp_path / name, 10) for name in ("a.png", "b.jpg", "other/a.png", "c.tif")]
    before = {path: path.read_bytes() for path in inputs}
    assert _detect(tiny_model_path, "--save", tmp_path, *inputs) == 0
    assert {path: path.read_bytes() for path in inputs} == before
    written = sorted(path.name for path in tmp_path.iterdir() if path.is_file() and path not in inputs)
    assert written == ["a-2.png", "a-3.png", "b-2.jpg", "c.png"]
    drawn = cv2.imread(str(tmp_path / "c.png"))
    assert drawn is not None
    assert drawn.shape == (64, 96, 3)
    assert len(np.unique(drawn)) > 5


def test_a_model_that_cannot_serve_stops_the_run(tmp_path: Path, capsys: Output) -> None:
    image = _write(tmp_path / "dark.png", 10)
    assert _detect(tmp_path / "absent.onnx", image) == 2
    assert "absent.onnx" in capsys.readouterr().err


def test_an_unknown_operating_point_names_the_known_ones(tmp_path: Path, tiny_model_path: Path, capsys: Output) -> None:
    assert _detect(tiny_model_path, "--operating-point", "reckless", _write(tmp_path / "dark.png", 10)) == 2
    assert "balanced, high-recall" in capsys.readouterr().err


@pytest.mark.parametrize("score", ["1.5", "-1", "nan", "high"])
def test_a_score_outside_its_range_is_a_usage_error(score: str, capsys: Output) -> None:
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(["x.png", "--min-score", score])
    assert "--min-score" in capsys.readouterr().err
