"""Every layout that can be written is read back: boxes exact, what the layout cannot hold said here."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.catalogue import Catalogue, CatalogueInfo, write_catalogue
from datasets.errors import CatalogueError
from datasets.exporting import export_catalogue
from datasets.hashing import sha256_of_file
from datasets.importing import ImportOptions, import_images
from datasets.records import ImageRecord
from datasets.samples import Annotation
from detector.taxonomy import LABELS

Make = Callable[..., Catalogue]
LAYOUTS = ("coco", "voc", "yolo")
SAY_NOTHING = ImportOptions()
# On the catalogue's grid, with thirds of a pixel rounded onto it, and up to the image's very border.
MARKS = (
    Annotation("handgun", (4.0, 5.0, 30.5, 20.25), ("polymer", "truncated"), 0.8, 300.0),
    Annotation("cartridge", (0.0, 0.0, 64.0, 48.0), ("occluded",), 1.0, 3072.0),
    Annotation("bolt", (1 / 3, 2 / 3, 63.99609375, 47.00390625), (), 0.25, 17.5),
)


def plain(mark: Annotation) -> tuple[str, tuple[float, ...]]:
    return mark.label, mark.xyxy


@pytest.mark.parametrize("layout", LAYOUTS)
def test_boxes_records_and_limits_come_back_exactly(make_catalogue: Make, tmp_path: Path, layout: str) -> None:
    info = CatalogueInfo("tiny", "terms of a set", "rendered", research_only=True)
    catalogue = make_catalogue(marks=MARKS, info=info)
    export_catalogue(catalogue, layout, tmp_path / "export")
    back, problems = import_images(layout, tmp_path / "export", tmp_path / "back", SAY_NOTHING)
    assert problems == []
    assert dataclasses.replace(back.info, created_by="") == dataclasses.replace(catalogue.info, created_by="")
    before = {record.sha256: (record, marks) for record, marks in catalogue.items()}
    assert len(back.records) == len(before) == 12
    for record, marks in back.items():
        old, old_marks = before[record.sha256]
        assert dataclasses.replace(record, file_name=old.file_name) == old
        assert [plain(mark) for mark in marks] == [plain(mark) for mark in old_marks]
        if layout != "yolo":
            assert [mark.attributes for mark in marks] == [mark.attributes for mark in old_marks]
        if layout == "coco":
            assert marks == old_marks
    # Nothing at all is lost: the same content has the same version.
    assert (back.version == catalogue.version) == (layout == "coco")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_label_and_an_image_without_objects_come_back(make_catalogue: Make, tmp_path: Path, layout: str) -> None:
    marks = [Annotation(label, (1.0, 1.0, 9.0, 9.0)) for label in LABELS]
    made = make_catalogue(marks=marks)
    catalogue = write_catalogue(made.folder, [(made.items()[0][0], ()), *made.items()[1:]], made.info)
    export_catalogue(catalogue, layout, tmp_path / "export")
    back, problems = import_images(layout, tmp_path / "export", tmp_path / "back", SAY_NOTHING)
    assert problems == []
    assert sorted(len(found) for _, found in back.items()) == [0] + [len(LABELS)] * 11
    assert {mark.label for _, found in back.items() for mark in found} == set(LABELS)


@pytest.mark.parametrize("layout", ["voc", "yolo"])
def test_raw_dual_energy_is_written_as_the_detector_sees_it(tmp_path: Path, layout: str) -> None:
    grey = np.random.default_rng(3).integers(20_000, 65_535, (48, 64), dtype=np.uint16)
    path = tmp_path / "catalogue/images/a.tif"
    path.parent.mkdir(parents=True)
    assert cv2.imwritemulti(str(path), [grey // 2, grey])
    record = ImageRecord("a.tif", 64, 48, sha256_of_file(path), "parcel-7", view="side")
    info = CatalogueInfo("raw", "own", "real")
    catalogue = write_catalogue(tmp_path / "catalogue", [(record, MARKS[:1])], info)
    export_catalogue(catalogue, layout, tmp_path / "export")
    back, problems = import_images(layout, tmp_path / "export", tmp_path / "back", SAY_NOTHING)
    assert problems == []
    ((read, marks),) = back.items()
    assert (read.parcel_id, read.view, Path(read.file_name).suffix) == ("parcel-7", "side", ".png")
    assert [plain(mark) for mark in marks] == [plain(MARKS[0])]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_export_is_kept_until_the_version_changes(make_catalogue: Make, tmp_path: Path, layout: str) -> None:
    catalogue, out = make_catalogue(), tmp_path / "export"
    done = export_catalogue(catalogue, layout, out)
    own = out / "parcelray.json"
    kept = own.stat().st_ino
    assert export_catalogue(catalogue, layout, out) == done
    assert own.stat().st_ino == kept
    fewer = write_catalogue(catalogue.folder, catalogue.items()[1:], catalogue.info)
    export_catalogue(fewer, layout, out)
    assert len(import_images(layout, out, tmp_path / "fewer", SAY_NOTHING)[0].records) == 11
    export_catalogue(fewer, layout, out, min_visibility=0.9)
    unseen, _ = import_images(layout, out, tmp_path / "unseen", SAY_NOTHING)
    assert [marks for _, marks in unseen.items() if marks] == []


def test_an_interrupted_export_is_not_imported_but_can_be_made_again(make_catalogue: Make, tmp_path: Path) -> None:
    catalogue, out = make_catalogue(), tmp_path / "export"
    missing = catalogue.path_of(catalogue.records[-1])
    data = missing.read_bytes()
    missing.unlink()
    with pytest.raises(CatalogueError, match="is missing; run 'parcelray catalogue check'"):
        export_catalogue(catalogue, "yolo", out)
    with pytest.raises(CatalogueError, match="was interrupted"):
        import_images("yolo", out, tmp_path / "back", SAY_NOTHING)
    missing.write_bytes(data)
    export_catalogue(catalogue, "voc", out)
    assert not (out / "labels").exists()
    assert len(import_images("voc", out, tmp_path / "back", SAY_NOTHING)[0].records) == 12


def test_another_folder_is_never_written_over(make_catalogue: Make, tmp_path: Path) -> None:
    (tmp_path / "mine" / "images").mkdir(parents=True)
    with pytest.raises(CatalogueError, match="not an earlier export"):
        export_catalogue(make_catalogue(), "yolo", tmp_path / "mine")
    assert (tmp_path / "mine" / "images").is_dir()


def test_a_damaged_own_file_is_not_passed_over(make_catalogue: Make, tmp_path: Path) -> None:
    # It may be what says that the images are for research only.
    export_catalogue(make_catalogue(), "yolo", tmp_path / "export")
    own = tmp_path / "export/parcelray.json"
    document = json.loads(own.read_text("utf-8"))
    for change in ({"research_only": "no"}, {"images": {"a": 1}}, {"parcelray_export": 9}, {"licence": None}):
        own.write_text(json.dumps(document | change), "utf-8")
        with pytest.raises(CatalogueError, match=r"parcelray\.json: .*export again, or restore it"):
            import_images("yolo", tmp_path / "export", tmp_path / "back", SAY_NOTHING)
