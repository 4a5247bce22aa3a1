from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from datasets.catalogue import Catalogue, write_catalogue
from datasets.errors import AnnotationError, CatalogueError, UnknownLabelError
from datasets.samples import Annotation
from datasets.yolo import read_labels, to_yolo, write_labels
from detector.taxonomy import LABELS

Make = Callable[..., Catalogue]


@given(
    st.sampled_from(LABELS),
    st.tuples(st.floats(0, 900), st.floats(0, 900), st.floats(0.5, 100), st.floats(0.5, 100)),
    st.tuples(st.integers(1000, 5000), st.integers(1000, 5000)),
)
def test_labels_read_back_within_a_thousandth_of_a_pixel(
    label: str, box: tuple[float, float, float, float], size: tuple[int, int]
) -> None:
    x0, y0, wide, high = box
    mark = Annotation(label, (x0, y0, x0 + wide, y0 + high))
    (read,) = read_labels(write_labels([mark], *size), *size)
    assert read.label == label
    assert read.xyxy == pytest.approx(mark.xyxy, abs=1e-3)


def test_the_export_is_what_ultralytics_reads(make_catalogue: Make, tmp_path: Path) -> None:
    catalogue = make_catalogue()
    path = to_yolo(catalogue, tmp_path / "yolo")
    document = yaml.safe_load(path.read_text("utf-8"))
    assert list(document["names"].values()) == list(LABELS)
    for split in ("train", "val", "test"):
        assert document[split] == f"images/{split}"
        images = sorted((path.parent / "images" / split).iterdir())
        assert len(images) == len(catalogue.images(split)) == 4
        for image, record in zip(images, catalogue.images(split), strict=False):
            label_file = path.parent / "labels" / split / image.with_suffix(".txt").name
            (mark,) = read_labels(label_file.read_text("utf-8"), record.width, record.height)
            assert mark.xyxy == pytest.approx((4.0, 5.0, 30.5, 20.25), abs=1e-4)
    assert (path.parent / "images/train/0__top.png").read_bytes() == catalogue.path_of(
        next(image for image in catalogue.images() if image.file_name == "0/top.png")
    ).read_bytes()


def test_an_export_is_kept_until_the_version_changes(make_catalogue: Make, tmp_path: Path) -> None:
    catalogue, out = make_catalogue(), tmp_path / "yolo"
    to_yolo(catalogue, out)
    kept = (out / "labels/train/0__top.txt").stat().st_mtime_ns
    to_yolo(catalogue, out)
    assert (out / "labels/train/0__top.txt").stat().st_mtime_ns == kept
    fewer = write_catalogue(catalogue.folder, catalogue.items()[1:], catalogue.info)
    to_yolo(fewer, out)
    assert len(list((out / "images/train").iterdir())) == 3
    to_yolo(fewer, out, min_visibility=0.9)
    assert (out / "labels/train/0__top.txt").read_text() == ""


def test_another_folder_is_never_written_over(make_catalogue: Make, tmp_path: Path) -> None:
    (tmp_path / "mine" / "images").mkdir(parents=True)
    with pytest.raises(CatalogueError, match="not an earlier export"):
        to_yolo(make_catalogue(), tmp_path / "mine")
    assert (tmp_path / "mine" / "images").is_dir()


@pytest.mark.parametrize(
    "line",
    [
        "handgun 1 2 3 4",
        "0 0.5 0.5 0.5",
        "0 a b c d",
        "99 .5 .5 .1 .1",
        "-1 .5 .5 .1 .1",
        "0 nan .5 .1 .1",
        "0 .5 .5 inf .1",
        "0 .5 .5 0 .1",
        "0 .5 .5 .1 .1 .1",
    ],
)
def test_a_bad_line_is_named(line: str) -> None:
    with pytest.raises(AnnotationError, match="line 2"):
        read_labels(f"0 .5 .5 .1 .1\n{line}\n", 100, 100)


def test_names_of_others_must_be_ours() -> None:
    with pytest.raises(UnknownLabelError, match="'knife'"):
        read_labels("0 .5 .5 .1 .1", 100, 100, ["knife"])
