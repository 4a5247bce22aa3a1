from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from datasets.catalogue import Catalogue
from datasets.coco import Problem, on_grid
from datasets.errors import CatalogueError
from datasets.exporting import export_catalogue
from datasets.formats.entries import Found
from datasets.formats.yolo import read_labels, read_yolo, write_labels
from datasets.samples import Annotation
from detector.taxonomy import LABELS

Make = Callable[..., Catalogue]
Write = Callable[[Path, int], None]
EDGE = st.integers(0, 900 * 256).map(lambda value: value / 256)
SIDE = st.integers(1, 100 * 256).map(lambda value: value / 256)


@given(
    st.sampled_from(LABELS),
    st.tuples(EDGE, EDGE, SIDE, SIDE),
    st.tuples(st.integers(1000, 100_000), st.integers(1000, 100_000)),
)
def test_labels_read_back_exactly_on_the_grid(
    label: str, box: tuple[float, float, float, float], size: tuple[int, int]
) -> None:
    x0, y0, wide, high = box
    mark = Annotation(label, (x0, y0, x0 + wide, y0 + high))
    (read,) = read_labels(write_labels([mark], *size))
    assert read.label == label
    assert read.seen is not None
    assert tuple(on_grid(share * side) for share, side in zip(read.seen.xyxy, size * 2, strict=True)) == mark.xyxy


def test_the_export_is_what_ultralytics_reads(make_catalogue: Make, tmp_path: Path) -> None:
    catalogue = make_catalogue()
    path = export_catalogue(catalogue, "yolo", tmp_path / "yolo")
    assert path == tmp_path / "yolo" / "data.yaml"
    document = yaml.safe_load(path.read_text("utf-8"))
    assert list(document["names"].values()) == list(LABELS)
    for split in ("train", "val", "test"):
        assert document[split] == f"images/{split}"
        images = sorted((path.parent / "images" / split).iterdir())
        assert len(images) == len(catalogue.images(split)) == 4
        for image in images:
            label_file = path.parent / "labels" / split / image.with_suffix(".txt").name
            assert label_file.read_text() == "0 0.269531250 0.263020833 0.414062500 0.317708333\n"
    assert (path.parent / "images/train/0__top.png").read_bytes() == catalogue.path_of(
        next(image for image in catalogue.images() if image.file_name == "0/top.png")
    ).read_bytes()


@pytest.mark.parametrize(
    "line",
    [
        "handgun 1 2 3 4",
        "0 0.5 0.5 0.5",
        "0 a b c d",
        "99 .5 .5 .1 .1",
        "-1 .5 .5 .1 .1",
        "9" * 5000 + " .5 .5 .1 .1",
        "0 nan .5 .1 .1",
        "0 .5 .5 inf .1",
        "0 .5 .5 0 .1",
        "0 .5 .5 .1 .1 .1",
    ],
)
def test_a_bad_line_is_named(line: str) -> None:
    good, bad = read_labels(f"0 .5 .5 .1 .1\n{line}\n")
    assert good.seen is not None
    assert bad.seen is None
    assert "line 2" in bad.fault


def read(folder: Path) -> tuple[list[Found], list[Problem]]:
    everything = list(read_yolo(folder))
    return [one for one in everything if isinstance(one, Found)], [
        one for one in everything if isinstance(one, Problem)
    ]


def test_a_folder_as_roboflow_writes_it(tmp_path: Path, write_image: Write) -> None:
    for split in ("train", "valid"):
        write_image(tmp_path / split / "images" / "a.jpg", len(split))
        (tmp_path / split / "labels").mkdir()
        (tmp_path / split / "labels" / "a.txt").write_text("1 0.5 0.5 0.25 0.5\n")
    write_image(tmp_path / "train" / "images" / "empty.jpg", 9)
    (tmp_path / "data.yaml").write_text("train: ../train/images\nval: ../valid/images\nnames: [Knife, Gun]\nnc: 2\n")
    found, problems = read(tmp_path)
    assert not problems
    assert [(one.name, one.about["split"], [mark.label for mark in one.marks]) for one in found] == [
        ("train/images/a.jpg", "train", ["Gun"]),
        ("train/images/empty.jpg", "train", []),
        ("valid/images/a.jpg", "val", ["Gun"]),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a JSON object"),
        ("names: [a]", "names none of train, val, test"),
        ("train: images", "expected 'names' to list the classes"),
        ("train: images\nnames: {1: a}", "numbered 0, 1, 2"),
        ("train: ../..\nnames: [a]", "no folder of images"),
        ("train: link\nnames: [a]", "no folder of images"),
        ("train: 7\nnames: [a]", "expected 'train' to name a folder"),
        ("names: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("a: &a [1, 1]\nb: &b [*a, *a]\nnames: *b", "aliases"),
        ("- " * 100_000, "nests deeply"),
        ("[" * 100_000, "nests deeply"),
        ("names: [\x00]", "name the folder that holds"),
    ],
)
def test_a_bad_data_file_is_refused_with_its_fault(tmp_path: Path, text: str, said: str) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    (folder / "data.yaml").write_text(text)
    with pytest.raises(CatalogueError, match=said):
        read(folder)
