from __future__ import annotations

import contextlib
import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.coco import Problem, from_coco, normalised, on_grid, to_coco
from datasets.errors import CatalogueError
from datasets.fields import parse_json
from datasets.records import ImageRecord
from datasets.samples import Annotation
from detector.taxonomy import ATTRIBUTES, LABELS

RECORD = ImageRecord("a/b.png", 640, 512, "0" * 64, "parcel-1", seed=3, recipe="abc")
ABOUT = {"name": "test", "licence": "CC0-1.0"}

texts = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=12)
names = st.text("abcXYZ019 _-./é", min_size=1, max_size=20).filter(lambda name: name.strip("./ ") == name)
corners = st.floats(0, 30_000)
sides = st.floats(0.01, 30_000)


@st.composite
def marks_of(draw: st.DrawFn) -> Annotation:
    x0, y0 = draw(corners), draw(corners)
    return Annotation(
        draw(st.sampled_from(LABELS)),
        (x0, y0, x0 + draw(sides), y0 + draw(sides)),
        tuple(draw(st.sets(st.sampled_from(ATTRIBUTES)))),
        draw(st.floats(0, 1)),
        draw(st.floats(0, 1e8)),
    )


@st.composite
def records(draw: st.DrawFn) -> ImageRecord:
    return ImageRecord(
        file_name=draw(names),
        width=draw(st.integers(1, 60_000)),
        height=draw(st.integers(1, 60_000)),
        sha256=draw(st.text("0123456789abcdef", min_size=64, max_size=64)),
        parcel_id=draw(texts),
        split=draw(st.sampled_from(["train", "val", "test"])),
        view=draw(texts),
        scanner=draw(texts),
        source=draw(texts),
        licence=draw(texts),
        energy=draw(st.sampled_from(["dual", "single"])),
        output=draw(st.sampled_from(["colour", "grey"])),
        recipe=draw(st.none() | texts),
        seed=draw(st.none() | st.integers(0, 2**64)),
    )


@settings(max_examples=150, deadline=None)
@given(records(), st.lists(marks_of(), max_size=4))
def test_what_is_written_is_what_is_read(record: ImageRecord, marks: list[Annotation]) -> None:
    data = to_coco([(record, marks)], ABOUT)
    kept = tuple(normalised(mark, "test") for mark in marks)
    items = from_coco(parse_json(data, "test"), record.split)
    assert items == [(record, kept)]
    assert to_coco(items, ABOUT) == data
    for mark, grid in zip(marks, kept, strict=True):
        assert mark.xyxy == pytest.approx(grid.xyxy, abs=1 / 512)


@given(st.floats(-1e5, 1e5))
def test_the_grid_is_a_fixed_point(value: float) -> None:
    assert on_grid(on_grid(value)) == on_grid(value)
    assert abs(on_grid(value) - value) <= 1 / 512


BAD_ANNOTATIONS: list[dict[str, object]] = [
    {"bbox": [1, 2, 3]},
    {"bbox": [1, 2, 3, "4"]},
    {"bbox": [1, 2, 3, math.nan]},
    {"bbox": [1, 2, 3, math.inf]},
    {"bbox": [1, 2, 0, 4]},
    {"bbox": [1, 2, -3, 4]},
    {"bbox": [1, 2, 10**400, 4]},
    {"bbox": [1, 2, 3, True]},
    {"bbox": None},
    {"category_id": 99},
    {"category_id": "1"},
    {"image_id": 5},
    {"attributes": ["golden"]},
    {"attributes": 7},
    {"attributes": [["polymer"]]},
    {"visibility": 2},
    {"visibility": "all"},
    {"area": -4},
    {"area": math.nan},
]


@pytest.mark.parametrize("change", BAD_ANNOTATIONS)
def test_a_bad_annotation_is_an_error_or_is_listed_with_its_image(change: dict[str, object]) -> None:
    good = replace(RECORD, file_name="good.png", sha256="1" * 64)
    mark = Annotation("slide", (1, 2, 4, 6))
    document = json.loads(to_coco([(RECORD, [mark]), (good, [mark])], ABOUT))
    document["annotations"][0].update(change)
    fields = parse_json(json.dumps(document).encode(), "train.json")
    with pytest.raises(CatalogueError, match=r"train\.json annotation 0"):
        from_coco(fields, "train")
    problems: list[Problem] = []
    kept = [record for record, _ in from_coco(fields, "train", problems)]
    assert good in kept
    assert len(problems) == 1
    assert problems[0].file == ("train.json" if "image_id" in change else "a/b.png")


@pytest.mark.parametrize(
    "change",
    [
        {"file_name": "../secret.png"},
        {"file_name": "C:\\secret.png"},
        {"file_name": ["a.png"]},
        {"file_name": "x" * 5000},
        {"width": 1.5},
        {"width": 10**30},
        {"height": -1},
        {"sha256": "Z" * 64},
        {"sha256": None},
        {"parcel_id": None},
        {"split": "val"},
        {"id": 2},
    ],
)
def test_a_bad_image_record_is_listed_and_the_others_stay(change: dict[str, object]) -> None:
    good = replace(RECORD, file_name="good.png", sha256="1" * 64)
    document = json.loads(to_coco([(good, []), (RECORD, [])], ABOUT))
    if "id" in change:
        change = {"id": 1}
    document["images"][1].update(change)
    problems: list[Problem] = []
    fields = parse_json(json.dumps(document).encode(), "train.json")
    assert [record for record, _ in from_coco(fields, "train", problems)] == [good]
    assert len(problems) == 1


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["images", "annotations", "categories", "id", "image_id", "bbox", "file_name", "name"]),
                inner,
                max_size=4,
            )
        ),
    )
)
def test_any_json_is_read_or_refused(value: object) -> None:
    with contextlib.suppress(CatalogueError):
        from_coco(parse_json(json.dumps(value).encode(), "any.json"), "train", [])
